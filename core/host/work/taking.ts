// Handles names that others may change at the same time. Whatever has a name is first renamed to a slot, out of their
// reach, and looked at there; a name is given by link(2), which replaces nothing. So a file that somebody renames there
// at the last moment is never lost.

import { fstatSync, linkSync, readdirSync, renameSync, type Stats, unlinkSync } from 'node:fs';
import { below } from '../../machine/follow-links.ts';
import { staleAt } from '../../machine/host.ts';
import type { Move } from '../../model.ts';
import { type AbsPath, basename, parent, ROOT, rebase } from '../../path.ts';
import { type Anchor, unlessTheirLink, volumeOf } from '../disk/anchor.ts';
import type { DiskPath } from '../disk/disk-paths.ts';
import { syncAt } from '../disk/durable.ts';
import { isSameInode, type Staging, there } from './staging.ts';
import { SLOTS, type Slot, type StagingDir, thereOrNot } from './staging-directory.ts';

/**
 * True if somebody other than root can change the names in the directory. If not, a single rename(2) replaces a file
 * safely.
 */
export function isOpenToOthers({ fd }: Pick<Anchor, 'fd'>): boolean {
  const { uid, mode } = fstatSync(fd);
  return uid !== 0 || (mode & 0o022) !== 0;
}

/** The staging directory on the volume of the path's directory. */
export function stagingDirFor(
  { anchors, stagingDirs }: Pick<Staging, 'anchors' | 'stagingDirs'>,
  path: AbsPath,
): StagingDir {
  return stagingDirs.make(anchors.dir(parent(path)));
}

/** Renames whatever is at the path into a slot of ours. Undefined if there is nothing. */
export function take(staging: Staging, path: AbsPath, at: number, slot: Slot = 'away'): DiskPath | undefined {
  staging.warrants.write(staging.anchors.dir(parent(path)), path);
  const place = stagingDirFor(staging, path).free(slot, at);
  return thereOrNot(() => {
    renameSync(staging.anchors.at(path), place);
    return place;
  });
}

/**
 * Gives what lies in a slot a name; false if the name is taken. (For a directory this is rename(2), which could still
 * replace an empty directory made since our check.) Unless `isElsewhere`, the new name is made durable before the
 * slot's name is removed, because a power cut may keep the two operations in any order.
 */
export function give(slotted: DiskPath, target: DiskPath, isElsewhere = false): boolean {
  if (there(slotted)?.isDirectory()) return renameIfFree(slotted, target);
  try {
    linkSync(slotted, target);
  } catch (thrown) {
    const { code } = thrown as NodeJS.ErrnoException;
    if (code === 'EEXIST') return false;
    if (!UNLINKABLE.has(code ?? '')) throw thrown;
    return renameIfFree(slotted, target);
  }
  if (!isElsewhere) syncAt(target.subarray(0, target.lastIndexOf('/')));
  unlinkSync(slotted);
  return true;
}

/** Moves a directory; anything else that has come to `source` stays. False if it cannot be done. */
export const moveDir = (source: DiskPath, target: DiskPath): boolean =>
  // With the trailing slash, rename(2) moves only a directory, and only to a free name or an empty directory.
  renameIfFree(Buffer.concat([source, Buffer.from('/')]), target);

function renameIfFree(source: DiskPath, target: DiskPath): boolean {
  if (there(target) !== undefined) return false;
  try {
    renameSync(source, target);
    return true;
  } catch (thrown) {
    if (TAKEN.has((thrown as NodeJS.ErrnoException).code ?? '')) return false;
    throw thrown;
  }
}

const TAKEN: ReadonlySet<string> = new Set(['EEXIST', 'ENOTEMPTY', 'ENOTDIR', 'EISDIR']);

/** Errors of link(2) on a file system without hard links, or for a file that is not ours. */
const UNLINKABLE: ReadonlySet<string> = new Set(['EPERM', 'EXDEV', 'ENOTSUP', 'EOPNOTSUPP', 'EMLINK', 'ENOSYS']);

/** Links a file if the file system and its owner allow that. Without the link, undo uses the journal's copy of the bytes. */
export function linkIfPossible(place: DiskPath, old: DiskPath): void {
  try {
    linkSync(place, old);
  } catch (thrown) {
    if (!UNLINKABLE.has((thrown as NodeJS.ErrnoException).code ?? '')) throw thrown;
  }
}

/** The number of tries to give a name back. Somebody who takes the name that often does it on purpose. */
export const PATIENCE = 20;

/**
 * As `give`, for a path that was free when it was planned. Nothing is flushed between, because the journal holds the
 * bytes.
 */
export function giveOrStale(slotted: DiskPath, target: DiskPath, path: AbsPath): void {
  if (!give(slotted, target, true)) throw staleAt(path);
}

/**
 * Gives what lies in a slot the path's first free conflict name in `dir`, and returns that. Undefined if it has another
 * name outside our slots: then it needs none, and stays in the slot.
 */
export function keepBeside(
  staging: Staging,
  path: AbsPath,
  slotted: DiskPath,
  dir: AbsPath = parent(path),
): AbsPath | undefined {
  if (isLive(staging, slotted)) return undefined;
  staging.warrants.write(staging.anchors.dir(dir), path);
  for (const name of conflictNames(staging, path, dir)) {
    if (!give(slotted, staging.anchors.at(name))) continue;
    staging.kept.push({ path, beside: name });
    return name;
  }
  throw new Error('unreachable');
}

/** True if what lies in a slot also has a name outside our slots, so that whoever made it finds it there. */
export function isLive(staging: Staging, slotted: DiskPath): boolean {
  const stat = there(slotted);
  return stat !== undefined && !stat.isDirectory() && stat.nlink > 1 && stat.nlink > linksInSlots(staging, stat);
}

/** Counts the names of this inode in our slots. */
export function linksInSlots({ stagingDirs }: Staging, stat: Stats): number {
  const slots = stagingDirs.all().flatMap(({ fd }) => SLOTS.map((name) => `/proc/self/fd/${fd}/${name}`));
  return slots.flatMap((slot) => readdirSync(slot).filter((name) => isAt(`${slot}/${name}`, stat))).length;
}

function isAt(place: string, stat: Stats): boolean {
  const found = there(Buffer.from(place));
  return found !== undefined && isSameInode(found, stat);
}

/**
 * The directory in which to keep something of the path, on the volume of `stagingDir`: the path's own; if that is gone,
 * the one to which a move took it; else the nearest existing one above those; at last the one in which the staging
 * directory lies.
 */
export function nearest(
  { anchors, moves }: Pick<Staging, 'anchors' | 'moves'>,
  path: AbsPath,
  stagingDir: StagingDir,
): AbsPath {
  const volume = volumeOf(stagingDir.fd);
  const isHere = (dir: AbsPath): boolean => {
    const anchor = unlessTheirLink(() => thereOrNot(() => anchors.dir(dir)));
    return anchor !== undefined && volumeOf(anchor.fd) === volume;
  };
  const places = placesOf(moves, path);
  const direct = places.map(parent).find(isHere);
  if (direct !== undefined) return direct;
  for (const place of places.toReversed())
    for (let at = parent(place); at !== ROOT; at = parent(at)) if (isHere(at)) return at;
  return stagingDir.within;
}

/** The path, and its places before and after each move. */
export const placesOf = (moves: readonly Move[], path: AbsPath): readonly AbsPath[] => [
  path,
  ...moves
    .flatMap(({ from, to }) => [rebase(path, to, from), rebase(path, from, to)])
    .filter((one) => one !== undefined),
];

/**
 * The conflict names of the path that exist already: an earlier run of this transaction gave them, and may have died
 * before it reported them.
 */
export function keptBefore(staging: Staging, path: AbsPath): readonly AbsPath[] {
  const dirs = new Set([
    ...placesOf(staging.moves, path).map(parent),
    ...staging.stagingDirs.all().map(({ within }) => within),
  ]);
  return [...dirs].flatMap((dir) => {
    const found: AbsPath[] = [];
    for (const name of conflictNames(staging, path, dir)) {
      if (unlessTheirLink(() => thereOrNot(() => there(staging.anchors.at(name)))) === undefined) break;
      found.push(name);
    }
    return found;
  });
}

/**
 * Renames what is at the path to its conflict name, and returns that. Undefined if nothing is there, or if it still has
 * another name.
 */
export function setAside(staging: Staging, path: AbsPath, at: number): AbsPath | undefined {
  staging.warrants.write(staging.anchors.dir(parent(path)), path);
  const place = staging.anchors.at(path);
  // A directory stays under its parent, because changing its ".." would need the right to write it.
  if (there(place)?.isDirectory()) {
    for (const name of conflictNames(staging, path, parent(path))) {
      if (moveDir(place, staging.anchors.at(name))) {
        staging.kept.push({ path, beside: name });
        return name;
      }
      if (!there(place)?.isDirectory()) break;
    }
  }
  const taken = take(staging, path, at);
  return taken && keepBeside(staging, path, taken);
}

function* conflictNames({ tx }: Pick<Staging, 'tx'>, path: AbsPath, dir: AbsPath): Generator<AbsPath> {
  const name = basename(path);
  // A name has at most 255 bytes.
  const base = Buffer.byteLength(name) > 200 ? name.slice(0, 50) : name;
  for (let n = 1; ; n++) yield below(dir, `${base}.reflake-conflict-${tx}${n === 1 ? '' : `-${n}`}`);
}
