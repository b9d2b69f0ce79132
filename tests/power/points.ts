// Moments at which to kill the program: before the nth call of one kind, in the thread that writes to the disk.

import { readFileSync } from 'node:fs';
import { type Bench, demand, type Ran, reflake } from './bench.ts';

export interface Point {
  readonly call: string;
  readonly nth: number;
}

const CALLS = (
  'rename renameat renameat2 link linkat unlink unlinkat rmdir mkdir mkdirat symlink symlinkat fsync fdatasync ' +
  'chmod fchmod fchmodat chown lchown fchown fchownat ftruncate'
).split(' ');

/** The points of a run that succeeds, in order. The bench changes as it does by the command. */
export function pointsOf(bench: Bench, words: readonly string[]): readonly Point[] {
  const log = `${bench.home}/points`;
  const trace = `trace=${CALLS.map((name) => `?${name}`).join()}`;
  demand(reflake(bench, words, ['strace', '-f', '-o', log, '-e', trace]));
  const calls = [...readFileSync(log, 'latin1').matchAll(/^(\d+) +(\w+)\(/gm)].map(([, pid, call]) => ({
    pid: pid!,
    call: call!,
  }));
  const writer = mostRenames(calls);
  const counts = new Map<string, number>();
  return calls
    .filter(({ pid }) => pid === writer)
    .map(({ call }) => {
      const nth = (counts.get(call) ?? 0) + 1;
      counts.set(call, nth);
      return { call, nth };
    });
}

/** strace counts calls in each thread, and one thread writes to the disk. */
function mostRenames(calls: readonly { readonly pid: string; readonly call: string }[]): string | undefined {
  const renames = new Map<string, number>();
  for (const { pid, call } of calls) if (call.startsWith('rename')) renames.set(pid, (renames.get(pid) ?? 0) + 1);
  return [...renames].sort(([, a], [, b]) => b - a)[0]?.[0];
}

/** Runs the command and kills it at the point; that call is not made. */
export const killAt = (bench: Bench, words: readonly string[], { call, nth }: Point): Ran =>
  reflake(bench, words, [
    'strace',
    '-f',
    '-o',
    '/dev/null',
    '-e',
    `trace=${call}`,
    '-e',
    `inject=${call}:signal=KILL:when=${nth}`,
  ]);
