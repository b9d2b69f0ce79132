// One move on the disk: a rename where the kernel can do that; across file systems, and from a place of root's to somebody else's,
// a copy that is complete, durable and out of sight before the original is set aside for it.

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

/** What is noted beside a prepared move, for whoever undoes it: the inode that is ours at the new place. */
interface Note {
  readonly how: 'rename' | 'copy';
  readonly ino: number;
  /** Of the staging directory that the note lies in. */
  readonly stagingDir?: number;
  /** It came from a place that root alone controls. */
  readonly roots: boolean;
  /** Of the original that was copied. */
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
    // What is prepared in it would lie in it, and move with it.
    if (stat.isDirectory() && volumeOf(pin) !== volumeOf(sourceDir.fd))
      throw errno('EBUSY', `a volume of its own (a btrfs subvolume) is at ${from}: move it by hand`);
    // Whoever gets it could change what comes back: so they get a copy, and root's own stays out of their reach until the commit.
    const isForOthers = roots && !targetDir.isOursAlone;
    if (isOneVolume && !isForOthers && !(stat.isDirectory() && isOverlay(pin))) {
      note(stagingDir, at, { how: 'rename', ino: stat.ino, roots });
      // It gets its new name by a link, which counts as a change of it.
      if (!stat.isDirectory()) staging.touched.add(now.now(from));
      now.move(from, to);
      return;
    }
    stagingDirs.make(sourceDir);
    const copy = stagingDir.place('new', at);
    const { digest, young, shape } = copyTree(source, copy);
    if (stat.isDirectory()) likeTree(pin, copy);
    else if (stat.isFile()) likeFile(pin, stagingDir.fd, at);
    // It may be one that has no owners, or another idea of names, and says nothing when it is asked to keep them.
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

/** Durable on return: what is done in the tree afterwards must not be there without it. */
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

/** Its two directories, as they are now. */
function mayMove({ anchors, warrants }: Staging, { from, to }: Pick<Move, 'from' | 'to'>): void {
  for (const path of [from, to]) warrants.write(anchors.dir(parent(path)), path);
}

/** Whether the inode is the very tree that the move brought there from a place that root alone controls. */
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

/** Where the kernel has what is pinned. */
const realOf = (pin: number): AbsPath =>
  absolute(fromBytes(readlinkSync(`/proc/self/fd/${pin}`, { encoding: 'buffer' })));

function renameDir({ anchors }: Staging, { from, to }: Move, known: Note): void {
  const [source, target] = [anchors.at(from), anchors.at(to)];
  if (inodeAt(source) !== known.ino) throw staleAt(from);
  if (!moveDir(source, target)) throw staleAt(to);
  if (inodeAt(target) === known.ino) return;
  // Where nobody else can change the old name, it was ours that went, and another is at the new one by now: that is no way back.
  if (anchors.dir(parent(from)).isOursAlone) throw errno('EBUSY', `somebody exchanged "${to}" at this moment`);
  // Another one at the last moment.
  moveDir(target, source);
  throw staleAt(from);
}

/** By way of a slot: a link alone would leave its old name, which may lead to another file before it is removed. */
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

/** Throws: ESTALE where the move is now as if it had not been begun; else undo has to see to it. */
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
  // Nobody reaches the original by its name any more: what was written to it during the copy shows now.
  const isSame =
    manifestOf(away).digest === known.manifest &&
    (known.young ?? []).every((name) => sameBytes(inside(away, name), inside(copy, name)));
  if (!isSame) {
    give(away, anchors.at(from));
    throw errno('EBUSY', `it was changed while it was copied: ${from}`);
  }
  if (!give(copy, anchors.at(to))) undoTaking(staging, { from, to }, away);
}

/** `name` is empty where the tree is one file. */
const inside = (tree: DiskPath, name: string): DiskPath =>
  name === '' ? tree : Buffer.concat([tree, Buffer.from(`/${name}`, 'latin1')]);

/** Whether what is at the new place is what the move put there. */
export const isOursAt = (staging: Staging, move: Pick<Move, 'from' | 'to'>, at: number): boolean =>
  ourInodeAt(staging, move, at) !== undefined;

/**
 * The inode at the new place, if the move put it there. Only on a machine that was restored from a copy, where our own work
 * directory is another inode too, is it known by there being nothing else that it could be.
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

/** From whatever state a crash left a move in, back to the start. What is not ours is kept beside, never replaced. */
export function undoMove(staging: Staging, move: Move, at: number): UndoneEdit {
  const { anchors, stagingDirs } = staging;
  const targetDir = reached(anchors, parent(move.to));
  const sourceDir = reached(anchors, parent(move.from));
  // Moves are durable in their order: without a place to come from, it is another's; without one to go to, it was not made.
  const original = sourceDir && originalIn(staging, sourceDir, at);
  if (sourceDir === undefined || (targetDir === undefined && original === undefined))
    return { changed: false, kept: [] };
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
  // Whoever has hidden our notes may have left there what we had put there.
  if (known === undefined && there(childOf(targetDir, basename(move.to))) !== undefined)
    staging.kept.push({ path: move.to });
  flushMove(staging, move);
  return { changed: true, kept };
}

/** The directory that the copy was put in is not there any more, or somebody's link is: the original comes back all the same. */
function withoutCopy(staging: Staging, { from, to }: Move, at: number, original: DiskPath): UndoneEdit {
  staging.warrants.write(staging.anchors.dir(parent(from)), from);
  const kept = giveOldName(staging, from, at, original);
  staging.kept.push({ path: to });
  syncAt(`/proc/self/fd/${staging.anchors.dir(parent(from)).fd}`);
  return { changed: true, kept };
}

/** Whether the original lies in our slot, where nobody but root can change what is there. */
export function hasOriginal(staging: Staging, { from }: Pick<Move, 'from'>, at: number): boolean {
  const sourceDir = reached(staging.anchors, parent(from));
  return sourceDir?.isOursAlone === true && originalIn(staging, sourceDir, at) !== undefined;
}

function originalIn({ stagingDirs }: Staging, sourceDir: Anchor, at: number): DiskPath | undefined {
  const slot = stagingDirs.find(sourceDir)?.place('away', at);
  return slot !== undefined && there(slot) !== undefined ? slot : undefined;
}

/** Undefined: it is not there, or somebody's link is on the way. */
const reached = (held: Anchors, dir: AbsPath): Anchor | undefined =>
  unlessTheirLink(() => thereOrNot(() => held.dir(dir)));

/** Whoever owns a directory can rename what is in it, so also what was moved there. */
const carriedOff = ({ from, to }: Pick<Move, 'from' | 'to'>): Error =>
  errno('ENOENT', `what was moved from "${from}" to "${to}" is at neither: put it back at "${to}", and recover again`);

/** Whoever owns the directory of our staging directory can rename that, and the original lies in it. */
const hidden = ({ from, to }: Pick<Move, 'from' | 'to'>): Error =>
  errno(
    'ENOENT',
    `the original of what was copied from "${from}" to "${to}" is not where it was set aside: put the directory .reflake-… beside "${from}" back under its name, and recover again`,
  );

/** Undefined: there is nothing to undo. */
function undoCopy(
  staging: Staging,
  { from, to }: Move,
  at: number,
  original: DiskPath | undefined,
  ours: number | undefined,
): readonly AbsPath[] | undefined {
  const { anchors } = staging;
  // Of two file systems either may lose its rename: the original is (again) at its place, and our copy shows.
  if (original === undefined && there(anchors.at(from)) === undefined) {
    if (ours !== undefined) throw hidden({ from, to });
    return undefined;
  }
  // First: whatever becomes of the copy, its owner's full disk included, the original is at its place.
  const kept: AbsPath[] = original === undefined ? [] : [...giveOldName(staging, from, at, original)];
  const taken = ours === undefined ? undefined : take(staging, to, at, 'undo');
  // Whatever it is: nobody reaches it by its name any more.
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

/** Its old name is given to what lies in a slot; what is in the way is kept beside: their names. */
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

/** What lies in slots of the move and is nowhere else by now gets a name beside: their names. */
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
    // Of a copy that is in its place the original goes, but for what was still written to it through a descriptor.
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

/** Undefined: the move was not wholly prepared. */
function noted(stagingDir: StagingDir, at: number): Note | undefined {
  const place = stagingDir.place('old', at);
  if (there(place) === undefined) return undefined;
  try {
    return JSON.parse(readFileSync(place, 'utf8')) as Note;
  } catch (thrown) {
    if (!(thrown instanceof SyntaxError)) throw thrown;
    // Cut off while it was written: what it is about was not published.
    return undefined;
  }
}
