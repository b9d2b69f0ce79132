// Names that others may change under our hands. What is at one is taken out of their reach first and looked at then, in
// peace; what gets one never replaces anything. So nothing is lost that was renamed there a moment ago.

import { fstatSync, linkSync, readdirSync, renameSync, type Stats, unlinkSync } from 'node:fs';
import { staleAt } from '../../machine/host.ts';
import { below } from '../../machine/links.ts';
import type { Move } from '../../model.ts';
import { type AbsPath, basename, parent, ROOT, rebase } from '../../path.ts';
import { type Anchor, unlessTheirLink, volumeOf } from '../disk/anchor.ts';
import type { DiskPath } from '../disk/disk-paths.ts';
import { syncAt } from '../disk/durable.ts';
import { type Desk, isSameInode, there } from './staging.ts';
import { SHELVES, type Shelf, type Site, thereOrNot } from './staging-directory.ts';

/** Whether somebody else than root can change the names in it. Where nobody can, one rename replaces a file for all. */
export function isOpenToOthers({ fd }: Pick<Anchor, 'fd'>): boolean {
  const { uid, mode } = fstatSync(fd);
  return uid !== 0 || (mode & 0o022) !== 0;
}

/** The work directory on the volume of the directory that the path lies in. */
export function siteOf({ anchors, sites }: Pick<Desk, 'anchors' | 'sites'>, path: AbsPath): Site {
  return sites.make(anchors.dir(parent(path)));
}

/** Onto a shelf of ours with whatever is at the path, by one rename. Undefined: nothing is there. */
export function take(desk: Desk, path: AbsPath, at: number, shelf: Shelf = 'away'): DiskPath | undefined {
  desk.warrants.write(desk.anchors.dir(parent(path)), path);
  const place = siteOf(desk, path).free(shelf, at);
  return thereOrNot(() => {
    renameSync(desk.anchors.at(path), place);
    return place;
  });
}

/**
 * Gives what is on a shelf a name; false where that is taken. All that a rename could still replace is a directory that
 * somebody has made in this very moment and put nothing into. Of what is nowhere else the new name is durable before the
 * other goes: a power cut may keep the two in any order.
 */
export function give(shelved: DiskPath, target: DiskPath, isElsewhere = false): boolean {
  if (there(shelved)?.isDirectory()) return renameIfFree(shelved, target);
  try {
    linkSync(shelved, target);
  } catch (thrown) {
    const { code } = thrown as NodeJS.ErrnoException;
    if (code === 'EEXIST') return false;
    if (!UNLINKABLE.has(code ?? '')) throw thrown;
    return renameIfFree(shelved, target);
  }
  if (!isElsewhere) syncAt(target.subarray(0, target.lastIndexOf('/')));
  unlinkSync(shelved);
  return true;
}

/** Of a directory, wherever it is: anything else that has come to be at `source` stays. False: it could not be done. */
export const moveDir = (source: DiskPath, target: DiskPath): boolean =>
  // The slash: the kernel then renames nothing but a directory, and only to what is free or an empty directory.
  renameIfFree(Buffer.concat([source, Buffer.from('/')]), target);

function renameIfFree(source: DiskPath, target: DiskPath): boolean {
  if (there(target) !== undefined) return false;
  try {
    renameSync(source, target);
    return true;
  } catch (thrown) {
    if (TAKEN.has((thrown as NodeJS.ErrnoException).code ?? '')) return false;
    throw thrown;
  }
}

const TAKEN: ReadonlySet<string> = new Set(['EEXIST', 'ENOTEMPTY', 'ENOTDIR', 'EISDIR']);

/** From a file system that has no links, or for a file that is not ours to link. */
const UNLINKABLE: ReadonlySet<string> = new Set(['EPERM', 'EXDEV', 'ENOTSUP', 'EOPNOTSUPP', 'EMLINK', 'ENOSYS']);

/** Without a link (a file system that has none, a file that is not ours) the journal's copy of the bytes must do. */
export function linkIfPossible(place: DiskPath, old: DiskPath): void {
  try {
    linkSync(place, old);
  } catch (thrown) {
    if (!UNLINKABLE.has((thrown as NodeJS.ErrnoException).code ?? '')) throw thrown;
  }
}

/** How often what was taken back is offered its name: who comes between more often does nothing else. */
export const PATIENCE = 20;

/** As `give`, where `path` was free when it was planned; what it was made from is in the journal. */
export function giveOrStale(shelved: DiskPath, target: DiskPath, path: AbsPath): void {
  if (!give(shelved, target, true)) throw staleAt(path);
}

/**
 * Gives what is on a shelf the first of the path's conflict names that is free, in `dir`; returns that. Undefined: it has a
 * name elsewhere, outside our shelves, and needs none; it stays on the shelf.
 */
export function keepBeside(
  desk: Desk,
  path: AbsPath,
  shelved: DiskPath,
  dir: AbsPath = parent(path),
): AbsPath | undefined {
  if (isLive(desk, shelved)) return undefined;
  desk.warrants.write(desk.anchors.dir(dir), path);
  for (const name of conflictNames(desk, path, dir)) {
    if (!give(shelved, desk.anchors.at(name))) continue;
    desk.kept.push({ path, beside: name });
    return name;
  }
  throw new Error('unreachable');
}

/** Whether what lies on a shelf has a name that is not on one: whoever made that finds their work there. */
export function isLive(desk: Desk, shelved: DiskPath): boolean {
  const stat = there(shelved);
  return stat !== undefined && !stat.isDirectory() && stat.nlink > 1 && stat.nlink > shelvedLinks(desk, stat);
}

/** How many names of this inode lie on our shelves. */
export function shelvedLinks({ sites }: Desk, stat: Stats): number {
  const shelves = sites.all().flatMap(({ fd }) => SHELVES.map((name) => `/proc/self/fd/${fd}/${name}`));
  return shelves.flatMap((shelf) => readdirSync(shelf).filter((name) => isAt(`${shelf}/${name}`, stat))).length;
}

function isAt(place: string, stat: Stats): boolean {
  const found = there(Buffer.from(place));
  return found !== undefined && isSameInode(found, stat);
}

/**
 * On the volume of `site`: the directory of the path; where that is gone, the one that a move of ours brought it to, or
 * brought it back to; else the nearest above those that is still there. The last resort is where the work directory lies.
 */
export function nearest({ anchors, moves }: Pick<Desk, 'anchors' | 'moves'>, path: AbsPath, site: Site): AbsPath {
  const volume = volumeOf(site.fd);
  const isHere = (dir: AbsPath): boolean => {
    const anchor = unlessTheirLink(() => thereOrNot(() => anchors.dir(dir)));
    return anchor !== undefined && volumeOf(anchor.fd) === volume;
  };
  const places = placesOf(moves, path);
  const direct = places.map(parent).find(isHere);
  if (direct !== undefined) return direct;
  for (const place of places.toReversed())
    for (let at = parent(place); at !== ROOT; at = parent(at)) if (isHere(at)) return at;
  return site.within;
}

/** The path, and where it is before or after each move. */
export const placesOf = (moves: readonly Move[], path: AbsPath): readonly AbsPath[] => [
  path,
  ...moves
    .flatMap(({ from, to }) => [rebase(path, to, from), rebase(path, from, to)])
    .filter((one) => one !== undefined),
];

/** What has a conflict name of the path already: an earlier run of this transaction gave it, and may have died before it said so. */
export function keptBefore(desk: Desk, path: AbsPath): readonly AbsPath[] {
  const dirs = new Set([...placesOf(desk.moves, path).map(parent), ...desk.sites.all().map(({ within }) => within)]);
  return [...dirs].flatMap((dir) => {
    const found: AbsPath[] = [];
    for (const name of conflictNames(desk, path, dir)) {
      if (unlessTheirLink(() => thereOrNot(() => there(desk.anchors.at(name)))) === undefined) break;
      found.push(name);
    }
    return found;
  });
}

/** Renames what is at the path to its conflict name, which it returns. Undefined: nothing is there, or it has another name still. */
export function setAside(desk: Desk, path: AbsPath, at: number): AbsPath | undefined {
  desk.warrants.write(desk.anchors.dir(parent(path)), path);
  const place = desk.anchors.at(path);
  // A directory keeps its parent, since to change that is a right of its own.
  if (there(place)?.isDirectory()) {
    for (const name of conflictNames(desk, path, parent(path))) {
      if (moveDir(place, desk.anchors.at(name))) {
        desk.kept.push({ path, beside: name });
        return name;
      }
      if (!there(place)?.isDirectory()) break;
    }
  }
  const taken = take(desk, path, at);
  return taken && keepBeside(desk, path, taken);
}

function* conflictNames({ tx }: Pick<Desk, 'tx'>, path: AbsPath, dir: AbsPath): Generator<AbsPath> {
  const name = basename(path);
  // A name has at most 255 bytes.
  const base = Buffer.byteLength(name) > 200 ? name.slice(0, 50) : name;
  for (let n = 1; ; n++) yield below(dir, `${base}.reflake-conflict-${tx}${n === 1 ? '' : `-${n}`}`);
}
