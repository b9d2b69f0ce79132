// Takes a file from somebody, for root or for another user. Its former owner may have it open for writing, have mapped
// it, or have put an ACL on it, and chown(2) ends none of that: so the file is replaced by a new inode with the same
// bytes. (A directory is taken as it is, without its ACLs: metadata.ts.)

import { closeSync, constants, openSync, renameSync, type Stats, unlinkSync } from 'node:fs';
import { staleAt } from '../../machine/host.ts';
import type { Digest } from '../../model.ts';
import type { AbsPath } from '../../path.ts';
import type { Anchor } from '../disk/anchor.ts';
import { setAttributes } from '../disk/attributes.ts';
import { copyFile } from '../disk/copy-tree.ts';
import type { DiskPath } from '../disk/disk-paths.ts';
import { syncAt } from '../disk/durable.ts';
import { digestAt, withPinned } from './pinned.ts';
import { isSameInode, type Staging, there } from './staging.ts';
import { give, isOpenToOthers, linkIfPossible, stagingDirFor, take } from './taking.ts';

/** True if root is about to take something that another user owns. */
export const isTaken = (stat: Stats, to: { readonly uid: number }): boolean =>
  process.geteuid?.() === 0 && stat.uid !== 0 && to.uid !== stat.uid;

/** A file and the edit that takes it. `pin`: an O_PATH descriptor of exactly this inode; `stat`: its stat(2). */
export interface Taken {
  readonly path: AbsPath;
  readonly at: number;
  readonly dir: Anchor;
  readonly target: DiskPath;
  readonly pin: number;
  readonly stat: Stats;
  /** The digest that its bytes must have, if that is known. */
  readonly bytes?: Digest;
  /** The attributes that the copy gets. */
  readonly attributes?: string;
}

/**
 * Replaces the file by a new one of root's with the same bytes; `finish` gives it owner and mode. From then on the old
 * inode lies in the slot `away`, where the sweep checks what was still written to it. Throws `stale` if something else
 * has the name by now.
 */
export function takeFile(
  staging: Staging,
  { path, at, dir, target, pin, stat, bytes, attributes }: Taken,
  finish: (copy: DiskPath) => void,
): void {
  staging.warrants.write(dir, path);
  const stagingDir = stagingDirFor(staging, path);
  const copy = stagingDir.free('undo', at);
  const fd = openSync(`/proc/self/fd/${pin}`, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    copyFile(fd, copy, stat);
  } finally {
    closeSync(fd);
  }
  // Its owner may have written to it since the last look.
  if (bytes !== undefined && digestAt(copy) !== bytes) {
    unlinkSync(copy);
    throw staleAt(path);
  }
  if (attributes !== undefined) withPinned(copy, (one) => setAttributes(one, attributes));
  finish(copy);
  syncAt(copy);
  // The sweep compares the old inode with this link.
  linkIfPossible(copy, stagingDir.free('old', at));
  followTaken(staging, stat, there(copy)!);
  if (isOpenToOthers(dir)) {
    const taken = take(staging, path, at);
    const found = taken && there(taken);
    if (taken === undefined || found === undefined) throw staleAt(path);
    if (!isSameInode(found, stat)) {
      give(taken, target);
      throw staleAt(path);
    }
    // Somebody made another file of this name in that moment: undo deals with it, and the old one lies in its slot.
    if (!give(copy, target)) throw staleAt(path);
    return;
  }
  const found = there(target);
  if (found === undefined || !isSameInode(found, stat)) throw staleAt(path);
  linkIfPossible(target, stagingDir.free('away', at));
  renameSync(copy, target);
}

/** A later edit of the same transaction was prepared for the old inode; it will meet the copy. */
function followTaken(staging: Staging, old: Stats, copy: Stats): void {
  for (const [at, { since: _, ...known }] of staging.known)
    if (known.target !== undefined && isSameInode(known.target, old)) staging.known.set(at, { ...known, target: copy });
}
