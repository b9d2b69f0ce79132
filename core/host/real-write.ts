// Writing to the disk, one path at a time: temporary file, fsync, rename, fsync of the directory.
// At any moment a path is what it was or what it shall be; a crash leaves at most a temporary name that `sweep` knows.

import {
  chmodSync,
  chownSync,
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  fstatSync,
  fsyncSync,
  lchownSync,
  lstatSync,
  mkdirSync,
  openSync,
  renameSync,
  rmdirSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { digestOf } from '../canonical.ts';
import type { Move, Put } from '../model.ts';
import { basename, parent, toBytes } from '../path.ts';
import type { Blobs } from './host.ts';
import { copyAcross, sameTree } from './real-copy.ts';
import type { DiskPath, Places } from './real-paths.ts';

/** Linux's O_PATH, which node:fs does not name: pins an inode without opening it. */
const O_PATH = 0o10000000;

export function write(places: Places, edit: Put | Move, blobs: Blobs, tx: string): void {
  try {
    if (edit.op === 'move') move(places, edit, tx);
    else put(places, edit, blobs, tx);
  } finally {
    places.forget();
  }
}

function put(places: Places, edit: Put, blobs: Blobs, tx: string): void {
  const { path, before, after } = edit;
  const target = placeOf(places, edit);
  const temp = tempName(places, edit, tx);
  if (after.type === 'absent') {
    if (before.type === 'dir') rmdirSync(target);
    else unlinkSync(target);
    syncDir(parentOf(target));
  } else if (after.type === 'file' && after.content !== undefined) {
    const content = blobs[after.content];
    if (content === undefined) throw new Error(`no bytes for ${path}`);
    if (before.type === 'absent') mustBeFree(target);
    writeTemp(temp, content, after);
    renameSync(temp, target);
    syncDir(parentOf(target));
  } else if (after.type === 'link' && !(before.type === 'link' && before.target === after.target)) {
    if (before.type === 'absent') mustBeFree(target);
    removeTree(temp);
    symlinkSync(toBytes(after.target), temp);
    lchownSync(temp, after.owner.uid, after.owner.gid);
    renameSync(temp, target);
    syncDir(parentOf(target));
  } else if (after.type === 'dir' && before.type === 'absent') {
    // Under another name until owner and mode are right: a directory that is half made is neither old nor new.
    mustBeFree(target);
    removeTree(temp);
    mkdirSync(temp, 0o700);
    setMetadata(temp, after);
    syncDir(temp);
    renameSync(temp, target);
    syncDir(parentOf(target));
  } else if (before.type === after.type) {
    setMetadata(target, after);
  } else {
    throw new Error(`cannot turn a ${before.type} into a ${after.type}: ${path}`);
  }
}

function writeTemp(
  temp: DiskPath,
  content: Uint8Array,
  { mode, owner }: { mode: number; owner: { uid: number; gid: number } },
): void {
  removeTree(temp);
  const fd = openSync(temp, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW, 0o600);
  try {
    for (let at = 0; at < content.length; ) at += writeSync(fd, content, at);
    chownIfNeeded(fd, owner);
    // After chown, which clears the set-id bits; explicit, whatever the umask.
    fchmodSync(fd, mode);
    fsyncSync(fd);
  } catch (thrown) {
    rmSync(temp, { force: true });
    throw thrown;
  } finally {
    closeSync(fd);
  }
}

/** An ordinary user may not chown at all, not even to what is already so on some file systems. */
function chownIfNeeded(fd: number, owner: { uid: number; gid: number }): void {
  const stat = fstatSync(fd);
  if (stat.uid !== owner.uid || stat.gid !== owner.gid) fchownSync(fd, owner.uid, owner.gid);
}

/** Owner and mode of exactly the inode that is there now: pinned, so that no name is followed twice. */
function setMetadata(target: DiskPath, after: Exclude<Put['after'], { type: 'absent' }>): void {
  const fd = openSync(target, O_PATH | constants.O_NOFOLLOW);
  try {
    const stat = fstatSync(fd);
    const kind = stat.isFile() ? 'file' : stat.isDirectory() ? 'dir' : stat.isSymbolicLink() ? 'link' : 'other';
    if (kind !== after.type) throw new Error(`found a ${kind} where a ${after.type} was expected: ${target}`);
    const { uid, gid } = after.owner;
    // fchown refuses an O_PATH descriptor; its magic link does not.
    const pinned = `/proc/self/fd/${fd}`;
    if (stat.uid !== uid || stat.gid !== gid) {
      if (kind === 'link') lchownSync(target, uid, gid);
      else chownSync(pinned, uid, gid);
    }
    if (after.type !== 'link') chmodSync(pinned, after.mode);
  } finally {
    closeSync(fd);
  }
}

function move(places: Places, { from, to }: Move, tx: string): void {
  const source = placeOf(places, { path: from });
  const target = placeOf(places, { path: to });
  // rename would silently replace an empty directory or a file that someone has just put there.
  mustBeFree(target);
  try {
    renameSync(source, target);
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code !== 'EXDEV') throw thrown;
    const incoming = beside(target, incomingName(tx));
    const aside = beside(source, asideName(tx));
    removeTree(incoming);
    copyAcross(source, incoming);
    syncDir(parentOf(incoming));
    renameSync(source, aside);
    syncDir(parentOf(source));
    // Nobody reaches the original by its name any more: what was written to it during the copy shows now.
    if (!sameTree(aside, incoming))
      throw Object.assign(new Error(`it was changed while it was copied: ${from}`), { code: 'EBUSY' });
    mustBeFree(target);
    renameSync(incoming, target);
  }
  syncDir(parentOf(target));
  syncDir(parentOf(source));
}

/** From whatever state a crash left a move in, back to the start: see DESIGN.md section 3 and ARCHITECTURE.md. */
export function undoMove(places: Places, edit: Move, tx: string): boolean {
  places.forget();
  const source = placeOf(places, { path: edit.from });
  const target = places.place(edit.to);
  // The directory that it was to be moved to was not made yet.
  if (target === undefined) return false;
  const incoming = beside(target, incomingName(tx));
  const back = beside(target, backName(tx));
  const aside = beside(source, asideName(tx));
  let moved = false;
  if (exists(aside)) {
    mustBeFree(source);
    // Across file systems: the original is beside its old name, what is at the new one is our copy; unless the copy is
    // still under another name, for then somebody else put it there.
    if (exists(target) && !exists(incoming) && !exists(back)) renameSync(target, back);
    // A copy that somebody has worked on since is not thrown away.
    if (exists(back) && !sameTree(aside, back)) {
      mustBeFree(target);
      renameSync(back, target);
      throw Object.assign(new Error(`it was changed after it had been copied: ${edit.to}`), { code: 'EBUSY' });
    }
    renameSync(aside, source);
    syncDir(parentOf(source));
    moved = true;
  } else if (!exists(source) && exists(target)) {
    renameSync(target, source);
    moved = true;
  }
  removeTree(incoming);
  removeTree(back);
  syncDir(parentOf(target));
  syncDir(parentOf(source));
  places.forget();
  return moved;
}

/** Makes owners and modes durable, which no fsync of a directory does. */
export function flush(places: Places, edits: readonly (Put | Move)[]): void {
  for (const edit of edits) {
    if (edit.op !== 'put' || edit.after.type === 'absent' || edit.after.type === 'link') continue;
    const target = places.place(edit.path);
    const stat = target && lstatSync(target, { throwIfNoEntry: false });
    // A later edit, or somebody else, may have made something of another kind of it.
    if (target === undefined || !(stat?.isFile() || stat?.isDirectory())) continue;
    try {
      const fd = openSync(target, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
      try {
        fsyncSync(fd);
      } finally {
        closeSync(fd);
      }
    } catch (thrown) {
      // A file that we own but may not read cannot be opened to be flushed; its directory entry is durable already.
      if ((thrown as NodeJS.ErrnoException).code !== 'EACCES') throw thrown;
    }
  }
}

export function sweep(places: Places, edits: readonly (Put | Move)[], tx: string): void {
  places.forget();
  for (const edit of edits) {
    // Where a directory is gone (a rollback takes away what the apply had made), nothing is left in it.
    if (edit.op === 'put') {
      if (places.place(edit.path) !== undefined) removeTree(tempName(places, edit, tx));
    } else {
      const [source, target] = [places.place(edit.from), places.place(edit.to)];
      if (target !== undefined) for (const name of [incomingName(tx), backName(tx)]) removeTree(beside(target, name));
      if (source !== undefined) removeTree(beside(source, asideName(tx)));
    }
  }
}

function placeOf(places: Places, { path }: Pick<Put, 'path'>): DiskPath {
  const place = places.place(path);
  if (place === undefined) throw Object.assign(new Error(`no directory ${parent(path)}`), { code: 'ENOENT' });
  return place;
}

/** Beside the target, so that the rename stays on one file system; derived, so that a later run finds it. */
const tempName = (places: Places, { path }: Pick<Put, 'path'>, tx: string): DiskPath =>
  beside(placeOf(places, { path }), `.reflake-${tx}-${digestOf(basename(path)).slice(7, 19)}`);

/** A move across file systems: the copy until it is complete, and when it is taken back; the original, beside its name. */
const incomingName = (tx: string): string => `.reflake-${tx}-in`;
const backName = (tx: string): string => `.reflake-${tx}-back`;
const asideName = (tx: string): string => `.reflake-${tx}-out`;

const beside = (place: DiskPath, name: string): DiskPath => Buffer.concat([parentOf(place), Buffer.from(`/${name}`)]);

const parentOf = (place: DiskPath): DiskPath => place.subarray(0, Math.max(1, place.lastIndexOf('/')));

const exists = (place: DiskPath): boolean => lstatSync(place, { throwIfNoEntry: false }) !== undefined;

function mustBeFree(place: DiskPath): void {
  if (exists(place)) throw Object.assign(new Error(`already there: ${place}`), { code: 'EEXIST' });
}

/** Of what is ours alone. */
const removeTree = (place: DiskPath): void => rmSync(place, { recursive: true, force: true });

export function syncDir(dir: DiskPath | string): void {
  const fd = openSync(dir, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
