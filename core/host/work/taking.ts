// Names that others may change under our hands. What is at one is taken out of their reach first and looked at then, in
// peace; what gets one never replaces anything. So nothing is lost that was renamed there a moment ago.

import { fstatSync, linkSync, readdirSync, renameSync, type Stats, unlinkSync } from 'node:fs';
import { staleAt } from '../../machine/host.ts';
import { below } from '../../machine/links.ts';
import type { Move } from '../../model.ts';
import { type AbsPath, basename, parent, ROOT, rebase } from '../../path.ts';
import { type Anchor, unlessTheirLink, volumeOf } from '../disk/anchor.ts';
import type { DiskPath } from '../disk/disk-paths.ts';
import { syncAt } from '../disk/durable.ts';
import { isSameInode, type Staging, there } from './staging.ts';
import { SLOTS, type Slot, type StagingDir, thereOrNot } from './staging-directory.ts';

/** Whether somebody else than root can change the names in it. Where nobody can, one rename replaces a file for all. */
export function isOpenToOthers({ fd }: Pick<Anchor, 'fd'>): boolean {
  const { uid, mode } = fstatSync(fd);
  return uid !== 0 || (mode & 0o022) !== 0;
}

/** The staging directory on the volume of the directory that the path lies in. */
export function stagingDirFor(
  { anchors, stagingDirs }: Pick<Staging, 'anchors' | 'stagingDirs'>,
  path: AbsPath,
): StagingDir {
  return stagingDirs.make(anchors.dir(parent(path)));
}

/** Into a slot of ours with whatever is at the path, by one rename. Undefined: nothing is there. */
export function take(staging: Staging, path: AbsPath, at: number, slot: Slot = 'away'): DiskPath | undefined {
  staging.warrants.write(staging.anchors.dir(parent(path)), path);
  const place = stagingDirFor(staging, path).free(slot, at);
  return thereOrNot(() => {
    renameSync(staging.anchors.at(path), place);
    return place;
  });
}

/**
 * Gives what is in a slot a name; false where that is taken. All that a rename could still replace is a directory that
 * somebody has made in this very moment and put nothing into. Of what is nowhere else the new name is durable before the
 * other goes: a power cut may keep the two in any order.
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

/** Of a directory, wherever it is: anything else that has come to be at `source` stays. False: it could not be done. */
export const moveDir = (source: DiskPath, target: DiskPath): boolean =>
  // The slash: the kernel then renames nothing but a directory, and only to what is free or an empty directory.
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

/** From a file system that has no links, or for a file that is not ours to link. */
const UNLINKABLE: ReadonlySet<string> = new Set(['EPERM', 'EXDEV', 'ENOTSUP', 'EOPNOTSUPP', 'EMLINK', 'ENOSYS']);

/** Without a link (a file system that has none, a file that is not ours) the journal's copy of the bytes must do. */
export function linkIfPossible(place: DiskPath, old: DiskPath): void {
  try {
    linkSync(place, old);
  } catch (thrown) {
    if (!UNLINKABLE.has((thrown as NodeJS.ErrnoException).code ?? '')) throw thrown;
  }
}

/** How often what was taken is offered its name: who comes between more often does nothing else. */
export const PATIENCE = 20;

/** As `give`, where `path` was free when it was planned; what it was made from is in the journal. */
export function giveOrStale(slotted: DiskPath, target: DiskPath, path: AbsPath): void {
  if (!give(slotted, target, true)) throw staleAt(path);
}

/**
 * Gives what is in a slot the first of the path's conflict names that is free, in `dir`; returns that. Undefined: it has a
 * name elsewhere, outside our slots, and needs none; it stays in the slot.
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

/** Whether what lies in a slot has a name that is not in one: whoever made that finds their work there. */
export function isLive(staging: Staging, slotted: DiskPath): boolean {
  const stat = there(slotted);
  return stat !== undefined && !stat.isDirectory() && stat.nlink > 1 && stat.nlink > linksInSlots(staging, stat);
}

/** How many names of this inode lie in our slots. */
export function linksInSlots({ stagingDirs }: Staging, stat: Stats): number {
  const slots = stagingDirs.all().flatMap(({ fd }) => SLOTS.map((name) => `/proc/self/fd/${fd}/${name}`));
  return slots.flatMap((slot) => readdirSync(slot).filter((name) => isAt(`${slot}/${name}`, stat))).length;
}

function isAt(place: string, stat: Stats): boolean {
  const found = there(Buffer.from(place));
  return found !== undefined && isSameInode(found, stat);
}

/**
 * On the volume of `stagingDir`: the directory of the path; where that is gone, the one that a move of ours brought it to, or
 * brought it back to; else the nearest above those that is still there. The last resort is where the staging directory lies.
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

/** The path, and where it is before or after each move. */
export const placesOf = (moves: readonly Move[], path: AbsPath): readonly AbsPath[] => [
  path,
  ...moves
    .flatMap(({ from, to }) => [rebase(path, to, from), rebase(path, from, to)])
    .filter((one) => one !== undefined),
];

/** What has a conflict name of the path already: an earlier run of this transaction gave it, and may have died before it said so. */
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

/** Renames what is at the path to its conflict name, which it returns. Undefined: nothing is there, or it has another name still. */
export function setAside(staging: Staging, path: AbsPath, at: number): AbsPath | undefined {
  staging.warrants.write(staging.anchors.dir(parent(path)), path);
  const place = staging.anchors.at(path);
  // A directory keeps its parent, since to change that is a right of its own.
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
