// The rules that the Nix of this machine follows; asked only if versions disagree.

import { defaultNix, NIX_VERSIONS, type NixVersion } from '../formats/nix-version.ts';
import type { Person } from '../model.ts';
import type { Reader } from './reader.ts';

/** `minor`: of 2.x; infinite if Nix is missing or not version 2. */
export interface NixRelease {
  readonly rules: NixVersion;
  readonly minor: number;
  /** Lix counts from 2.90 on. It is a fork of 2.18. */
  readonly isLix: boolean;
  /** Nix is there and fails, as it does if it refuses a nix.conf, so its version is unknown. */
  readonly isStopped?: true;
  /** As Nix says it: `2.34.8`. Absent: it is missing, or fails. */
  readonly version?: string;
}

/** The Nix of this machine; asked once, at the first call. */
export function nixRelease(person: Person, reader: Reader): () => Promise<NixRelease> {
  let asked: Promise<NixRelease> | undefined;
  return () => {
    asked ??= askRelease(person, reader);
    return asked;
  };
}

/** The series whose rules the Nix of this machine follows; the newest if there is none. Asked once, at the first call. */
export function nixVersion(person: Person, reader: Reader): () => Promise<NixVersion> {
  const release = nixRelease(person, reader);
  return async () => (await release()).rules;
}

/**
 * The result of `by` under the rules of the Nix of this machine. Nix is asked for its version only if results differ by
 * `endOf`; versions for which `by` returns undefined do not count. `isStop`: true of a result that stops a Nix, which
 * then tells no version.
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
  const found = result.status === 'done' ? /(\d+)\.(\d+)\S*(?=\s*$)/.exec(result.stdout) : null;
  const [major, minor] = [Number(found?.[1]), Number(found?.[2])];
  const newest = { rules: defaultNix, minor: Infinity, isLix: false };
  if (result.status === 'failed') return { ...newest, isStopped: true };
  if (found === null) return newest;
  const [version] = found;
  if (major !== 2) return { ...newest, version };
  if (minor >= 90) return { rules: '2.8', minor: 18, isLix: true, version };
  return { rules: minor >= 29 ? '2.34' : minor >= 26 ? '2.26' : '2.8', minor, isLix: false, version };
}
