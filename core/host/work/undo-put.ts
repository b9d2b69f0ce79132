// One put undone: the old inode gets its name again, and what somebody else has put there, or written to what lies in our
// slots, gets one beside.

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

/** What is at the path, seen through the very directory that it would be changed in: by its name it may look otherwise. */
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
 * The path holds what the put published, or part of it, or nothing: puts `before` there. Returns the names that what else
 * was there, at the last moment, has now.
 */
export function undoPut(staging: Staging, edit: Put, at: number, blobs: Blobs): readonly AbsPath[] {
  const { path, before, after } = edit;
  const dir = staging.anchors.dir(parent(path));
  const target = childOf(dir, basename(path));
  if (kindOf(edit) === 'metadata') {
    // Root had taken it from its name, and died before its copy got that.
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

/** What is at the path is taken from there, and `prepared` put there, however often somebody puts another thing between. */
function exchange(staging: Staging, edit: Put, at: number, prepared: DiskPath): readonly AbsPath[] {
  const kept: AbsPath[] = [];
  for (let tries = 0; tries < PATIENCE; tries++) {
    kept.push(...takeOurs(staging, edit, at));
    if (give(prepared, staging.anchors.at(edit.path), true)) return kept;
  }
  throw staleAt(edit.path);
}

/** What is at the path is taken from there. What is none of ours gets a name beside, which is returned. */
function takeOurs(staging: Staging, edit: Put, at: number): readonly AbsPath[] {
  const taken = take(staging, edit.path, at);
  const beside = taken !== undefined && !isKnown(edit, taken) && keepBeside(staging, edit.path, taken);
  return beside ? [beside] : [];
}

/**
 * What lies in slots of the put, is nowhere else by now and was changed, may still be, or is another's gets a name beside:
 * their names.
 */
export function keepSlottedPut(staging: Staging, edit: Put, at: number, writers: LateWriters): readonly AbsPath[] {
  const { path } = edit;
  const dir = unlessTheirLink(() => thereOrNot(() => staging.anchors.dir(parent(path))));
  // Each once, whatever number of names it has, and not what is still in its place.
  const seen: Stats[] = [dir && there(childOf(dir, basename(path)))].filter((stat) => stat !== undefined);
  return staging.stagingDirs.all().flatMap((stagingDir) =>
    slotsOf(edit).flatMap((slot) =>
      stagingDir.things(slot, at).flatMap((thing) => {
        const stat = there(thing)!;
        if (seen.some((other) => isSameInode(stat, other))) return [];
        seen.push(stat);
        // An edit that says nothing of its bytes replaces any.
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

/** Where the put may have left what is somebody's. Of a file that root took, only the old inode is: its copy is ours. */
const slotsOf = (edit: Put): readonly Slot[] => (kindOf(edit) === 'metadata' ? ['away'] : ['old', 'away', 'undo']);

/**
 * Whether a file that root took has the bytes still that root's copy of it has: nobody wrote to it since. After a power cut the
 * copy may have lost its second name, and is known by its place.
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
 * Of what we took from its name, asked for a while: an editor may give a file a second name for a moment, and then take the
 * other away, which was the one that we have taken.
 */
function isStillLive(staging: Staging, thing: DiskPath, slot: Slot): boolean {
  for (const pause of slot === 'old' ? [] : PAUSES) {
    if (!isLive(staging, thing)) return false;
    sleep(pause);
  }
  return isLive(staging, thing);
}

/** Whether what lies in a slot of the put is as the one that it replaced or the one that it put: nothing to be kept. */
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
 * Whether it is our doing that nothing is at the path of a put: we died between two names, publishing (then the new one is
 * still in its slot) or undoing (then the new one is where it was taken to).
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

/** What we had published goes, but stays in the slot: somebody may have written to it since it was looked at. */
function replaceOurs(prepared: DiskPath, target: DiskPath, away: DiskPath, path: AbsPath): void {
  linkIfPossible(target, away);
  try {
    renameSync(prepared, target);
  } catch (thrown) {
    // Not what it was a moment ago.
    if (['EISDIR', 'ENOTDIR', 'EEXIST'].includes((thrown as NodeJS.ErrnoException).code ?? '')) throw staleAt(path);
    throw thrown;
  }
}

/** The old inode itself, where it still is what it was; never moved, so that this can be done again after a crash. */
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

/** What an earlier try may have left there is ours alone. */
function freed(place: DiskPath): DiskPath {
  const stat = there(place);
  if (stat?.isDirectory()) rmdirSync(place);
  else if (stat !== undefined) unlinkSync(place);
  return place;
}
