// The nix.conf files of a machine as a person's Nix reads them, each with its owner.

import { canonicalPath } from '../formats/flake-ref/parse-ref.ts';
import { type Generated, isGenerated, nixConfFiles } from '../formats/nix-conf/files.ts';
import {
  type ConfError,
  type ConfSource,
  evaluateNixConf,
  type NixConf,
  type ReadInclude,
} from '../formats/nix-conf/nix-conf.ts';
import { defaultNix, type NixVersion } from '../formats/nix-version.ts';
import { MOST } from '../limits.ts';
import { follow, textAt } from '../machine/follow-links.ts';
import { type Reader, unreadable } from '../machine/reader.ts';
import { type AbsPath, absolute } from '../path.ts';

export const SYSTEM_CONF = absolute('/etc/nix/nix.conf');

export interface NixConfFile {
  readonly path: AbsPath;
  readonly text: string;
  /** True for a link into the store: NixOS built it, nobody edits it. */
  readonly built: boolean;
  readonly generated: Generated | undefined;
}

/** `bySystem`: NixOS makes the nix.conf of this machine from its configuration. */
export interface NixConfFiles {
  readonly files: readonly NixConfFile[];
  readonly effective: NixConf;
  readonly bySystem: boolean;
}

/** The file at the path, with links followed; undefined if there is none. */
export function confFileAt(reader: Reader, path: AbsPath): NixConfFile | undefined {
  const { entry, path: end, viaStore } = follow(reader, path);
  if (entry.type === 'other') throw waitsAt(path, entry.what);
  if (entry.type !== 'file') return undefined;
  const text = confText(reader, end);
  return { path, text, built: viaStore, generated: isGenerated(text) };
}

const waitsAt = (path: AbsPath, what: string): Error =>
  unreadable(path, `it is a ${what}, at which Nix would wait`, 'remove it, or make it a file');

const confText = (reader: Reader, path: AbsPath): string => textAt(reader, path, MOST.confBytes);

/**
 * `home`: of the person whose Nix is meant. `changed`: texts that take the place of what is there. `nix`: whose rules count.
 */
export function nixConfOf(
  reader: Reader,
  home: string,
  changed: ReadonlyMap<string, string> = new Map(),
  nix: NixVersion = defaultNix,
): NixConfFiles {
  return confOf(reader, nixConfFiles({ HOME: home }, nix), changed, nix);
}

/** The system's own file alone, with its includes. */
export const systemConfOf = (reader: Reader): NixConfFiles => confOf(reader, [SYSTEM_CONF], new Map(), defaultNix);

function confOf(
  reader: Reader,
  paths: readonly string[],
  changed: ReadonlyMap<string, string>,
  nix: NixVersion,
): NixConfFiles {
  const textAt = (path: string): string | undefined => {
    const { entry, path: end } = follow(reader, absolute(path));
    if (entry.type === 'other') throw waitsAt(absolute(path), entry.what);
    return changed.get(path) ?? (entry.type === 'file' ? confText(reader, end) : undefined);
  };
  const include: ReadInclude = textAt;
  const files: NixConfFile[] = [];
  for (const path of paths) {
    const there = confFileAt(reader, absolute(path));
    const text = changed.get(path) ?? there?.text;
    if (text === undefined) continue;
    files.push({ path: absolute(path), built: there?.built ?? false, text, generated: isGenerated(text) });
  }
  const sources: ConfSource[] = files.map(({ path, text }) => ({ path, text }));
  const system = files.find(({ path }) => path === SYSTEM_CONF);
  // In an image the link is there before the system was ever built, so only its target is looked at.
  const bySystem = follow(reader, SYSTEM_CONF).viaStore || system?.generated?.by === 'nixos';
  const effective = evaluateNixConf(sources, include, nix);
  return { files, effective: { ...effective, error: effective.error ?? missingPlugin(effective, reader) }, bySystem };
}

/**
 * The error for a missing plugin: Nix loads its plugins at its start, and fails. Only Nix knows whether a present one loads.
 */
function missingPlugin({ plugins }: NixConf, reader: Reader): ConfError | undefined {
  const missing = plugins.find(
    ({ file }) => file.startsWith('/') && follow(reader, absolute(canonicalPath(file))).entry.type === 'absent',
  );
  if (missing === undefined) return undefined;
  const { path, line, file } = missing;
  return { path, line, kind: 'value', message: `cannot read directory "${file}": No such file or directory` };
}
