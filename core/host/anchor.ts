// Directories as descriptors: whoever writes reaches a name through the directory it was found in, never through a path
// that somebody may turn elsewhere meanwhile. Opens part by part and follows no link that its owner could abuse.

import { closeSync, constants, fstatSync, openSync, readFileSync, readlinkSync, type Stats, statSync } from 'node:fs';
import { below, traverse } from '../links.ts';
import { type AbsPath, basename, fromBytes, parent, ROOT, toBytes } from '../path.ts';
import type { DiskPath } from './real-paths.ts';

/** Linux's O_PATH, which node:fs does not name: pins an inode without opening it. */
export const O_PATH = 0o10000000;

/** A directory that is held open. `real`: its path with all links resolved. */
export interface Anchor {
  readonly fd: number;
  readonly real: AbsPath;
  readonly uid: number;
  readonly mode: number;
  /**
   * We are root, and nobody else may write it: what a name in it is, nobody changes behind our back, so it need not be pinned,
   * which costs an open and a close for each of the thousands of files of a tree. (Under an ACL the group's bits are its mask.)
   */
  readonly isOursAlone: boolean;
}

export interface Anchors {
  /** The directory at `path`, held. Throws ENOENT, ENOTDIR, ELOOP; EPERM where a link leads out of its owner's hands. */
  dir(path: AbsPath): Anchor;
  /** `path` as a name in its held directory: good for the next few calls. */
  at(path: AbsPath): DiskPath;
  /** Lets go of what is held; what is opened next is looked for anew. */
  release(): void;
}

/** As many as Linux follows. */
const LINK_LIMIT = 40;

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
      return keep(ROOT, anchored(fd, fstatSync(fd), ROOT));
    }
    const above = open(parent(path), budget);
    const name = childOf(above, basename(path));
    const real = below(above.real, basename(path));
    return keep(path, enter(name, real) ?? throughLink(above, name, real, budget));
  };

  const throughLink = (above: Anchor, name: DiskPath, real: AbsPath, budget: number): Anchor => {
    if (budget === 0) throw errno('ELOOP', `too many links: ${real}`);
    const target = fromBytes(readlinkSync(name, { encoding: 'buffer' }));
    // `..` and absolute targets stay inside the root because they are resolved as paths of the machine.
    const led = traverse(parent(real), target, (next) => open(next, budget - 1).real);
    const found = open(led ?? real, budget - 1);
    if (mayLead(above, found)) return found;
    throw errno('EPERM', `the link ${real} leads out of the hands of its owner, to ${found.real}`);
  };

  return {
    dir: (path) => open(path, LINK_LIMIT),
    at: (path) => (path === ROOT ? toBytes(root) : childOf(open(parent(path), LINK_LIMIT), basename(path))),
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
function enter(name: DiskPath, real: AbsPath): Anchor | undefined {
  const fd = openSync(name, O_PATH | constants.O_NOFOLLOW);
  const stat = fstatSync(fd);
  if (stat.isDirectory()) return anchored(fd, stat, real);
  closeSync(fd);
  if (stat.isSymbolicLink()) return undefined;
  throw errno('ENOTDIR', `no directory: ${real}`);
}

function anchored(fd: number, { uid, mode }: Stats, real: AbsPath): Anchor {
  const isOursAlone = uid === 0 && (mode & 0o022) === 0 && process.geteuid?.() === 0;
  return { fd, real, uid, mode: mode & 0o7777, isOursAlone };
}

/**
 * Links are as trusted as the directory that holds them. In one that only root writes they lead anywhere; in somebody's
 * own they lead to what is theirs, or root would write wherever they point. (systemd's CHASE_SAFE; to an ordinary user the
 * kernel grants no more than they have.)
 */
function mayLead(above: Anchor, found: Anchor): boolean {
  if (process.geteuid?.() !== 0) return true;
  if (above.uid === 0) return above.isOursAlone;
  return found.uid === above.uid;
}

/** An error as the file system throws them. */
export const errno = (code: string, message: string): Error => Object.assign(new Error(message), { code });
