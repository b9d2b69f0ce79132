// Where a transaction works out of sight: one private directory on each volume it touches, as high up as may be, so that
// it lies outside the trees of others. What is made there is published by a rename; what it replaces is kept there.

import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmdirSync,
} from 'node:fs';
import { below } from '../../machine/links.ts';
import { type AbsPath, parent, ROOT } from '../../path.ts';
import { type Anchor, type Anchors, childOf, errno, O_PATH, unlessTheirLink, volumeOf } from '../disk/anchor.ts';
import type { DiskPath } from '../disk/disk-paths.ts';
import { syncAt } from '../disk/durable.ts';
import { foldsCase } from '../disk/file-system.ts';
import { removeTree } from '../disk/remove-tree.ts';
import { workName } from '../disk/work-name.ts';

/** `new`: to be published; `old`: links to what will be replaced, and notes; `away`: what was there; `undo`: on its way back. */
export type Shelf = 'new' | 'old' | 'away' | 'undo';

export const SHELVES: readonly Shelf[] = ['new', 'old', 'away', 'undo'];

export interface Site {
  /** The work directory, held. */
  readonly fd: number;
  /** The directory it lies in. */
  readonly within: AbsPath;
  /** Edit `at`'s thing on a shelf. */
  place(shelf: Shelf, at: number): DiskPath;
  /** Where one more thing of edit `at` may lie: at its place, if that is free. */
  free(shelf: Shelf, at: number): DiskPath;
  /** All that lies on a shelf of edit `at`, in the order in which it came there. */
  things(shelf: Shelf, at: number): readonly DiskPath[];
  /** The same as a path of the machine. */
  path(shelf: Shelf, at: number): AbsPath;
}

export interface Sites {
  /** The site for what is in `dir`; made, if its volume has none yet. */
  make(dir: Anchor): Site;
  /** The site there is. */
  find(dir: Anchor): Site | undefined;
  readonly all: () => readonly Site[];
  /** Makes the names in all sites durable, and the sites themselves. */
  flush(): void;
  /** Lets go; with `remove`, what is in them is gone. */
  close(remove: boolean): void;
}

/** `mayWrite`: in which directories one may be made. `near`: every path that the transaction names, from which sites that are already there are found. */
export function sites(
  anchors: Anchors,
  tx: string,
  near: Iterable<AbsPath>,
  mayWrite: (dir: Anchor) => boolean,
): Sites {
  const byVolume = new Map<string, Site>();
  try {
    for (const dir of ancestors(near)) {
      // Behind a link of somebody's none was ever made.
      const anchor = unlessTheirLink(() => thereOrNot(() => anchors.dir(dir)));
      const site = anchor && opened(anchor, tx);
      if (site !== undefined) byVolume.set(volumeOf(site.fd), site);
    }
  } catch (thrown) {
    for (const { fd } of byVolume.values()) closeSync(fd);
    throw thrown;
  }

  const make = (dir: Anchor): Site => {
    const volume = volumeOf(dir.fd);
    const known = byVolume.get(volume);
    if (known !== undefined) return known;
    let problem: unknown = errno('EACCES', `no place to work in near ${dir.real}`);
    for (const candidate of candidates(dir, volume)) {
      const anchor = anchors.dir(candidate);
      try {
        mkdirSync(childOf(anchor, workName(tx)), 0o700);
      } catch (thrown) {
        if (!UNWRITABLE.has((thrown as NodeJS.ErrnoException).code ?? '')) throw thrown;
        problem = thrown;
        continue;
      }
      const site = openedOrRemoved(anchor, tx);
      // Known from now on: whatever fails next, it is swept.
      byVolume.set(volume, site);
      for (const shelf of SHELVES) mkdirSync(`/proc/self/fd/${site.fd}/${shelf}`, 0o700);
      return site;
    }
    throw problem;
  };

  /** The highest directory of the volume first; for who is not root only what is theirs, without a gap. */
  const candidates = (dir: Anchor, volume: string): readonly AbsPath[] => {
    const found: AbsPath[] = [];
    const me = process.geteuid?.();
    for (let at = dir.real; ; at = parent(at)) {
      const anchor = anchors.dir(at);
      const isOurs = me === 0 || anchor.uid === me || at === dir.real;
      if (volumeOf(anchor.fd) !== volume || !isOurs) break;
      if (mayWrite(anchor)) found.unshift(at);
      if (at === ROOT) break;
    }
    return found;
  };

  const all = (): readonly Site[] => [...byVolume.values()];
  return {
    make,
    find: (dir) => byVolume.get(volumeOf(dir.fd)),
    all,
    flush() {
      for (const { fd, within } of all()) {
        for (const shelf of SHELVES) syncAt(`/proc/self/fd/${fd}/${shelf}`);
        syncAt(`/proc/self/fd/${fd}`);
        syncAt(`/proc/self/fd/${anchors.dir(within).fd}`);
      }
    },
    close(remove) {
      const closing = all();
      byVolume.clear();
      const problems: unknown[] = [];
      try {
        if (remove) condemn(closing);
      } catch (thrown) {
        problems.push(thrown);
      }
      const isCondemned = problems.length === 0;
      for (const { fd, within } of closing) {
        try {
          // By its name, since a descriptor can't be removed; only if the name still leads to it.
          if (remove && isCondemned && isStill(anchors, within, tx, fd)) {
            removeTree(childOf(anchors.dir(within), workName(tx)));
            // Before the record that it is to be swept goes: after a power cut nobody would know of it.
            syncAt(`/proc/self/fd/${anchors.dir(within).fd}`);
          }
        } catch (thrown) {
          problems.push(thrown);
        } finally {
          closeSync(fd);
        }
      }
      if (problems.length > 0) throw problems[0];
    },
  };
}

/**
 * Whole trees are on these shelves. They lose their names, durably, before anything in them is removed: who is cut off half
 * way must not find half a tree where there was one.
 */
function condemn(all: readonly Site[]): void {
  for (const { fd } of all) {
    const at = `/proc/self/fd/${fd}`;
    const filled = ['away', 'undo'].filter(
      (shelf) => (thereOrNot(() => readdirSync(`${at}/${shelf}`, { encoding: 'buffer' })) ?? []).length > 0,
    );
    for (const shelf of filled) renameSync(`${at}/${shelf}`, `${at}/no-${shelf}`);
    if (filled.length > 0) syncAt(at);
  }
}

/** Where the next directory down may do. */
const UNWRITABLE: ReadonlySet<string> = new Set(['EACCES', 'EPERM', 'EROFS']);

/** Undefined: there is none, or it is not ours: somebody else's under that name is never worked in. */
function opened(within: Anchor, tx: string): Site | undefined {
  const fd = thereOrNot(() =>
    openSync(childOf(within, workName(tx)), O_PATH | constants.O_DIRECTORY | constants.O_NOFOLLOW),
  );
  if (fd === undefined) return undefined;
  const { uid, mode } = fstatSync(fd);
  if (uid !== process.geteuid?.() || (mode & 0o7777) !== 0o700) {
    closeSync(fd);
    return undefined;
  }
  const nth = (shelf: Shelf, at: number, n: number): DiskPath =>
    Buffer.from(`/proc/self/fd/${fd}/${shelf}/${at}${n === 0 ? '' : `.${n}`}`);
  const things = (shelf: Shelf, at: number): readonly DiskPath[] => {
    const found: DiskPath[] = [];
    while (lstatSync(nth(shelf, at, found.length), { throwIfNoEntry: false }) !== undefined)
      found.push(nth(shelf, at, found.length));
    return found;
  };
  return {
    fd,
    within: within.real,
    place: (shelf, at) => nth(shelf, at, 0),
    free: (shelf, at) => nth(shelf, at, things(shelf, at).length),
    things,
    path: (shelf, at) => below(below(below(within.real, workName(tx)), shelf), String(at)),
  };
}

/** Of one that was made just now: what can't be worked in does not stay. */
function openedOrRemoved(within: Anchor, tx: string): Site {
  try {
    const site = opened(within, tx);
    if (site === undefined) throw errno('ENOTSUP', `${within.real} is on one that keeps no owners or modes`);
    if (!foldsCase(within.fd, workName(tx))) return site;
    closeSync(site.fd);
    throw errno('ENOTSUP', `${within.real} is on one that does not tell capitals from small letters`);
  } catch (thrown) {
    thereOrNot(() => rmdirSync(childOf(within, workName(tx))));
    throw thrown;
  }
}

function isStill(anchors: Anchors, within: AbsPath, tx: string, fd: number): boolean {
  const site = thereOrNot(() => opened(anchors.dir(within), tx));
  if (site === undefined) return false;
  const [there, ours] = [fstatSync(site.fd), fstatSync(fd)];
  closeSync(site.fd);
  return there.ino === ours.ino && there.dev === ours.dev;
}

/** Every directory above any of the paths, once. */
function ancestors(paths: Iterable<AbsPath>): ReadonlySet<AbsPath> {
  const found = new Set<AbsPath>();
  for (const path of paths) {
    for (let at = parent(path); !found.has(at); at = parent(at)) found.add(at);
  }
  return found;
}

/** Undefined where a part of the way is missing, no directory, or a link that leads nowhere. */
export function thereOrNot<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch (thrown) {
    const { code } = thrown as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'ELOOP') return undefined;
    throw thrown;
  }
}
