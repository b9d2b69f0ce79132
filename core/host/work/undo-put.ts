// Undoes one put: the old inode gets its name again. What somebody else has put there, or has written to files in our
// slots, gets a conflict name.

import { closeSync, fstatSync, linkSync, readdirSync, renameSync, rmdirSync, type Stats, unlinkSync } from 'node:fs';
import { type Blobs, type Seen, staleAt } from '../../machine/host.ts';
import { ABSENT, kindOf, looksInside, type Put, type Puttable } from '../../model.ts';
import { type AbsPath, basename, parent } from '../../path.ts';
import { childOf, unlessTheirLink } from '../disk/anchor.ts';
import type { DiskPath } from '../disk/disk-paths.ts';
import { syncAt } from '../disk/durable.ts';
import { entryOf, linkTarget } from '../disk/look.ts';
import { givenAt } from './given.ts';
import { type LateWriters, PAUSES, sleep } from './late-writers.ts';
import { lchownIfNeeded, setMetadata, undoMetadata } from './metadata.ts';
import { digestAt, digestOfPinned, isAsBefore, openPinned, withContent, withPinned } from './pinned.ts';
import { make } from './put.ts';
import { isSameInode, type Staging, there } from './staging.ts';
import { type Slot, thereOrNot } from './staging-directory.ts';
import {
  give,
  giveOrStale,
  isLive,
  isOpenToOthers,
  keepBeside,
  linkIfPossible,
  nearest,
  PATIENCE,
  placesOf,
  stagingDirFor,
  take,
} from './taking.ts';

/**
 * Looks at the path through the open directory in which undo would change it; another look by the path may see
 * something else.
 */
export function lookPut(staging: Staging, edit: Put, at: number): Seen {
  const { anchors } = staging;
  const dir = thereOrNot(() => anchors.dir(parent(edit.path)));
  const place = dir && childOf(dir, basename(edit.path));
  const pin = place && openPinned(place);
  if (place === undefined || pin === undefined) return { entry: ABSENT, holds: 0 };
  try {
    const stat = fstatSync(pin);
    const entry = entryOf(stat, () => linkTarget(place));
    if (stat.isDirectory()) return { entry, holds: readdirSync(`/proc/self/fd/${pin}`, { encoding: 'buffer' }).length };
    if (!stat.isFile()) return { entry, holds: 0 };
    const given = givenAt(staging, at)?.bytes;
    const isRead = looksInside(edit);
    const digest = isRead || given !== undefined ? digestOfPinned(pin, stat.size) : undefined;
    const isWritten = given !== undefined && given !== digest;
    return { entry: isRead ? withContent(entry, digest) : entry, holds: 0, isWritten };
  } finally {
    closeSync(pin);
  }
}

/**
 * Puts `before` back. The path holds what the put published, part of it, or nothing. Returns the conflict names of
 * anything else that appeared there at the last moment.
 */
export function undoPut(staging: Staging, edit: Put, at: number, blobs: Blobs): readonly AbsPath[] {
  const { path, before, after } = edit;
  const dir = staging.anchors.dir(parent(path));
  const target = childOf(dir, basename(path));
  if (kindOf(edit) === 'metadata') {
    // Root had renamed the old file to a slot, and died before the copy got its name.
    const taken = there(target) === undefined ? stagingDirFor(staging, path).things('away', at).at(-1) : undefined;
    if (taken !== undefined) give(taken, target);
    undoMetadata(staging, edit, at, dir, target);
    return [];
  }
  staging.warrants.write(dir, path);
  if (before.type === 'absent') {
    if (after.type !== 'dir') return takeOurs(staging, edit, at);
    rmdirSync(target);
    return [];
  }
  const stagingDir = stagingDirFor(staging, path);
  const prepared = freed(stagingDir.place('undo', at));
  const away = stagingDir.place('away', at);
  if (before.type === 'dir' && there(away)?.isDirectory()) {
    giveOrStale(away, target, path);
    return [];
  }
  if (!linkOldInode(stagingDir.place('old', at), prepared, before)) {
    make(prepared, before, blobs, path);
    if (before.type === 'link') lchownIfNeeded(prepared, before.owner);
    else setMetadata(prepared, before);
    if (before.type !== 'link') syncAt(prepared);
  }
  if (before.type === 'dir') giveOrStale(prepared, target, path);
  else if (there(target) === undefined || isOpenToOthers(dir)) return exchange(staging, edit, at, prepared);
  else replaceOurs(prepared, target, stagingDir.free('away', at), path);
  return [];
}

/** Takes what is at the path, and gives the name to `prepared`; repeats if somebody puts another thing there in between. */
function exchange(staging: Staging, edit: Put, at: number, prepared: DiskPath): readonly AbsPath[] {
  const kept: AbsPath[] = [];
  for (let tries = 0; tries < PATIENCE; tries++) {
    kept.push(...takeOurs(staging, edit, at));
    if (give(prepared, staging.anchors.at(edit.path), true)) return kept;
  }
  throw staleAt(edit.path);
}

/** Takes what is at the path. If it is not ours, gives it a conflict name, and returns that. */
function takeOurs(staging: Staging, edit: Put, at: number): readonly AbsPath[] {
  const taken = take(staging, edit.path, at);
  const beside = taken !== undefined && !isKnown(edit, taken) && keepBeside(staging, edit.path, taken);
  return beside ? [beside] : [];
}

/**
 * Gives a conflict name to what lies in slots of the put, has no other name, and was changed, may still be changed, or
 * is somebody else's. Returns those names.
 */
export function keepSlottedPut(staging: Staging, edit: Put, at: number, writers: LateWriters): readonly AbsPath[] {
  const { path } = edit;
  const dir = unlessTheirLink(() => thereOrNot(() => staging.anchors.dir(parent(path))));
  // Each inode once, however many names it has, and not the one that is in its place.
  const seen: Stats[] = [dir && there(childOf(dir, basename(path)))].filter((stat) => stat !== undefined);
  return staging.stagingDirs.all().flatMap((stagingDir) =>
    slotsOf(edit).flatMap((slot) =>
      stagingDir.things(slot, at).flatMap((thing) => {
        const stat = there(thing)!;
        if (seen.some((other) => isSameInode(stat, other))) return [];
        seen.push(stat);
        // A put without bytes in its `before` replaces any bytes.
        const isAny = slot === 'old' && edit.before.type === 'file' && edit.before.content === undefined;
        if (
          kindOf(edit) === 'metadata' &&
          !writers.has(stat) &&
          isAsTaken(staging, edit, thing, stagingDir.things('old', at))
        )
          return [];
        const isDispensable = isAny || (!writers.has(stat) && isKnown(edit, thing));
        if (isDispensable || isStillLive(staging, thing, slot)) return [];
        return keepBeside(staging, path, thing, nearest(staging, path, stagingDir)) ?? [];
      }),
    ),
  );
}

/**
 * The slots that may hold something of somebody's. If root took a file, only the old inode in `away` is theirs; the
 * copy is ours.
 */
const slotsOf = (edit: Put): readonly Slot[] => (kindOf(edit) === 'metadata' ? ['away'] : ['old', 'away', 'undo']);

/**
 * True if a file that root took still has the bytes of root's copy, so nobody wrote to it since. After a power cut the
 * copy may have lost its second name; then it is found at its place.
 */
function isAsTaken(staging: Staging, { path }: Put, slotted: DiskPath, links: readonly DiskPath[]): boolean {
  const bytes = digestAt(slotted);
  if (bytes === undefined) return false;
  return (
    links.some((copy) => digestAt(copy) === bytes) ||
    placesOf(staging.moves, path).some(
      (place) => unlessTheirLink(() => thereOrNot(() => digestAt(staging.anchors.at(place)))) === bytes,
    )
  );
}

/**
 * Asks several times for what we took from its name: an editor may give a file a second name for a moment and then
 * remove the first, which is the one that we took.
 */
function isStillLive(staging: Staging, thing: DiskPath, slot: Slot): boolean {
  for (const pause of slot === 'old' ? [] : PAUSES) {
    if (!isLive(staging, thing)) return false;
    sleep(pause);
  }
  return isLive(staging, thing);
}

/** True if what lies in a slot equals what the put replaced or what it put, so it need not be kept. */
function isKnown({ before, after }: Put, slotted: DiskPath): boolean {
  const stat = there(slotted);
  if (stat?.isFile()) {
    const digest = withPinned(slotted, (pin) => digestOfPinned(pin, stat.size));
    return digest !== undefined && [before, after].some((entry) => entry.type === 'file' && entry.content === digest);
  }
  if (stat?.isDirectory()) return readdirSync(slotted, { encoding: 'buffer' }).length === 0;
  if (!stat?.isSymbolicLink()) return false;
  return [before, after].some((entry) => entry.type === 'link' && entry.target === linkTarget(slotted));
}

/**
 * True if nothing is at the path because we died between two names: while publishing (then the new file is still in its
 * slot) or while undoing (then the new file lies where we took it).
 */
export function isOurGap(staging: Staging, edit: Put, at: number): boolean {
  const dir = thereOrNot(() => staging.anchors.dir(parent(edit.path)));
  const stagingDir = dir && staging.stagingDirs.find(dir);
  if (stagingDir === undefined || edit.after.type === 'absent') return false;
  const taken = stagingDir.things('away', at);
  if (kindOf(edit) === 'metadata') return taken.length > 0;
  if (there(stagingDir.place('new', at)) !== undefined) return taken.length > 0;
  return taken.some((thing) => isKnown({ ...edit, before: ABSENT }, thing));
}

/** Replaces what we had published, but keeps it in the slot, because somebody may have written to it since we looked. */
function replaceOurs(prepared: DiskPath, target: DiskPath, away: DiskPath, path: AbsPath): void {
  linkIfPossible(target, away);
  try {
    renameSync(prepared, target);
  } catch (thrown) {
    // Somebody has replaced it by something of another kind since our look.
    if (['EISDIR', 'ENOTDIR', 'EEXIST'].includes((thrown as NodeJS.ErrnoException).code ?? '')) throw staleAt(path);
    throw thrown;
  }
}

/** Links the old inode itself, if it is unchanged. It is linked and not moved, so that this can be repeated after a crash. */
function linkOldInode(old: DiskPath, prepared: DiskPath, before: Puttable): boolean {
  if (before.type === 'dir') return false;
  const pin = openPinned(old);
  if (pin === undefined) return false;
  try {
    const stat = fstatSync(pin);
    if (!isAsBefore(before, pin, stat, stat.isSymbolicLink() ? linkTarget(old) : '')) return false;
    linkSync(old, prepared);
    return true;
  } finally {
    closeSync(pin);
  }
}

/** Empties the place. What an earlier try left there is ours alone. */
function freed(place: DiskPath): DiskPath {
  const stat = there(place);
  if (stat?.isDirectory()) rmdirSync(place);
  else if (stat !== undefined) unlinkSync(place);
  return place;
}
