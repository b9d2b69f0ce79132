// How much of the past is kept: the newest applies, by number and by size. What goes, goes from the oldest on, so that the
// history has no holes.

import type { StateStore } from '../machine/state-store.ts';
import { applies } from './executor.ts';
import { load } from './journal.ts';

/** May be exceeded by the newest apply alone, by what is not swept yet, and by what a kept rollback undid. */
export interface Limits {
  readonly applies: number;
  readonly bytes: number;
}

/** About a year of an apply a week; as much as a rollback can hold in memory. */
export const LIMITS: Limits = { applies: 50, bytes: 256 << 20 };

/** Needs the mutex, and no unfinished journal. May be cut off at any time: each record is there, or gone, whole. */
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
  // What an apply left beside its targets is swept by its record.
  first = Math.min(first, ...numbers.filter((number) => store.read(`history/${number}/unswept`) !== undefined));
  if (first === numbers[0]) return first;
  // A rollback is nothing without what it undid; and that may be a rollback.
  for (const number of numbers.toReversed()) {
    if (number < first) break;
    const loaded = load(store, `history/${number}`);
    // Somebody has to look at it first.
    if (loaded.status !== 'loaded') return 0;
    first = Math.min(first, ...loaded.transaction.undoes);
  }
  return first;
}
