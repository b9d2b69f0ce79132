// The directories in which a transaction works out of sight: one private directory on each volume that it touches, as
// high up as possible, so that it lies outside the trees of others. Renames publish what is made there; what is
// replaced is kept there.

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
import { below } from '../../machine/follow-links.ts';
import { type AbsPath, parent, ROOT } from '../../path.ts';
import { type Anchor, type Anchors, childOf, errno, O_PATH, unlessTheirLink, volumeOf } from '../disk/anchor.ts';
import type { DiskPath } from '../disk/disk-paths.ts';
import { syncAt } from '../disk/durable.ts';
import { foldsCase } from '../disk/file-system.ts';
import { removeTree } from '../disk/remove-tree.ts';
import { stagingName } from '../disk/staging-name.ts';

/**
 * `new`: to be published. `old`: links to what will be replaced, and notes. `away`: what was taken from its name.
 * `undo`: what will get its old name again.
 */
export type Slot = 'new' | 'old' | 'away' | 'undo';

export const SLOTS: readonly Slot[] = ['new', 'old', 'away', 'undo'];

export interface StagingDir {
  /** The staging directory, open. */
  readonly fd: number;
  /** The directory that it lies in. */
  readonly within: AbsPath;
  /** The place of edit `at` in a slot. */
  place(slot: Slot, at: number): DiskPath;
  /** A free place for one more thing of edit `at`: its own place first. */
  free(slot: Slot, at: number): DiskPath;
  /** Everything of edit `at` in a slot, in the order in which it came there. */
  things(slot: Slot, at: number): readonly DiskPath[];
  /** The place as a path of the machine. */
  path(slot: Slot, at: number): AbsPath;
}

export interface StagingDirs {
  /** The staging directory for entries of `dir`; created if its volume has none yet. */
  make(dir: Anchor): StagingDir;
  /** The staging directory for entries of `dir`, if there is one. */
  find(dir: Anchor): StagingDir | undefined;
  readonly all: () => readonly StagingDir[];
  /** Flushes all staging directories and the names in them. */
  flush(): void;
  /** Closes them; with `remove`, deletes them with everything in them. */
  close(remove: boolean): void;
}

/**
 * `mayWrite`: true of a directory in which one may be made. `near`: every path that the transaction names; staging
 * directories of an earlier run are found above them.
 */
export function stagingDirs(
  anchors: Anchors,
  tx: string,
  near: Iterable<AbsPath>,
  mayWrite: (dir: Anchor) => boolean,
): StagingDirs {
  const byVolume = new Map<string, StagingDir>();
  try {
    for (const dir of ancestors(near)) {
      // None was ever made behind a link of somebody else's.
      const anchor = unlessTheirLink(() => thereOrNot(() => anchors.dir(dir)));
      const stagingDir = anchor && opened(anchor, tx);
      if (stagingDir !== undefined) byVolume.set(volumeOf(stagingDir.fd), stagingDir);
    }
  } catch (thrown) {
    for (const { fd } of byVolume.values()) closeSync(fd);
    throw thrown;
  }

  const make = (dir: Anchor): StagingDir => {
    const volume = volumeOf(dir.fd);
    const known = byVolume.get(volume);
    if (known !== undefined) return known;
    let problem: unknown = errno('EACCES', `no place to work in near ${dir.real}`);
    for (const candidate of candidates(dir, volume)) {
      const anchor = anchors.dir(candidate);
      try {
        mkdirSync(childOf(anchor, stagingName(tx)), 0o700);
      } catch (thrown) {
        if (!UNWRITABLE.has((thrown as NodeJS.ErrnoException).code ?? '')) throw thrown;
        problem = thrown;
        continue;
      }
      const stagingDir = openedOrRemoved(anchor, tx);
      // Registered before anything else can fail, so that it will be swept.
      byVolume.set(volume, stagingDir);
      for (const slot of SLOTS) mkdirSync(`/proc/self/fd/${stagingDir.fd}/${slot}`, 0o700);
      return stagingDir;
    }
    throw problem;
  };

  /**
   * The directories of the volume from the highest down. An ordinary user's list ends at the first directory upwards
   * that is not theirs.
   */
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

  const all = (): readonly StagingDir[] => [...byVolume.values()];
  return {
    make,
    find: (dir) => byVolume.get(volumeOf(dir.fd)),
    all,
    flush() {
      for (const { fd, within } of all()) {
        for (const slot of SLOTS) syncAt(`/proc/self/fd/${fd}/${slot}`);
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
          // A descriptor cannot be removed, only a name; and only if the name still leads to it.
          if (remove && isCondemned && isStill(anchors, within, tx, fd)) {
            removeTree(childOf(anchors.dir(within), stagingName(tx)));
            // Durable before the record of the sweep is removed: after a power cut, nobody would know of the directory.
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
 * Renames the slots that hold whole trees, durably, before anything in them is removed: a process that dies during the
 * removal must not leave half a tree that looks like one that somebody changed.
 */
function condemn(all: readonly StagingDir[]): void {
  for (const { fd } of all) {
    const at = `/proc/self/fd/${fd}`;
    const filled = ['away', 'undo'].filter(
      (slot) => (thereOrNot(() => readdirSync(`${at}/${slot}`, { encoding: 'buffer' })) ?? []).length > 0,
    );
    for (const slot of filled) renameSync(`${at}/${slot}`, `${at}/no-${slot}`);
    if (filled.length > 0) syncAt(at);
  }
}

/** Errors after which the next directory down is tried. */
const UNWRITABLE: ReadonlySet<string> = new Set(['EACCES', 'EPERM', 'EROFS']);

/** Undefined if there is none, or if it is not ours: we never work in a directory of that name that is somebody else's. */
function opened(within: Anchor, tx: string): StagingDir | undefined {
  const fd = thereOrNot(() =>
    openSync(childOf(within, stagingName(tx)), O_PATH | constants.O_DIRECTORY | constants.O_NOFOLLOW),
  );
  if (fd === undefined) return undefined;
  const { uid, mode } = fstatSync(fd);
  if (uid !== process.geteuid?.() || (mode & 0o7777) !== 0o700) {
    closeSync(fd);
    return undefined;
  }
  const nth = (slot: Slot, at: number, n: number): DiskPath =>
    Buffer.from(`/proc/self/fd/${fd}/${slot}/${at}${n === 0 ? '' : `.${n}`}`);
  const things = (slot: Slot, at: number): readonly DiskPath[] => {
    const found: DiskPath[] = [];
    while (lstatSync(nth(slot, at, found.length), { throwIfNoEntry: false }) !== undefined)
      found.push(nth(slot, at, found.length));
    return found;
  };
  return {
    fd,
    within: within.real,
    place: (slot, at) => nth(slot, at, 0),
    free: (slot, at) => nth(slot, at, things(slot, at).length),
    things,
    path: (slot, at) => below(below(below(within.real, stagingName(tx)), slot), String(at)),
  };
}

/** Opens a staging directory that was just made; removes it again if its file system is unfit. */
function openedOrRemoved(within: Anchor, tx: string): StagingDir {
  try {
    const stagingDir = opened(within, tx);
    if (stagingDir === undefined) throw errno('ENOTSUP', `${within.real} is on one that keeps no owners or modes`);
    if (!foldsCase(within.fd, stagingName(tx))) return stagingDir;
    closeSync(stagingDir.fd);
    throw errno('ENOTSUP', `${within.real} is on one that does not tell capitals from small letters`);
  } catch (thrown) {
    thereOrNot(() => rmdirSync(childOf(within, stagingName(tx))));
    throw thrown;
  }
}

function isStill(anchors: Anchors, within: AbsPath, tx: string, fd: number): boolean {
  const stagingDir = thereOrNot(() => opened(anchors.dir(within), tx));
  if (stagingDir === undefined) return false;
  const [there, ours] = [fstatSync(stagingDir.fd), fstatSync(fd)];
  closeSync(stagingDir.fd);
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

/** Undefined if a part of the way is missing (ENOENT), is no directory (ENOTDIR), or is a link in a circle (ELOOP). */
export function thereOrNot<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch (thrown) {
    const { code } = thrown as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'ELOOP') return undefined;
    throw thrown;
  }
}
