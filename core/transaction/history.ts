// Past applies, as their journals recorded them, and the selection of those that a rollback is about.

import type { Diagnostic } from '../diagnostic.ts';
import { failure } from '../machine/failure.ts';
import type { Blobs } from '../machine/host.ts';
import type { StateReader } from '../machine/state-store.ts';
import { undoneBy } from './apply-index.ts';
import { applies } from './executor.ts';
import { type Loaded, load } from './journal.ts';
import type { Transaction } from './model.ts';

/** One finished apply or rollback. `undone`: a later rollback undid it, and was not undone itself. */
export interface RecordedApply {
  readonly number: number;
  readonly transaction: Transaction;
  readonly blobs: Blobs;
  readonly finishedAt: string;
  readonly undone: boolean;
}

export type Past =
  | { readonly ok: true; readonly applies: readonly RecordedApply[] }
  | { readonly ok: false; readonly problem: Diagnostic };

/** All of them, the oldest first. */
export function past(store: StateReader): Past {
  const found: Omit<RecordedApply, 'undone'>[] = [];
  for (const number of applies(store)) {
    const loaded = loadOrSay(store, `history/${number}`);
    if (loaded.status !== 'loaded') {
      const what = loaded.status === 'damaged' ? loaded.what : 'it is empty';
      const summary = `the record of apply ${number} is damaged: ${what}`;
      return { ok: false, problem: { severity: 'error', code: 'RF3012', summary } };
    }
    const finishedAt = Buffer.from(store.read(`history/${number}/finished`) ?? []).toString();
    found.push({ number, transaction: loaded.transaction, blobs: loaded.blobs, finishedAt });
  }
  const undone = undoneBy(found.map(({ number, transaction: { undoes } }) => ({ number, undoes })));
  return { ok: true, applies: found.map((one) => ({ ...one, undone: undone.has(one.number) })) };
}

function loadOrSay(store: StateReader, name: string): Loaded {
  try {
    return load(store, name);
  } catch (thrown) {
    return { status: 'damaged', what: failure('it cannot be read', thrown).summary };
  }
}

/**
 * The request of a rollback: the newest apply, one apply, or everything after one (0: back to the machine before the
 * first, if no record has been removed).
 */
export type Target =
  | { readonly kind: 'newest' }
  | { readonly kind: 'one'; readonly number: number }
  | { readonly kind: 'to'; readonly number: number };

/**
 * The applies that are meant, the newest first. Empty if there is nothing to undo; undefined if there is no apply of
 * that number.
 */
export function select(applies: readonly RecordedApply[], target: Target): readonly RecordedApply[] | undefined {
  const open = applies.filter(({ undone, transaction }) => !undone && transaction.kind === 'apply').reverse();
  switch (target.kind) {
    case 'newest':
      return open.slice(0, 1);
    case 'one':
      return applies.some(({ number }) => number === target.number)
        ? applies.filter(({ number, undone }) => number === target.number && !undone)
        : undefined;
    case 'to':
      if (target.number !== goneThrough(applies) && !applies.some(({ number }) => number === target.number))
        return undefined;
      // A rollback of applies after N need not be undone: those applies go too.
      return applies
        .filter(({ number, undone }) => number > target.number && !undone)
        .filter(
          ({ transaction }) => transaction.kind === 'apply' || transaction.undoes.some((one) => one <= target.number),
        )
        .reverse();
  }
}

/** The number up to which applies have been removed from the history; 0 if none was. */
export const goneThrough = (applies: readonly { readonly number: number }[]): number => (applies[0]?.number ?? 1) - 1;

/**
 * Later applies and rollbacks that still count and are not among `selected`, the newest first: without their undo, the
 * machine before the oldest of `selected` cannot come back. A rollback of applies that are later still does not count:
 * it goes with them.
 */
export function standingOn(
  selected: readonly RecordedApply[],
  all: readonly RecordedApply[],
): readonly RecordedApply[] {
  const oldest = Math.min(...selected.map(({ number }) => number));
  return all
    .filter((one) => one.number > oldest && !one.undone && !selected.includes(one))
    .filter(({ transaction: { kind, undoes } }) => kind === 'apply' || undoes.some((number) => number <= oldest))
    .reverse();
}
