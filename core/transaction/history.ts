// Past applies, as their journals recorded them; and the transaction that undoes some of them.

import { digestOf } from '../canonical.ts';
import type { Diagnostic } from '../diagnostic.ts';
import { failure } from '../machine/failure.ts';
import type { Blobs } from '../machine/host.ts';
import { activeSystem, type Reader } from '../machine/reader.ts';
import type { StateStore } from '../machine/state-store.ts';
import { type Activate, type Edit, type Put, undoOf } from '../model.ts';
import { isWithin, rebase } from '../path.ts';
import { undoneBy } from './apply-index.ts';
import { applies } from './executor.ts';
import { type Loaded, load } from './journal.ts';
import type { Transaction } from './model.ts';
import { adapt, checkPreconditions } from './preconditions.ts';

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

export interface Undoing {
  readonly transaction: Transaction;
  readonly blobs: Blobs;
}

/**
 * The transaction that undoes `selected` (the newest first). `force`: what was changed since is overwritten too.
 * Whether it fits the machine is for the executor to find out.
 */
export function undoing(
  selected: readonly RecordedApply[],
  all: readonly RecordedApply[],
  reader: Reader,
  stamp: Pick<Transaction, 'tx' | 'startedAt' | 'by' | 'uid'>,
  force: boolean,
): Undoing {
  const blobs: Blobs = Object.assign({}, ...all.map((one) => one.blobs));
  // What a later apply found and replaced stands in its record, so overwriting it once more loses nothing.
  const later = all.filter((one) => isUndone(one, selected));
  const recorded = later.flatMap(({ transaction }) => transaction.batches.flat()).filter((edit) => edit.op === 'put');
  const files = batchesFor(
    selected,
    all,
    (batches) => adapt(reader, batches, blobs, { all: false, recorded }),
    reader,
    blobs,
  );
  const adapted = adapt(reader, files, blobs, { all: force, recorded });
  const batches = [...adapted.map(movesFirst), activationOf(selected, reader)];
  return {
    transaction: {
      ...stamp,
      kind: 'rollback',
      plan: digestOf(JSON.stringify(batches)),
      host: reader.facts,
      undoes: selected.map(({ number }) => number),
      ...partiesOf(selected),
      batches: batches.filter((batch) => batch.length > 0),
    },
    blobs,
  };
}

/** Who were parties of them all; of a record that does not say so, its edits do. */
function partiesOf(selected: readonly RecordedApply[]): Pick<Transaction, 'parties'> {
  const all = selected.map(({ transaction }) => transaction.parties);
  return all.includes(undefined) ? {} : { parties: all.flatMap((parties) => parties ?? []) };
}

type Batch = readonly Edit[];

/**
 * The batches of each apply: its edits undone, in reverse. Where somebody had disturbed the machine before the next
 * apply put it right, undoing that apply brought the disturbance back, and what lies before it no longer fits. Then that
 * apply is done once more first: what the hand had changed is in its record, so nothing is lost.
 */
function batchesFor(
  selected: readonly RecordedApply[],
  all: readonly RecordedApply[],
  adapted: (batches: readonly Batch[]) => readonly Batch[],
  reader: Reader,
  blobs: Blobs,
): readonly Batch[] {
  let batches: readonly Batch[] = [];
  for (const one of selected) {
    const direct = [...batches, ...undoBatches(one)];
    const fits = (candidate: readonly Batch[]): boolean =>
      checkPreconditions(reader, adapted(candidate), blobs, 'RF3011').stale.length === 0;
    const later = all.filter((other) => other.number > one.number && isUndone(other, selected));
    const detours = later.map((other) => withoutDetours([...batches, ...redoBatches(other), ...undoBatches(one)]));
    batches = fits(direct) ? direct : (detours.find(fits) ?? direct);
  }
  return batches;
}

const isUndone = (one: RecordedApply, selected: readonly RecordedApply[]): boolean =>
  one.transaction.kind === 'apply' && (one.undone || selected.includes(one));

const isFileEdit = (edit: Edit): boolean => edit.op !== 'activate';

const redoBatches = ({ transaction }: RecordedApply): readonly Batch[] =>
  transaction.batches.map((batch) => batch.filter(isFileEdit));

/** A batch for each of its own, since two of them may write one path. */
const undoBatches = ({ transaction }: RecordedApply): readonly Batch[] =>
  transaction.batches.toReversed().map((batch) =>
    batch
      .toReversed()
      .filter(isFileEdit)
      .map((edit) => undoOf(edit)),
  );

/**
 * What is done in a tree before it is moved, done in its new place instead: as an apply does it, and as only a copy on
 * another file system lets it be prepared.
 */
function movesFirst(batch: Batch): Batch {
  const ordered: Edit[] = [];
  for (const edit of batch) {
    if (edit.op !== 'move') {
      ordered.push(edit);
      continue;
    }
    const isInside = (one: Edit): one is Put => one.op === 'put' && isWithin(one.path, edit.from);
    const inside = ordered.filter(isInside).map((put) => ({ ...put, path: rebase(put.path, edit.from, edit.to)! }));
    ordered.splice(0, ordered.length, ...ordered.filter((one) => !isInside(one)), edit, ...inside);
  }
  return ordered;
}

/** An apply that is undone and at once done again need not be touched at all. */
function withoutDetours(batches: readonly Batch[]): readonly Batch[] {
  const kept: Batch[] = [];
  for (const batch of batches) {
    const last = kept.at(-1);
    const cancels =
      last !== undefined && JSON.stringify(last.toReversed().map((edit) => undoOf(edit))) === JSON.stringify(batch);
    if (cancels) kept.pop();
    else kept.push(batch);
  }
  return kept;
}

/** One activation for all: to what was active before the oldest of them. */
function activationOf(selected: readonly RecordedApply[], reader: Reader): Batch {
  const oldest = selected
    .flatMap(({ transaction }) => transaction.batches.flat())
    .findLast((edit): edit is Activate => edit.op === 'activate' && edit.mode !== 'build');
  return oldest === undefined ? [] : [undoOf(oldest, activeSystem(reader))];
}
