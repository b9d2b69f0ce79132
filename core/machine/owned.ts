// Finds what in a tree does not belong to its owner, or cannot be used by them. A walk through a Reader.

import { MOST } from '../limits.ts';
import { type Entry, type Owner, type Party, sameOwner } from '../model.ts';
import { type AbsPath, depth, parent, ROOT } from '../path.ts';
import { below, follow } from './follow-links.ts';
import { type Reader, tooDeep } from './reader.ts';

export interface Found {
  readonly path: AbsPath;
  readonly entry: Exclude<Entry, { type: 'absent' }>;
  /** It belongs to somebody else, and the new owner must not get it: they could not read it, or it has set-id bits. */
  readonly withheld?: 'closed' | 'set-id';
}

/**
 * What is not `owner`'s at `top` and below it, parents first. (To return all entries of a large tree would only cost
 * memory.) It does not look into a directory that is withheld. `gids`: their other groups.
 */
export function notOwned(top: AbsPath, owner: Owner, reader: Reader, gids: readonly number[] = []): readonly Found[] {
  const found: Found[] = [];
  const party: Party = { uid: owner.uid, gids: [owner.gid, ...gids] };
  let seen = 0;
  let known: Way | undefined;
  const way = (): Way => {
    known ??= wayTo(top, party, reader);
    return known;
  };
  const deepest = depth(top) + MOST.treeDepth;
  /** Returns true if the walk goes on. `isClean`: only root can have put the entry there. */
  const visit = (path: AbsPath, entry: Entry, isClean: () => boolean): boolean => {
    if (entry.type === 'absent') return true;
    if (!sameOwner(entry.owner, owner) || isClosed({ path, entry })) {
      const withheld = withheldFrom(entry, party, way, isClean);
      found.push(withheld === undefined ? { path, entry } : { path, entry, withheld });
      if (withheld === 'closed' && entry.type === 'dir') return true;
    }
    if (++seen === MANY && found.length === 0 && reader.isOwned(top, owner)) return false;
    if (entry.type !== 'dir') return true;
    if (depth(path) > deepest) throw tooDeep(path);
    const isCleanBelow = isShut(entry) ? isClean : NO;
    return reader.entries(path).every((child) => visit(below(path, child.name), child.entry, isCleanBelow));
  };
  visit(top, reader.stat(top), () => way().isClean);
  return found;
}

const NO = (): boolean => false;

/** Facts about the directories above a tree. */
interface Way {
  /** The party may search all of them. */
  readonly isOpen: boolean;
  /** Only root can change a name on the whole way to its present place, before any planned move. */
  readonly isClean: boolean;
}

function wayTo(top: AbsPath, party: Party, reader: Reader): Way {
  const origin = reader.origin(top);
  const now = follow(reader, parent(top)).path;
  const { path: then, by } = follow(reader, parent(origin));
  return {
    isOpen: upwards(now).every((dir) => hasBits(reader.stat(dir), party, 1)),
    isClean:
      by === undefined && isShut(reader.stat(then)) && upwards(then).every((dir) => keepsRoots(reader.stat(dir))),
  };
}

/** The directory and all above it. */
function upwards(dir: AbsPath): readonly AbsPath[] {
  return dir === ROOT ? [dir] : [dir, ...upwards(parent(dir))];
}

function withheldFrom(
  entry: Found['entry'],
  party: Party,
  way: () => Way,
  isClean: () => boolean,
): Found['withheld'] | undefined {
  const isSetId = entry.type === 'file' && (entry.mode & 0o6000) !== 0;
  if (entry.owner.uid === party.uid) return undefined;
  if (isSetId) return 'set-id';
  // What is root's, only root can have put there for the owner; what is a third user's root gives nobody.
  if (entry.owner.uid === 0 && isClean()) return undefined;
  const bits = entry.type === 'link' ? 0 : entry.type === 'dir' ? 5 : 4;
  return way().isOpen && hasBits(entry, party, bits) ? undefined : 'closed';
}

/** True if only root can change the names in it. */
const isShut = (entry: Entry): boolean => entry.type === 'dir' && entry.owner.uid === 0 && (entry.mode & 0o022) === 0;

/** True if only root can rename root's entries in it. core/host/disk/anchor.ts asks the same of open directories. */
const keepsRoots = (entry: Entry): boolean =>
  isShut(entry) ||
  (entry.type === 'dir' &&
    entry.owner.uid === 0 &&
    ((entry.mode & 0o1000) !== 0 || ((entry.mode & 0o002) === 0 && entry.owner.gid === 0)));

/** True if the mode gives them all of `bits` (4 read, 1 search). */
function hasBits(entry: Entry, party: Party, bits: number): boolean {
  // Root reads what is closed to everybody else.
  if (bits === 0 || party.uid === 0) return true;
  if (!('mode' in entry)) return false;
  const shift = entry.owner.uid === party.uid ? 6 : party.gids.includes(entry.owner.gid) ? 3 : 0;
  return ((entry.mode >> shift) & bits) === bits;
}

/**
 * After this many entries without a finding, it is worth asking whether all are as wished: a walk of as many takes as
 * long as one find(1).
 */
const MANY = 1000;

/** True if its owner lacks a right that an owner needs. */
export const isClosed = (one: Found): boolean => wantedMode(one) !== modeOf(one.entry);

export const modeOf = (entry: Entry): number => ('mode' in entry ? entry.mode : 0);

/** The mode with the rights that its owner needs. A link has no mode of its own, and git keeps objects read-only. */
export function wantedMode({ path, entry }: Found): number {
  if (entry.type === 'link' || entry.type === 'other') return modeOf(entry);
  if (entry.type === 'dir') return entry.mode | 0o700;
  if ((entry.mode & 0o600) === 0o600) return entry.mode;
  return entry.mode | (isObject(path) ? 0o400 : 0o600);
}

/** The places of read-only objects of git and git-lfs, submodules included, as patterns of find(1). */
export const OBJECT_PATHS = ['*/.git/objects/*', '*/.git/modules/*/objects/*', '*/.git/lfs/objects/*'];

const isObject = (path: AbsPath): boolean => /\/\.git\/(?:objects|modules\/.*\/objects|lfs\/objects)\//s.test(path);
