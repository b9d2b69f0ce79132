// Directories as open descriptors. A writer reaches a name through the directory it was found in, never through a path
// that somebody else may redirect. Directories are opened part by part; root follows only links that root owns, in
// directories that root alone controls.

import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  readFileSync,
  readlinkSync,
  type Stats,
  statSync,
} from 'node:fs';
import { MOST } from '../../limits.ts';
import { below, follow, traverse } from '../../machine/follow-links.ts';
import { isTheirLink, theirLinkAt } from '../../machine/host.ts';
import { ABSENT, type Entry } from '../../model.ts';
import { type AbsPath, basename, fromBytes, parent, ROOT, toBytes } from '../../path.ts';
import type { DiskPath } from './disk-paths.ts';

/** O_PATH of Linux, which node:fs does not name: gives a descriptor of an inode without opening the file itself. */
export const O_PATH = 0o10000000;

/** An open directory. `real`: its path on the machine, with all links resolved. */
export interface Anchor {
  readonly fd: number;
  readonly real: AbsPath;
  readonly uid: number;
  readonly gid: number;
  readonly mode: number;
  readonly dev: number;
  readonly ino: number;
  /** The directory that this one was found in; absent for the machine's root. Its descriptor may be closed by now. */
  readonly above?: Anchor;
  /**
   * We are root, and nobody else may write the directory. So nobody else can change what a name in it is, and names
   * need not be pinned, which would cost an open(2) and a close(2) for each file of a tree. (With an ACL, the group
   * bits are its mask.)
   */
  readonly isShut: boolean;
  /**
   * `isShut`, and nobody else can put another directory in its place: from this disk's `/` on, each directory on the
   * way is root's, and nobody else can rename root's names in it (others cannot write it, or it is sticky).
   */
  readonly isOursAlone: boolean;
  /** Nobody else can put another directory in its place. */
  readonly isReachedByUsAlone: boolean;
}

export interface Anchors {
  /** The directory at `path`, open. Throws ENOENT, ENOTDIR, ELOOP, and EPERM if a link of somebody else's is on the way. */
  dir(path: AbsPath): Anchor;
  /** `path` as a name in its open directory. Valid until a later call closes that directory, so use it at once. */
  at(path: AbsPath): DiskPath;
  /** Closes all directories; the next call opens them anew. */
  release(): void;
}

/** Directories that are open at a time: enough for the paths of one edit, few enough for a low limit of open files. */
const HELD = 16;

/** `root`: the machine's `/` on this disk. */
export function anchors(root: AbsPath): Anchors {
  /** Directories by path; the most recently used is last. */
  const held = new Map<AbsPath, Anchor>();

  const keep = (path: AbsPath, anchor: Anchor): Anchor => {
    held.delete(path);
    held.set(path, anchor);
    for (const [oldest, { fd }] of held) {
      if (held.size <= HELD) break;
      held.delete(oldest);
      // Two paths may share one descriptor.
      if (![...held.values()].some((other) => other.fd === fd)) closeSync(fd);
    }
    return anchor;
  };

  const open = (path: AbsPath, budget: number): Anchor => {
    const known = held.get(path);
    if (known !== undefined) return keep(path, known);
    if (path === ROOT) {
      const fd = openSync(toBytes(root), O_PATH | constants.O_DIRECTORY);
      // The caller of reflake named `root`, so its links are followed. But if somebody else can redirect the way to it,
      // nothing below counts as root's alone.
      isRootsWay ??= process.geteuid?.() === 0 && isWayOfRoot(root);
      return keep(ROOT, anchored(fd, fstatSync(fd), ROOT, isRootsWay));
    }
    const above = open(parent(path), budget);
    const name = childOf(above, basename(path));
    const real = below(above.real, basename(path));
    return keep(path, enter(name, real, above) ?? throughLink(above, name, real, budget));
  };
  let isRootsWay: boolean | undefined;

  const throughLink = (above: Anchor, name: DiskPath, real: AbsPath, budget: number): Anchor => {
    if (budget === 0) throw errno('ELOOP', `too many links: ${real}`);
    if (process.geteuid?.() === 0 && !(above.isOursAlone && lstatSync(name).uid === 0)) throw theirLinkAt(real);
    const target = fromBytes(readlinkSync(name, { encoding: 'buffer' }));
    // `..` and absolute targets are resolved as paths of the machine, so they cannot leave the root.
    const led = traverse(parent(real), target, (next) => open(next, budget - 1).real);
    return open(led ?? real, budget - 1);
  };

  return {
    dir: (path) => open(path, MOST.links),
    at: (path) => (path === ROOT ? toBytes(root) : childOf(open(parent(path), MOST.links), basename(path))),
    release() {
      for (const fd of new Set([...held.values()].map((anchor) => anchor.fd))) closeSync(fd);
      held.clear();
    },
  };
}

/** A name in an open directory, as a path for node:fs. */
export const childOf = ({ fd }: Pick<Anchor, 'fd'>, name: string): DiskPath => toBytes(`/proc/self/fd/${fd}/${name}`);

/**
 * Identifies the mount that a directory is on, and the volume in it (one btrfs mount may have many). rename(2) and
 * link(2) work between two directories only if these are equal.
 */
export const volumeOf = (dir: number): string => `${mountOf(dir)}:${fstatSync(dir).dev}`;

/** The id of the mount that the descriptor is on (proc_pid_fdinfo(5)). Throws ENOTSUP. */
export function mountOf(fd: number): string {
  const found = /^mnt_id:\s*(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'))?.[1];
  if (found === undefined) throw errno('ENOTSUP', 'this kernel does not tell mounts apart');
  return found;
}

/** Call this before anything is written: without /proc, names cannot be reached through descriptors. Throws ENOTSUP. */
export function mustHaveProc(): void {
  if (statSync('/proc/self/fd', { throwIfNoEntry: false }) === undefined)
    throw Object.assign(errno('ENOTSUP', '/proc is not mounted, and without it nothing can be done safely'), {
      tool: 'proc',
    });
}

/**
 * Opens a directory; undefined if it is a link. One open(2) decides, so the name cannot be a link at a first look and a
 * directory at a second.
 */
function enter(name: DiskPath, real: AbsPath, above: Anchor): Anchor | undefined {
  const fd = openSync(name, O_PATH | constants.O_NOFOLLOW);
  const stat = fstatSync(fd);
  if (stat.isDirectory()) return anchored(fd, stat, real, above);
  closeSync(fd);
  if (stat.isSymbolicLink()) return undefined;
  throw errno('ENOTDIR', `no directory: ${real}`);
}

/**
 * `way`: the directory that this one was found in. For the machine's root, true if nobody else can put another
 * directory in its place.
 */
function anchored(fd: number, stat: Stats, real: AbsPath, way: Anchor | boolean): Anchor {
  const { uid, gid, mode, dev, ino } = stat;
  const isShut = uid === 0 && (mode & 0o022) === 0 && process.geteuid?.() === 0;
  const isReachedByUsAlone =
    typeof way === 'boolean' ? way : way.isReachedByUsAlone && keepsRootsNames(way) && uid === 0;
  const isOursAlone = isShut && isReachedByUsAlone;
  const above = typeof way === 'boolean' ? {} : { above: way };
  return { fd, real, uid, gid, mode: mode & 0o7777, dev, ino, isShut, isOursAlone, isReachedByUsAlone, ...above };
}

/** True if nobody else can rename root's names in it: others cannot write it (root's group may), or it is sticky. */
export const keepsRootsNames = ({ uid, gid, mode }: Pick<Stats, 'uid' | 'gid' | 'mode'>): boolean =>
  uid === 0 && ((mode & 0o1000) !== 0 || ((mode & 0o002) === 0 && ((mode & 0o020) === 0 || gid === 0)));

/** True if only root can put another directory in the place of `root`: every directory and link on the way is root's. */
function isWayOfRoot(root: AbsPath): boolean {
  const { path: end, by } = follow({ stat: entryAt }, root);
  if (by !== undefined || lstatSync(toBytes(end)).uid !== 0) return false;
  for (let at = end; at !== ROOT; at = parent(at)) {
    const above = lstatSync(toBytes(parent(at)));
    if (!keepsRootsNames(above)) return false;
  }
  return true;
}

/** An entry of this disk, with what is needed to follow links. */
function entryAt(path: AbsPath): Entry {
  const stat = lstatSync(toBytes(path), { throwIfNoEntry: false });
  if (stat === undefined) return ABSENT;
  const owner = { uid: stat.uid, gid: stat.gid };
  if (stat.isSymbolicLink())
    return { type: 'link', target: fromBytes(readlinkSync(toBytes(path), { encoding: 'buffer' })), owner };
  return { type: stat.isDirectory() ? 'dir' : 'file', mode: stat.mode & 0o7777, owner };
}

/** Undefined if a link of somebody else's is on the way. Other errors are thrown. */
export function unlessTheirLink<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch (thrown) {
    if (isTheirLink(thrown)) return undefined;
    throw thrown;
  }
}

/** An error that looks like one of the file system's. */
export const errno = (code: string, message: string): Error => Object.assign(new Error(message), { code });
