// Directories as descriptors: whoever writes reaches a name through the directory it was found in, never through a path
// that somebody may turn elsewhere meanwhile. Opens part by part; root follows no link but root's own, in root's directories.

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
import { isTheirLink, theirLinkAt } from '../../machine/host.ts';
import { below, follow, traverse } from '../../machine/links.ts';
import { ABSENT, type Entry } from '../../model.ts';
import { type AbsPath, basename, fromBytes, parent, ROOT, toBytes } from '../../path.ts';
import type { DiskPath } from './disk-paths.ts';

/** Linux's O_PATH, which node:fs does not name: pins an inode without opening it. */
export const O_PATH = 0o10000000;

/** A directory that is held open. `real`: its path with all links resolved. */
export interface Anchor {
  readonly fd: number;
  readonly real: AbsPath;
  readonly uid: number;
  readonly gid: number;
  readonly mode: number;
  readonly dev: number;
  readonly ino: number;
  /** The directory that this one was found in; none above the machine's root. Its descriptor may be closed by now. */
  readonly above?: Anchor;
  /**
   * We are root, and nobody else may write it: what a name in it is, nobody changes behind our back, so it need not be pinned,
   * which costs an open and a close for each of the thousands of files of a tree. (Under an ACL the group's bits are its mask.)
   */
  readonly isShut: boolean;
  /**
   * `isShut`, and nobody else can put another directory in its place: each on the way from this disk's `/` is root's, and a
   * place where nobody else can rename what is root's (nobody else writes it, or it is sticky).
   */
  readonly isOursAlone: boolean;
  /** Nobody else can put another directory in its place. */
  readonly isReachedByUsAlone: boolean;
}

export interface Anchors {
  /** The directory at `path`, held. Throws ENOENT, ENOTDIR, ELOOP; EPERM where somebody's link is on the way. */
  dir(path: AbsPath): Anchor;
  /** `path` as a name in its held directory: good for the next few calls. */
  at(path: AbsPath): DiskPath;
  /** Lets go of what is held; what is opened next is looked for anew. */
  release(): void;
}

/** Held at a time: enough for the paths of one edit, few enough for a low limit of open files. */
const HELD = 16;

/** `root` is where the machine's `/` is on this disk. */
export function anchors(root: AbsPath): Anchors {
  /** The most recently used last. */
  const held = new Map<AbsPath, Anchor>();

  const keep = (path: AbsPath, anchor: Anchor): Anchor => {
    held.delete(path);
    held.set(path, anchor);
    for (const [oldest, { fd }] of held) {
      if (held.size <= HELD) break;
      held.delete(oldest);
      // One directory may be known by two paths.
      if (![...held.values()].some((other) => other.fd === fd)) closeSync(fd);
    }
    return anchor;
  };

  const open = (path: AbsPath, budget: number): Anchor => {
    const known = held.get(path);
    if (known !== undefined) return keep(path, known);
    if (path === ROOT) {
      const fd = openSync(toBytes(root), O_PATH | constants.O_DIRECTORY);
      // Whoever calls as root names it, so its links are followed; but what somebody else can turn elsewhere is not root's.
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
    // `..` and absolute targets stay inside the root because they are resolved as paths of the machine.
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

/** A name in a held directory, as node:fs takes it. */
export const childOf = ({ fd }: Pick<Anchor, 'fd'>, name: string): DiskPath => toBytes(`/proc/self/fd/${fd}/${name}`);

/**
 * Which mount the descriptor of a directory is on, and which volume of it (btrfs may have many in one mount): within one, and
 * only there, can a rename or a link between two directories work.
 */
export const volumeOf = (dir: number): string => `${mountOf(dir)}:${fstatSync(dir).dev}`;

/** Which mount the descriptor is on. */
export function mountOf(fd: number): string {
  const found = /^mnt_id:\s*(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'))?.[1];
  if (found === undefined) throw errno('ENOTSUP', 'this kernel does not tell mounts apart');
  return found;
}

/** To be asked before anything is written: without /proc no name can be anchored. */
export function mustHaveProc(): void {
  if (statSync('/proc/self/fd', { throwIfNoEntry: false }) === undefined)
    throw Object.assign(errno('ENOTSUP', '/proc is not mounted, and without it nothing can be done safely'), {
      tool: 'proc',
    });
}

/** Undefined: it is a link. One look, so that it cannot be the one to the first and the other to a second. */
function enter(name: DiskPath, real: AbsPath, above: Anchor): Anchor | undefined {
  const fd = openSync(name, O_PATH | constants.O_NOFOLLOW);
  const stat = fstatSync(fd);
  if (stat.isDirectory()) return anchored(fd, stat, real, above);
  closeSync(fd);
  if (stat.isSymbolicLink()) return undefined;
  throw errno('ENOTDIR', `no directory: ${real}`);
}

/** `way`: the directory it was found in; of the machine's root, whether nobody else can put another one in its place. */
function anchored(fd: number, stat: Stats, real: AbsPath, way: Anchor | boolean): Anchor {
  const { uid, gid, mode, dev, ino } = stat;
  const isShut = uid === 0 && (mode & 0o022) === 0 && process.geteuid?.() === 0;
  const isReachedByUsAlone =
    typeof way === 'boolean' ? way : way.isReachedByUsAlone && keepsRootsNames(way) && uid === 0;
  const isOursAlone = isShut && isReachedByUsAlone;
  const above = typeof way === 'boolean' ? {} : { above: way };
  return { fd, real, uid, gid, mode: mode & 0o7777, dev, ino, isShut, isOursAlone, isReachedByUsAlone, ...above };
}

/** Nobody else can rename what is root's in it: nobody else writes it (root's group may), or it is sticky. */
export const keepsRootsNames = ({ uid, gid, mode }: Pick<Stats, 'uid' | 'gid' | 'mode'>): boolean =>
  uid === 0 && ((mode & 0o1000) !== 0 || ((mode & 0o002) === 0 && ((mode & 0o020) === 0 || gid === 0)));

/** Whether nobody else than root can put another directory in the place of `root`: all of the way is root's, links too. */
function isWayOfRoot(root: AbsPath): boolean {
  const { path: end, by } = follow({ stat: entryAt }, root);
  if (by !== undefined || lstatSync(toBytes(end)).uid !== 0) return false;
  for (let at = end; at !== ROOT; at = parent(at)) {
    const above = lstatSync(toBytes(parent(at)));
    if (!keepsRootsNames(above)) return false;
  }
  return true;
}

/** Of this disk, as far as following links needs it. */
function entryAt(path: AbsPath): Entry {
  const stat = lstatSync(toBytes(path), { throwIfNoEntry: false });
  if (stat === undefined) return ABSENT;
  const owner = { uid: stat.uid, gid: stat.gid };
  if (stat.isSymbolicLink())
    return { type: 'link', target: fromBytes(readlinkSync(toBytes(path), { encoding: 'buffer' })), owner };
  return { type: stat.isDirectory() ? 'dir' : 'file', mode: stat.mode & 0o7777, owner };
}

/** Undefined: somebody's link is on the way. What is thrown besides is thrown on. */
export function unlessTheirLink<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch (thrown) {
    if (isTheirLink(thrown)) return undefined;
    throw thrown;
  }
}

/** An error as the file system throws them. */
export const errno = (code: string, message: string): Error => Object.assign(new Error(message), { code });
