// Past applies, as their journals recorded them; and the transaction that takes some of them back.

import { digestOf } from './canonical.ts';
import type { Diagnostic } from './diagnostic.ts';
import { generations } from './executor.ts';
import { activeSystem, type Blobs, type Reader } from './host/host.ts';
import { load, type Transaction } from './journal.ts';
import { type Edit, invert } from './model.ts';
import type { Store } from './store.ts';

/** One finished apply or rollback. `undone`: a later rollback took it back. */
export interface Generation {
  readonly number: number;
  readonly transaction: Transaction;
  readonly finishedAt: string;
  readonly undone: boolean;
}

export type Past =
  | { readonly ok: true; readonly generations: readonly Generation[] }
  | { readonly ok: false; readonly problem: Diagnostic };

/** All of them, the oldest first. */
export function past(store: Store): Past {
  const found: Omit<Generation, 'undone'>[] = [];
  for (const number of generations(store)) {
    const loaded = load(store, `history/${number}`);
    if (loaded.status !== 'loaded') {
      const summary = `the record of apply ${number} is damaged: ${loaded.status === 'damaged' ? loaded.what : 'it is empty'}`;
      return { ok: false, problem: { severity: 'error', code: 'RF3012', summary } };
    }
    const finishedAt = Buffer.from(store.read(`history/${number}/finished`) ?? []).toString();
    found.push({ number, transaction: loaded.transaction, finishedAt });
  }
  const undone = standing(found);
  return { ok: true, generations: found.map((one) => ({ ...one, undone: undone.has(one.number) })) };
}

/** A rollback that was itself rolled back leaves standing what it had undone. */
function standing(found: readonly Omit<Generation, 'undone'>[]): ReadonlySet<number> {
  const undone = new Set<number>();
  for (const { number, transaction } of [...found].reverse()) {
    if (!undone.has(number)) for (const target of transaction.undoes) undone.add(target);
  }
  return undone;
}

/** What a rollback is asked for: one apply, or everything after one (0: back to the first machine). */
export type Target =
  | { readonly kind: 'newest' }
  | { readonly kind: 'one'; readonly number: number }
  | { readonly kind: 'to'; readonly number: number };

/** Which generations that means, the newest first. Empty: there is nothing to undo. */
export function select(generations: readonly Generation[], target: Target): readonly Generation[] | undefined {
  const open = generations.filter(({ undone, transaction }) => !undone && transaction.kind === 'apply').reverse();
  switch (target.kind) {
    case 'newest':
      return open.slice(0, 1);
    case 'one':
      return generations.some(({ number }) => number === target.number)
        ? generations.filter(({ number, undone }) => number === target.number && !undone)
        : undefined;
    case 'to':
      return target.number === 0 || generations.some(({ number }) => number === target.number)
        ? open.filter(({ number }) => number > target.number)
        : undefined;
  }
}

/** The transaction that takes these back: a batch for each, its edits inverted in reverse order. */
export function undoing(
  selected: readonly Generation[],
  store: Store,
  reader: Reader,
  stamp: Pick<Transaction, 'tx' | 'startedAt' | 'by'>,
): { readonly transaction: Transaction; readonly blobs: Blobs } {
  const now = activeSystem(reader);
  const batches = selected.map(({ transaction }) =>
    transaction.batches.toReversed().flatMap((batch) => batch.toReversed().map((edit) => invert(edit, now))),
  );
  const blobs = selected.map(({ number }) => load(store, `history/${number}`));
  return {
    transaction: {
      ...stamp,
      kind: 'rollback',
      plan: digestOf(JSON.stringify(batches)),
      host: reader.facts,
      undoes: selected.map(({ number }) => number),
      batches: batches.map(filesBeforeActivation),
    },
    blobs: Object.assign({}, ...blobs.map((loaded) => (loaded.status === 'loaded' ? loaded.blobs : {}))),
  };
}

/** As in an apply: a system is activated when the files that describe it are in place. */
const filesBeforeActivation = (batch: readonly Edit[]): readonly Edit[] => [
  ...batch.filter(({ op }) => op !== 'activate'),
  ...batch.filter(({ op }) => op === 'activate'),
];
