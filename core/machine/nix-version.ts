// Which rules the Nix here follows; asked only where versions disagree.

import { defaultNix, NIX_VERSIONS, type NixVersion } from '../formats/nix-version.ts';
import type { Person } from '../model.ts';
import type { Reader } from './reader.ts';

/** `minor`: of 2.x; of what is no Nix 2 or not there, one that is newer than all. */
export interface NixRelease {
  readonly rules: NixVersion;
  readonly minor: number;
  /** Lix counts on from 2.90, and is a fork of 2.18 that went its own way. */
  readonly isLix: boolean;
  /** It is there and fails, as it does at a nix.conf that it refuses: which it is it does not tell. */
  readonly isStopped?: true;
}

/** The Nix here. Asked at the first call, and once. */
export function nixRelease(person: Person, reader: Reader): () => Promise<NixRelease> {
  let asked: Promise<NixRelease> | undefined;
  return () => {
    asked ??= askRelease(person, reader);
    return asked;
  };
}

/** The series whose rules the Nix here follows; the newest where there is none. Asked at the first call, and once. */
export function nixVersion(person: Person, reader: Reader): () => Promise<NixVersion> {
  const release = nixRelease(person, reader);
  return async () => (await release()).rules;
}

/**
 * What `by` says under the rules of the Nix here. It is asked for its version only where the versions come to different ends;
 * those for which `by` says nothing count for none. `isStop`: whether that is what stops a Nix that tells no version.
 */
export async function byItsRules<T>(
  release: () => Promise<NixRelease>,
  by: (nix: NixVersion) => T | undefined,
  endOf: (one: T) => unknown,
  isStop: (one: T) => boolean = () => false,
): Promise<T> {
  const all = new Map(NIX_VERSIONS.toReversed().map((nix) => [nix, by(nix)]));
  const some = [...all.values()].filter((one) => one !== undefined);
  const [newest] = some;
  if (newest === undefined) throw new Error('no Nix says anything of it');
  if (some.every((one) => endOf(one) === endOf(newest))) return newest;
  const { rules, isStopped } = await release();
  return (isStopped ? some.find(isStop) : all.get(rules)) ?? newest;
}

async function askRelease(person: Person, reader: Reader): Promise<NixRelease> {
  const result = await reader.compute({
    label: 'asking Nix for its version',
    purpose: 'answer',
    files: [],
    from: [],
    argv: ['nix', '--version'],
    outputs: [],
    as: person,
  });
  const found = result.status === 'done' ? /(\d+)\.(\d+)[^ ]*\s*$/.exec(result.stdout) : null;
  const [major, minor] = [Number(found?.[1]), Number(found?.[2])];
  const newest = { rules: defaultNix, minor: Infinity, isLix: false };
  if (result.status === 'failed') return { ...newest, isStopped: true };
  if (found === null || major !== 2) return newest;
  if (minor >= 90) return { rules: '2.8', minor: 18, isLix: true };
  return { rules: minor >= 29 ? '2.34' : minor >= 26 ? '2.26' : '2.8', minor, isLix: false };
}
