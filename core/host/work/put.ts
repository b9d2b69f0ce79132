// One put on the disk: what it makes is prepared in a slot, published by one rename or link. undo-put.ts undoes it.
// At any moment a path is what it was or what it shall be; what it replaces is kept, as the inode it is.

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

/** Where a put was prepared. `isAlike`: it shall have the attributes of what it replaces. */
export interface Prepared {
  readonly stagingDir: StagingDir;
  readonly isAlike: boolean;
}

/** Makes what the put will publish, and links what it will replace. Undefined: there is nothing to make. */
export function preparePut(staging: Staging, edit: Put, at: number, now: Aliases, blobs: Blobs): Prepared | undefined {
  const { path, before, after } = edit;
  const kind = kindOf(edit);
  if (kind === 'metadata') {
    rememberRoots(staging, path, at, now.now(path));
    staging.touched.add(now.now(path));
    return undefined;
  }
  const dir = staging.anchors.dir(now.now(parent(path)));
  // What is to be moved or made by then is asked about when it is there.
  if (now.now(parent(path)) === parent(path)) staging.warrants.write(dir, path);
  const stagingDir = staging.stagingDirs.make(dir);
  const place = now.now(path);
  const isOurs = staging.touched.has(place);
  const target = kind === 'make' ? undefined : linkOld(edit, at, staging.anchors.at(place), stagingDir, isOurs);
  const staged = kind === 'remove' ? undefined : stage(stagingDir, at, after, blobs, path);
  // What another edit of ours changes before this one is not what it is now.
  const since = target && !isOurs ? { since: target.ctimeMs } : {};
  staging.known.set(at, { ...(target && { target }), ...(staged && { staged }), ...since });
  if (kind !== 'remove') {
    now.put(path, stagingDir.path('new', at));
    staging.touched.add(stagingDir.path('new', at));
  }
  // What somebody has put on their file (an ACL) is not for its next owner.
  const isFiles =
    before.type === 'file' &&
    after.type === 'file' &&
    (before.owner.uid === 0 || before.owner.uid === after.owner.uid || process.geteuid?.() !== 0);
  return { stagingDir, isAlike: isFiles && there(stagingDir.place('old', at)) !== undefined };
}

/**
 * What lies in a place of root's now, and will be in somebody's before its turn comes (they are given the tree it lies in): by
 * its inode it is known then.
 */
function rememberRoots(staging: Staging, path: AbsPath, at: number, place: AbsPath): void {
  if (place === path) return;
  let dir = parent(place);
  while (dir !== ROOT && !staging.touched.has(dir)) dir = parent(dir);
  if (dir === ROOT || !staging.anchors.dir(parent(place)).isOursAlone) return;
  const target = there(staging.anchors.at(place));
  if (target !== undefined) staging.known.set(at, { target });
}

/** Owner and mode, last of all, and everything durable. */
export function finishPut({ stagingDir }: Prepared, { after }: Put, at: number): void {
  const place = stagingDir.place('new', at);
  if (after.type === 'link') {
    lchownIfNeeded(place, after.owner);
  } else if (after.type !== 'absent') {
    setMetadata(place, after);
    syncAt(place);
  }
}

/** Links the inode at the path, looks whether it is what was planned, and remembers it. */
function linkOld({ path, before }: Put, at: number, place: DiskPath, stagingDir: StagingDir, isOurs: boolean): Stats {
  const old = stagingDir.place('old', at);
  if (before.type !== 'dir') linkIfPossible(place, old);
  const pin = openPinned(there(old) === undefined ? place : old);
  if (pin === undefined) throw staleAt(path);
  try {
    const stat = fstatSync(pin);
    const target = stat.isSymbolicLink() ? linkTarget(place) : '';
    // What an edit before this one makes of it is not finished yet.
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

/** Whatever it is, with nobody's rights but ours yet. */
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

/** Throws `stale` where the target is not what was prepared for any more. */
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
    // Durable, and only then out of its slot: where nothing is at the path, that tells our gap from somebody's removal
    // (isOurGap). Not ESTALE: the old one is not in its place any more, which is for undo to see to.
    if (!give(staged, target)) throw errno('EBUSY', `somebody made another "${path}" at this moment`);
  }
}

/** Off its path; what is not what was planned goes back, or stays for the sweep where its name is taken again. */
function takePlanned(staging: Staging, path: AbsPath, at: number, known: Identity | undefined): void {
  const taken = take(staging, path, at);
  if (taken !== undefined && isStill(taken, known)) return;
  if (taken !== undefined) give(taken, staging.anchors.at(path));
  throw staleAt(path);
}

/** `since`: nor written to since then. */
function isStill(place: DiskPath, known: Identity | undefined, since?: number): boolean {
  const stat = there(place);
  if (stat === undefined || known === undefined || !isSameInode(stat, known)) return false;
  return since === undefined || stat.isDirectory() || stat.ctimeMs === since;
}

function removeDir(target: DiskPath, away: DiskPath, path: AbsPath): void {
  try {
    if (!moveDir(target, away)) throw staleAt(path);
  } catch (thrown) {
    // To move a directory elsewhere its owner must be able to write it.
    if ((thrown as NodeJS.ErrnoException).code !== 'EACCES') throw thrown;
    rmdirSync(target);
    return;
  }
  if (readdirSync(away, { encoding: 'buffer' }).length === 0) return;
  giveOrStale(away, target, path);
  throw errno('ENOTEMPTY', `not empty: ${path}`);
}
