// One move on the disk. It is a rename where the kernel can do that. Across volumes, and from a place of root's to
// somebody else's, it is a copy: complete, durable and out of sight before the original is set aside.

import {
  closeSync,
  constants,
  fstatSync,
  openSync,
  readFileSync,
  readlinkSync,
  renameSync,
  writeFileSync,
} from 'node:fs';
import { staleAt, type UndoneEdit } from '../../machine/host.ts';
import type { Move } from '../../model.ts';
import { type AbsPath, absolute, basename, fromBytes, parent } from '../../path.ts';
import {
  type Anchor,
  type Anchors,
  childOf,
  errno,
  mountOf,
  O_PATH,
  unlessTheirLink,
  volumeOf,
} from '../disk/anchor.ts';
import { likeFile, likeTree } from '../disk/attributes.ts';
import { copyTree, manifestOf, sameBytes, sameTree, shapeOf } from '../disk/copy-tree.ts';
import type { DiskPath } from '../disk/disk-paths.ts';
import { syncAt, syncFileSystem } from '../disk/durable.ts';
import { isOverlay } from '../disk/file-system.ts';
import { lockNew } from '../disk/flock.ts';
import { mountsBelow } from '../disk/mounts.ts';
import type { LateWriters } from './late-writers.ts';
import { type Aliases, isSameInode, mustBeFree, type Staging, there } from './staging.ts';
import { type Slot, type StagingDir, type StagingDirs, thereOrNot } from './staging-directory.ts';
import { give, keepBeside, moveDir, nearest, PATIENCE, setAside, take } from './taking.ts';

/** A record for the undo, written when a move is prepared. `ino`: the inode that will be ours at the new place. */
interface Note {
  readonly how: 'rename' | 'copy';
  readonly ino: number;
  /** The inode number of the staging directory that holds the note. */
  readonly stagingDir?: number;
  /** True if the tree came from a place that root alone controls. */
  readonly roots: boolean;
  /** The manifest's digest of the original that was copied. */
  readonly manifest?: string;
  readonly young?: readonly string[];
}

export function prepareMove(staging: Staging, { from, to }: Move, at: number, now: Aliases): void {
  const { anchors, stagingDirs } = staging;
  const source = anchors.at(now.now(from));
  const sourceDir = anchors.dir(now.now(parent(from)));
  const targetDir = anchors.dir(now.now(parent(to)));
  staging.warrants.write(sourceDir, from);
  staging.warrants.write(targetDir, to);
  const isOneVolume = volumeOf(sourceDir.fd) === volumeOf(targetDir.fd);
  const stagingDir = stagingDirs.make(targetDir);
  const pin = openSync(source, O_PATH | constants.O_NOFOLLOW);
  try {
    if (mountOf(pin) !== mountOf(sourceDir.fd)) throw errno('EBUSY', `a file system is mounted at ${from}`);
    const stat = fstatSync(pin);
    const roots = sourceDir.isOursAlone && stat.uid === 0;
    const [mounted] = stat.isDirectory() ? mountsBelow(realOf(pin), from) : [];
    if (mounted !== undefined) throw errno('EBUSY', `a file system is mounted at ${mounted}`);
    // Its staging directory would lie in the subvolume itself, and move with it.
    if (stat.isDirectory() && volumeOf(pin) !== volumeOf(sourceDir.fd))
      throw errno('EBUSY', `a volume of its own (a btrfs subvolume) is at ${from}: move it by hand`);
    // With a rename, the new owner could change what undo gives back. So they get a copy, and root's own inodes stay
    // out of their reach until the commit.
    const isForOthers = roots && !targetDir.isOursAlone;
    if (isOneVolume && !isForOthers && !(stat.isDirectory() && isOverlay(pin))) {
      note(stagingDir, at, { how: 'rename', ino: stat.ino, roots });
      // link(2) gives the file its new name, which changes its ctime.
      if (!stat.isDirectory()) staging.touched.add(now.now(from));
      now.move(from, to);
      return;
    }
    stagingDirs.make(sourceDir);
    const copy = stagingDir.place('new', at);
    const { digest, young, shape } = copyTree(source, copy);
    if (stat.isDirectory()) likeTree(pin, copy);
    else if (stat.isFile()) likeFile(pin, stagingDir.fd, at);
    // The file system may keep no owners, or fold names, without an error.
    if (shapeOf(copy) !== shape) throw errno('ENOTSUP', `names, owners or modes are not kept where ${to} is`);
    const lock = stat.isDirectory() ? lockNew(copy.toString('latin1')) : undefined;
    if (lock !== undefined) staging.locks.push(lock);
    note(stagingDir, at, {
      how: 'copy',
      ino: inodeAt(copy),
      roots,
      manifest: digest,
      young: young.map((name) => name.toString('latin1')),
    });
    syncFileSystem(stagingDir.fd);
    now.put(to, stagingDir.path('new', at));
  } finally {
    closeSync(pin);
  }
}

/** Durable on return: no later edit in the tree may reach the disk without the move. */
export function publishMove(staging: Staging, move: Move, at: number): void {
  const { from, to } = move;
  mayMove(staging, move);
  const stagingDir = staging.stagingDirs.make(staging.anchors.dir(parent(to)));
  const known = noted(stagingDir, at);
  if (known === undefined) throw staleAt(from);
  mustBeFree(staging.anchors.at(to), to);
  if (known.how === 'copy') exchange(staging, move, at, known, stagingDir);
  else if (there(staging.anchors.at(from))?.isDirectory()) renameDir(staging, move, known);
  else renameFile(staging, move, at, known);
  flushMove(staging, move);
}

/** Checks that we may change names in both directories, as they are now. */
function mayMove({ anchors, warrants }: Staging, { from, to }: Pick<Move, 'from' | 'to'>): void {
  for (const path of [from, to]) warrants.write(anchors.dir(parent(path)), path);
}

/** True if the inode is the tree that the move brought there from a place that root alone controls. */
export function isOurTree(
  anchors: Anchors,
  stagingDirs: StagingDirs,
  { to }: Pick<Move, 'to'>,
  at: number,
  { ino }: { readonly ino: number },
): boolean {
  const stagingDir = stagingDirs.find(anchors.dir(parent(to)));
  const known = stagingDir && noted(stagingDir, at);
  return known?.roots === true && known.ino === ino;
}

/** The kernel's own path of a pinned inode. */
const realOf = (pin: number): AbsPath =>
  absolute(fromBytes(readlinkSync(`/proc/self/fd/${pin}`, { encoding: 'buffer' })));

function renameDir({ anchors }: Staging, { from, to }: Move, known: Note): void {
  const [source, target] = [anchors.at(from), anchors.at(to)];
  if (inodeAt(source) !== known.ino) throw staleAt(from);
  if (!moveDir(source, target)) throw staleAt(to);
  if (inodeAt(target) === known.ino) return;
  // If nobody else can change the old name, our tree did move, and somebody has exchanged it at the new name since:
  // renaming back would bring theirs to the old name.
  if (anchors.dir(parent(from)).isOursAlone) throw errno('EBUSY', `somebody exchanged "${to}" at this moment`);
  // Somebody put another tree at the old name in the last moment: it goes back.
  moveDir(target, source);
  throw staleAt(from);
}

/**
 * Renames the file into a slot and from there to its new name. With link(2) and unlink(2) at the old name, unlink could
 * remove another file that came there in between.
 */
function renameFile(staging: Staging, { from, to }: Move, at: number, known: Note): void {
  if (inodeAt(staging.anchors.at(from)) !== known.ino) throw staleAt(from);
  const taken = take(staging, from, at);
  if (taken === undefined) throw staleAt(from);
  if (inodeAt(taken) !== known.ino) {
    give(taken, staging.anchors.at(from));
    throw staleAt(from);
  }
  if (!give(taken, staging.anchors.at(to))) undoTaking(staging, { from, to }, taken);
}

/**
 * Throws ESTALE if the file is back at its old name, as if the move had not begun; otherwise EBUSY, and undo has to
 * restore it.
 */
function undoTaking({ anchors }: Staging, { from, to }: Pick<Move, 'from' | 'to'>, taken: DiskPath): never {
  if (give(taken, anchors.at(from))) throw staleAt(to);
  throw errno('EBUSY', `somebody made another "${from}" at this moment`);
}

function exchange(
  staging: Staging,
  { from, to }: Pick<Move, 'from' | 'to'>,
  at: number,
  known: Note,
  stagingDir: StagingDir,
): void {
  const { anchors, stagingDirs } = staging;
  const away = stagingDirs.make(anchors.dir(parent(from))).place('away', at);
  const copy = stagingDir.place('new', at);
  renameSync(anchors.at(from), away);
  // Nobody can open the original by its name any more, so a write during the copy shows now.
  const isSame =
    manifestOf(away).digest === known.manifest &&
    (known.young ?? []).every((name) => sameBytes(inside(away, name), inside(copy, name)));
  if (!isSame) {
    give(away, anchors.at(from));
    throw errno('EBUSY', `it was changed while it was copied: ${from}`);
  }
  if (!give(copy, anchors.at(to))) undoTaking(staging, { from, to }, away);
}

/** `name` is empty if the tree is a single file. */
const inside = (tree: DiskPath, name: string): DiskPath =>
  name === '' ? tree : Buffer.concat([tree, Buffer.from(`/${name}`, 'latin1')]);

/** True if what lies at the new place is what the move put there. */
export const isOursAt = (staging: Staging, move: Pick<Move, 'from' | 'to'>, at: number): boolean =>
  ourInodeAt(staging, move, at) !== undefined;

/**
 * The inode at the new place, if the move put it there. It is known by its number. On a machine that was restored from
 * a copy, all numbers differ, that of the staging directory included; then it is ours if it can be nothing else.
 */
function ourInodeAt(
  { anchors, stagingDirs }: Staging,
  { from, to }: Pick<Move, 'from' | 'to'>,
  at: number,
): number | undefined {
  const targetDir = thereOrNot(() => anchors.dir(parent(to)));
  const stagingDir = targetDir && stagingDirs.find(targetDir);
  const known = stagingDir && noted(stagingDir, at);
  const inode = known && inodeAt(anchors.at(to));
  if (stagingDir === undefined || known === undefined || inode === undefined) return undefined;
  if (inode === known.ino) return inode;
  if (known.stagingDir === fstatSync(stagingDir.fd).ino) return undefined;
  const slots = known.how === 'copy' ? (['new', 'undo'] as const) : (['away'] as const);
  const isInSlot = slots.some((slot) => there(stagingDir.place(slot, at)) !== undefined);
  const sourceDir = thereOrNot(() => anchors.dir(parent(from)));
  const isGone = sourceDir === undefined || there(childOf(sourceDir, basename(from))) === undefined;
  return isGone && !isInSlot ? inode : undefined;
}

/** Brings a move back from whatever state a crash left it in. What is not ours is kept beside, never replaced. */
export function undoMove(staging: Staging, move: Move, at: number): UndoneEdit {
  const { anchors, stagingDirs } = staging;
  // A link of somebody else's in the place of the source directory is an error: "nothing to undo" would not be true.
  const sourceDir = thereOrNot(() => anchors.dir(parent(move.from)));
  const original = sourceDir && originalIn(staging, sourceDir, at);
  const look = (): Anchor => anchors.dir(parent(move.to));
  // An original in our slot returns whatever happened to the copy; a renamed tree is to be had nowhere else.
  const targetDir = original === undefined ? thereOrNot(look) : unlessTheirLink(() => thereOrNot(look));
  if (sourceDir === undefined || (targetDir === undefined && original === undefined)) {
    const isAtOldName = sourceDir !== undefined && there(childOf(sourceDir, basename(move.from))) !== undefined;
    const isPrepared = stagingDirs.all().some((one) => noted(one, at) !== undefined);
    if (isPrepared && !isAtOldName) throw carriedOff(move);
    return { changed: false, kept: [] };
  }
  if (targetDir === undefined) return withoutCopy(staging, move, at, original!);
  mayMove(staging, move);
  const stagingDir = stagingDirs.find(targetDir);
  const known = stagingDir && noted(stagingDir, at);
  const ours = ourInodeAt(staging, move, at);
  if (original === undefined && ours === undefined) {
    if (known !== undefined && there(childOf(sourceDir, basename(move.from))) === undefined) throw carriedOff(move);
    return { changed: false, kept: [] };
  }
  const kept =
    known?.how === 'copy' ? undoCopy(staging, move, at, original, ours) : undoRename(staging, move, at, original, ours);
  if (kept === undefined) return { changed: false, kept: [] };
  // Somebody has hidden our notes, so what we put there may still be there.
  if (known === undefined && there(childOf(targetDir, basename(move.to))) !== undefined)
    staging.kept.push({ path: move.to });
  flushMove(staging, move);
  return { changed: true, kept };
}

/** The directory that got the copy is gone, or somebody's link leads there now: the original returns all the same. */
function withoutCopy(staging: Staging, { from, to }: Move, at: number, original: DiskPath): UndoneEdit {
  staging.warrants.write(staging.anchors.dir(parent(from)), from);
  const kept = giveOldName(staging, from, at, original);
  staging.kept.push({ path: to });
  syncAt(`/proc/self/fd/${staging.anchors.dir(parent(from)).fd}`);
  return { changed: true, kept };
}

/** True if the original lies in our slot, in a place where nobody but root can change it. */
export function hasOriginal(staging: Staging, { from }: Pick<Move, 'from'>, at: number): boolean {
  const sourceDir = reached(staging.anchors, parent(from));
  return sourceDir?.isOursAlone === true && originalIn(staging, sourceDir, at) !== undefined;
}

function originalIn({ stagingDirs }: Staging, sourceDir: Anchor, at: number): DiskPath | undefined {
  const slot = stagingDirs.find(sourceDir)?.place('away', at);
  return slot !== undefined && there(slot) !== undefined ? slot : undefined;
}

/** Undefined if the directory is missing, or a link of somebody else's is on the way. */
const reached = (held: Anchors, dir: AbsPath): Anchor | undefined =>
  unlessTheirLink(() => thereOrNot(() => held.dir(dir)));

/** The error for a tree that is at neither place: the owner of a directory can rename what was moved there. */
const carriedOff = ({ from, to }: Pick<Move, 'from' | 'to'>): Error =>
  errno('ENOENT', `what was moved from "${from}" to "${to}" is at neither: put it back at "${to}", and recover again`);

/** The error for an original that is not in its slot: the owner of the directory can rename the staging directory in it. */
const hidden = ({ from, to }: Pick<Move, 'from' | 'to'>): Error =>
  errno(
    'ENOENT',
    `the original of what was copied from "${from}" to "${to}" is not where it was set aside: put the directory .reflake-… beside "${from}" back under its name, and recover again`,
  );

/** Undefined if there is nothing to undo. */
function undoCopy(
  staging: Staging,
  { from, to }: Move,
  at: number,
  original: DiskPath | undefined,
  ours: number | undefined,
): readonly AbsPath[] | undefined {
  const { anchors } = staging;
  // After a power cut, either file system may have lost its rename. If the original is in no slot, it must be back at its
  // old name; if it is not there either, somebody has hidden our staging directory.
  if (original === undefined && there(anchors.at(from)) === undefined) {
    if (ours !== undefined) throw hidden({ from, to });
    return undefined;
  }
  // The original first: it returns even if dealing with the copy fails, for instance because its owner's disk is full.
  const kept: AbsPath[] = original === undefined ? [] : [...giveOldName(staging, from, at, original)];
  const taken = ours === undefined ? undefined : take(staging, to, at, 'undo');
  // Nobody can open the copy by its name any more, so this comparison is final.
  if (taken !== undefined && !sameTree(anchors.at(from), taken)) kept.push(...besides(keepBeside(staging, to, taken)));
  return kept;
}

function undoRename(
  staging: Staging,
  { from, to }: Move,
  at: number,
  original: DiskPath | undefined,
  ours: number | undefined,
): readonly AbsPath[] {
  const { anchors } = staging;
  if (ours !== undefined && there(anchors.at(to))?.isDirectory()) {
    const kept = makeRoom(staging, from, at);
    if (!moveDir(anchors.at(to), anchors.at(from))) throw staleAt(from);
    if (inodeAt(anchors.at(from)) === ours) return kept;
    moveDir(anchors.at(from), anchors.at(to));
    throw staleAt(to);
  }
  const kept: AbsPath[] = [];
  const taken = ours === undefined ? undefined : take(staging, to, at);
  const isTheirs = taken !== undefined && inodeAt(taken) !== ours;
  if (isTheirs) kept.push(...besides(keepBeside(staging, to, taken)));
  const slotted = original ?? (isTheirs ? undefined : taken);
  if (slotted !== undefined) kept.push(...giveOldName(staging, from, at, slotted));
  return kept;
}

/** Gives what lies in a slot its old name. What is in the way is kept beside; returns those names. */
function giveOldName(staging: Staging, from: AbsPath, at: number, slotted: DiskPath): readonly AbsPath[] {
  const kept: AbsPath[] = [];
  for (let tries = 0; tries < PATIENCE; tries++) {
    kept.push(...makeRoom(staging, from, at));
    if (give(slotted, staging.anchors.at(from))) return kept;
  }
  throw staleAt(from);
}

function makeRoom(staging: Staging, path: AbsPath, at: number): AbsPath[] {
  const name = there(staging.anchors.at(path)) && setAside(staging, path, at);
  return name === undefined ? [] : [name];
}

/** Gives a conflict name to what lies in slots of the move and has no other name. Returns those names. */
export function keepSlotted(
  staging: Staging,
  { from, to }: Move,
  at: number,
  writers: LateWriters,
): readonly AbsPath[] {
  const { anchors, stagingDirs } = staging;
  const [sourceDir, targetDir] = [from, to].map((path) => thereOrNot(() => anchors.dir(parent(path))));
  const stagingDir = targetDir && stagingDirs.find(targetDir);
  const known = stagingDir && noted(stagingDir, at);
  const statAt = (path: AbsPath, dir: Anchor | undefined) => dir && there(childOf(dir, basename(path)));
  const named = [statAt(from, sourceDir), statAt(to, targetDir)].filter((stat) => stat !== undefined);
  const isCopied = known?.how === 'copy' && named.some(({ ino }) => ino === known.ino);
  const keep = (path: AbsPath, slot: Slot, isDispensable: (thing: DiskPath) => boolean): readonly AbsPath[] =>
    stagingDirs.all().flatMap((one) =>
      one.things(slot, at).flatMap((thing) => {
        const stat = there(thing)!;
        if (named.some((other) => isSameInode(stat, other))) return [];
        const isWritten = writers.has(stat) || writers.hasBelow(thing);
        if (!isWritten && isDispensable(thing)) return [];
        return besides(keepBeside(staging, path, thing, nearest(staging, path, one)));
      }),
    );
  return [
    // The original of a copy that is in its place is dispensable, unless somebody wrote to it through an open
    // descriptor.
    ...keep(from, 'away', (thing) => isCopied && manifestOf(thing).digest === known?.manifest),
    ...keep(to, 'undo', (thing) => sourceDir !== undefined && isSameTreeAt(childOf(sourceDir, basename(from)), thing)),
  ];
}

const besides = (name: AbsPath | undefined): readonly AbsPath[] => (name === undefined ? [] : [name]);

const isSameTreeAt = (place: DiskPath, thing: DiskPath): boolean =>
  there(place) !== undefined && sameTree(place, thing);

function flushMove({ anchors, stagingDirs }: Staging, { from, to }: Pick<Move, 'from' | 'to'>): void {
  for (const { fd } of stagingDirs.all())
    for (const slot of ['away', 'new', 'undo']) syncAt(`/proc/self/fd/${fd}/${slot}`);
  for (const path of [to, from]) syncAt(`/proc/self/fd/${anchors.dir(parent(path)).fd}`);
}

const inodeAt = (place: DiskPath): number | undefined => there(place)?.ino;

function note(
  stagingDir: StagingDir,
  at: number,
  known: Omit<Note, 'ino' | 'site'> & { readonly ino: number | undefined },
): void {
  const text = JSON.stringify({ ...known, stagingDir: fstatSync(stagingDir.fd).ino });
  writeFileSync(stagingDir.place('old', at), text, { mode: 0o600, flag: 'wx' });
  syncAt(stagingDir.place('old', at));
}

/** Undefined if the move was not completely prepared. */
function noted(stagingDir: StagingDir, at: number): Note | undefined {
  const place = stagingDir.place('old', at);
  if (there(place) === undefined) return undefined;
  try {
    return JSON.parse(readFileSync(place, 'utf8')) as Note;
  } catch (thrown) {
    if (!(thrown instanceof SyntaxError)) throw thrown;
    // A crash cut the note off while it was written, so its move was not published.
    return undefined;
  }
}
