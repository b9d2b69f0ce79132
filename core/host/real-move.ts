// One move on the disk: a rename where the kernel can do that; across file systems a copy that is complete, durable and
// out of sight before the original is set aside for it.

import { closeSync, constants, fstatSync, openSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import type { Move } from '../model.ts';
import { type AbsPath, basename, parent } from '../path.ts';
import { childOf, errno, mountOf, O_PATH, volumeOf } from './anchor.ts';
import { likeFile, likeTree } from './attributes.ts';
import { syncAt, syncFileSystem } from './durable.ts';
import { isOverlay } from './file-system.ts';
import { type Restored, staleAt } from './host.ts';
import { copyTree, manifestOf, sameBytes, sameTree, shapeOf } from './real-copy.ts';
import type { DiskPath } from './real-paths.ts';
import { placeNew } from './real-put.ts';
import { type Site, thereOrNot } from './site.ts';
import { type Aliases, type Desk, keepBeside, mustBeFree, there } from './work.ts';

/** What is noted beside a prepared move, for whoever takes it back: the inode that is ours at the new place. */
interface Note {
  readonly how: 'rename' | 'copy';
  readonly ino: number;
  /** Of the original that was copied. */
  readonly manifest?: string;
  readonly young?: readonly string[];
}

export function prepareMove(desk: Desk, { from, to }: Move, at: number, now: Aliases): void {
  const { anchors, sites } = desk;
  const source = anchors.at(now.now(from));
  const sourceDir = anchors.dir(now.now(parent(from)));
  const targetDir = anchors.dir(now.now(parent(to)));
  const isOneVolume = volumeOf(sourceDir.fd) === volumeOf(targetDir.fd);
  const site = sites.make(targetDir);
  const pin = openSync(source, O_PATH | constants.O_NOFOLLOW);
  try {
    if (mountOf(pin) !== mountOf(sourceDir.fd)) throw errno('EBUSY', `a file system is mounted at ${from}`);
    const stat = fstatSync(pin);
    // What is prepared in it would lie in it, and move with it.
    if (stat.isDirectory() && volumeOf(pin) !== volumeOf(sourceDir.fd))
      throw errno('EBUSY', `a volume of its own (a btrfs subvolume) is at ${from}: move it by hand`);
    if (isOneVolume && !(stat.isDirectory() && isOverlay(pin))) {
      note(site, at, { how: 'rename', ino: stat.ino });
      // It gets its new name by a link, which counts as a change of it.
      if (!stat.isDirectory()) desk.touched.add(now.now(from));
      now.move(from, to);
      return;
    }
    sites.make(sourceDir);
    const copy = site.place('new', at);
    const { digest, young, shape } = copyTree(source, copy);
    if (stat.isDirectory()) likeTree(pin, copy);
    else if (stat.isFile()) likeFile(pin, site.fd, at);
    // It may be one that has no owners, or another idea of names, and says nothing when it is asked to keep them.
    if (shapeOf(copy) !== shape) throw errno('ENOTSUP', `names, owners or modes are not kept where ${to} is`);
    note(site, at, {
      how: 'copy',
      ino: inodeAt(copy),
      manifest: digest,
      young: young.map((name) => name.toString('latin1')),
    });
    syncFileSystem(site.fd);
    now.put(to, site.path('new', at));
  } finally {
    closeSync(pin);
  }
}

/** Durable on return: what is done in the tree afterwards must not be there without it. */
export function publishMove(desk: Desk, { from, to }: Move, at: number): void {
  const { anchors } = desk;
  const targetDir = anchors.dir(parent(to));
  const site = desk.sites.make(targetDir);
  const known = noted(site, at);
  if (known === undefined) throw staleAt(from);
  const [source, target] = [anchors.at(from), anchors.at(to)];
  // rename would silently replace an empty directory or a file that someone has just put there.
  mustBeFree(target, to);
  if (known.how === 'rename') {
    const stat = there(source);
    if (stat === undefined || stat.ino !== known.ino) throw staleAt(from);
    if (stat.isDirectory()) renameSync(source, target);
    else placeNew(source, target, to);
    if (inodeAt(target) !== known.ino) {
      mustBeFree(source, from);
      renameSync(target, source);
      throw staleAt(from);
    }
  } else {
    exchange(desk, { from, to }, at, known, site);
  }
  flushMove(desk, { from, to });
}

function exchange(desk: Desk, { from, to }: Pick<Move, 'from' | 'to'>, at: number, known: Note, site: Site): void {
  const { anchors, sites } = desk;
  const away = sites.make(anchors.dir(parent(from))).place('away', at);
  const copy = site.place('new', at);
  renameSync(anchors.at(from), away);
  // Nobody reaches the original by its name any more: what was written to it during the copy shows now.
  const isSame =
    manifestOf(away).digest === known.manifest &&
    (known.young ?? []).every((name) => sameBytes(inside(away, name), inside(copy, name)));
  if (!isSame) {
    mustBeFree(anchors.at(from), from);
    renameSync(away, anchors.at(from));
    throw errno('EBUSY', `it was changed while it was copied: ${from}`);
  }
  mustBeFree(anchors.at(to), to);
  renameSync(copy, anchors.at(to));
}

/** `name` is empty where the tree is one file. */
const inside = (tree: DiskPath, name: string): DiskPath =>
  name === '' ? tree : Buffer.concat([tree, Buffer.from(`/${name}`, 'latin1')]);

/**
 * Whether what is at the new place is what the move put there. By its inode; where nothing else it could be is anywhere,
 * without: a machine that was restored from a copy has other inodes.
 */
export function isOursAt({ anchors, sites }: Desk, { from, to }: Pick<Move, 'from' | 'to'>, at: number): boolean {
  const targetDir = thereOrNot(() => anchors.dir(parent(to)));
  const site = targetDir && sites.find(targetDir);
  const known = site && noted(site, at);
  const inode = known && inodeAt(anchors.at(to));
  if (site === undefined || known === undefined || inode === undefined) return false;
  const isOnShelf = (['new', 'undo'] as const).some((shelf) => there(site.place(shelf, at)) !== undefined);
  const sourceDir = thereOrNot(() => anchors.dir(parent(from)));
  const isGone = sourceDir === undefined || there(childOf(sourceDir, basename(from))) === undefined;
  return inode === known.ino || (isGone && !isOnShelf);
}

/** From whatever state a crash left a move in, back to the start. What is not ours is kept beside, never replaced. */
export function restoreMove(desk: Desk, { from, to }: Move, at: number): Restored {
  const { anchors, sites } = desk;
  const targetDir = thereOrNot(() => anchors.dir(parent(to)));
  const sourceDir = thereOrNot(() => anchors.dir(parent(from)));
  // Moves are durable in their order: without a place to go to, it was not made; without one to come from, it is another's.
  if (targetDir === undefined || sourceDir === undefined) return { changed: false, kept: [] };
  const site = sites.find(targetDir);
  const known = site && noted(site, at);
  const away = sites.find(sourceDir)?.place('away', at);
  const kept: AbsPath[] = [];
  const target = anchors.at(to);
  const isOurs = isOursAt(desk, { from, to }, at);
  if (known?.how === 'copy') {
    if (away === undefined || there(away) === undefined) {
      // Of two file systems either may lose its rename: the original is (again) at its place, and our copy shows.
      if (!isOurs || there(anchors.at(from)) === undefined) return { changed: false, kept };
      if (sameTree(anchors.at(from), target)) renameSync(target, site!.place('undo', at));
      else kept.push(setAside(desk, to));
      flushMove(desk, { from, to });
      return { changed: true, kept };
    }
    if (isOurs && !sameTree(away, target)) kept.push(setAside(desk, to));
    else if (isOurs) renameSync(target, site!.place('undo', at));
    if (there(anchors.at(from)) !== undefined) kept.push(setAside(desk, from));
    renameSync(away, anchors.at(from));
  } else {
    if (!isOurs) return { changed: false, kept };
    if (there(anchors.at(from)) !== undefined) kept.push(setAside(desk, from));
    renameSync(target, anchors.at(from));
  }
  flushMove(desk, { from, to });
  return { changed: true, kept };
}

/** Renames what is at the path to its conflict name, which it returns. */
export function setAside(desk: Desk, path: AbsPath): AbsPath {
  return keepBeside(desk, path, desk.anchors.at(path));
}

function flushMove({ anchors, sites }: Desk, { from, to }: Pick<Move, 'from' | 'to'>): void {
  for (const { fd } of sites.all()) for (const shelf of ['away', 'new', 'undo']) syncAt(`/proc/self/fd/${fd}/${shelf}`);
  for (const path of [to, from]) syncAt(`/proc/self/fd/${anchors.dir(parent(path)).fd}`);
}

const inodeAt = (place: DiskPath): number | undefined => there(place)?.ino;

function note(site: Site, at: number, known: Omit<Note, 'ino'> & { readonly ino: number | undefined }): void {
  writeFileSync(site.place('old', at), JSON.stringify(known), { mode: 0o600, flag: 'wx' });
  syncAt(site.place('old', at));
}

/** Undefined: the move was not wholly prepared. */
export function noted(site: Site, at: number): Note | undefined {
  const place = site.place('old', at);
  if (there(place) === undefined) return undefined;
  try {
    return JSON.parse(readFileSync(place, 'utf8')) as Note;
  } catch (thrown) {
    if (!(thrown instanceof SyntaxError)) throw thrown;
    // Cut off while it was written: what it is about was not published.
    return undefined;
  }
}
