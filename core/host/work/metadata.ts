// Changes owner and mode of an existing inode, and nothing else: of exactly the inode that was looked at.

import { chmodSync, chownSync, closeSync, fstatSync, lchownSync, type Stats } from 'node:fs';
import { sharedAt, staleAt } from '../../machine/host.ts';
import { matches, type Owner, type Put, type Puttable } from '../../model.ts';
import { type Anchor, errno } from '../disk/anchor.ts';
import { setAttributes, withoutAcl } from '../disk/attributes.ts';
import type { DiskPath } from '../disk/disk-paths.ts';
import { entryOf, linkTarget } from '../disk/look.ts';
import { givenAt } from './given.ts';
import { openPinned, withPinned } from './pinned.ts';
import { isSameInode, type Staging, there } from './staging.ts';
import { isTaken, type Taken, takeFile } from './take-over.ts';
import { linksInSlots } from './taking.ts';

/**
 * Gives `target`, a name in the open directory `dir`, the owner and mode of the put. Throws `stale` if it is not as
 * expected.
 */
export function changePut(staging: Staging, edit: Put, at: number, dir: Anchor, target: DiskPath): void {
  if (dir.isShut) changeAt(staging, edit, at, dir, target, target);
  else changePinned(staging, edit, at, dir, target);
  // The owners and modes that are known of open directories may have changed.
  if (edit.after.type === 'dir') staging.anchors.release();
}

/**
 * Pins the inode between look and change: in a directory that somebody else can change, the name may lead to another
 * one a moment later.
 */
function changePinned(staging: Staging, edit: Put, at: number, dir: Anchor, target: DiskPath): void {
  const pin = openPinned(target);
  if (pin === undefined) throw staleAt(edit.path);
  try {
    changeAt(staging, edit, at, dir, pin, target);
  } finally {
    closeSync(pin);
  }
}

/** `where`: a pinned inode, or a name that only we can change. */
function changeAt(
  staging: Staging,
  { path, before, after }: Put,
  at: number,
  dir: Anchor,
  where: number | DiskPath,
  target: DiskPath,
): void {
  const stat = typeof where === 'number' ? fstatSync(where) : there(where);
  if (stat === undefined || !('owner' in after)) throw staleAt(path);
  const entry = entryOf(stat, () => linkTarget(target));
  const expected = before.type === 'file' ? withoutContent(before) : before;
  if (!matches(expected, entry)) throw staleAt(path);
  const isShared = stat.isFile() && stat.nlink > 1 && !(before.type === 'file' && before.hardLinked);
  // The file has names outside our slots: a new owner or mode would apply to them, too.
  if (isShared && stat.nlink > 1 + linksInSlots(staging, stat)) throw staleAt(path);
  const known = staging.known.get(at)?.target;
  const wasRoots = known !== undefined && isSameInode(known, stat);
  if (!wasRoots) staging.warrants.give(dir, stat, asGiven(after), path);
  if (stat.isFile() && isTaken(stat, after.owner)) {
    const attributes = exceptAcl(givenAt(staging, at)?.attributes);
    const own = attributes === undefined ? {} : { attributes };
    withPin(where, (pin) => takeInPlace(staging, { path, at, dir, target, pin, stat, ...own }, after));
    return;
  }
  set(where, target, stat, after);
}

/** Without the former owner's ACLs, which grant rights to what is another's now. Undefined if nothing is left. */
const exceptAcl = (attributes: string | undefined): string | undefined =>
  attributes?.replace(/^system\.posix_acl_.*\n/gm, '') || undefined;

const withPin = (where: number | DiskPath, act: (pin: number) => void): void =>
  typeof where === 'number' ? act(where) : withPinned(where, act);

function takeInPlace(staging: Staging, taken: Taken, after: Exclude<Puttable, { type: 'absent' }>): void {
  takeFile(staging, taken, (copy) => setMetadata(copy, after));
}

/**
 * Restores the former owner and mode of the inode at `target`. Throws `stale` if it is of another kind, and `shared` if
 * it has names outside our slots.
 */
export function undoMetadata(staging: Staging, { path, before }: Put, at: number, dir: Anchor, target: DiskPath): void {
  const pin = before.type === 'absent' ? undefined : openPinned(target);
  if (pin === undefined || before.type === 'absent') return;
  try {
    const stat = fstatSync(pin);
    // The file has names outside our slots: a new owner or mode would apply to them, too.
    if (stat.isFile() && stat.nlink > 1 && stat.nlink > 1 + linksInSlots(staging, stat)) throw sharedAt(path);
    staging.warrants.give(dir, stat, asGiven(before), path);
    const given = givenAt(staging, at);
    if (stat.isFile() && isTaken(stat, before.owner))
      takeInPlace(staging, { path, at, dir, target, pin, stat, ...given }, before);
    else {
      set(pin, target, stat, before);
      if (given?.attributes !== undefined && stat.isDirectory()) setAttributes(pin, given.attributes);
    }
  } finally {
    closeSync(pin);
  }
}

const asGiven = (after: Exclude<Puttable, { type: 'absent' }>): Owner & { readonly mode?: number } =>
  after.type === 'link' ? after.owner : { ...after.owner, mode: after.mode };

function withoutContent(entry: Puttable & { type: 'file' }): Puttable {
  const { content: _, ...rest } = entry;
  return rest;
}

/** Sets owner and mode of the inode that is there now. It is pinned, so the name is followed once. */
export const setMetadata = (place: DiskPath, after: Exclude<Puttable, { type: 'absent' }>): void =>
  withPinned(place, (pin) => set(pin, place, fstatSync(pin), after));

function set(
  where: number | DiskPath,
  place: DiskPath,
  stat: Stats,
  after: Exclude<Puttable, { type: 'absent' }>,
): void {
  const kind = stat.isFile() ? 'file' : stat.isDirectory() ? 'dir' : stat.isSymbolicLink() ? 'link' : 'other';
  if (kind !== after.type) throw errno('ESTALE', `found a ${kind} where a ${after.type} was expected: ${place}`);
  const { uid, gid } = after.owner;
  // fchown(2) refuses an O_PATH descriptor; chown(2) through /proc/self/fd follows to exactly this inode.
  const pinned = typeof where === 'number' ? `/proc/self/fd/${where}` : undefined;
  const isOwned = stat.uid === uid && stat.gid === gid;
  if (!isOwned) {
    if (pinned === undefined) lchownSync(place, uid, gid);
    else chownSync(pinned, uid, gid);
  }
  if (after.type === 'link') return;
  // chown(2) clears set-id bits; and before it, the former owner could change the mode.
  const now = isOwned ? stat : ((typeof where === 'number' ? fstatSync(where) : there(where)) ?? stat);
  // If `place` is a name, nobody else can change it, so it is no link here, and chmod(2) follows nothing.
  if ((now.mode & 0o7777) !== after.mode) chmodSync(pinned ?? place, after.mode);
  // An ACL that the former owner set would stay.
  if (now.isDirectory() && isTaken(stat, after.owner)) withPin(where, withoutAcl);
}

/** Calls lchown(2) only if it changes something: some file systems refuse it to an ordinary user even if it does not. */
export function lchownIfNeeded(place: DiskPath, { uid, gid }: Owner): void {
  const stat = there(place);
  if (stat?.uid !== uid || stat.gid !== gid) lchownSync(place, uid, gid);
}
