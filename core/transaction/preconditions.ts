// The checks before the first write: each `before` of a transaction is compared with the machine, on an overlay that
// goes through the whole transaction. So what runs is what was shown, or nothing.

import { digestOf } from '../canonical.ts';
import type { Diagnostic } from '../diagnostic.ts';
import type { Blobs } from '../machine/host.ts';
import { activeSystem, type Reader } from '../machine/reader.ts';
import { type ActiveSystem, type Edit, type Entry, looksInside, matches, type Put, type Reading } from '../model.ts';
import { type AbsPath, parent, ROOT } from '../path.ts';
import { overlay } from '../plan/overlay.ts';
import { changedSince } from '../plan/read-set.ts';

/**
 * The claims that no longer hold, and the bytes that the edits will replace. If `stale` is empty, the transaction may
 * begin.
 */
export interface Preconditions {
  readonly stale: readonly Diagnostic[];
  readonly replaced: Blobs;
  /** The same edits, each with the content that its undo needs. */
  readonly batches: readonly (readonly Edit[])[];
}

/** `code`: RF3001 for a plan that is stale, RF3011 for an apply that can't be undone any more. */
export function checkPreconditions(
  reader: Reader,
  batches: readonly (readonly Edit[])[],
  blobs: Blobs,
  code: 'RF3001' | 'RF3011',
): Preconditions {
  const stale: Diagnostic[] = [];
  const replaced: Record<string, Uint8Array> = {};
  const stage = overlay(reader);
  const claim = (path: AbsPath, summary: string): void => {
    stale.push({ severity: 'error', code, summary, path, hint: HINTS[code] });
  };
  const check = (edit: Edit): Edit => {
    if (edit.op === 'activate') {
      const summary = 'the running system is another one than when this was planned';
      if (!sameSystem(edit.before, activeSystem(reader))) stale.push({ severity: 'error', code, summary });
      return edit;
    }
    if (edit.op === 'move') {
      if (stage.stat(edit.from).type === 'absent') claim(edit.from, `"${edit.from}" is not there any more`);
      if (stage.stat(edit.to).type !== 'absent') claim(edit.to, `"${edit.to}" is there by now`);
      stage.apply(edit, blobs);
      return edit;
    }
    const { path, before, after } = edit;
    const { entry, bytes } = lookAt(stage, path, looksInside(edit));
    const problem = problemOf(edit, entry, stage, blobs);
    if (problem !== undefined) claim(path, `"${path}" ${problem}`);
    stage.apply(edit, blobs);
    if (bytes === undefined || entry.type !== 'file' || entry.content === undefined) return edit;
    replaced[entry.content] = bytes;
    // Without the digest, undo would not know which bytes to restore.
    return before.type === 'file' ? { op: 'put', path, before: { ...before, content: entry.content }, after } : edit;
  };
  const checked = batches.map((batch) => {
    for (const path of takenAgain(batch))
      claim(path, `"${path}" is moved there and taken away again, which could not be undone`);
    return batch.map(check);
  });
  return { stale, replaced: replaced as Blobs, batches: checked };
}

/**
 * Trees that one batch moves somewhere and takes away from there again. Undo asks of each move whether its tree is at
 * the new place, and otherwise takes it for not made. No provider makes such a batch. A later batch may take the tree
 * away.
 */
function* takenAgain(batch: readonly Edit[]): Generator<AbsPath> {
  /** The new place of each tree; and for each directory above one, a tree that lies in it. */
  const arrived = new Map<AbsPath, AbsPath>();
  for (const edit of batch) {
    const left =
      edit.op === 'move' ? edit.from : edit.op === 'put' && edit.after.type === 'absent' ? edit.path : undefined;
    const tree = left && arrived.get(left);
    if (tree !== undefined && (edit.op === 'move' || tree === left)) yield tree;
    if (edit.op !== 'move') continue;
    for (let at = edit.to; at !== ROOT && !arrived.has(at); at = parent(at)) arrived.set(at, edit.to);
    arrived.set(edit.to, edit.to);
  }
}

/** Says in words why this put cannot be made on what is `there`; undefined if it can. */
function problemOf({ path, before, after }: Put, there: Entry, stage: Reader, blobs: Blobs): string | undefined {
  if (!matches(before, there)) return differenceOf(before, there);
  if (there.type === 'absent' && after.type !== 'absent' && !hasDirectory(stage, path))
    return 'has no directory any more';
  if (there.type === 'dir' && after.type !== 'dir' && after.type !== 'absent') return 'is a directory by now';
  const more = after.type === 'absent' ? stage.list(path).length : 0;
  if (more > 0) return `holds ${more} more ${more === 1 ? 'entry' : 'entries'}`;
  if (after.type !== 'file') return undefined;
  if (after.content !== undefined && blobs[after.content] === undefined) return 'is to get a content that is not here';
  const isShared = there.type === 'file' && there.hardLinked === true && !(before.type === 'file' && before.hardLinked);
  // A new content comes with a new inode; a new owner or mode would apply to the file under all its names.
  return isShared && after.content === undefined ? 'has other names by now, which would change with it' : undefined;
}

/** True if something can be put at the path: its parent is a directory, or a link to one. */
export const hasDirectory = (reader: Pick<Reader, 'stat'>, path: AbsPath): boolean =>
  ['dir', 'link'].includes(reader.stat(parent(path)).type);

/** The entry, with its content's digest if the edit depends on the content. */
export function lookAt(reader: Reader, path: AbsPath, inside: boolean): { entry: Entry; bytes?: Uint8Array } {
  const entry = reader.stat(path);
  if (entry.type !== 'file' || !inside) return { entry };
  const bytes = reader.read(path) ?? new Uint8Array();
  return { entry: { ...entry, content: digestOf(bytes) }, bytes };
}

const sameSystem = (a: ActiveSystem, b: ActiveSystem): boolean => a.running === b.running && a.profile === b.profile;

const HINTS = {
  RF3001: 'make a new plan: reflake plan',
  RF3011: 'undo that change by hand first, or overwrite it: reflake rollback --force',
} as const;

/** The readings of a plan that no longer hold. */
export const staleReadings = (reader: Reader, readSet: readonly Reading[]): readonly Diagnostic[] =>
  [...changedSince(readSet, reader)].map(({ path, saw }) => ({
    severity: 'error',
    code: 'RF3001',
    summary: `"${path}" ${READING_WORDS[saw]}`,
    path,
    hint: HINTS.RF3001,
  }));

const READING_WORDS = {
  content: 'has other content by now',
  names: 'holds other entries by now',
  owned: 'does not all belong to its owner by now',
  tree: 'is another tree by now',
  nothing: 'is there by now',
} as const;

/** Says in words what is there instead of what was expected. */
function differenceOf(expected: Entry, there: Entry): string {
  if (there.type === 'absent') return 'is not there any more';
  if (expected.type === 'absent') return `is there by now (${NAMES[there.type]})`;
  if (expected.type !== there.type) return `is ${NAMES[there.type]} by now, not ${NAMES[expected.type]}`;
  if (!matches({ ...expected, owner: there.owner } as Entry, there)) {
    if (expected.type === 'link') return 'leads elsewhere by now';
    const sameMode = 'mode' in expected && 'mode' in there && expected.mode === there.mode;
    return sameMode ? 'has other content by now' : 'has another mode by now';
  }
  return 'has another owner by now';
}

const NAMES = {
  absent: 'absent',
  file: 'a file',
  dir: 'a directory',
  link: 'a link',
  other: 'a special file',
} as const satisfies Record<Entry['type'], string>;
