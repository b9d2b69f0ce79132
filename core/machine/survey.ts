// Looks at a machine as the installer left it and says what spec describes it: for `reflake init`. Only reads.

import { type ModuleFacts, readModule } from '../formats/module/module.ts';
import type { Static } from '../formats/nix-value/static.ts';
import { MOST } from '../limits.ts';
import { type AbsPath, absolute, join } from '../path.ts';
import { textThroughLinks } from './links.ts';
import { people } from './people.ts';
import type { Reader } from './reader.ts';

/** A fact with where it was found, in words; undefined: it could not be found. */
export interface Fact {
  readonly value: string;
  readonly source: string;
}

export interface Survey {
  readonly name: Fact | undefined;
  readonly system: Fact | undefined;
  /** `23.11` */
  readonly release: Fact | undefined;
  readonly user: Fact | undefined;
  /** Where the configuration is now. */
  readonly from: AbsPath | undefined;
  /** Ordinary users, for a choice. */
  readonly users: readonly string[];
  /** What could not be read for certain. */
  readonly notes: readonly string[];
}

/** Where installers put the configuration. */
export const PLACE = absolute('/etc/nixos');

/** `caller`: the name of whoever runs this, preferred among several users. */
export function survey(reader: Reader, caller: string): Survey {
  const main = moduleAt(reader, join(PLACE, 'configuration.nix'));
  const hardware = moduleAt(reader, join(PLACE, 'hardware-configuration.nix'));
  const ordinary = people(reader)
    .users.filter(({ uid, shell }) => uid >= 1000 && uid < 60_000 && !/nologin|false$/.test(shell))
    .map(({ name }) => name);
  const declared = (main?.users ?? []).flatMap((user) => (user.kind === 'static' ? [user.value] : []));
  const users = ordinary
    .filter((name) => declared.includes(name))
    .concat(ordinary.filter((name) => !declared.includes(name)));
  const user = users.includes(caller) ? caller : users[0];
  return {
    name: nameOf(reader, main),
    system: fact(hardware?.hostPlatform, 'hardware-configuration.nix') ??
      fact(main?.hostPlatform, 'configuration.nix') ?? { value: reader.facts.system, source: 'this processor' },
    release: releaseOf(reader, main),
    user:
      user === undefined
        ? undefined
        : { value: user, source: declared.includes(user) ? 'configuration.nix' : '/etc/passwd' },
    from: reader.stat(PLACE).type === 'dir' ? PLACE : undefined,
    users,
    notes: notesOf(main),
  };
}

function moduleAt(reader: Reader, path: AbsPath): ModuleFacts | undefined {
  const bytes = reader.read(path, MOST.textBytes);
  const read = bytes && readModule(Buffer.from(bytes).toString('utf8'));
  return read?.ok ? read : undefined;
}

const fact = (value: Static<string> | undefined, source: string): Fact | undefined =>
  value?.kind === 'static' ? { value: value.value, source } : undefined;

/** The configuration's own word; where it says nothing, NixOS takes `nixos`, and the running machine shows it. */
function nameOf(reader: Reader, main: ModuleFacts | undefined): Fact | undefined {
  const running = reader.facts.name.split('.')[0];
  return (
    fact(main?.hostName, 'configuration.nix') ?? (running ? { value: running, source: '/etc/hostname' } : undefined)
  );
}

/** The release that runs, by its own files: `23.11`; undefined where none says. */
export function runningRelease(reader: Reader): Fact | undefined {
  const text = (path: string): string => textThroughLinks(reader, absolute(path));
  const number = /\b(\d\d\.\d\d)\b/;
  const version = number.exec(text('/run/current-system/nixos-version'))?.[1];
  if (version !== undefined) return { value: version, source: 'the running system' };
  const osRelease = text('/etc/os-release');
  const stated = number.exec(/^VERSION_ID=.*$/m.exec(osRelease)?.[0] ?? '')?.[1];
  return stated !== undefined && /^ID="?nixos"?$/m.test(osRelease)
    ? { value: stated, source: '/etc/os-release' }
    : undefined;
}

/**
 * What the machine runs, not its stateVersion: a machine that was upgraded keeps the stateVersion it was born with, and
 * a branch named after that would downgrade it.
 */
function releaseOf(reader: Reader, main: ModuleFacts | undefined): Fact | undefined {
  const text = (path: string): string => textThroughLinks(reader, absolute(path));
  const found = (value: string | undefined, source: string): Fact | undefined =>
    value === undefined ? undefined : { value, source };
  const number = /\b(\d\d\.\d\d)\b/;
  const osRelease = text('/etc/os-release');
  return (
    found(number.exec(text('/run/current-system/nixos-version'))?.[1], 'the running system') ??
    found(/nixos-(\d\d\.\d\d)/.exec(text('/root/.nix-channels'))?.[1], 'the root channel') ??
    found(
      /^ID="?nixos"?$/m.test(osRelease) ? number.exec(/^VERSION_ID=.*$/m.exec(osRelease)?.[0] ?? '')?.[1] : undefined,
      '/etc/os-release',
    ) ??
    fact(main?.stateVersion, 'system.stateVersion, for want of anything better')
  );
}

function notesOf(main: ModuleFacts | undefined): readonly string[] {
  if (main === undefined) return ['/etc/nixos/configuration.nix could not be read as a module'];
  const notes: string[] = [];
  if (main.hostName.kind === 'not-static') notes.push(`networking.hostName is not static: ${main.hostName.reason}`);
  for (const one of main.imports) {
    if (one.kind === 'search-path' || one.kind === 'absolute' || one.kind === 'home')
      notes.push(`imports ${one.text}, which a flake cannot reach`);
  }
  return notes;
}
