// Owner and mode of what is there, and nothing else of it: of exactly the inode that was looked at.

import { chmodSync, chownSync, closeSync, fstatSync, lchownSync, type Stats } from 'node:fs';
import { staleAt } from '../../machine/host.ts';
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

/** Gives what is at `target`, in the held directory `dir`, the owner and mode of the put. Throws `stale` where it is not as expected. */
export function changePut(staging: Staging, edit: Put, at: number, dir: Anchor, target: DiskPath): void {
  if (dir.isShut) changeAt(staging, edit, at, dir, target, target);
  else changePinned(staging, edit, at, dir, target);
  // What is known of the directories held is not so any more.
  if (edit.after.type === 'dir') staging.anchors.release();
}

/** Pinned between the look and the deed: in somebody's directory the name may be another's a moment later. */
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
  // Other names than those in our own slots: what is done to it would be done to them.
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

/** An ACL of its former owner's says what they may do with what is another's now. Undefined: nothing else is there. */
const exceptAcl = (attributes: string | undefined): string | undefined =>
  attributes?.replace(/^system\.posix_acl_.*\n/gm, '') || undefined;

const withPin = (where: number | DiskPath, act: (pin: number) => void): void =>
  typeof where === 'number' ? act(where) : withPinned(where, act);

function takeInPlace(staging: Staging, taken: Taken, after: Exclude<Puttable, { type: 'absent' }>): void {
  takeFile(staging, taken, (copy) => setMetadata(copy, after));
}

/** The former owner and mode, for exactly the inode that is there, if it is the put's. Throws `stale` where it is another kind. */
export function undoMetadata(staging: Staging, { path, before }: Put, at: number, dir: Anchor, target: DiskPath): void {
  const pin = before.type === 'absent' ? undefined : openPinned(target);
  if (pin === undefined || before.type === 'absent') return;
  try {
    const stat = fstatSync(pin);
    // Other names than those in our own slots: what is done to it would be done to them.
    if (stat.isFile() && stat.nlink > 1 && stat.nlink > 1 + linksInSlots(staging, stat)) throw staleAt(path);
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

/** Owner and mode of exactly the inode that is there now: pinned, so that no name is followed twice. */
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
  // fchown refuses an O_PATH descriptor; its magic link does not, and follows to exactly this inode.
  const pinned = typeof where === 'number' ? `/proc/self/fd/${where}` : undefined;
  const isOwned = stat.uid === uid && stat.gid === gid;
  if (!isOwned) {
    if (pinned === undefined) lchownSync(place, uid, gid);
    else chownSync(pinned, uid, gid);
  }
  if (after.type === 'link') return;
  // chown clears set-id bits, and until it its former owner could change the mode.
  const now = isOwned ? stat : ((typeof where === 'number' ? fstatSync(where) : there(where)) ?? stat);
  // A name that nobody else can change is, at this point, no link.
  if ((now.mode & 0o7777) !== after.mode) chmodSync(pinned ?? place, after.mode);
  // An ACL that its former owner has put on it would outlast them.
  if (now.isDirectory() && isTaken(stat, after.owner)) withPin(where, withoutAcl);
}

/** An ordinary user may not chown at all, not even to what is already so on some file systems. */
export function lchownIfNeeded(place: DiskPath, { uid, gid }: Owner): void {
  const stat = there(place);
  if (stat?.uid !== uid || stat.gid !== gid) lchownSync(place, uid, gid);
}
