// The transaction that undoes past applies. It leads to one moment, for files, lock and running system alike, whatever
// was done by hand in between; and everything that bars it is found before the user is asked.

import { digestOf } from '../canonical.ts';
import type { Diagnostic } from '../diagnostic.ts';
import type { Blobs } from '../machine/host.ts';
import { activeSystem, type Reader } from '../machine/reader.ts';
import { type Activate, type Edit, type Put, undoOf } from '../model.ts';
import { type AbsPath, absolute, isWithin, parent, quoted, rebase } from '../path.ts';
import { adapt, halvedRepositories } from './adapt.ts';
import { type RecordedApply, standingOn } from './history.ts';
import type { Transaction } from './model.ts';
import { checkPreconditions } from './preconditions.ts';

export interface Undoing {
  readonly transaction: Transaction;
  readonly blobs: Blobs;
  /** The reasons why it can't be done, even with --force. */
  readonly bars: readonly Diagnostic[];
}

type Batch = readonly Edit[];
type Stamp = Pick<Transaction, 'tx' | 'startedAt' | 'by' | 'uid'>;

/**
 * The transaction that undoes `selected` (the newest first). `force`: it also overwrites what was changed since. The
 * precondition checks find out whether it fits the machine.
 */
export function undoing(
  selected: readonly RecordedApply[],
  all: readonly RecordedApply[],
  reader: Reader,
  stamp: Stamp,
  force: boolean,
): Undoing {
  const blobs: Blobs = Object.assign({}, ...all.map((one) => one.blobs));
  // A later apply's record holds what that apply found and replaced, so overwriting it again loses nothing.
  const later = all.filter((one) => isUndone(one, selected));
  const recorded = later.flatMap(({ transaction }) => transaction.batches.flat()).filter((edit) => edit.op === 'put');
  const adapted = (batches: readonly Batch[]): readonly Batch[] =>
    adapt(reader, batches, blobs, { all: force, recorded });
  const isFit = (batches: readonly Batch[]): boolean =>
    checkPreconditions(reader, adapted(batches), blobs, 'RF3011').stale.length === 0;
  const files = batchesFor(selected, all, isFit);
  const system = activationOf(selected, reader);
  const batches = [...adapted(files).map(movesFirst), system].filter((batch) => batch.length > 0);
  return {
    transaction: {
      ...stamp,
      kind: 'rollback',
      plan: digestOf(JSON.stringify(batches)),
      host: reader.facts,
      undoes: selected.map(({ number }) => number),
      active: activeSystem(reader),
      ...partiesOf(selected),
      batches,
    },
    blobs,
    bars: [
      ...standingOn(selected, all).map(outOfOrder),
      ...halvedRepositories(reader, files, blobs).map(committedTo),
      ...system.flatMap((edit) => systemGone(edit, reader)),
    ],
  };
}

/** The parties of all of them; absent if one of the records, of an earlier version, does not name them. */
function partiesOf(selected: readonly RecordedApply[]): Pick<Transaction, 'parties'> {
  const all = selected.map(({ transaction }) => transaction.parties);
  return all.includes(undefined) ? {} : { parties: all.flatMap((parties) => parties ?? []) };
}

/** An apply that is undone as a step of the rollback. `moves`: false if its trees stay at their places. */
interface Link {
  readonly one: RecordedApply;
  readonly moves: boolean;
}

/**
 * The batches for each apply: its edits undone, in reverse. Suppose somebody moved a tree by hand, and the next apply
 * moved it back. To undo that second move brings back the hand's move, and earlier applies no longer fit. Then that
 * tree stays where it is; or, if the later apply is already undone, its moves are done once more first. What the hand
 * changed is in a record, so nothing is lost. Contents never need this, because what replaced them is recorded.
 */
function batchesFor(
  selected: readonly RecordedApply[],
  all: readonly RecordedApply[],
  isFit: (batches: readonly Batch[]) => boolean,
): readonly Batch[] {
  let chain: readonly Link[] = [];
  let again: readonly Batch[] = [];
  const batchesOf = (links: readonly Link[], first = again): readonly Batch[] => [
    ...first,
    ...links.flatMap(undoBatches),
  ];
  for (const one of selected) {
    const next: Link = { one, moves: true };
    const kept = (count: number): readonly Link[] => [
      ...chain.slice(0, chain.length - count),
      ...chain.slice(chain.length - count).map((link) => ({ ...link, moves: false })),
      next,
    ];
    const stays = Array.from({ length: chain.length + 1 }, (_, count) => kept(count)).find((links) =>
      isFit(batchesOf(links)),
    );
    const later = all.filter((other) => other.number > one.number && isUndone(other, []));
    const redone =
      stays === undefined && chain.length === 0
        ? later.map(movesOf).find((batches) => isFit(batchesOf([next], batches)))
        : undefined;
    again = redone ?? again;
    chain = stays ?? kept(0);
  }
  return batchesOf(chain);
}

const isUndone = (one: RecordedApply, selected: readonly RecordedApply[]): boolean =>
  one.transaction.kind === 'apply' && (one.undone || selected.includes(one));

/** The moves of an apply, with the directories that it made for them. */
const movesOf = ({ transaction }: RecordedApply): readonly Batch[] =>
  transaction.batches.map((batch) => {
    const targets = batch.flatMap((edit) => (edit.op === 'move' ? [edit.to] : []));
    const isWay = (edit: Edit): boolean =>
      edit.op === 'put' && edit.before.type === 'absent' && targets.some((to) => isAbove(edit.path, to));
    return batch.filter((edit) => edit.op === 'move' || isWay(edit));
  });

const isAbove = (path: AbsPath, of: AbsPath): boolean => path !== of && isWithin(of, path);

/** A batch for each batch of the apply, because two of them may write one path. */
function undoBatches({ one: { transaction }, moves }: Link): readonly Batch[] {
  return transaction.batches.toReversed().map((batch) => {
    const targets = batch.flatMap((edit) => (edit.op === 'move' ? [edit.to] : []));
    const stays = (edit: Edit): boolean =>
      edit.op === 'move' || (edit.op === 'put' && targets.some((to) => isAbove(edit.path, to)));
    return batch
      .toReversed()
      .filter((edit) => edit.op !== 'activate' && (moves || !stays(edit)))
      .map((edit) => undoOf(edit));
  });
}

/**
 * Moves a tree before the edits in it, which then name the new place. That is the order of an apply; and a copy on
 * another file system can only be prepared in this order.
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

/**
 * One activation for all: it returns to what was active when the oldest of them began, if a record says so. The mode
 * follows from what differs now, running system or boot default or both, because a system that was only to boot may
 * have booted since.
 */
function activationOf(selected: readonly RecordedApply[], reader: Reader): readonly Activate[] {
  const oldest = selected
    .flatMap(({ transaction }) => transaction.batches.flat())
    .findLast((edit): edit is Activate => edit.op === 'activate' && edit.mode !== 'build');
  if (oldest === undefined) return [];
  const system = selected.at(-1)?.transaction.active ?? oldest.before;
  const before = activeSystem(reader);
  const [runs, boots] = [before.running === system.running, before.profile === system.profile];
  if (runs && boots) return [];
  const mode = runs ? 'boot' : boots ? 'test' : 'switch';
  return [{ ...oldest, mode, target: { kind: 'system', system }, before }];
}

/** Reports systems that were active once and have been collected as garbage since; before anything is written. */
function systemGone({ target }: Activate, reader: Reader): readonly Diagnostic[] {
  if (target.kind !== 'system') return [];
  const { running, profile } = target.system;
  const said = { severity: 'error', code: 'RF3028' } as const;
  if (running === undefined)
    return [{ ...said, summary: 'no system was running before, so none can be activated again' }];
  const links = profile === undefined ? [] : [absolute(`/nix/var/nix/profiles/${profile}`)];
  const gone = [absolute(running), ...links].find((path) => reader.stat(path).type === 'absent');
  if (gone === undefined) return [];
  const summary = `"${gone}", which was active before, is gone: it was removed as garbage`;
  return [
    { ...said, summary, hint: 'build that configuration again: its files are in the record of the apply', path: gone },
  ];
}

const outOfOrder = (standing: RecordedApply): Diagnostic => {
  const { number, transaction } = standing;
  const what = transaction.kind === 'rollback' ? `the rollback ${number}` : `apply ${number}`;
  return {
    severity: 'error',
    code: 'RF3027',
    summary: `${what} came later and is not undone: without it the machine would be one that never was`,
    hint: `undo it first: reflake rollback ${number}; or go back to before it: reflake rollback --to N`,
  };
};

const committedTo = (path: AbsPath): Diagnostic => ({
  severity: 'error',
  code: 'RF3011',
  summary: `"${path}" is a repository that the apply made and that was used since: undoing it would leave half of it`,
  hint: `keep it elsewhere, whole, and try again: mv ${quoted(path)} ${quoted(`${parent(parent(path))}/kept.git`)}`,
  path,
});
