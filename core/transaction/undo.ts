// Undoes a transaction from whatever point it reached, after an error or a crash. It derives what to do from the edits
// and from the machine, and may be cut off and repeated. What somebody else did is kept, never replaced.

import type { Diagnostic } from '../diagnostic.ts';
import { failure, lastLines } from '../machine/failure.ts';
import { type Blobs, isShared, isStale, isTheirLink, type Work } from '../machine/host.ts';
import { activeSystem } from '../machine/reader.ts';
import {
  type Activate,
  type Edit,
  type Entry,
  type Kept,
  keepsContent,
  kindOf,
  matches,
  type Outcome,
  type Put,
  undoOf,
} from '../model.ts';
import { type AbsPath, isWithin } from '../path.ts';
import type { Reached, Surroundings } from './execution.ts';
import { activationBegun, batchReached, discard, noteBatch } from './journal.ts';
import type { Transaction } from './model.ts';
import { usedRepositories } from './whole-repositories.ts';

/**
 * Undoes every edit that was done, in reverse. A failure in one batch ends it, because a path that two batches write is
 * as the earlier one left it only when the later one is completely undone.
 */
export async function undo(
  transaction: Transaction,
  blobs: Blobs,
  cause: readonly Diagnostic[],
  around: Surroundings,
  work: Work,
  { begun }: Reached,
): Promise<Outcome> {
  const { store, report } = around;
  /** Changes of somebody else's that stay where they are. */
  const left: Kept[] = [];
  const failed: AbsPath[] = [];
  const problems: Diagnostic[] = [];
  const edits = transaction.batches.flat();
  const reached = transaction.batches.slice(0, batchReached(store) + 1);
  for (const [number, batch] of [...reached.entries()].toReversed()) {
    const first = reached.slice(0, number).flat().length;
    const begunHere = batch.slice(0, Math.max(0, begun - first));
    // Edits are done and undone in order. After a move that did not happen, or is undone already, there is nothing to
    // undo.
    let unmoved: number;
    let copies: readonly AbsPath[];
    const aside: AbsPath[] = [];
    try {
      copies = begunHere.flatMap((edit, at) =>
        edit.op === 'move' && work.returnsOriginal(first + at) ? [edit.to] : [],
      );
      unmoved = begunHere.findIndex(
        (edit, at) => edit.op === 'move' && !copies.includes(edit.to) && !work.isOurs(first + at),
      );
      // If a move was not made, no later edit was.
      for (const { top, at } of unmoved === -1 ? usedRepositories(begunHere, first, work) : [])
        if (work.setAside(top, at) !== undefined) aside.push(top);
    } catch (thrown) {
      problems.push(failure('undo failed', thrown));
      break;
    }
    const open = unmoved === -1 ? begunHere : begunHere.slice(0, unmoved + 1);
    for (const [at, edit] of [...open.entries()].toReversed()) {
      // Once the tree has moved back, the paths of the failed edits in it would not be found again.
      if (edit.op === 'move' && problems.length > 0) break;
      if (edit.op === 'put' && aside.some((top) => isWithin(edit.path, top))) continue;
      try {
        const done = await undoOne(edit, first + at, blobs, around, work);
        left.push(...done.left);
        if (done.changed) report({ type: 'undone', edit, index: first + at, total: edits.length });
      } catch (thrown) {
        // The edit lies in a copy, whose owner may do with it what they like: the original returns whole, and the copy
        // is kept beside it.
        if (edit.op === 'put' && copies.some((copy) => isWithin(edit.path, copy))) continue;
        failed.push(...pathsOf(edit).slice(0, 1));
        problems.push(failure('undo failed', thrown));
      }
    }
    try {
      work.flush();
      if (problems.length > 0) break;
      if (number > 0) noteBatch(store, number - 1);
    } catch (thrown) {
      problems.push(failure('undo failed', thrown));
      break;
    }
  }
  if (problems.length === 0) {
    try {
      work.sweep();
      const kept = [...left, ...work.kept()];
      const told = [...cause, ...kept.map(diagnosticOf)];
      const outcome: Outcome = { status: 'rolled-back', cause: told, ...(kept.length > 0 && { kept }) };
      around.settling(outcome);
      discard(store);
      return outcome;
    } catch (thrown) {
      around.settling(undefined);
      problems.push(failure('undo failed', thrown));
    }
  }
  const kept = [...left, ...keptOf(work)];
  const told = [...cause, ...problems, ...kept.map(diagnosticOf)];
  return { status: 'stuck', cause: told, conflicts: failed, ...(kept.length > 0 && { kept }) };
}

/** If nothing can be looked at any more, the next run reports it. */
function keptOf(work: Work): readonly Kept[] {
  try {
    return work.kept();
  } catch (thrown) {
    failure('what was kept cannot be looked at', thrown);
    return [];
  }
}

function diagnosticOf({ path, beside }: Kept): Diagnostic {
  const summary = `"${path}" was changed by somebody else meanwhile`;
  const hint =
    beside === undefined
      ? 'it was left as they made it: look at it'
      : `what they made is kept as "${beside}": look at it`;
  return { severity: 'error', code: 'RF3005', summary, hint, path };
}

interface Undone {
  readonly changed: boolean;
  readonly left: readonly Kept[];
}

const UNTOUCHED: Undone = { changed: false, left: [] };

async function undoOne(edit: Edit, at: number, blobs: Blobs, around: Surroundings, work: Work): Promise<Undone> {
  if (edit.op === 'activate') return await undoActivation(edit, around);
  if (edit.op === 'move') return { changed: work.undo(at, blobs).changed, left: [] };
  return undoPut(edit, at, blobs, work);
}

async function undoActivation(edit: Activate, { host, store, report }: Surroundings): Promise<Undone> {
  // Activates the old system even if the links are unchanged: an activation that failed halfway has changed other
  // things.
  if (!activationBegun(store)) return UNTOUCHED;
  const result = await host.activate(undoOf(edit, activeSystem(host)) as Activate, {
    progress: (text, doing) => report({ type: 'progress', text, ...(doing && { doing }) }),
    begins: () => {},
  });
  if (result.status === 'failed') throw systemFailed(lastLines(result.log, 5));
  return { changed: true, left: [] };
}

/** `why` marks an error that the machine reported, which is no bug of ours. */
const systemFailed = (why: string): Error =>
  Object.assign(new Error(`the previous system did not activate: ${why}`), { why });

/**
 * Tries twice: if somebody changes the path between look and write, the second look sees that, and it is kept. A file
 * that has names elsewhere each time is another one than ours: it stays as somebody else put it there.
 */
function undoPut(edit: Put, at: number, blobs: Blobs, work: Work, tries = 2): Undone {
  try {
    return undoPutAsSeen(edit, at, blobs, work);
  } catch (thrown) {
    if (tries > 1 && (isStale(thrown) || isShared(thrown))) return undoPut(edit, at, blobs, work, tries - 1);
    if (isShared(thrown)) return { changed: false, left: [{ path: edit.path }] };
    // The directory is gone, or is a link of somebody else's now: it is theirs to mend.
    if ((thrown as NodeJS.ErrnoException).code === 'ENOENT' || isTheirLink(thrown))
      return { changed: false, left: [{ path: edit.path }] };
    throw thrown;
  }
}

function undoPutAsSeen(edit: Put, at: number, blobs: Blobs, work: Work): Undone {
  const { path, before, after } = edit;
  const { entry, holds, isWritten } = work.look(at);
  if (matches(before, entry)) return UNTOUCHED;
  // Root takes back no file that its new owner has changed: it stays theirs.
  if (isWritten && kindOf(edit) === 'metadata') return { changed: false, left: [{ path }] };
  // What somebody has put into a directory of ours is set aside with the directory.
  const isInhabited = before.type === 'absent' && entry.type === 'dir' && holds > 0;
  const isOurGap = entry.type === 'absent' && work.isOurs(at);
  if (isOurGap || (!isInhabited && (matches(after, entry) || isUnderway(edit, entry))))
    return { changed: work.undo(at, blobs).changed, left: [] };
  // Somebody changed owner or mode, or replaced a thing of which we changed only those: theirs stays.
  if (isSameButForMetadata(edit, entry) || kindOf(edit) === 'metadata') return { changed: false, left: [{ path }] };
  const beside = entry.type === 'absent' ? undefined : work.setAside(path, at);
  // Without a conflict name, the thing is gone, or has another name of theirs.
  const left: readonly Kept[] = beside === undefined ? [{ path }] : [];
  if (before.type !== 'absent') work.undo(at, blobs);
  return { changed: true, left };
}

/**
 * True if the entry is between `before` and `after`: chown(2) and chmod(2) are two calls, and the first clears set-id
 * bits of a file. Only for edits that keep the bytes; others change the path by a rename.
 */
function isUnderway({ before, after }: Put, entry: Entry): boolean {
  if (!keepsContent(before, after)) return false;
  const variants = [before, after].flatMap((one) =>
    one.type === 'absent'
      ? []
      : [before, after].flatMap((other): Entry[] => {
          const owner = other.type === 'absent' ? one.owner : other.owner;
          if (one.type === 'link') return [{ ...one, owner }];
          return [one.mode, one.type === 'file' ? one.mode & ~0o6000 : one.mode].map((mode) => ({
            ...one,
            mode,
            owner,
          }));
        }),
  );
  return variants.some((variant) => matches(variant, entry));
}

function isSameButForMetadata({ before, after }: Put, entry: Entry): boolean {
  return keepsContent(before, after) && keepsContent(entry, before);
}

const pathsOf = (edit: Edit): readonly AbsPath[] =>
  edit.op === 'put' ? [edit.path] : edit.op === 'move' ? [edit.from, edit.to] : [];
