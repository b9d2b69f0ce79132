// Decides what root may do with a directory and an inode, and is asked about the open descriptors just before it is
// done. The rule: in somebody's places root does no more than they could do themselves, and gives away only what the
// receiver could already read.

import type { Stats } from 'node:fs';
import type { By } from '../../machine/host.ts';
import { type Edit, kindOf, type Move, type Owner, type Party } from '../../model.ts';
import { type AbsPath, isWithin } from '../../path.ts';
import { type Anchor, keepsRootsNames } from '../disk/anchor.ts';

export interface Warrants {
  /** Throws EPERM if root began the transaction and we are not root. */
  begun(): void;
  /** Throws EPERM if root may change no name in the directory. `path`: the name, for the message. */
  write(dir: Anchor, path: AbsPath): void;
  /** True if `write` would not throw. */
  mayWrite(dir: Anchor): boolean;
  /** Throws EPERM if root may not give the inode, found in the directory, another owner or mode. */
  give(dir: Anchor, stat: Stats, to: Owner & { readonly mode?: number }, path: AbsPath): void;
}

/** `isMoved`: true if the inode is the tree that this move of the transaction brought there. */
export function warrants(
  by: By,
  edits: readonly Edit[],
  isMoved: (move: Move, at: number, inode: { readonly ino: number }) => boolean,
): Warrants {
  const isRoot = (): boolean => process.geteuid?.() === 0;
  const { parties } = by;
  const isParty = (uid: number): boolean =>
    uid !== 0 && (parties === undefined || parties.some((party) => party.uid === uid));
  const partyOf = ({ uid, gid }: Owner): Party => {
    const known = parties?.find((party) => party.uid === uid);
    return { uid, gids: [gid, ...(known?.gids ?? [])] };
  };
  const moves = edits.flatMap((edit, at) => (edit.op === 'move' ? [{ move: edit, at }] : []));
  const exchanged = exchangedDirs(edits, isParty);
  const known = new WeakMap<Anchor, { moved?: boolean; write?: boolean; open: Map<number, boolean> }>();
  const about = (dir: Anchor) => {
    const found = known.get(dir) ?? { open: new Map<number, boolean>() };
    known.set(dir, found);
    return found;
  };

  /**
   * True if a move of ours brought the tree, and since then nobody but root can have changed what names in the
   * directory lead to.
   */
  const isInMoved = (dir: Anchor): boolean => {
    if (!dir.isShut) return false;
    const move = moves.find(({ move: { to } }) => to === dir.real);
    if (move !== undefined) return isMoved(move.move, move.at, dir);
    return moves.some(({ move: { to } }) => isWithin(dir.real, to)) && dir.above !== undefined && inMoved(dir.above);
  };
  const inMoved = (dir: Anchor): boolean => (about(dir).moved ??= isInMoved(dir));

  const isReadableWay = (dir: Anchor, party: Party): boolean => {
    const { open } = about(dir);
    const found = open.get(party.uid) ?? (hasBits(dir, party, 1) && (!dir.above || isReadableWay(dir.above, party)));
    open.set(party.uid, found);
    return found;
  };

  const isWritable = (dir: Anchor): boolean => {
    if (!isRoot() || parties === undefined || isParty(dir.uid) || inMoved(dir)) return true;
    if (dir.isReachedByUsAlone && keepsRootsNames(dir)) return true;
    if (dir.uid !== 0) return false;
    // A party itself could do it, by the directory's mode.
    const isTheirs = (party: Party): boolean =>
      hasBits(dir, party, 3) && (!dir.above || isReadableWay(dir.above, party));
    if (parties.some(isTheirs)) return true;
    const party = exchanged.get(dir.real);
    if (party === undefined) return false;
    // The transaction gives the directory to them, or takes it back, and they could read it anyway.
    return hasBits(dir, partyOf(party), 5) && (!dir.above || isReadableWay(dir.above, partyOf(party)));
  };
  const mayWrite = (dir: Anchor): boolean => (about(dir).write ??= isWritable(dir));

  return {
    begun() {
      if (by.uid === 0 && !isRoot()) throw refusal('this was begun by root, and only root can go on with it');
    },
    mayWrite,
    write(dir, path) {
      if (mayWrite(dir)) return;
      const whose = dir.uid === 0 ? 'root, in a place that others can change' : `the user ${dir.uid}`;
      throw refusal(`"${path}" is not changed: its directory belongs to ${whose}`);
    },
    give(dir, stat, to, path) {
      if (!isRoot()) return;
      const isOwned = stat.uid === to.uid && stat.gid === to.gid;
      // A change of the mode alone is allowed for what a party owns, and where root may change names too.
      if (isOwned && (to.mode === undefined || to.mode === (stat.mode & 0o7777) || isParty(stat.uid) || mayWrite(dir)))
        return;
      if (stat.dev !== dir.dev) throw refusal(`a file system is mounted at "${path}", and is given to nobody`);
      // Nobody but root can have put it there.
      if (dir.isOursAlone || inMoved(dir)) return;
      const arrived = moves.find(({ move }) => move.to === path);
      if (arrived !== undefined && isMoved(arrived.move, arrived.at, stat)) return;
      if (stat.isFile() && ((stat.mode & 0o6000) !== 0 || ((to.mode ?? 0) & 0o6000) !== 0))
        throw refusal(`"${path}" has set-id bits, and is given to nobody`);
      if (stat.uid === to.uid || isParty(stat.uid)) return;
      if (to.uid === 0 && (stat.uid === 0 || mayWrite(dir))) return;
      const party = partyOf(to);
      const bits = stat.isSymbolicLink() ? 0 : stat.isDirectory() ? 5 : 4;
      if (isReadableWay(dir, party) && hasBits(stat, party, bits)) return;
      throw refusal(
        `"${path}" is the user ${stat.uid}'s, and closed to the user ${to.uid}, so it is not given to them`,
      );
    },
  };
}

/** Directories that change owner between root and a party, with that party. */
function exchangedDirs(edits: readonly Edit[], isParty: (uid: number) => boolean): ReadonlyMap<AbsPath, Owner> {
  const found = new Map<AbsPath, Owner>();
  for (const edit of edits) {
    if (edit.op !== 'put' || edit.after.type !== 'dir' || kindOf(edit) !== 'metadata' || edit.before.type !== 'dir')
      continue;
    const owners = [edit.before.owner, edit.after.owner];
    const party = owners.find(({ uid }) => isParty(uid));
    if (party !== undefined && owners.some(({ uid }) => uid === 0)) found.set(edit.path, party);
  }
  return found;
}

/** True if the mode gives somebody all of `bits` (4 read, 2 write, 1 search). With an ACL, the group bits are its mask. */
function hasBits({ uid, gid, mode }: Pick<Stats, 'uid' | 'gid' | 'mode'>, party: Party, bits: number): boolean {
  const shift = uid === party.uid ? 6 : party.gids.includes(gid) ? 3 : 0;
  return ((mode >> shift) & bits) === bits;
}

const refusal = (message: string): Error => Object.assign(new Error(message), { code: 'EPERM' });
