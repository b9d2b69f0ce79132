// A transaction's edits on the disk: prepared out of sight, published one by one, undone, flushed, swept.
// Everything that allocates, reads or may be refused happens in `prepare`; what is seen changes by renames and links alone.

import { closeSync, fstatSync, readdirSync } from 'node:fs';
import type { Blobs, By, Work } from '../../machine/host.ts';
import { below } from '../../machine/links.ts';
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

/** From this many owners and modes on, flushing the file system is faster than flushing each. */
const MANY = 64;

export function realWork(root: AbsPath, places: Places, edits: readonly Edit[], tx: string, by: By = {}): Work {
  let opened: Staging | undefined;
  const kept: Kept[] = [];
  const staging = (): Staging => {
    opened ??= openStaging(root, edits, tx, by, kept);
    // Asked before each thing that is done.
    opened.warrants.begun();
    return opened;
  };
  /** Edits whose effect is not durable yet. */
  let loose: (Put | Move)[] = [];

  const flush = (): void => {
    flushEdits(staging(), loose);
    loose = [];
  };
  /** What the looks know about directories does not hold any more. */
  const changing = <T>(act: () => T): T => {
    try {
      return act();
    } finally {
      places.forget();
    }
  };
  /** Where directories go elsewhere, nor do our own descriptors. */
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
        // What was published in the tree must not come after the move on the disk, nor what follows before it.
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

/** What an earlier run gave a name beside the paths of the edit. */
function keptOf(staging: Staging, edit: Edit): readonly Kept[] {
  if (edit.op === 'activate' || (edit.op === 'put' && kindOf(edit) === 'metadata')) return [];
  const paths = edit.op === 'move' ? [edit.from, edit.to] : [edit.path];
  return paths.flatMap((path) =>
    keptBefore(staging, path).map((beside): Kept => ({ path: besideOf(path, beside), beside })),
  );
}

/** What was kept in a tree goes with it, back or forth. */
function asItIsNow(staging: Staging, { path, beside }: Kept): Kept {
  if (beside === undefined) return { path };
  // A whole tree that was kept beside takes along what was kept in it.
  const carried = staging.kept.flatMap((other) =>
    other.beside === undefined || other.beside === beside ? [] : [rebase(beside, other.path, other.beside)],
  );
  const places = [beside, ...carried.filter((place) => place !== undefined), ...placesOf(staging.moves, beside)];
  const now = places.find((place) => thereOrNot(() => there(staging.anchors.at(place))) !== undefined);
  return now === undefined || now === beside ? { path, beside } : { path: besideOf(path, now), beside: now };
}

/** The name of `path` in the directory of what is kept beside it. */
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
  // Attributes first: a change of owner would take some away, and the mode is set last.
  for (const [{ fd }, names] of alike) likeOld(fd, names);
  for (const one of finish) one();
  staging.stagingDirs.flush();
}

/** What somebody has put a link in the place of is not what we changed. */
const reached = (held: Anchors, dir: AbsPath): Anchor | undefined =>
  unlessTheirLink(() => thereOrNot(() => held.dir(dir)));

/**
 * chown(2) takes a file's capabilities away, and to give them back to bytes that somebody could write meanwhile would give
 * their program the rights of ours: such a file changes hands by hand alone. Throws EPERM.
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

/** Files that are held at a time. */
const PINNED = 64;

/** A file that can be run, and that changes hands as the inode it is. */
const isGivenProgram = (edit: Put): boolean =>
  kindOf(edit) === 'metadata' &&
  edit.before.type === 'file' &&
  edit.after.type === 'file' &&
  (edit.before.mode & 0o111) !== 0 &&
  !sameOwner(edit.before.owner, edit.after.owner);

/** Entries, owners and modes: an fsync of a directory holds its names, but nothing of what they name. */
function flushEdits({ anchors: held, stagingDirs: all }: Staging, edits: readonly (Put | Move)[]): void {
  const puts = edits.filter((edit) => edit.op === 'put');
  const metadata = puts.filter((edit) => kindOf(edit) === 'metadata');
  // A link's own inode cannot be opened, so its owner can't be flushed alone.
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
    // A later edit, or somebody else, may have made something of another kind of it.
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
 * What somebody wrote to a thing that we had replaced or set aside (through a name or a descriptor from before) is not
 * thrown away with it, nor what we took by mistake: it is kept beside.
 */
function keepChanged(staging: Staging, edits: readonly Edit[]): readonly AbsPath[] {
  const filled = new Map<Slot, ReadonlySet<number>>(SLOTS.map((slot) => [slot, filledPlaces(staging, slot)]));
  const slotted = edits.flatMap((edit, at): readonly Slotted[] => {
    if (edit.op === 'activate') return [];
    const slots: readonly Slot[] = edit.op === 'move' ? ['away', 'undo'] : ['old', 'away', 'undo'];
    return slots.some((slot) => filled.get(slot)!.has(at)) ? [{ edit, at }] : [];
  });
  if (slotted.length === 0) return [];
  // First: what nobody can write to any more stays as it is looked at then.
  const writers = lateWriters(
    staging.tx,
    slotted.map(({ edit }) => (edit.op === 'move' ? edit.from : edit.path)),
  );
  return slotted.flatMap(({ edit, at }) => {
    if (edit.op === 'move') return keepSlotted(staging, edit, at, writers);
    return keepSlottedPut(staging, edit, at, writers);
  });
}

/** The edits of which something lies in a slot: most of a large tree are owners and modes, and have nothing there. */
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
