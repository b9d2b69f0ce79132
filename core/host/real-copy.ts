// Copies a tree to another file system with owners, modes and times, every file flushed. Refuses what it can't copy truly.

import {
  chmodSync,
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  fsyncSync,
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
  writeSync,
} from 'node:fs';
import type { DiskPath } from './real-paths.ts';

const CHUNK = 1 << 20;

/** `target` must be free. On error the partial copy stays, under a name that its caller sweeps. */
export function copyAcross(source: DiskPath, target: DiskPath): void {
  const stat = lstatSync(source);
  if (stat.isDirectory()) copyDir(source, target, stat);
  else if (stat.isFile()) copyFile(source, target, stat);
  else if (stat.isSymbolicLink()) copyLink(source, target, stat);
  else throw Object.assign(new Error(`a special file cannot be copied: ${source}`), { code: 'EINVAL' });
}

/** Whether two trees hold the same names, bytes, modes, owners and link targets; times apart. */
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

function sameBytes(one: DiskPath, other: DiskPath): boolean {
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

function copyDir(source: DiskPath, target: DiskPath, stat: Stats): void {
  mkdirSync(target, 0o700);
  for (const name of readdirSync(source, { encoding: 'buffer' }))
    copyAcross(inside(source, name), inside(target, name));
  lchownSync(target, stat.uid, stat.gid);
  chmodSync(target, stat.mode & 0o7777);
  // Last, since each entry made in it changes it.
  utimesSync(target, stat.atime, stat.mtime);
  const fd = openSync(target, constants.O_RDONLY | constants.O_DIRECTORY);
  fsyncSync(fd);
  closeSync(fd);
}

function copyFile(source: DiskPath, target: DiskPath, stat: Stats): void {
  if (stat.nlink > 1)
    throw Object.assign(new Error(`a file with several links cannot be moved: ${source}`), { code: 'EMLINK' });
  const from = openSync(source, READ);
  const to = openSync(target, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW, 0o600);
  try {
    const buffer = Buffer.allocUnsafe(Math.min(CHUNK, stat.size + 1));
    for (let got = readSync(from, buffer); got > 0; got = readSync(from, buffer)) {
      for (let at = 0; at < got; ) at += writeSync(to, buffer, at, got - at);
    }
    fchownSync(to, stat.uid, stat.gid);
    fchmodSync(to, stat.mode & 0o7777);
    futimesSync(to, stat.atime, stat.mtime);
    fsyncSync(to);
  } finally {
    closeSync(from);
    closeSync(to);
  }
}

function copyLink(source: DiskPath, target: DiskPath, stat: Stats): void {
  symlinkSync(readlinkSync(source, { encoding: 'buffer' }), target);
  lchownSync(target, stat.uid, stat.gid);
  lutimesSync(target, stat.atime, stat.mtime);
}

const inside = (dir: DiskPath, name: Buffer): DiskPath => Buffer.concat([dir, Buffer.from('/'), name]);
