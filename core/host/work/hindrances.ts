// What hinders a write on this disk, seen through directories that are held, without trying it: access(2) tells read-only mounts
// and immutable inodes to root too.

import { accessSync, closeSync, constants, fstatSync, statfsSync } from 'node:fs';
import type { Changed, Hindrance, Room } from '../../machine/hindrance.ts';
import type { Reader } from '../../machine/reader.ts';
import { type AbsPath, parent, ROOT } from '../../path.ts';
import { type Anchor, type Anchors, mountOf, unlessTheirLink } from '../disk/anchor.ts';
import { isRoot } from '../process/trusted.ts';
import { openPinned } from './pinned.ts';
import { thereOrNot } from './staging-directory.ts';

export function hindranceIn(held: Anchors): Reader['hindrance'] {
  /** The directory that is there, of those on the way. */
  const nearest = (path: AbsPath): { readonly at: AbsPath; readonly dir: Anchor } | undefined => {
    for (let at = path; ; at = parent(at)) {
      const dir = directoryAt(held, at);
      if (dir !== undefined || at === ROOT) return dir && { at, dir };
    }
  };
  const ofDirectory = (path: AbsPath): Hindrance | undefined => {
    const found = nearest(parent(path));
    const why = found && refusalOf(found.dir.fd);
    if (found === undefined || why === undefined) return undefined;
    // That root is needed is said elsewhere; what its own owner can't write, no sudo of theirs is needed for.
    const isOwn = isRoot() || found.dir.uid === process.geteuid?.();
    return why === 'closed' && !isOwn ? undefined : { kind: why, at: found.at };
  };
  const ofInode = (path: AbsPath, changed: Changed): Hindrance | undefined => {
    const pin = thereOrNot(() => openPinned(held.at(path)));
    if (pin === undefined) return undefined;
    try {
      const stat = fstatSync(pin);
      if (!stat.isFile() && !stat.isDirectory()) return undefined;
      if (changed === 'name' && mountOf(pin) !== mountOf(held.dir(parent(path)).fd))
        return { kind: 'mounted', at: path };
      const why = refusalOf(pin);
      return why === undefined || why === 'closed' ? undefined : { kind: why, at: path };
    } finally {
      closeSync(pin);
    }
  };
  return (path, changed) =>
    ifSeen(() => (changed === 'name' ? ofDirectory(path) : undefined) ?? ofInode(path, changed));
}

export const roomIn =
  (held: Anchors): Reader['room'] =>
  (path) =>
    ifSeen((): Room | undefined => {
      let at = path;
      while (at !== ROOT && directoryAt(held, at) === undefined) at = parent(at);
      const dir = directoryAt(held, at);
      if (dir === undefined) return undefined;
      const { bsize, bavail, bfree, files, ffree, blocks } = statfsSync(`/proc/self/fd/${dir.fd}`);
      // File systems that make room as they need it say nothing.
      if (blocks === 0) return undefined;
      const bytes = (isRoot() ? bfree : bavail) * bsize;
      return { volume: String(dir.dev), bytes, files: files === 0 ? Number.POSITIVE_INFINITY : ffree };
    });

/** Undefined: a link of theirs is on the way, or a directory that we may not pass; who writes there needs root, or is told of it. */
function ifSeen<T>(look: () => T): T | undefined {
  try {
    return unlessTheirLink(look);
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'EACCES') return undefined;
    throw thrown;
  }
}

const directoryAt = (held: Anchors, path: AbsPath): Anchor | undefined => {
  try {
    return held.dir(path);
  } catch (thrown) {
    const { code } = thrown as NodeJS.ErrnoException;
    // A link that leads in a circle leads to no directory.
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'ELOOP') return undefined;
    throw thrown;
  }
};

/** Of a pinned inode, whatever becomes of its name. */
function refusalOf(fd: number): Exclude<Hindrance['kind'], 'mounted'> | undefined {
  try {
    accessSync(`/proc/self/fd/${fd}`, constants.W_OK);
    return undefined;
  } catch (thrown) {
    const { code } = thrown as NodeJS.ErrnoException;
    if (code === 'EROFS') return 'read-only';
    if (code === 'EPERM') return 'immutable';
    if (code === 'EACCES') return 'closed';
    throw thrown;
  }
}
