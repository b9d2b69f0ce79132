// Takes a transaction back, from whatever point it reached: after an error, and after a crash. Derived from the edits
// alone; may be cut off and repeated any number of times.

import type { Diagnostic } from './diagnostic.ts';
import { filesOf, type Reached, type Surroundings } from './execution.ts';
import { failure, lastLines } from './failure.ts';
import { activeSystem, type Blobs, type Host } from './host/host.ts';
import { activationBegun, batchReached, discard, noteBatch, type Transaction } from './journal.ts';
import { type Activate, type Edit, type Entry, invert, type Move, matches, type Outcome, type Put } from './model.ts';
import type { AbsPath } from './path.ts';
import { lookAt, looksInside } from './rehearse.ts';

/**
 * Takes every edit back that was done, in reverse, from whatever point the transaction reached. Batch by batch: a path
 * that two batches write is where the earlier one left it only when the later one is wholly undone, so a conflict ends it.
 */
export async function undo(
  transaction: Transaction,
  blobs: Blobs,
  cause: readonly Diagnostic[],
  around: Surroundings,
  { begun, threw }: Reached,
): Promise<Outcome> {
  const { host, store, report } = around;
  const conflicts: AbsPath[] = [];
  const problems: Diagnostic[] = [];
  const edits = transaction.batches.flat();
  const total = edits.length;
  const reached = transaction.batches.slice(0, batchReached(store) + 1);
  for (const [number, batch] of [...reached.entries()].toReversed()) {
    const first = reached.slice(0, number).flat().length;
    const begunHere = batch.slice(0, Math.max(0, begun - first));
    // Edits are done and undone in order: behind a move that did not happen, or is taken back, nothing is left to undo.
    const unmoved = begunHere.findIndex((edit) => edit.op === 'move' && !isMoved(host, edit));
    const open = unmoved === -1 ? begunHere : begunHere.slice(0, unmoved + 1);
    try {
      // What a death in the middle of a put left beside it would keep its directory from being removed.
      host.sweep(filesOf(open).filter(isPut), transaction.tx);
    } catch (thrown) {
      problems.push(failure('undo failed', thrown));
    }
    for (const [at, edit] of [...open.entries()].toReversed()) {
      // Below a tree that goes back nobody would find what is to be put right.
      if (edit.op === 'move' && conflicts.length + problems.length > 0) break;
      try {
        const failedHere = threw && first + at === begun - 1;
        const done = await undoOne(edit, { blobs, tx: transaction.tx, failedHere }, around);
        if (done === 'conflict') conflicts.push(...pathsOf(edit));
        if (done === 'undone') report({ type: 'undone', edit, index: first + at, total });
      } catch (thrown) {
        conflicts.push(...pathsOf(edit).slice(0, 1));
        problems.push(failure('undo failed', thrown));
      }
    }
    try {
      host.flush(filesOf(begunHere).map((edit) => invert(edit) as Put | Move));
      if (conflicts.length + problems.length > 0) break;
      if (number > 0) noteBatch(store, number - 1);
    } catch (thrown) {
      problems.push(failure('undo failed', thrown));
      break;
    }
  }
  if (conflicts.length + problems.length === 0) {
    try {
      host.sweep(filesOf(edits), transaction.tx);
      discard(store);
      return { status: 'rolled-back', cause };
    } catch (thrown) {
      problems.push(failure('undo failed', thrown));
    }
  }
  const foreign = conflicts.map(
    (path): Diagnostic => ({
      severity: 'error',
      code: 'RF3005',
      summary: `"${path}" holds neither what was there before nor what was written`,
      hint: `put "${path}" right by hand, then run: reflake recover`,
      path,
    }),
  );
  return { status: 'stuck', cause: [...cause, ...problems, ...foreign], conflicts };
}

async function undoOne(
  edit: Edit,
  { blobs, tx, failedHere }: UndoState,
  { host, store, report }: Surroundings,
): Promise<'undone' | 'untouched' | 'conflict'> {
  if (edit.op === 'move') {
    // Either somebody made a new tree at the old place after the move, or at the new place before it: which one is ours
    // cannot be told, but for a move that failed just now, which found the new place taken.
    if (isThere(host, edit.from) && isThere(host, edit.to)) return failedHere ? 'untouched' : 'conflict';
    return host.undoMove(edit, tx) ? 'undone' : 'untouched';
  }
  if (edit.op === 'activate') {
    const now = activeSystem(host);
    // Also where the links are as before: an activation that fails half way has changed what lies behind them.
    if (!activationBegun(store)) return 'untouched';
    const result = await host.activate(invert(edit, now) as Activate, {
      progress: (text) => report({ type: 'progress', text }),
      begins: () => {},
    });
    if (result.status === 'failed')
      throw new Error(`the previous system did not activate: ${lastLines(result.log, 5)}`);
    return 'undone';
  }
  const { entry } = lookAt(host, edit.path, looksInside(edit));
  if (matches(edit.before, entry)) return 'untouched';
  if (!matches(edit.after, entry) && !isUnderway(edit, entry)) return 'conflict';
  host.write(invert(edit) as Put, blobs, tx);
  return 'undone';
}

interface UndoState {
  readonly blobs: Blobs;
  readonly tx: string;
  /** This edit threw just now, in this process. */
  readonly failedHere: boolean;
}

/**
 * Between `before` and `after`: owner and mode are two calls, and the first clears set-id bits of a file. Only for what
 * keeps its bytes; everything else changes under another name.
 */
function isUnderway({ before, after }: Put, entry: Entry): boolean {
  if (before.type === 'absent' || after.type === 'absent' || before.type !== after.type) return false;
  if (before.type === 'link' && after.type === 'link' && before.target !== after.target) return false;
  if (before.type === 'file' && after.type === 'file' && (after.content ?? before.content) !== before.content)
    return false;
  const variants = [before, after].flatMap(({ owner }) =>
    [before, after].flatMap((one): Entry[] => {
      if (one.type === 'link') return [{ ...one, owner }];
      return [one.mode, one.type === 'file' ? one.mode & ~0o6000 : one.mode].map((mode) => ({ ...one, mode, owner }));
    }),
  );
  return variants.some((variant) => matches(variant, entry));
}

const isThere = (host: Host, path: AbsPath): boolean => host.stat(path).type !== 'absent';

const pathsOf = (edit: Edit): readonly AbsPath[] =>
  edit.op === 'put' ? [edit.path] : edit.op === 'move' ? [edit.from, edit.to] : [];

const isPut = (edit: Edit): edit is Put => edit.op === 'put';

const isMoved = (host: Host, { from, to }: Move): boolean => isThere(host, to) && !isThere(host, from);
