// Copies a tree to another file system, with bytes, owners, modes, times and holes, and describes it so exactly that a
// later change of the original shows. It goes through open directories, follows no link, never blocks on a FIFO, and
// refuses what it can't copy exactly.

import { createHash } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  fstatSync,
  ftruncateSync,
  futimesSync,
  lchownSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  openSync,
  readdirSync,
  readlinkSync,
  readSync,
  type Stats,
  symlinkSync,
  utimesSync,
} from 'node:fs';
import { errno, O_PATH } from './anchor.ts';
import type { DiskPath } from './disk-paths.ts';
import { writeAll } from './write-all.ts';

const CHUNK = 1 << 20;

/** Bytes. A file with more holes than this is refused: reading or filling them could take hours. */
const MOST_HOLES = 1 << 30;

/** Milliseconds. ctime has the resolution of the clock tick, so a second change within one tick does not show in it. */
const TICK = 50;

/**
 * A description of the tree that was copied. Two manifests of a tree that nobody touched are equal, times of change
 * included.
 */
export interface Manifest {
  readonly digest: string;
  /**
   * Paths of files, relative to the tree's root, that changed so recently that a further change might not show in their
   * times.
   */
  readonly young: readonly Buffer[];
  /** Equal to `shapeOf` of a true copy. */
  readonly shape: string;
}

/**
 * Copies a tree. `target` must not exist, in a directory of ours. On an error the partial copy stays, for the caller to
 * remove. The copy is not durable yet.
 */
export function copyTree(source: DiskPath, target: DiskPath): Manifest {
  return walk(source, (step) => {
    const to = step.below.length === 0 ? target : Buffer.concat([target, Buffer.from('/'), step.below]);
    if (step.type === 'dir') mkdirSync(to, 0o700);
    else if (step.type === 'dir-end') likeDir(to, step.stat);
    else if (step.type === 'file') copyFile(step.fd, to, step.stat);
    else copyLink(step.target, to, step.stat);
  });
}

/** The manifest of the tree as it is now. */
export const manifestOf = (source: DiskPath): Manifest => walk(source, () => {});

type Step = { readonly below: Buffer; readonly stat: Stats } & (
  | { readonly type: 'dir' }
  | { readonly type: 'dir-end' }
  | { readonly type: 'file'; readonly fd: number }
  | { readonly type: 'link'; readonly target: Buffer }
);

function walk(root: DiskPath, visit: (step: Step) => void): Manifest {
  const hash = createHash('sha256');
  const shape = createHash('sha256');
  const young: Buffer[] = [];
  const started = Date.now();
  const device = lstatSync(root).dev;
  const note = (below: Buffer, stat: Stats, more: Buffer | string = ''): void => {
    // The root itself is renamed between two manifests, which changes its ctime.
    const changed = below.length === 0 ? 0 : stat.ctimeMs;
    hash
      .update(below)
      .update(`\0${stat.ino} ${stat.mode} ${stat.uid} ${stat.gid} ${stat.size} ${stat.mtimeMs} ${changed}\0`);
    hash.update(more).update('\0');
    shape.update(below).update(shapeLine(stat, more));
    if (stat.isFile() && stat.ctimeMs > started - TICK) young.push(below);
  };
  const one = (place: DiskPath, below: Buffer): void => {
    // O_PATH first: so we open the same inode that we looked at, and never a FIFO.
    const pin = openSync(place, O_PATH | constants.O_NOFOLLOW);
    try {
      const stat = fstatSync(pin);
      if (stat.dev !== device) throw errno('EXDEV', `another file system is mounted at ${below}`);
      if (stat.isDirectory()) {
        note(below, stat);
        visit({ type: 'dir', below, stat });
        for (const name of readdirSync(`/proc/self/fd/${pin}`, { encoding: 'buffer' }).sort(Buffer.compare)) {
          const next = below.length === 0 ? name : Buffer.concat([below, Buffer.from('/'), name]);
          one(Buffer.concat([Buffer.from(`/proc/self/fd/${pin}/`), name]), next);
        }
        visit({ type: 'dir-end', below, stat });
      } else if (stat.isSymbolicLink()) {
        const target = readlinkSync(place, { encoding: 'buffer' });
        note(below, stat, target);
        visit({ type: 'link', below, stat, target });
      } else if (stat.isFile()) {
        if (stat.nlink > 1) throw errno('EMLINK', `a file with several names cannot be moved: ${below}`);
        if (stat.size - stat.blocks * 512 > MOST_HOLES) throw errno('EFBIG', `a file that is mostly holes: ${below}`);
        note(below, stat);
        const fd = openSync(`/proc/self/fd/${pin}`, constants.O_RDONLY | constants.O_NONBLOCK);
        try {
          visit({ type: 'file', below, stat, fd });
        } finally {
          closeSync(fd);
        }
      } else {
        throw errno('EINVAL', `a special file cannot be moved: ${below}`);
      }
    } finally {
      closeSync(pin);
    }
  };
  one(root, Buffer.alloc(0));
  return { digest: hash.digest('hex'), young, shape: shape.digest('hex') };
}

/**
 * The properties that a copy shares with its original, without bytes and times. The size of a directory depends on its
 * file system.
 */
const shapeLine = (stat: Stats, target: Buffer | string): string =>
  `\0${stat.mode} ${stat.uid} ${stat.gid} ${stat.isDirectory() ? 0 : stat.size} ${target.toString('latin1')}\0`;

/** One digest of the names, kinds, sizes, owners, modes and link targets of a tree that only we can change. */
export function shapeOf(root: DiskPath): string {
  const shape = createHash('sha256');
  const one = (place: DiskPath, below: Buffer): void => {
    const stat = lstatSync(place);
    shape.update(below).update(shapeLine(stat, stat.isSymbolicLink() ? targetOf(place) : ''));
    if (!stat.isDirectory()) return;
    for (const name of namesIn(place)) one(inside(place, name), below.length === 0 ? name : inside(below, name));
  };
  one(root, Buffer.alloc(0));
  return shape.digest('hex');
}

function likeDir(target: DiskPath, stat: Stats): void {
  lchownSync(target, stat.uid, stat.gid);
  chmodSync(target, stat.mode & 0o7777);
  // Last, because each entry made in the directory changes its times.
  utimesSync(target, stat.atime, stat.mtime);
}

/** Copies the open file `from` with owner, mode, times and holes. `target` must not exist, in a directory of ours. */
export function copyFile(from: number, target: DiskPath, stat: Stats): void {
  const to = openSync(target, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW, 0o600);
  try {
    const isSparse = stat.blocks * 512 < stat.size;
    let size = 0;
    for (let got = readSync(from, buffer); got > 0; got = readSync(from, buffer)) {
      const isHole = isSparse && buffer.subarray(0, got).equals(ZEROS.subarray(0, got));
      if (!isHole) writeAll(to, buffer.subarray(0, got), size);
      size += got;
    }
    if (isSparse) ftruncateSync(to, size);
    fchownSync(to, stat.uid, stat.gid);
    fchmodSync(to, stat.mode & 0o7777);
    futimesSync(to, stat.atime, stat.mtime);
  } finally {
    closeSync(to);
  }
}

/** One buffer is enough, because one file is copied at a time. */
const buffer = Buffer.allocUnsafe(CHUNK);
const ZEROS = Buffer.alloc(CHUNK);

function copyLink(to: Buffer, target: DiskPath, stat: Stats): void {
  symlinkSync(to, target);
  lchownSync(target, stat.uid, stat.gid);
  lutimesSync(target, stat.atime, stat.mtime);
}

/** True if two trees have the same names, bytes, modes, owners and link targets. Times may differ. */
export function sameTree(one: DiskPath, other: DiskPath): boolean {
  const [a, b] = [lstatSync(one), lstatSync(other)];
  if (a.mode !== b.mode || a.uid !== b.uid || a.gid !== b.gid) return false;
  if (a.isSymbolicLink()) return targetOf(one).equals(targetOf(other));
  if (a.isFile()) return a.size === b.size && sameBytes(one, other);
  if (!a.isDirectory()) return false;
  const [names, others] = [namesIn(one), namesIn(other)];
  return (
    names.length === others.length &&
    names.every((name, at) => name.equals(others[at]!) && sameTree(inside(one, name), inside(other, name)))
  );
}

const targetOf = (link: DiskPath): Buffer => readlinkSync(link, { encoding: 'buffer' });

const namesIn = (dir: DiskPath): Buffer[] => readdirSync(dir, { encoding: 'buffer' }).sort(Buffer.compare);

const READ = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/** Compares two regular files. */
export function sameBytes(one: DiskPath, other: DiskPath): boolean {
  const a = openSync(one, READ);
  const b = openSync(other, READ);
  try {
    const [left, right] = [Buffer.allocUnsafe(CHUNK), Buffer.allocUnsafe(CHUNK)];
    for (let at = 0; ; ) {
      const got = readSync(a, left, 0, CHUNK, at);
      if (readSync(b, right, 0, CHUNK, at) !== got || left.compare(right, 0, got, 0, got) !== 0) return false;
      if (got === 0) return true;
      at += got;
    }
  } finally {
    closeSync(a);
    closeSync(b);
  }
}

const inside = (dir: DiskPath, name: Buffer): DiskPath => Buffer.concat([dir, Buffer.from('/'), name]);
