// The state that the parts of a transaction on the disk share: its staging directories, and what was seen when it was
// prepared.

import { lstatSync, type Stats } from 'node:fs';
import { staleAt } from '../../machine/host.ts';
import type { Mutex } from '../../machine/state-store.ts';
import type { Digest, Kept, Move } from '../../model.ts';
import { type AbsPath, isWithin, parent, ROOT, rebase } from '../../path.ts';
import type { Anchors } from '../disk/anchor.ts';
import type { DiskPath } from '../disk/disk-paths.ts';
import type { StagingDirs } from './staging-directory.ts';
import type { Warrants } from './warrant.ts';

export interface Staging {
  readonly tx: string;
  readonly anchors: Anchors;
  readonly stagingDirs: StagingDirs;
  readonly warrants: Warrants;
  /**
   * For each edit that this process prepared: its target, the target's ctime, and what it will put there. A later
   * process knows none of this.
   */
  readonly known: Map<number, { readonly target?: Identity; readonly since?: number; readonly staged?: Identity }>;
  /** The notes of given.ts; undefined until they are first read. */
  given?: ReadonlyMap<number, Given>;
  /** Locks on directories that we make and will move into place. */
  readonly locks: Mutex[];
  /** Present places of what an earlier edit of ours changes before a later edit's turn. */
  readonly touched: Set<AbsPath>;
  /** The moves of the transaction, which say where else a directory may be by now. */
  readonly moves: readonly Move[];
  /**
   * Everything that was given a conflict name. Conflict names are given through this list alone, so all of them are
   * reported.
   */
  readonly kept: Kept[];
}

/**
 * A file or directory before it was given away. `bytes`: the digest of a file of root's. `attributes`: as getfattr(1)
 * dumps them, without the name.
 */
export interface Given {
  readonly bytes?: Digest;
  readonly attributes?: string;
}

export type Identity = Pick<Stats, 'dev' | 'ino'>;

export const isSameInode = (a: Identity, b: Identity): boolean => a.ino === b.ino && a.dev === b.dev;

export const there = (place: DiskPath): Stats | undefined => lstatSync(place, { throwIfNoEntry: false });

export function mustBeFree(place: DiskPath, path: AbsPath): void {
  if (there(place) !== undefined) throw staleAt(path);
}

/**
 * The present place of paths while the transaction is being prepared: what an earlier edit will put at a path lies in a
 * slot, and what a move will bring there is still at its old place.
 */
export interface Aliases {
  readonly put: (path: AbsPath, slot: AbsPath) => void;
  readonly move: (from: AbsPath, to: AbsPath) => void;
  readonly now: (path: AbsPath) => AbsPath;
}

export function aliases(): Aliases {
  const puts = new Map<AbsPath, { readonly slot: AbsPath; readonly order: number }>();
  const moves: { readonly from: AbsPath; readonly to: AbsPath; readonly order: number }[] = [];
  let count = 0;
  /** The latest put before `order` at the path, or at a directory above it. */
  const putOf = (path: AbsPath, order: number) => {
    let best: { readonly at: AbsPath; readonly slot: AbsPath; readonly order: number } | undefined;
    for (let at = path; at !== ROOT; at = parent(at)) {
      const put = puts.get(at);
      if (put !== undefined && put.order < order && put.order > (best?.order ?? -1)) best = { at, ...put };
    }
    return best;
  };
  return {
    put: (path, slot) => void puts.set(path, { slot, order: count++ }),
    move: (from, to) => void moves.push({ from, to, order: count++ }),
    now(path) {
      let at = path;
      for (let order = count; ; ) {
        const put = putOf(at, order);
        const move = moves.findLast((one) => one.order < order && isWithin(at, one.to));
        if (put !== undefined && put.order > (move?.order ?? -1)) return rebase(at, put.at, put.slot) ?? at;
        if (move === undefined) return at;
        at = rebase(at, move.to, move.from) ?? at;
        order = move.order;
      }
    },
  };
}
