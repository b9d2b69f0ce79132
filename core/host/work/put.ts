// One put on the disk: what it makes is prepared in a slot and published by one rename or link. undo-put.ts undoes it.
// What it replaces is kept, as the same inode.

import {
  closeSync,
  constants,
  fstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmdirSync,
  type Stats,
  symlinkSync,
} from 'node:fs';
import { type Blobs, staleAt } from '../../machine/host.ts';
import { kindOf, type Put, type Puttable } from '../../model.ts';
import { type AbsPath, basename, parent, ROOT, toBytes } from '../../path.ts';
import { childOf, errno } from '../disk/anchor.ts';
import type { DiskPath } from '../disk/disk-paths.ts';
import { syncAt } from '../disk/durable.ts';
import { linkTarget } from '../disk/look.ts';
import { writeAll } from '../disk/write-all.ts';
import { changePut, lchownIfNeeded, setMetadata } from './metadata.ts';
import { isAsBefore, openPinned } from './pinned.ts';
import { type Aliases, type Identity, isSameInode, type Staging, there } from './staging.ts';
import type { StagingDir } from './staging-directory.ts';
import { give, giveOrStale, isOpenToOthers, linkIfPossible, moveDir, stagingDirFor, take } from './taking.ts';

/** A put that was prepared. `isAlike`: it gets the attributes of what it replaces. */
export interface Prepared {
  readonly stagingDir: StagingDir;
  readonly isAlike: boolean;
}

/** Makes what the put will publish, and links what it will replace into a slot. Undefined if there is nothing to make. */
export function preparePut(staging: Staging, edit: Put, at: number, now: Aliases, blobs: Blobs): Prepared | undefined {
  const { path, before, after } = edit;
  const kind = kindOf(edit);
  if (kind === 'metadata') {
    rememberRoots(staging, path, at, now.now(path));
    staging.touched.add(now.now(path));
    return undefined;
  }
  const dir = staging.anchors.dir(now.now(parent(path)));
  // If the directory is itself to be moved or made by the transaction, this is checked once it is there.
  if (now.now(parent(path)) === parent(path)) staging.warrants.write(dir, path);
  const stagingDir = staging.stagingDirs.make(dir);
  const place = now.now(path);
  const isOurs = staging.touched.has(place);
  const target = kind === 'make' ? undefined : linkOld(edit, at, staging.anchors.at(place), stagingDir, isOurs);
  const staged = kind === 'remove' ? undefined : stage(stagingDir, at, after, blobs, path);
  // If an earlier edit of ours will change the file, its present ctime says nothing.
  const since = target && !isOurs ? { since: target.ctimeMs } : {};
  staging.known.set(at, { ...(target && { target }), ...(staged && { staged }), ...since });
  if (kind !== 'remove') {
    now.put(path, stagingDir.path('new', at));
    staging.touched.add(stagingDir.path('new', at));
  }
  // An ACL that somebody set on their file is not for its next owner.
  const isFiles =
    before.type === 'file' &&
    after.type === 'file' &&
    (before.owner.uid === 0 || before.owner.uid === after.owner.uid || process.geteuid?.() !== 0);
  return { stagingDir, isAlike: isFiles && there(stagingDir.place('old', at)) !== undefined };
}

/**
 * Remembers the inode of something in a place of root's that will lie in somebody else's place when its turn comes,
 * because an earlier edit gives them the tree: then it is known by its inode.
 */
function rememberRoots(staging: Staging, path: AbsPath, at: number, place: AbsPath): void {
  if (place === path) return;
  let dir = parent(place);
  while (dir !== ROOT && !staging.touched.has(dir)) dir = parent(dir);
  if (dir === ROOT || !staging.anchors.dir(parent(place)).isOursAlone) return;
  const target = there(staging.anchors.at(place));
  if (target !== undefined) staging.known.set(at, { target });
}

/** Sets owner and mode, last of all, and flushes the new file or directory. */
export function finishPut({ stagingDir }: Prepared, { after }: Put, at: number): void {
  const place = stagingDir.place('new', at);
  if (after.type === 'link') {
    lchownIfNeeded(place, after.owner);
  } else if (after.type !== 'absent') {
    setMetadata(place, after);
    syncAt(place);
  }
}

/** Links the inode at the path into a slot, checks that it is as planned, and returns its stat. */
function linkOld({ path, before }: Put, at: number, place: DiskPath, stagingDir: StagingDir, isOurs: boolean): Stats {
  const old = stagingDir.place('old', at);
  if (before.type !== 'dir') linkIfPossible(place, old);
  const pin = openPinned(there(old) === undefined ? place : old);
  if (pin === undefined) throw staleAt(path);
  try {
    const stat = fstatSync(pin);
    const target = stat.isSymbolicLink() ? linkTarget(place) : '';
    // If an earlier edit of ours changes it, it need not look as planned yet.
    if (!isOurs && !isAsBefore(before, pin, stat, target)) throw staleAt(path);
    return stat;
  } finally {
    closeSync(pin);
  }
}

function stage(stagingDir: StagingDir, at: number, after: Puttable, blobs: Blobs, path: AbsPath): Stats | undefined {
  const place = stagingDir.place('new', at);
  make(place, after, blobs, path);
  return there(place);
}

/** Makes the thing with rights for nobody but us. Owner and mode come later. */
export function make(place: DiskPath, after: Puttable, blobs: Blobs, path: AbsPath): void {
  if (after.type === 'dir') {
    mkdirSync(place, 0o700);
  } else if (after.type === 'link') {
    symlinkSync(toBytes(after.target), place);
  } else if (after.type === 'file') {
    const content = after.content && blobs[after.content];
    if (content === undefined) throw new Error(`no bytes for ${path}`);
    const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
    const fd = openSync(place, flags, 0o600);
    try {
      writeAll(fd, content);
    } finally {
      closeSync(fd);
    }
  }
}

/** Publishes the put. Throws `stale` if the target is not the one that it was prepared for. */
export function publishPut(staging: Staging, edit: Put, at: number): void {
  const { path, before } = edit;
  const dir = staging.anchors.dir(parent(path));
  const target = childOf(dir, basename(path));
  const kind = kindOf(edit);
  if (kind === 'metadata') {
    changePut(staging, edit, at, dir, target);
    return;
  }
  staging.warrants.write(dir, path);
  const stagingDir = stagingDirFor(staging, path);
  const known = staging.known.get(at);
  if (kind !== 'make' && !isStill(target, known?.target, known?.since)) throw staleAt(path);
  if (kind === 'remove') {
    if (before.type === 'dir') removeDir(target, stagingDir.place('away', at), path);
    else takePlanned(staging, path, at, known?.target);
    return;
  }
  const staged = stagingDir.place('new', at);
  if (!isStill(staged, known?.staged)) throw staleAt(path);
  if (kind === 'make') {
    giveOrStale(staged, target, path);
  } else if (before.type === 'dir' || !isOpenToOthers(dir)) {
    renameSync(staged, target);
  } else {
    takePlanned(staging, path, at, known?.target);
    // `give` makes the new name durable before it empties the slot, so that if nothing is at the path, isOurGap
    // can tell our own gap from somebody's removal. The error is not ESTALE, because the old file has left its place
    // and undo must restore it.
    if (!give(staged, target)) throw errno('EBUSY', `somebody made another "${path}" at this moment`);
  }
}

/**
 * Takes the old file off its path. If it is not the planned one, it goes back, or stays in the slot for the sweep if
 * its name is taken.
 */
function takePlanned(staging: Staging, path: AbsPath, at: number, known: Identity | undefined): void {
  const taken = take(staging, path, at);
  if (taken !== undefined && isStill(taken, known)) return;
  if (taken !== undefined) give(taken, staging.anchors.at(path));
  throw staleAt(path);
}

/** True if the inode is still there, and, with `since`, has the same ctime. */
function isStill(place: DiskPath, known: Identity | undefined, since?: number): boolean {
  const stat = there(place);
  if (stat === undefined || known === undefined || !isSameInode(stat, known)) return false;
  return since === undefined || stat.isDirectory() || stat.ctimeMs === since;
}

function removeDir(target: DiskPath, away: DiskPath, path: AbsPath): void {
  try {
    if (!moveDir(target, away)) throw staleAt(path);
  } catch (thrown) {
    // rename(2) of a directory to another parent needs the right to write the directory itself.
    if ((thrown as NodeJS.ErrnoException).code !== 'EACCES') throw thrown;
    rmdirSync(target);
    return;
  }
  if (readdirSync(away, { encoding: 'buffer' }).length === 0) return;
  giveOrStale(away, target, path);
  throw errno('ENOTEMPTY', `not empty: ${path}`);
}
