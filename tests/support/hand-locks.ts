// The locks of tests/vectors/handlocks.json, which somebody edited by hand; and the lock provider's answer about a
// flake, in the words in which Nix judges.

import { readFileSync } from 'node:fs';
import { documentOf } from '../../core/documents/nix-text.ts';
import { BUILT_IN } from '../../core/formats/end-of-support.ts';
import type { NixVersion } from '../../core/formats/nix-version.ts';
import { MOST } from '../../core/limits.ts';
import type { Reader } from '../../core/machine/reader.ts';
import { readText } from '../../core/machine/texts.ts';
import { absolute, join } from '../../core/path.ts';
import { lockNeed } from '../../providers/lock/need.ts';

export type LockJudgement = 'fresh' | 'stale' | 'refetch' | 'error';

interface HandLock {
  readonly name: string;
  readonly flake: string;
  readonly lock: string;
  readonly verdicts: Readonly<Record<NixVersion, LockJudgement>>;
}

const file = new URL('../vectors/handlocks.json', import.meta.url);
const { vectors } = JSON.parse(readFileSync(file, 'utf8')) as {
  readonly vectors: readonly {
    readonly name: string;
    readonly url: string;
    readonly node: unknown;
    readonly verdicts: HandLock['verdicts'];
  }[];
};

/** The records of the vector file. */
export const handLocks: readonly HandLock[] = vectors.map(({ name, url, node, verdicts }) => ({
  name,
  flake: `{ inputs.a.url = ${JSON.stringify(url)}; outputs = _: { }; }\n`,
  lock: JSON.stringify({ nodes: { a: node, root: { inputs: { a: 'a' } } }, root: 'root', version: 7 }),
  verdicts,
}));

/** `isDouble`: an input has both url and follows, which every Nix before 2.30 accepts. */
export interface Planned {
  readonly verdict: LockJudgement;
  readonly isDouble: boolean;
}

/** The provider's answer about the flake in `dir`, as far as Nix would say the same, if Nix is of that release. */
export async function plannedVerdict(machine: Reader, dir: string, release: string): Promise<Planned> {
  const reader: Reader = {
    ...machine,
    compute: async () => ({ status: 'done', files: [], stdout: `nix (Nix) ${release}\n`, stderr: '' }),
  };
  const top = absolute(dir);
  const lock = readText(reader, join(top, 'flake.lock'), MOST.lockBytes);
  const flake = readText(reader, join(top, 'flake.nix'));
  if (lock.kind === 'odd' || flake.kind !== 'text') throw new Error('texts are looked for');
  const person = { name: 'root', home: '/root', uid: 0, gid: 0 };
  const wish = {
    dir: top,
    policy: {},
    ends: BUILT_IN,
    leftAlone: new Set<string>(),
    now: 0,
    isRunning: true,
    urls: [],
    git: false,
    home: '/root',
    person,
  };
  const need = await lockNeed(documentOf(flake.text), lock, wish, reader);
  const codes = need.findings.map(({ code }) => code);
  const verdict =
    need.bar !== undefined || codes.includes('RF2012')
      ? 'error'
      : need.reasons.some(({ code }) => code === 'RF2106')
        ? 'stale'
        : codes.includes('RF2019')
          ? 'refetch'
          : 'fresh';
  return { verdict, isDouble: codes.includes('RF2026') };
}
