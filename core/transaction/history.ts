// Past applies, as their journals recorded them, and which of them a rollback means.

import type { Diagnostic } from '../diagnostic.ts';
import { failure } from '../machine/failure.ts';
import type { Blobs } from '../machine/host.ts';
import type { StateStore } from '../machine/state-store.ts';
import { undoneBy } from './apply-index.ts';
import { applies } from './executor.ts';
import { type Loaded, load } from './journal.ts';
import type { Transaction } from './model.ts';

/** One finished apply or rollback. `undone`: a later rollback undid it. */
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
export function past(store: StateStore): Past {
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

function loadOrSay(store: StateStore, name: string): Loaded {
  try {
    return load(store, name);
  } catch (thrown) {
    return { status: 'damaged', what: failure('it cannot be read', thrown).summary };
  }
}

/** A rollback that was itself rolled back leaves standing what it had undone. */
/** What a rollback is asked for: one apply, or everything after one (0: back to the first machine, where nothing is gone). */
export type Target =
  | { readonly kind: 'newest' }
  | { readonly kind: 'one'; readonly number: number }
  | { readonly kind: 'to'; readonly number: number };

/** Which applies that means, the newest first. Empty: there is nothing to undo. Undefined: there is no such one. */
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
      // A rollback of what lies after N needs no undoing: both are gone together.
      return applies
        .filter(({ number, undone }) => number > target.number && !undone)
        .filter(
          ({ transaction }) => transaction.kind === 'apply' || transaction.undoes.some((one) => one <= target.number),
        )
        .reverse();
  }
}

/** Everything up to this apply is no longer in the history; 0 where all of it is. */
export const goneThrough = (applies: readonly { readonly number: number }[]): number => (applies[0]?.number ?? 1) - 1;

/**
 * Later ones that are not undone and would not be undone with `selected`, the newest first: the machine as it was before the
 * oldest of `selected` had nothing of them. A rollback of what lies later still is gone together with that.
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
