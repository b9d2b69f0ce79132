// Fits the undo of a past apply to the present machine: decides which differences may be overwritten, and which edits
// are not needed any more.

import { digestOf } from '../canonical.ts';
import { below } from '../machine/follow-links.ts';
import type { Blobs } from '../machine/host.ts';
import type { Reader } from '../machine/reader.ts';
import { type Edit, type Entry, looksInside, matches, type Put, type Puttable, sameOwner } from '../model.ts';
import { type AbsPath, isWithin } from '../path.ts';
import { STATE } from '../plan/aside.ts';
import { overlay } from '../plan/overlay.ts';
import { sameMeaning } from './equivalent.ts';
import { hasDirectory, lookAt } from './preconditions.ts';

type Batches = readonly (readonly Edit[])[];

/** Says which differences from an edit's `before` may be overwritten. */
export interface Tolerance {
  /** Anything may be overwritten. Then a directory that should be removed, but is not empty, stays. */
  readonly all: boolean;
  /** States that history holds, so overwriting them loses nothing. */
  readonly recorded: readonly Put[];
}

/**
 * The same edits, each with its `before` as it is on the machine now, if that means the same to its readers (git's
 * index), or if the tolerance allows it. An edit whose `after` is already there is left out, and so is the removal of a
 * directory of our own state that is not empty.
 */
export function adapt(reader: Reader, batches: Batches, blobs: Blobs, { all, recorded }: Tolerance): Batches {
  const known = new Map<AbsPath, Puttable[]>();
  for (const { path, before } of recorded) known.set(path, [...(known.get(path) ?? []), before]);
  /** True if each part of the entry is as the edit expects it, or stands in a record. */
  const isRecorded = ({ path, before }: Put, entry: Entry): boolean => {
    const states = [before, ...(known.get(path) ?? [])].filter((state) => state.type === entry.type);
    if (entry.type !== 'file') return states.some((state) => matches(state, entry));
    const files = states.filter((state) => state.type === 'file');
    const knownBytes = entry.content === undefined || files.some(({ content }) => content === entry.content);
    return knownBytes && files.some(({ mode, owner }) => mode === entry.mode && sameOwner(owner, entry.owner));
  };
  const stage = overlay(reader);
  const adapted = (edit: Edit): readonly Edit[] => {
    if (edit.op !== 'put') return [edit];
    const { path, after } = edit;
    const { entry, bytes } = lookAt(stage, path, looksInside(edit));
    if (entry.type === 'other') return [edit];
    if (matches(after, entry)) return [];
    const mayStay = all || isWithin(path, STATE);
    if (mayStay && after.type === 'absent' && entry.type === 'dir' && stage.list(path).length > 0) return [];
    if (matches(edit.before, entry)) return [edit];
    const expected = edit.before.type === 'file' && edit.before.content ? blobs[edit.before.content] : undefined;
    const means = expected !== undefined && bytes !== undefined && sameMeaning(path, expected, bytes);
    const isSame = means && matches({ ...edit.before, content: digestOf(bytes) } as Entry, entry);
    if (!all && !isSame && !isRecorded(edit, entry)) return [edit];
    // Nothing can be put where the directory is gone.
    if (entry.type === 'absent' && !hasDirectory(stage, path)) return [edit];
    return [{ ...edit, before: bare(entry) }];
  };
  return batches.map((batch) =>
    batch.flatMap((edit) => {
      const next = adapted(edit);
      for (const one of next) if (one.op !== 'activate') stage.apply(one, blobs);
      return next;
    }),
  );
}

/** The entry as an edit has it, without the number of its names. */
function bare(entry: Puttable): Puttable {
  if (entry.type !== 'file') return entry;
  const { hardLinked: _, ...rest } = entry;
  return rest;
}

/**
 * The present places of repositories that the batches made and would remove, but that hold more by now: somebody
 * committed to them, and undo would leave half a repository.
 */
export function halvedRepositories(reader: Reader, batches: Batches, blobs: Blobs): readonly AbsPath[] {
  const stage = overlay(reader);
  const removed = new Set<AbsPath>();
  const halved: AbsPath[] = [];
  for (const edit of batches.flat()) {
    if (edit.op === 'activate') continue;
    if (edit.op === 'put' && edit.after.type === 'absent' && stage.stat(edit.path).type !== 'absent') {
      removed.add(edit.path);
      const isLeft = stage.stat(edit.path).type === 'dir' && stage.list(edit.path).length > 0;
      if (isLeft && removed.has(below(edit.path, 'HEAD'))) halved.push(stage.origin(edit.path));
      if (isLeft) continue;
    }
    stage.apply(edit, blobs);
  }
  return halved;
}
