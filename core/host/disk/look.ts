// Looks at the disk: entries, bytes and listings of a machine below a root. Never opens a file that could block or have
// effects.

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
import { MOST } from '../../limits.ts';
import { below } from '../../machine/follow-links.ts';
import { type Named, type Reader, tooLarge, unreadable } from '../../machine/reader.ts';
import { hashThrough } from '../../machine/tree-hash.ts';
import { ABSENT, type Entry } from '../../model.ts';
import { type AbsPath, fromBytes, inByteOrder, mayHoldBytes, ROOT } from '../../path.ts';
import { attempt, type DiskPath, type Places } from './disk-paths.ts';
import { findsOwned } from './find-owned.ts';
import { hashTree } from './nar-walk.ts';
import { isStagingName } from './staging-name.ts';

type OnDisk = DiskPath | string;

export type Look = Pick<Reader, 'stat' | 'read' | 'list' | 'entries' | 'isOwned' | 'writtenAt' | 'stamp' | 'treeHash'>;

export function look({ seen, enter }: Places): Look {
  const at = <T>(path: AbsPath, see: (disk: OnDisk) => T): T | undefined => {
    const disk = seen(path);
    return disk === undefined ? undefined : attempt(path, () => see(disk));
  };
  const stat = (path: AbsPath): Entry => {
    // The root always exists, even if the machine's directory is missing; a link to it is followed. A caller that
    // climbs upwards ends here.
    if (path === ROOT) return rootEntry(seen(path));
    const found = at(path, (disk) => lstatSync(disk, { throwIfNoEntry: false }));
    if (found === undefined) return ABSENT;
    if (found.isDirectory()) enter(path);
    return entryOf(found, () => at(path, linkTarget) ?? '');
  };

  const list = (path: AbsPath): readonly string[] => at(path, (disk) => namesIn(disk, path === ROOT)) ?? [];

  const looks: Look = {
    stat,
    list,
    entries(path) {
      const disk = seen(path);
      const found: Named[] = [];
      for (const name of list(path)) {
        // A directory that was just listed is a real directory: its entries need no look at their parents.
        const child =
          typeof disk === 'string' && !mayHoldBytes(name) ? `${disk === '/' ? '' : disk}/${name}` : undefined;
        const entry = child === undefined ? stat(below(path, name)) : entryAt(child, below(path, name), enter);
        if (entry.type !== 'absent') found.push({ name, entry });
      }
      return found;
    },
    isOwned(path, owner) {
      const disk = seen(path);
      return typeof disk === 'string' && findsOwned(disk, owner);
    },
    read: (path, most = MOST.fileBytes) => at(path, (disk) => readRegular(disk, path, most)),
    writtenAt(path) {
      const stat = at(path, (disk) => lstatSync(disk, { throwIfNoEntry: false }));
      return stat && Math.floor(stat.mtimeMs / 1000);
    },
    stamp(path) {
      const stat = at(path, (disk) => lstatSync(disk, { throwIfNoEntry: false }));
      if (stat?.isFile() !== true) return undefined;
      const { dev, ino, mode, size, mtimeMs, ctimeMs } = stat;
      return Math.max(mtimeMs, ctimeMs) < settled() ? [dev, ino, mode, size, mtimeMs, ctimeMs].join(' ') : undefined;
    },
    treeHash(path) {
      // The root may be a link, or missing.
      if (path === ROOT) return hashThrough(looks, path);
      const disk = seen(path);
      if (disk === undefined || looks.stat(path).type === 'absent') return undefined;
      try {
        return hashTree(disk, { omits: isStagingName });
      } catch (thrown) {
        throw saidOf(path, disk, thrown);
      }
    },
  };
  return looks;
}

/**
 * Milliseconds since 1970: what was changed earlier is read as it is stamped. Later changes may come between the two,
 * or two of them within one tick of the file system's clock, which on some is two seconds.
 */
const settled = (): number => Date.now() - 1000 * process.uptime() - 2000;

/** An error of the file system about something in the tree at `path`, as `unreadable` with the path on the machine. */
function saidOf(path: AbsPath, disk: OnDisk, thrown: unknown): unknown {
  const { code, syscall, path: place } = thrown as NodeJS.ErrnoException;
  if (code === undefined || syscall === undefined) return thrown;
  const inTree = place === undefined ? path : (`${path}${place.slice(disk.toString().length)}` as AbsPath);
  return unreadable(inTree, code === 'EACCES' || code === 'EPERM' ? 'permission denied' : code);
}

function entryAt(disk: string, path: AbsPath, enter: Places['enter']): Entry {
  const found = attempt(path, () => lstatSync(disk, GONE_IS_UNDEFINED));
  if (found === undefined) return ABSENT;
  if ((found.mode & constants.S_IFMT) === constants.S_IFDIR) enter(path);
  return entryOf(found, () => attempt(path, () => linkTarget(disk)) ?? '');
}

const GONE_IS_UNDEFINED = { throwIfNoEntry: false } as const;

/** The names in a directory. Links are not followed, except for the root. */
function namesIn(disk: OnDisk, isRoot: boolean): readonly string[] {
  const flags = constants.O_RDONLY | constants.O_DIRECTORY | (isRoot ? 0 : constants.O_NOFOLLOW);
  const fd = openDirectory(disk, flags);
  if (fd === undefined) return [];
  try {
    const opened = `/proc/self/fd/${fd}`;
    const names = readdirSync(opened).filter((name) => !isStagingName(name));
    // Names as text if all of them are UTF-8; Node puts U+FFFD into those that are not.
    const isPlain = !names.some((name) => name.includes('\uFFFD'));
    return inByteOrder(isPlain ? names : namesOf(opened));
  } finally {
    closeSync(fd);
  }
}

const namesOf = (opened: string): string[] =>
  readdirSync(opened, { encoding: 'buffer' })
    .map(fromBytes)
    .filter((name) => !isStagingName(name));

/** Undefined if it is no directory. O_DIRECTORY refuses a FIFO without waiting for it. */
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

/**
 * The target of a link as a string that keeps every byte (core/path.ts). Empty if the link is gone or has become
 * something else since lstat(2): Linux allows no link with an empty target, so this equals no link that we know.
 */
export function linkTarget(disk: OnDisk): string {
  try {
    return fromBytes(readlinkSync(disk, { encoding: 'buffer' }));
  } catch (thrown) {
    const { code } = thrown as NodeJS.ErrnoException;
    if (code === 'EINVAL' || code === 'ENOENT') return '';
    throw thrown;
  }
}

/** The entry for a stat(2); `target` is called only for a link. Returns the same object for equal entries in a row. */
export function entryOf(stat: Stats, target: () => string): Entry {
  const type = stat.mode & constants.S_IFMT;
  if (type === constants.S_IFLNK) return { type: 'link', target: target(), owner: { uid: stat.uid, gid: stat.gid } };
  const before = type === constants.S_IFDIR ? latest.dir : latest.rest;
  if (before !== undefined && isAlike(before.stat, stat)) return before.entry;
  const entry = newEntryOf(stat, type);
  latest[type === constants.S_IFDIR ? 'dir' : 'rest'] = { stat, entry };
  return entry;
}

/** The latest entries: most entries of a tree are like the one before, which saves ten thousand objects. */
const latest: { dir?: Alike; rest?: Alike } = {};

interface Alike {
  readonly stat: Stats;
  readonly entry: Entry;
}

/** Compares all that an entry says. The link count of a directory is not part of it. */
const isAlike = (a: Stats, b: Stats): boolean =>
  a.mode === b.mode &&
  a.uid === b.uid &&
  a.gid === b.gid &&
  (a.nlink === b.nlink || (b.mode & constants.S_IFMT) === constants.S_IFDIR);

function newEntryOf(stat: Stats, type: number): Entry {
  const owner = { uid: stat.uid, gid: stat.gid };
  const mode = stat.mode & 0o7777;
  if (type === constants.S_IFDIR) return { type: 'dir', mode, owner };
  if (type === constants.S_IFREG)
    return stat.nlink > 1 ? { type: 'file', mode, owner, hardLinked: true } : { type: 'file', mode, owner };
  return { type: 'other', what: stat.isFIFO() ? 'fifo' : stat.isSocket() ? 'socket' : 'device', mode, owner };
}

/** The bytes of a regular file; undefined for anything else. Does not wait for a FIFO or follow a link. */
function readRegular(disk: OnDisk, path: AbsPath, most: number): Uint8Array | undefined {
  if (!lstatSync(disk).isFile()) return undefined;
  const fd = openSync(disk, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const stat = fstatSync(fd);
    if (!stat.isFile()) return undefined;
    if (stat.size > most) throw tooLarge(path, stat.size, most);
    return readAll(fd, stat.size);
  } finally {
    closeSync(fd);
  }
}

/** The first `size` bytes of an open file, or all if it has fewer. */
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
