// Finds what would hinder a write, without trying it, through open directories: access(2) reports read-only mounts
// (EROFS) and immutable inodes (EPERM) to root too.

import { accessSync, closeSync, constants, fstatSync, statfsSync } from 'node:fs';
import type { Changed, Hindrance, Room } from '../../machine/hindrance.ts';
import type { Reader } from '../../machine/reader.ts';
import { type AbsPath, parent, ROOT } from '../../path.ts';
import { type Anchor, type Anchors, mountOf, unlessTheirLink } from '../disk/anchor.ts';
import { isRoot } from '../process/trusted.ts';
import { openPinned } from './pinned.ts';
import { thereOrNot } from './staging-directory.ts';

export function hindranceIn(held: Anchors): Reader['hindrance'] {
  /** The nearest directory on the way to `path` that exists. */
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
    // If the directory is somebody else's, the command says elsewhere that it needs root. The user's own directory
    // needs a chmod, not root.
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
      // File systems that allocate on demand report no blocks.
      if (blocks === 0) return undefined;
      const bytes = (isRoot() ? bfree : bavail) * bsize;
      return { volume: String(dir.dev), bytes, files: files === 0 ? Number.POSITIVE_INFINITY : ffree };
    });

/**
 * Undefined if a link of somebody else's is on the way, or a directory that we may not search: writing there needs
 * root, or is refused elsewhere.
 */
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
    // ELOOP: a link in a circle leads to no directory.
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'ELOOP') return undefined;
    throw thrown;
  }
};

/** Tries access(2) on a pinned inode, so its name does not matter. */
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
