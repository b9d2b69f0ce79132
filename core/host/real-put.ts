// One put on the disk: what it makes is prepared on a shelf, published by one rename or link, and taken back by another.
// At any moment a path is what it was or what it shall be; what it replaces is kept, as the inode it is.

import {
  chmodSync,
  chownSync,
  closeSync,
  constants,
  fstatSync,
  lchownSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmdirSync,
  type Stats,
  symlinkSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { digestOf } from '../canonical.ts';
import {
  ABSENT,
  type Digest,
  type Entry,
  kindOf,
  looksInside,
  matches,
  type Owner,
  type Put,
  type Puttable,
} from '../model.ts';
import { type AbsPath, basename, fromBytes, parent, toBytes } from '../path.ts';
import { childOf, errno, O_PATH } from './anchor.ts';
import { syncAt } from './durable.ts';
import { type Blobs, type Seen, staleAt } from './host.ts';
import { entryOf, MOST_BYTES, readAll } from './real-look.ts';
import type { DiskPath } from './real-paths.ts';
import { SHELVES, type Site, thereOrNot } from './site.ts';
import {
  give,
  giveOrStale,
  isOpenToOthers,
  keepBeside,
  moveDir,
  nearest,
  PATIENCE,
  siteOf,
  take,
  UNLINKABLE,
} from './taking.ts';
import { type Aliases, type Desk, type Identity, isSameInode, there } from './work.ts';

/** Where a put was prepared. `isAlike`: it shall have the attributes of what it replaces. */
export interface Prepared {
  readonly site: Site;
  readonly isAlike: boolean;
}

/** Makes what the put will publish, and links what it will replace. Undefined: there is nothing to make. */
export function preparePut(desk: Desk, edit: Put, at: number, now: Aliases, blobs: Blobs): Prepared | undefined {
  const { path, before, after } = edit;
  const kind = kindOf(edit);
  if (kind === 'metadata') {
    desk.touched.add(now.now(path));
    return undefined;
  }
  const dir = desk.anchors.dir(now.now(parent(path)));
  const site = desk.sites.make(dir);
  const place = now.now(path);
  const isOurs = desk.touched.has(place);
  const target = kind === 'make' ? undefined : linkOld(edit, at, desk.anchors.at(place), site, isOurs);
  const staged = kind === 'remove' ? undefined : stage(site, at, after, blobs, path);
  // What another edit of ours changes before this one is not what it is now.
  const since = target && !isOurs ? { since: target.ctimeMs } : {};
  desk.known.set(at, { ...(target && { target }), ...(staged && { staged }), ...since });
  if (kind !== 'remove') {
    now.put(path, site.path('new', at));
    desk.touched.add(site.path('new', at));
  }
  const isFiles = before.type === 'file' && after.type === 'file';
  return { site, isAlike: isFiles && there(site.place('old', at)) !== undefined };
}

/** Owner and mode, last of all, and everything durable. */
export function finishPut({ site }: Prepared, { after }: Put, at: number): void {
  const place = site.place('new', at);
  if (after.type === 'link') {
    lchownIfNeeded(place, after.owner);
  } else if (after.type !== 'absent') {
    setMetadata(place, after);
    syncAt(place);
  }
}

/** Links the inode at the path, looks whether it is what was planned, and remembers it. */
function linkOld({ path, before }: Put, at: number, place: DiskPath, site: Site, isOurs: boolean): Stats {
  const old = site.place('old', at);
  if (before.type !== 'dir') linkIfPossible(place, old);
  const pin = openPinned(there(old) === undefined ? place : old);
  if (pin === undefined) throw staleAt(path);
  try {
    const stat = fstatSync(pin);
    const target = stat.isSymbolicLink() ? linkTarget(place) : '';
    // What an edit before this one makes of it is not finished yet.
    if (!isOurs && !isAsBefore(before, pin, stat, target)) throw staleAt(path);
    return stat;
  } finally {
    closeSync(pin);
  }
}

/** Without a link (a file system that has none, a file that is not ours) the journal's copy of the bytes must do. */
function linkIfPossible(place: DiskPath, old: DiskPath): void {
  try {
    linkSync(place, old);
  } catch (thrown) {
    if (!UNLINKABLE.has((thrown as NodeJS.ErrnoException).code ?? '')) throw thrown;
  }
}

/** Owner, mode, and where the put says something of them, bytes or target. */
function isAsBefore(before: Puttable, pin: number, stat: Stats, target: string): boolean {
  const entry = entryOf(stat, () => target);
  if (before.type !== 'file' || entry.type !== 'file' || before.content === undefined) return matches(before, entry);
  return matches(before, withContent(entry, digestOfPinned(pin, stat.size)));
}

const withContent = (entry: Entry, content: Digest | undefined): Entry =>
  entry.type === 'file' && content !== undefined ? { ...entry, content } : entry;

/** Undefined: larger than anything that was planned. */
function digestOfPinned(pin: number, size: number): Digest | undefined {
  if (size > MOST_BYTES) return undefined;
  const fd = openSync(`/proc/self/fd/${pin}`, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    return digestOf(readAll(fd, size));
  } finally {
    closeSync(fd);
  }
}

function stage(site: Site, at: number, after: Puttable, blobs: Blobs, path: AbsPath): Stats | undefined {
  const place = site.place('new', at);
  make(place, after, blobs, path);
  return there(place);
}

/** Whatever it is, with nobody's rights but ours yet. */
function make(place: DiskPath, after: Puttable, blobs: Blobs, path: AbsPath): void {
  if (after.type === 'dir') {
    mkdirSync(place, 0o700);
  } else if (after.type === 'link') {
    symlinkSync(toBytes(after.target), place);
  } else if (after.type === 'file') {
    const content = after.content && blobs[after.content];
    if (content === undefined) throw new Error(`no bytes for ${path}`);
    const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
    const fd = openSync(place, flags, 0o600);
    try {
      for (let done = 0; done < content.length; ) done += writeSync(fd, content, done);
    } finally {
      closeSync(fd);
    }
  }
}

/** Throws `stale` where the target is not what was prepared for any more. */
export function publishPut(desk: Desk, edit: Put, at: number): void {
  const { path, before } = edit;
  const dir = desk.anchors.dir(parent(path));
  const target = childOf(dir, basename(path));
  const kind = kindOf(edit);
  if (kind === 'metadata') {
    if (dir.isOursAlone) changeAt(desk, edit, target, target);
    else changeMetadata(desk, edit, target);
    // What is known of the directories held is not so any more.
    if (edit.after.type === 'dir') desk.anchors.release();
    return;
  }
  const site = siteOf(desk, path);
  const known = desk.known.get(at);
  if (kind !== 'make' && !isStill(target, known?.target, known?.since)) throw staleAt(path);
  if (kind === 'remove') {
    if (before.type === 'dir') removeDir(target, site.place('away', at), path);
    else takePlanned(desk, path, at, known?.target);
    return;
  }
  const staged = site.place('new', at);
  if (!isStill(staged, known?.staged)) throw staleAt(path);
  if (kind === 'make') {
    giveOrStale(staged, target, path);
  } else if (before.type === 'dir' || !isOpenToOthers(dir)) {
    renameSync(staged, target);
  } else {
    takePlanned(desk, path, at, known?.target);
    // Durable, and only then off its shelf: where nothing is at the path, that tells our gap from somebody's removal (isOurGap).
    // Not ESTALE: the old one is not in its place any more, which is for undo to see to.
    if (!give(staged, target)) throw errno('EBUSY', `somebody made another "${path}" at this moment`);
  }
}

/** Off its path; what is not what was planned goes back, or stays for the sweep where its name is taken again. */
function takePlanned(desk: Desk, path: AbsPath, at: number, known: Identity | undefined): void {
  const taken = take(desk, path, at);
  if (taken !== undefined && isStill(taken, known)) return;
  if (taken !== undefined) give(taken, desk.anchors.at(path));
  throw staleAt(path);
}

/** `since`: nor written to since then. */
function isStill(place: DiskPath, known: Identity | undefined, since?: number): boolean {
  const stat = there(place);
  if (stat === undefined || known === undefined || !isSameInode(stat, known)) return false;
  return since === undefined || stat.isDirectory() || stat.ctimeMs === since;
}

function removeDir(target: DiskPath, away: DiskPath, path: AbsPath): void {
  try {
    if (!moveDir(target, away)) throw staleAt(path);
  } catch (thrown) {
    // To move a directory elsewhere its owner must be able to write it.
    if ((thrown as NodeJS.ErrnoException).code !== 'EACCES') throw thrown;
    rmdirSync(target);
    return;
  }
  if (readdirSync(away, { encoding: 'buffer' }).length === 0) return;
  giveOrStale(away, target, path);
  throw errno('ENOTEMPTY', `not empty: ${path}`);
}

/** Pinned between the look and the deed: in somebody's directory the name may be another's a moment later. */
function changeMetadata(desk: Desk, edit: Put, target: DiskPath): void {
  const pin = openPinned(target);
  if (pin === undefined) throw staleAt(edit.path);
  try {
    changeAt(desk, edit, pin, target);
  } finally {
    closeSync(pin);
  }
}

/** `where`: a pinned inode, or a name that only we can change. */
function changeAt(desk: Desk, { path, before, after }: Put, where: number | DiskPath, target: DiskPath): void {
  const stat = typeof where === 'number' ? fstatSync(where) : there(where);
  if (stat === undefined || !('owner' in after)) throw staleAt(path);
  const entry = entryOf(stat, () => linkTarget(target));
  const expected = before.type === 'file' ? withoutContent(before) : before;
  if (!matches(expected, entry)) throw staleAt(path);
  const isShared = stat.isFile() && stat.nlink > 1 && !(before.type === 'file' && before.hardLinked);
  // Other names than those on our own shelves: what is done to it would be done to them.
  if (isShared && stat.nlink > 1 + shelvedLinks(desk, stat)) throw staleAt(path);
  set(where, target, stat, after);
}

const linkTarget = (place: DiskPath): string => fromBytes(readlinkSync(place, { encoding: 'buffer' }));

function withoutContent(entry: Puttable & { type: 'file' }): Puttable {
  const { content: _, ...rest } = entry;
  return rest;
}

/** How many names of this inode lie on our shelves. */
function shelvedLinks({ sites }: Desk, stat: Stats): number {
  const shelves = sites.all().flatMap(({ fd }) => SHELVES.map((name) => `/proc/self/fd/${fd}/${name}`));
  return shelves.flatMap((shelf) => readdirSync(shelf).filter((name) => isAt(`${shelf}/${name}`, stat))).length;
}

function isAt(place: string, stat: Stats): boolean {
  const found = there(Buffer.from(place));
  return found !== undefined && isSameInode(found, stat);
}

/** What is at the path, seen through the very directory that it would be changed in: by its name it may look otherwise. */
export function lookPut({ anchors }: Desk, edit: Put): Seen {
  const dir = thereOrNot(() => anchors.dir(parent(edit.path)));
  const place = dir && childOf(dir, basename(edit.path));
  const pin = place && openPinned(place);
  if (place === undefined || pin === undefined) return { entry: ABSENT, holds: 0 };
  try {
    const stat = fstatSync(pin);
    const entry = entryOf(stat, () => linkTarget(place));
    if (stat.isDirectory()) return { entry, holds: readdirSync(`/proc/self/fd/${pin}`, { encoding: 'buffer' }).length };
    const isRead = stat.isFile() && looksInside(edit);
    return { entry: isRead ? withContent(entry, digestOfPinned(pin, stat.size)) : entry, holds: 0 };
  } finally {
    closeSync(pin);
  }
}

/**
 * The path holds what the put published, or part of it, or nothing: puts `before` there. Returns the names that what else
 * was there, at the last moment, has now.
 */
export function restorePut(desk: Desk, edit: Put, at: number, blobs: Blobs): readonly AbsPath[] {
  const { path, before, after } = edit;
  const dir = desk.anchors.dir(parent(path));
  const target = childOf(dir, basename(path));
  if (kindOf(edit) === 'metadata') {
    if (before.type !== 'absent' && there(target) !== undefined) setMetadata(target, before);
    return [];
  }
  if (before.type === 'absent') {
    if (after.type !== 'dir') return takeOurs(desk, edit, at);
    rmdirSync(target);
    return [];
  }
  const site = siteOf(desk, path);
  const back = freed(site.place('undo', at));
  const away = site.place('away', at);
  if (before.type === 'dir' && there(away)?.isDirectory()) {
    giveOrStale(away, target, path);
    return [];
  }
  if (!linkBack(site.place('old', at), back, before)) {
    make(back, before, blobs, path);
    if (before.type === 'link') lchownIfNeeded(back, before.owner);
    else setMetadata(back, before);
    if (before.type !== 'link') syncAt(back);
  }
  if (before.type === 'dir') giveOrStale(back, target, path);
  else if (there(target) === undefined || isOpenToOthers(dir)) return exchange(desk, edit, at, back);
  else replaceOurs(back, target, site.free('away', at), path);
  return [];
}

/** What is at the path is taken from there, and `back` put there, however often somebody puts another thing between. */
function exchange(desk: Desk, edit: Put, at: number, back: DiskPath): readonly AbsPath[] {
  const kept: AbsPath[] = [];
  for (let tries = 0; tries < PATIENCE; tries++) {
    kept.push(...takeOurs(desk, edit, at));
    if (give(back, desk.anchors.at(edit.path), true)) return kept;
  }
  throw staleAt(edit.path);
}

/** What is at the path is taken from there. What is none of ours gets a name beside, which is returned. */
function takeOurs(desk: Desk, edit: Put, at: number): readonly AbsPath[] {
  const taken = take(desk, edit.path, at);
  return taken === undefined || isKnown(edit, taken) ? [] : [keepBeside(desk, edit.path, taken)];
}

/** What lies on shelves of the put, is nowhere else by now and was changed or is another's gets a name beside: their names. */
export function keepShelvedPut(desk: Desk, edit: Put, at: number): readonly AbsPath[] {
  const { path } = edit;
  const dir = thereOrNot(() => desk.anchors.dir(parent(path)));
  // Each once, whatever number of names it has, and not what is still in its place.
  const seen: Stats[] = [dir && there(childOf(dir, basename(path)))].filter((stat) => stat !== undefined);
  return desk.sites.all().flatMap((site) =>
    (['old', 'away', 'undo'] as const).flatMap((shelf) =>
      site.things(shelf, at).flatMap((thing) => {
        const stat = there(thing)!;
        if (seen.some((other) => isSameInode(stat, other))) return [];
        seen.push(stat);
        // An edit that says nothing of its bytes replaces any.
        const isAny = shelf === 'old' && edit.before.type === 'file' && edit.before.content === undefined;
        return isAny || isKnown(edit, thing) ? [] : [keepBeside(desk, path, thing, nearest(desk, path, site))];
      }),
    ),
  );
}

/** Whether what lies on a shelf of the put is as the one that it replaced or the one that it put: nothing to be kept. */
function isKnown({ before, after }: Put, shelved: DiskPath): boolean {
  const stat = there(shelved);
  if (stat?.isFile()) {
    const digest = withPinned(shelved, (pin) => digestOfPinned(pin, stat.size));
    return digest !== undefined && [before, after].some((entry) => entry.type === 'file' && entry.content === digest);
  }
  if (stat?.isDirectory()) return readdirSync(shelved, { encoding: 'buffer' }).length === 0;
  if (!stat?.isSymbolicLink()) return false;
  return [before, after].some((entry) => entry.type === 'link' && entry.target === linkTarget(shelved));
}

function withPinned<T>(place: DiskPath, act: (pin: number) => T): T {
  const pin = openSync(place, O_PATH | constants.O_NOFOLLOW);
  try {
    return act(pin);
  } finally {
    closeSync(pin);
  }
}

/**
 * Whether it is our doing that nothing is at the path of a put: we died between two names, publishing (then the new one is
 * still on its shelf) or taking back (then the new one is where it was taken to).
 */
export function isOurGap(desk: Desk, edit: Put, at: number): boolean {
  const dir = thereOrNot(() => desk.anchors.dir(parent(edit.path)));
  const site = dir && desk.sites.find(dir);
  if (site === undefined || edit.after.type === 'absent') return false;
  const taken = site.things('away', at);
  if (there(site.place('new', at)) !== undefined) return taken.length > 0;
  return taken.some((thing) => isKnown({ ...edit, before: ABSENT }, thing));
}

/** What we had published goes, but stays on the shelf: somebody may have written to it since it was looked at. */
function replaceOurs(back: DiskPath, target: DiskPath, away: DiskPath, path: AbsPath): void {
  linkIfPossible(target, away);
  try {
    renameSync(back, target);
  } catch (thrown) {
    // Not what it was a moment ago.
    if (['EISDIR', 'ENOTDIR', 'EEXIST'].includes((thrown as NodeJS.ErrnoException).code ?? '')) throw staleAt(path);
    throw thrown;
  }
}

/** The old inode itself, where it still is what it was; never moved, so that this can be done again after a crash. */
function linkBack(old: DiskPath, back: DiskPath, before: Puttable): boolean {
  if (before.type === 'dir') return false;
  const pin = openPinned(old);
  if (pin === undefined) return false;
  try {
    const stat = fstatSync(pin);
    if (!isAsBefore(before, pin, stat, stat.isSymbolicLink() ? linkTarget(old) : '')) return false;
    linkSync(old, back);
    return true;
  } finally {
    closeSync(pin);
  }
}

/** What an earlier try may have left there is ours alone. */
function freed(place: DiskPath): DiskPath {
  const stat = there(place);
  if (stat?.isDirectory()) rmdirSync(place);
  else if (stat !== undefined) unlinkSync(place);
  return place;
}

/** Undefined: nothing is there. Opens without side effects, whatever it is. */
const openPinned = (place: DiskPath): number | undefined =>
  thereOrNot(() => openSync(place, O_PATH | constants.O_NOFOLLOW));

/** Owner and mode of exactly the inode that is there now: pinned, so that no name is followed twice. */
function setMetadata(place: DiskPath, after: Exclude<Puttable, { type: 'absent' }>): void {
  const pin = openSync(place, O_PATH | constants.O_NOFOLLOW);
  try {
    set(pin, place, fstatSync(pin), after);
  } finally {
    closeSync(pin);
  }
}

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
  // After chown, which clears the set-id bits; explicit, whatever the umask.
  if (after.type === 'link') return;
  const isAsWanted = (stat.mode & 0o7777) === after.mode && (isOwned || (stat.mode & 0o6000) === 0);
  // A name that nobody else can change is, at this point, no link.
  if (!isAsWanted) chmodSync(pinned ?? place, after.mode);
}

/** An ordinary user may not chown at all, not even to what is already so on some file systems. */
function lchownIfNeeded(place: DiskPath, { uid, gid }: Owner): void {
  const stat = there(place);
  if (stat?.uid !== uid || stat.gid !== gid) lchownSync(place, uid, gid);
}
