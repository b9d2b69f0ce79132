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
import { type AbsPath, fromBytes, ROOT } from '../path.ts';
import type { Reader } from './host.ts';
import { attempt, type DiskPath, type Places } from './real-paths.ts';

export type Look = Pick<Reader, 'stat' | 'read' | 'list' | 'writtenAt'>;

export function look({ place }: Places): Look {
  return {
    stat(path) {
      // Also of a machine that is not there yet, or that a link leads to: whoever climbs up ends here.
      if (path === ROOT) return rootEntry(place(path));
      const disk = place(path);
      const stat = disk && attempt(path, () => lstatSync(disk, { throwIfNoEntry: false }));
      return stat === undefined ? { type: 'absent' } : entryOf(stat, () => linkTarget(path, disk!));
    },
    read(path) {
      const disk = place(path);
      return disk && attempt(path, () => readRegular(disk));
    },
    writtenAt(path) {
      const disk = place(path);
      const stat = disk && attempt(path, () => lstatSync(disk, { throwIfNoEntry: false }));
      return stat && Math.floor(stat.mtimeMs / 1000);
    },
    list(path) {
      const disk = place(path);
      const names = disk && attempt(path, () => namesIn(disk, path === ROOT));
      return names === undefined ? [] : names.sort(Buffer.compare).map(fromBytes);
    },
  };
}

/** readdir would follow a link as the last part; only the root may be reached by one. */
function namesIn(disk: DiskPath, isRoot: boolean): Buffer[] {
  const flags = constants.O_RDONLY | constants.O_DIRECTORY | (isRoot ? 0 : constants.O_NOFOLLOW);
  if (!isRoot && lstatSync(disk, { throwIfNoEntry: false })?.isDirectory() !== true) return [];
  const fd = openSync(disk, flags);
  try {
    return readdirSync(`/proc/self/fd/${fd}`, { encoding: 'buffer' });
  } finally {
    closeSync(fd);
  }
}

function rootEntry(disk: DiskPath | undefined): Entry {
  const stat = disk && statSync(disk, { throwIfNoEntry: false });
  return stat === undefined ? { type: 'dir', mode: 0o755, owner: { uid: 0, gid: 0 } } : entryOf(stat, () => '');
}

const linkTarget = (path: AbsPath, disk: DiskPath): string =>
  fromBytes(attempt(path, () => readlinkSync(disk, { encoding: 'buffer' })) ?? Buffer.of());

function entryOf(stat: Stats, target: () => string): Entry {
  const owner = { uid: stat.uid, gid: stat.gid };
  const mode = stat.mode & 0o7777;
  if (stat.isFile()) return { type: 'file', mode, owner, ...(stat.nlink > 1 && { hardLinked: true as const }) };
  if (stat.isDirectory()) return { type: 'dir', mode, owner };
  if (stat.isSymbolicLink()) return { type: 'link', target: target(), owner };
  return { type: 'other', what: stat.isFIFO() ? 'fifo' : stat.isSocket() ? 'socket' : 'device', mode, owner };
}

/** The bytes of a regular file; undefined for anything else. A FIFO is not waited for, a link not followed. */
function readRegular(disk: DiskPath): Uint8Array | undefined {
  if (!lstatSync(disk).isFile()) return undefined;
  const fd = openSync(disk, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const stat = fstatSync(fd);
    if (!stat.isFile()) return undefined;
    return readAll(fd, stat.size);
  } finally {
    closeSync(fd);
  }
}

function readAll(fd: number, size: number): Uint8Array {
  const bytes = Buffer.allocUnsafe(size);
  let at = 0;
  while (at < size) {
    const got = readSync(fd, bytes, at, size - at, at);
    if (got === 0) break;
    at += got;
  }
  return bytes.subarray(0, at);
}
