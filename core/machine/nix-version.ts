// Which rules the Nix here follows; asked only where versions disagree.

import { defaultNix, NIX_VERSIONS, type NixVersion } from '../formats/nix-version.ts';
import type { Person } from '../model.ts';
import type { Reader } from './reader.ts';

/** The series whose rules the Nix here follows; the newest where there is none. Asked at the first call, and once. */
export function nixVersion(person: Person, reader: Reader): () => Promise<NixVersion> {
  const told = toldVersion(person, reader);
  return async () => {
    const version = await told();
    return version === 'stopped' ? defaultNix : version;
  };
}

/** As {@link nixVersion}. `stopped`: Nix is there and fails, as it does at a nix.conf that it refuses. */
export function toldVersion(person: Person, reader: Reader): () => Promise<NixVersion | 'stopped'> {
  let asked: Promise<NixVersion | 'stopped'> | undefined;
  return () => {
    asked ??= askVersion(person, reader);
    return asked;
  };
}

/**
 * What `by` says under the rules of the Nix here. It is asked for its version only where the versions come to different ends;
 * those for which `by` says nothing count for none. `isStop`: whether that is what stops a Nix that tells no version.
 */
export async function byItsRules<T>(
  version: () => Promise<NixVersion | 'stopped'>,
  by: (nix: NixVersion) => T | undefined,
  endOf: (one: T) => unknown,
  isStop: (one: T) => boolean = () => false,
): Promise<T> {
  const all = new Map(NIX_VERSIONS.map((nix) => [nix, by(nix)]));
  const newest = all.get(defaultNix) as T;
  const some = [...all.values()].filter((one) => one !== undefined);
  if (some.every((one) => endOf(one) === endOf(newest))) return newest;
  const told = await version();
  return (told === 'stopped' ? some.find(isStop) : all.get(told)) ?? newest;
}

async function askVersion(person: Person, reader: Reader): Promise<NixVersion | 'stopped'> {
  const result = await reader.compute({
    label: 'asking Nix for its version',
    purpose: 'answer',
    files: [],
    from: [],
    argv: ['nix', '--version'],
    outputs: [],
    as: person,
  });
  if (result.status === 'failed') return 'stopped';
  const found = result.status === 'done' ? /(\d+)\.(\d+)[^ ]*\s*$/.exec(result.stdout) : null;
  if (found === null) return defaultNix;
  // Locks are judged since 2.29 as in 2.34. Lix counts on from 2.90, and is a fork of 2.18.
  const [major, minor] = [Number(found[1]), Number(found[2])];
  if (major !== 2 || (minor >= 29 && minor < 90)) return '2.34';
  return minor >= 26 && minor < 90 ? '2.26' : '2.8';
}
