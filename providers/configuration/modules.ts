// Finds the modules that matter to this provider: those of the host, and imported ones whose text holds a telling word.

import { rangeOf } from '../../core/diagnostic.ts';
import type { Documents } from '../../core/documents/documents.ts';
import type { HostModule } from '../../core/documents/host-modules.ts';
import { moduleFile } from '../../core/documents/module-file.ts';
import { nixBytes } from '../../core/documents/nix-text.ts';
import { inlineFeatures } from '../../core/formats/flake/inline-features.ts';
import type { ModuleFacts } from '../../core/formats/module/module.ts';
import type { Span } from '../../core/formats/nix/syntax.ts';
import type { Reader } from '../../core/machine/reader.ts';
import { oddFile, type TextFile } from '../../core/machine/texts.ts';
import type { Finding, Put } from '../../core/model.ts';
import { type AbsPath, basename, isWithin, join, rebase, relativeTo } from '../../core/path.ts';
import type { Ground } from '../../core/plan/places.ts';

type Facts = Pick<ModuleFacts, 'features' | 'copySystemConfiguration'>;

export interface Module {
  readonly path: AbsPath;
  readonly file: TextFile & { kind: 'text' };
  /** Undefined for a module whose shape tells nothing: a function that makes one, a computed set. */
  readonly facts: Facts | undefined;
  /** The reason its text is not edited, as a clause; undefined if it may be. */
  readonly kept: string | undefined;
  /** False for a module of other hosts alone: it enables nothing for this machine. */
  readonly isOwn: boolean;
  /** Of a spec with several hosts: those that have it as a module; undefined where it is imported. */
  readonly hosts?: readonly string[];
}

/** A part of the features that the text does not tell. */
export interface Unknown {
  readonly path: AbsPath;
  readonly text: string;
  readonly reason: string;
  readonly at: Span;
}

/** The hosts whose modules are looked at. */
export interface Hosts {
  /** The attribute of this machine's. */
  readonly own: string;
  /** Attributes of those whose modules the spec names, so that it may be what is wrong. */
  readonly said: ReadonlySet<string>;
  /** The name in the spec of each host, by its attribute; none of a spec about one. */
  readonly keys: ReadonlyMap<string, string>;
}

export interface Modules {
  /** Those of the hosts first, then what they import, and what flake.nix says itself. */
  readonly modules: readonly Module[];
  readonly unknown: readonly Unknown[];
  /** The text tells that these are modules of the host; else they only may be. */
  readonly areCertain: boolean;
  readonly broken: readonly Finding[];
}

/** A text without any of these words sets neither features nor options that fail in a flake. */
export const TELLING = /experimental-features|extraOptions|copySystemConfiguration/;

/** Throws `unreadable`. */
export function modulesOf(dir: AbsPath, hosts: Hosts, reader: Reader, documents: Documents): Modules {
  const named = documents.hostModules();
  const broken = named.flatMap((one) => brokenModule(one, dir, hosts));
  const byPath = new Map<AbsPath, readonly string[]>();
  for (const { file, hosts: attributes } of named)
    if (file.kind === 'file') byPath.set(file.path, [...(byPath.get(file.path) ?? []), ...attributes]);
  const modules: Module[] = [];
  const imported = importedThatMatter(byPath, reader, documents);
  for (const path of new Set([...byPath.keys(), ...imported.files])) {
    const attributes = byPath.get(path);
    const whose = namedIn(hosts, attributes ?? []);
    const file = documents.nix(path);
    if (file.kind === 'odd') broken.push({ ...oddFile(path, file, '/config/modules'), ...whose });
    if (file.kind !== 'text') continue;
    const facts = file.nix.module();
    const isSaid = attributes?.some((one) => hosts.said.has(one)) ?? false;
    // Not every file is a module that can be read; but every file must parse.
    if (!facts.ok && !file.nix.parsed().ok) broken.push({ ...unparsable(path, file.text, facts), ...whose });
    else
      modules.push({
        path,
        file,
        facts: facts.ok ? facts : undefined,
        kept: keptBy(path, dir, isSaid),
        isOwn: attributes?.includes(hosts.own) ?? true,
        ...whose,
      });
  }
  const inline = inlineOf(dir, hosts.own, documents);
  const unknown = [...inline.unknown, ...untoldIn(dir, hosts.own, documents), ...imported.open];
  return {
    modules: [...modules, ...inline.modules],
    unknown,
    areCertain: documents.untoldModules(hosts.own)?.isWhole !== true,
    broken,
  };
}

/** `hosts` of a finding about a module of some hosts, by their names in the spec. */
function namedIn({ keys }: Hosts, attributes: readonly string[]): { readonly hosts?: readonly string[] } {
  const named = attributes.flatMap((attribute) => keys.get(attribute) ?? []);
  return named.length === 0 ? {} : { hosts: named };
}

/** `isSaid`: the spec names it. */
function keptBy(path: AbsPath, dir: AbsPath, isSaid: boolean): string | undefined {
  if (!isWithin(path, dir)) return `"${path}" is not in the configuration`;
  if (path.endsWith('.nix') || isSaid) return undefined;
  return `"${relativeTo(path, dir)}" is not called .nix, and the spec does not name it`;
}

/** True for an existing Nix file of the tree, or a wished module of any name; for no file of git's own. */
export function isModule({ path, before }: Put, { wishes: { dir, hosts }, reader, moves }: Ground): boolean {
  if (before.type === 'absent' || !isWithin(path, dir) || /(^|\/)\.git\//.test(`${relativeTo(path, dir)}/`))
    return false;
  if (path.endsWith('.nix')) return true;
  const move = moves.find(({ to }) => to === dir);
  const now = move?.from ?? dir;
  const modules = new Set(hosts.flatMap(({ spec }) => spec.config?.modules ?? []));
  return [...modules].some((module) => {
    const file = moduleFile(join(now, module), now, reader);
    return file.kind === 'file' && rebase(file.path, now, dir) === path;
  });
}

/**
 * The imported modules whose text holds such a word, and the places that may import another one. A name in a comment proves
 * nothing, so if there is such a text, the real imports are found by parsing.
 */
function importedThatMatter(
  own: ReadonlyMap<AbsPath, unknown>,
  reader: Reader,
  documents: Documents,
): { readonly files: readonly AbsPath[]; readonly open: readonly Unknown[] } {
  const matters = (path: AbsPath): boolean =>
    !own.has(path) && TELLING.test(Buffer.from(nixBytes(reader, path) ?? []).toString('latin1'));
  const among = (files: ReturnType<Documents['mentioned']>): AbsPath[] =>
    [...files].flatMap(([path, { isNix }]) => (isNix && path !== documents.flakePath ? [path] : []));
  if (!among(documents.mentioned()).some(matters)) return { files: [], open: [] };
  const { files, doubts } = documents.modules();
  const open = doubts.flatMap((doubt): Unknown[] => {
    const one = documents.meantBy(doubt).find((path) => path.endsWith('.nix') && !files.has(path) && matters(path));
    const origin = one && documents.nix(doubt.by.file);
    if (one === undefined || origin?.kind !== 'text') return [];
    const reason = `"${basename(one)}" may be imported here, and says something of them`;
    return [{ path: doubt.by.file, text: origin.text, reason, at: doubt.by.span }];
  });
  return { files: among(files).filter(matters), open };
}

/** The place that may give the host modules which the text does not tell. */
function untoldIn(dir: AbsPath, host: string, documents: Documents): readonly Unknown[] {
  const untold = documents.untoldModules(host);
  const file = documents.flake();
  const source = untold?.in ? { path: join(dir, untold.in.path), text: untold.in.text } : undefined;
  const { path, text } = source ?? { path: documents.flakePath, text: file.kind === 'text' ? file.text : '' };
  return untold === undefined ? [] : [{ path, text, reason: untold.reason, at: untold.span }];
}

/** The features in inline modules of flake.nix. */
function inlineOf(dir: AbsPath, host: string, documents: Documents): Pick<Modules, 'modules' | 'unknown'> {
  const path = documents.flakePath;
  const file = documents.flake();
  const opened = file.kind === 'text' && TELLING.test(file.text) ? file.nix.flake() : undefined;
  if (file.kind !== 'text' || !opened?.ok) return { modules: [], unknown: [] };
  const { features, open } = inlineFeatures(opened, host);
  const reason = 'flake.nix sets features in a place that does not tell for which host';
  return {
    modules: features.map((one) => ({
      path,
      file,
      facts: { features: one, copySystemConfiguration: { kind: 'absent' } },
      isOwn: true,
      kept: `they are set in "${relativeTo(path, dir)}" itself`,
    })),
    unknown: open === undefined ? [] : [{ path, text: file.text, reason, at: open }],
  };
}

function brokenModule({ named, hosts: attributes, file }: HostModule, dir: AbsPath, hosts: Hosts): Finding[] {
  if (file.kind === 'file') return [];
  const name = relativeTo(named, dir);
  const where = attributes.some((one) => hosts.said.has(one)) ? 'config.modules' : 'flake.nix';
  const found = (code: Finding['code'], because: string, hint: string): Finding => ({
    code,
    wish: '/config/modules',
    ...namedIn(hosts, attributes),
    subject: 'config.modules',
    because,
    path: file.path,
    remedy: { by: 'you', hint },
  });
  const isPlain = file.because === `"${name}" is not there`;
  if (file.kind === 'missing')
    return [
      found(
        'RF2004',
        `the module "${name}" is not there${isPlain ? '' : `: ${file.because}`}`,
        `mend ${where}, or put the file in its place`,
      ),
    ];
  if (file.kind === 'odd')
    return [
      found('RF2008', `the module "${name}" cannot be read: ${file.because}`, 'put a regular text file in its place'),
    ];
  return [
    found(
      'RF2057',
      `the module "${name}" cannot be reached in a flake: ${file.because}`,
      'put the file itself there, or a relative link to a file of the configuration',
    ),
  ];
}

const unparsable = (
  path: AbsPath,
  text: string,
  { reason, at }: { readonly reason: string; readonly at: Span },
): Finding => ({
  code: 'RF2009',
  wish: '/config/modules',
  subject: 'config.modules',
  because: reason,
  at: rangeOf(path, text, at),
  path,
  remedy: { by: 'you', hint: 'mend the file at the place shown' },
});
