// Looking at the disk: entries, bytes and listings of a machine under a root. Opens nothing that could block or act.

import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  readdirSync,
  readlinkSync,
  readSync,
  type Stats,
  statSync,
} from 'node:fs';
import type { Entry } from '../model.ts';
import { type AbsPath, fromBytes, inByteOrder, ROOT } from '../path.ts';
import type { Reader } from './host.ts';
import { attempt, type DiskPath, type Places } from './real-paths.ts';
import { isWorkName } from './work-name.ts';

type OnDisk = DiskPath | string;

export type Look = Pick<Reader, 'stat' | 'read' | 'list' | 'writtenAt'>;

export function look({ seen, enter }: Places): Look {
  const at = <T>(path: AbsPath, see: (disk: OnDisk) => T): T | undefined => {
    const disk = seen(path);
    return disk === undefined ? undefined : attempt(path, () => see(disk));
  };
  return {
    stat(path) {
      // Also of a machine that is not there yet, or that a link leads to: whoever climbs up ends here.
      if (path === ROOT) return rootEntry(seen(path));
      const stat = at(path, (disk) => lstatSync(disk, { throwIfNoEntry: false }));
      if (stat === undefined) return { type: 'absent' };
      if (stat.isDirectory()) enter(path);
      return entryOf(stat, () => at(path, linkTarget) ?? '');
    },
    read: (path) => at(path, readRegular),
    writtenAt(path) {
      const stat = at(path, (disk) => lstatSync(disk, { throwIfNoEntry: false }));
      return stat && Math.floor(stat.mtimeMs / 1000);
    },
    list: (path) => at(path, (disk) => namesIn(disk, path === ROOT)) ?? [],
  };
}

/** readdir would follow a link as the last part; only the root may be reached by one. */
function namesIn(disk: OnDisk, isRoot: boolean): readonly string[] {
  const flags = constants.O_RDONLY | constants.O_DIRECTORY | (isRoot ? 0 : constants.O_NOFOLLOW);
  const fd = openDirectory(disk, flags);
  if (fd === undefined) return [];
  try {
    const opened = `/proc/self/fd/${fd}`;
    const names = readdirSync(opened).filter((name) => !isWorkName(name));
    // Text where that loses nothing: what is not UTF-8 comes as U+FFFD.
    const isPlain = !names.some((name) => name.includes('\uFFFD'));
    return inByteOrder(isPlain ? names : namesOf(opened));
  } finally {
    closeSync(fd);
  }
}

const namesOf = (opened: string): string[] =>
  readdirSync(opened, { encoding: 'buffer' })
    .map(fromBytes)
    .filter((name) => !isWorkName(name));

/** Undefined: it is none. That is refused before anything else is opened, so that nothing waits. */
function openDirectory(disk: OnDisk, flags: number): number | undefined {
  try {
    return openSync(disk, flags);
  } catch (thrown) {
    const { code } = thrown as NodeJS.ErrnoException;
    if (code === 'ENOTDIR' || code === 'ELOOP') return undefined;
    throw thrown;
  }
}

function rootEntry(disk: OnDisk | undefined): Entry {
  const stat = disk === undefined ? undefined : statSync(disk, { throwIfNoEntry: false });
  return stat === undefined ? { type: 'dir', mode: 0o755, owner: { uid: 0, gid: 0 } } : entryOf(stat, () => '');
}

const linkTarget = (disk: OnDisk): string => fromBytes(readlinkSync(disk, { encoding: 'buffer' }));

/** What a stat says, `target` of a link asked only where it is one. */
export function entryOf(stat: Stats, target: () => string): Entry {
  const owner = { uid: stat.uid, gid: stat.gid };
  const mode = stat.mode & 0o7777;
  switch (stat.mode & constants.S_IFMT) {
    case constants.S_IFREG:
      return stat.nlink > 1 ? { type: 'file', mode, owner, hardLinked: true } : { type: 'file', mode, owner };
    case constants.S_IFDIR:
      return { type: 'dir', mode, owner };
    case constants.S_IFLNK:
      return { type: 'link', target: target(), owner };
  }
  return { type: 'other', what: stat.isFIFO() ? 'fifo' : stat.isSocket() ? 'socket' : 'device', mode, owner };
}

/** The bytes of a regular file; undefined for anything else. A FIFO is not waited for, a link not followed. */
function readRegular(disk: OnDisk): Uint8Array | undefined {
  if (!lstatSync(disk).isFile()) return undefined;
  const fd = openSync(disk, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const stat = fstatSync(fd);
    if (!stat.isFile()) return undefined;
    if (stat.size > MOST_BYTES) throw Object.assign(new Error('too large'), { code: 'EFBIG', syscall: 'read' });
    return readAll(fd, stat.size);
  } finally {
    closeSync(fd);
  }
}

/** What is read is text of a configuration, or git's; a sparse file of terabytes would end the process. */
export const MOST_BYTES = 1 << 30;

/** The first `size` bytes of an open file, or as many as it has. */
export function readAll(fd: number, size: number): Uint8Array {
  const bytes = Buffer.allocUnsafe(size);
  let at = 0;
  while (at < size) {
    const got = readSync(fd, bytes, at, size - at, at);
    if (got === 0) break;
    at += got;
  }
  return bytes.subarray(0, at);
}
