// Decides how many past applies are kept, by number and by size. The oldest go first, so that the history has no holes.

import type { StateStore } from '../machine/state-store.ts';
import { applies } from './executor.ts';
import { load } from './journal.ts';

/** The newest apply, applies that are not swept yet, and what a kept rollback undid stay even beyond these limits. */
export interface Limits {
  readonly applies: number;
  readonly bytes: number;
}

/** About a year with one apply a week; and as much as a rollback can hold in memory. */
export const LIMITS: Limits = { applies: 50, bytes: 256 << 20 };

/** Needs the mutex, and no unfinished journal. May be cut off at any time: each record is removed whole or stays whole. */
export function prune(store: StateStore, limits: Limits): void {
  const numbers = applies(store);
  const first = firstKept(store, numbers, limits);
  for (const number of numbers) if (number < first) store.remove(`history/${number}`);
}

function firstKept(store: StateStore, numbers: readonly number[], limits: Limits): number {
  let first = numbers.at(-1) ?? 0;
  let bytes = 0;
  for (const [index, number] of numbers.toReversed().entries()) {
    bytes += store.size(`history/${number}`);
    if (index > 0 && (index >= limits.applies || bytes > limits.bytes)) break;
    first = number;
  }
  // The sweep needs the record of an apply that was not swept yet.
  first = Math.min(first, ...numbers.filter((number) => store.read(`history/${number}/unswept`) !== undefined));
  if (first === numbers[0]) return first;
  // A rollback needs the records of what it undid, which may be rollbacks, too.
  for (const number of numbers.toReversed()) {
    if (number < first) break;
    const loaded = load(store, `history/${number}`);
    // A damaged record: nothing is removed until somebody has looked at it.
    if (loaded.status !== 'loaded') return 0;
    first = Math.min(first, ...loaded.transaction.undoes);
  }
  return first;
}
