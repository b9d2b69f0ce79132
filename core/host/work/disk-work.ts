// A transaction's edits on the disk: prepared out of sight, published one by one, undone, flushed, swept. Everything
// that allocates, reads or may be refused happens in `prepare`; publishing needs only renames, links and, for an owner
// or mode, chown(2) and chmod(2).

import { closeSync, fstatSync, readdirSync } from 'node:fs';
import { below } from '../../machine/follow-links.ts';
import type { Blobs, By, Work } from '../../machine/host.ts';
import { type Edit, type Kept, kindOf, type Move, type Put, sameOwner } from '../../model.ts';
import { type AbsPath, basename, parent, rebase } from '../../path.ts';
import { type Anchor, type Anchors, anchors, errno, mustHaveProc, unlessTheirLink } from '../disk/anchor.ts';
import { likeOld, withCapabilities } from '../disk/attributes.ts';
import type { Places } from '../disk/disk-paths.ts';
import { syncAt, syncFileSystem } from '../disk/durable.ts';
import { noteGiven } from './given.ts';
import { lateWriters } from './late-writers.ts';
import { hasOriginal, isOursAt, isOurTree, keepSlotted, prepareMove, publishMove, undoMove } from './move.ts';
import { openPinned } from './pinned.ts';
import { finishPut, preparePut, publishPut } from './put.ts';
import { type Aliases, aliases, type Staging, there } from './staging.ts';
import { SLOTS, type Slot, type StagingDir, type StagingDirs, stagingDirs, thereOrNot } from './staging-directory.ts';
import { keptBefore, placesOf, setAside } from './taking.ts';
import { isOurGap, keepSlottedPut, lookPut, undoPut } from './undo-put.ts';
import { warrants } from './warrant.ts';

/** If more owners and modes than this change, one syncfs(2) is faster than an fsync(2) for each. */
const MANY = 64;

export function realWork(root: AbsPath, places: Places, edits: readonly Edit[], tx: string, by: By = {}): Work {
  let opened: Staging | undefined;
  const kept: Kept[] = [];
  const staging = (): Staging => {
    opened ??= openStaging(root, edits, tx, by, kept);
    // Checked before each step: only root may go on with what root began.
    opened.warrants.begun();
    return opened;
  };
  /** Edits whose effects are not durable yet. */
  let loose: (Put | Move)[] = [];

  const flush = (): void => {
    flushEdits(staging(), loose);
    loose = [];
  };
  /** Runs an act that may change directories, and then forgets what the looks know about them. */
  const changing = <T>(act: () => T): T => {
    try {
      return act();
    } finally {
      places.forget();
    }
  };
  /**
   * Runs an act that may move directories: the descriptors that we hold may then belong to other paths, so they are
   * released before and after.
   */
  const rearranging = <T>(act: () => T): T => {
    staging().anchors.release();
    try {
      return changing(act);
    } finally {
      staging().anchors.release();
    }
  };

  const letGo = (remove: boolean): void => {
    const closing = opened;
    opened = undefined;
    try {
      closing?.stagingDirs.close(remove);
    } finally {
      closing?.anchors.release();
      for (const lock of closing?.locks ?? []) lock.release();
    }
  };

  return {
    prepare(blobs) {
      if (edits.every((edit) => edit.op === 'activate')) return;
      rearranging(() => prepareAll(staging(), edits, blobs));
    },
    publish(at) {
      const edit = edits[at]!;
      if (edit.op === 'move') {
        // A barrier: on disk, edits before the move must not come after it, nor those after it before.
        flush();
        rearranging(() => publishMove(staging(), edit, at));
      } else if (edit.op === 'put') {
        loose.push(edit);
        const act = (): void => publishPut(staging(), edit, at);
        if (kindOf(edit) === 'metadata') act();
        else if (edit.after.type === 'absent') rearranging(act);
        else changing(act);
      }
    },
    undo(at, blobs) {
      const edit = edits[at]!;
      if (edit.op === 'move') {
        flush();
        return rearranging(() => undoMove(staging(), edit, at));
      }
      if (edit.op !== 'put') return { changed: false, kept: [] };
      loose.push(edit);
      return { changed: true, kept: rearranging(() => undoPut(staging(), edit, at, blobs)) };
    },
    look(at) {
      staging().anchors.release();
      return lookPut(staging(), edits[at] as Put, at);
    },
    isOurs(at) {
      const edit = edits[at]!;
      if (edit.op === 'put') return isOurGap(staging(), edit, at);
      return edit.op === 'move' && isOursAt(staging(), edit, at);
    },
    returnsOriginal(at) {
      const edit = edits[at]!;
      return edit.op === 'move' && hasOriginal(staging(), edit, at);
    },
    setAside: (path, at) => rearranging(() => setAside(staging(), path, at)),
    flush,
    sweep() {
      const kept = rearranging(() => keepChanged(staging(), edits));
      letGo(true);
      return kept;
    },
    drop: () => rearranging(() => letGo(true)),
    kept() {
      return rearranging(() => {
        const own = kept.map((one) => asItIsNow(staging(), one));
        const told = new Set(own.map(({ beside }) => beside));
        const earlier = edits.flatMap((edit) => keptOf(staging(), edit));
        return [...own, ...earlier.filter(({ beside }) => !told.has(beside) && told.add(beside))];
      });
    },
    close: () => letGo(false),
  };
}

function openStaging(root: AbsPath, edits: readonly Edit[], tx: string, by: By, kept: Kept[]): Staging {
  mustHaveProc();
  const held: Anchors = anchors(root);
  const near = edits.flatMap((edit) =>
    edit.op === 'move' ? [edit.from, edit.to] : edit.op === 'put' ? [edit.path] : [],
  );
  try {
    let found: StagingDirs | undefined;
    const isMoved = (move: Move, at: number, inode: { readonly ino: number }): boolean =>
      found !== undefined && isOurTree(held, found, move, at, inode);
    const allowed = warrants(by, edits, isMoved);
    found = stagingDirs(held, tx, near, allowed.mayWrite);
    const moves = edits.filter((edit) => edit.op === 'move');
    const seen = { known: new Map(), locks: [], touched: new Set<AbsPath>() };
    return { tx, anchors: held, stagingDirs: found, warrants: allowed, ...seen, moves, kept };
  } catch (thrown) {
    held.release();
    throw thrown;
  }
}

/** The files and trees that an earlier run gave a conflict name beside the paths of the edit. */
function keptOf(staging: Staging, edit: Edit): readonly Kept[] {
  if (edit.op === 'activate' || (edit.op === 'put' && kindOf(edit) === 'metadata')) return [];
  const paths = edit.op === 'move' ? [edit.from, edit.to] : [edit.path];
  return paths.flatMap((path) =>
    keptBefore(staging, path).map((beside): Kept => ({ path: besideOf(path, beside), beside })),
  );
}

/** The present place of something that was kept beside: if it lay in a tree that moved, it moved along. */
function asItIsNow(staging: Staging, { path, beside }: Kept): Kept {
  if (beside === undefined) return { path };
  // If a whole tree was kept beside, what had been kept in it moved along.
  const carried = staging.kept.flatMap((other) =>
    other.beside === undefined || other.beside === beside ? [] : [rebase(beside, other.path, other.beside)],
  );
  const places = [beside, ...carried.filter((place) => place !== undefined), ...placesOf(staging.moves, beside)];
  const now = places.find((place) => thereOrNot(() => there(staging.anchors.at(place))) !== undefined);
  return now === undefined || now === beside ? { path, beside } : { path: besideOf(path, now), beside: now };
}

/** The name of `path` in the directory in which `beside` lies. */
const besideOf = (path: AbsPath, beside: AbsPath): AbsPath => below(parent(beside), basename(path));

function prepareAll(staging: Staging, edits: readonly Edit[], blobs: Blobs): void {
  const now = aliases();
  const alike = new Map<StagingDir, number[]>();
  const finish: (() => void)[] = [];
  for (const [at, edit] of edits.entries()) {
    if (edit.op === 'move') prepareMove(staging, edit, at, now);
    if (edit.op !== 'put') continue;
    const prepared = preparePut(staging, edit, at, now, blobs);
    if (prepared === undefined) continue;
    const { stagingDir, isAlike } = prepared;
    if (isAlike) alike.set(stagingDir, [...(alike.get(stagingDir) ?? []), at]);
    finish.push(() => finishPut(prepared, edit, at));
  }
  refuseCapable(staging, edits, now);
  noteGiven(staging, edits, now);
  // Attributes first: chown(2) removes some, and finishPut sets the mode last.
  for (const [{ fd }, names] of alike) likeOld(fd, names);
  for (const one of finish) one();
  staging.stagingDirs.flush();
}

/** The directory; undefined if it is gone, or if somebody put a link on the way: then it is not the one that we changed. */
const reached = (held: Anchors, dir: AbsPath): Anchor | undefined =>
  unlessTheirLink(() => thereOrNot(() => held.dir(dir)));

/**
 * chown(2) removes a file's capabilities. We do not restore them: somebody could write the bytes meanwhile, and their
 * program would get the rights of ours. So such a file must be given by hand. Throws EPERM.
 */
function refuseCapable({ anchors: held }: Staging, edits: readonly Edit[], now: Aliases): void {
  const given = edits.filter((edit): edit is Put => edit.op === 'put' && isGivenProgram(edit));
  for (let from = 0; from < given.length; from += PINNED) {
    const some = given.slice(from, from + PINNED);
    const pins: number[] = [];
    const paths: AbsPath[] = [];
    try {
      for (const { path } of some) {
        const pin = openPinned(held.at(now.now(path)));
        if (pin === undefined) continue;
        pins.push(pin);
        paths.push(path);
      }
      const [first] = withCapabilities(pins);
      if (first !== undefined)
        throw errno(
          'EPERM',
          `"${paths[first]}" has file capabilities, which chown(2) would take away: chown it by hand`,
        );
    } finally {
      for (const pin of pins) closeSync(pin);
    }
  }
}

/** Files that are open at a time. */
const PINNED = 64;

/** True of an executable file that gets another owner and stays the same inode. */
const isGivenProgram = (edit: Put): boolean =>
  kindOf(edit) === 'metadata' &&
  edit.before.type === 'file' &&
  edit.after.type === 'file' &&
  (edit.before.mode & 0o111) !== 0 &&
  !sameOwner(edit.before.owner, edit.after.owner);

/** Flushes the edits. fsync(2) of a directory makes its names durable, but not the owner and mode of what they name. */
function flushEdits({ anchors: held, stagingDirs: all }: Staging, edits: readonly (Put | Move)[]): void {
  const puts = edits.filter((edit) => edit.op === 'put');
  const metadata = puts.filter((edit) => kindOf(edit) === 'metadata');
  // A symbolic link's own inode cannot be opened, so fsync(2) can't flush its owner.
  const isMany = metadata.length > MANY || metadata.some(({ after }) => after.type === 'link');
  const dirs = new Set(puts.map(({ path }) => parent(path)));
  if (isMany) {
    const devices = new Set<number>();
    for (const dir of dirs) {
      const anchor = reached(held, dir);
      const device = anchor && fstatSync(anchor.fd).dev;
      if (anchor === undefined || device === undefined || devices.has(device)) continue;
      devices.add(device);
      syncFileSystem(anchor.fd);
    }
    return;
  }
  for (const { path } of metadata) {
    const place = unlessTheirLink(() => thereOrNot(() => held.at(path)));
    const stat = place && there(place);
    // A later edit, or somebody else, may have replaced it by something of another kind.
    if (place !== undefined && (stat?.isFile() || stat?.isDirectory())) syncAt(place);
  }
  const changed = new Set(puts.filter((edit) => kindOf(edit) !== 'metadata').map(({ path }) => parent(path)));
  for (const dir of changed) {
    const anchor = reached(held, dir);
    if (anchor !== undefined) syncAt(`/proc/self/fd/${anchor.fd}`);
  }
  if (changed.size > 0) for (const { fd } of all.all()) syncAt(`/proc/self/fd/${fd}/away`);
}

/**
 * Before the sweep: gives a conflict name to each file or tree that we had replaced or set aside and that somebody wrote to
 * meanwhile (by its earlier name, or by an open descriptor), and to what we took by mistake. Returns those names.
 */
function keepChanged(staging: Staging, edits: readonly Edit[]): readonly AbsPath[] {
  const filled = new Map<Slot, ReadonlySet<number>>(SLOTS.map((slot) => [slot, filledPlaces(staging, slot)]));
  const slotted = edits.flatMap((edit, at): readonly Slotted[] => {
    if (edit.op === 'activate') return [];
    const slots: readonly Slot[] = edit.op === 'move' ? ['away', 'undo'] : ['old', 'away', 'undo'];
    return slots.some((slot) => filled.get(slot)!.has(at)) ? [{ edit, at }] : [];
  });
  if (slotted.length === 0) return [];
  // First, because a file that nobody can write any more stays as we see it.
  const writers = lateWriters(
    staging.tx,
    slotted.map(({ edit }) => (edit.op === 'move' ? edit.from : edit.path)),
  );
  return slotted.flatMap(({ edit, at }) => {
    if (edit.op === 'move') return keepSlotted(staging, edit, at, writers);
    return keepSlottedPut(staging, edit, at, writers);
  });
}

/** The edits with something in this slot. Most edits of a large tree change owners and modes, and have nothing there. */
const filledPlaces = ({ stagingDirs: all }: Staging, slot: Slot): ReadonlySet<number> =>
  new Set(
    all
      .all()
      .flatMap(({ fd }) => thereOrNot(() => readdirSync(`/proc/self/fd/${fd}/${slot}`)) ?? [])
      .map((name) => Number.parseInt(name, 10)),
  );

interface Slotted {
  readonly edit: Put | Move;
  readonly at: number;
}
