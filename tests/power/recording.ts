// A recording of what a traced program did to one directory: every change in order, and what each flush made durable.
// Keeps the tape; calls.ts interprets the calls.

import { handle } from './calls.ts';
import { type Disk, diskOf, type Effect, type Id, type Inode, node, take } from './disk.ts';
import type { Place } from './lookup.ts';
import { type Processes, processes } from './processes.ts';
import { callsOf } from './strace-log.ts';

/** The changes of one call; a crash leaves all or none of them. */
export interface Unit {
  readonly what: string;
  readonly device: number;
  readonly effects: readonly Effect[];
  /** Earlier units that are on the disk whenever this one is: no two changes of one name ever swap. */
  readonly needs: readonly number[];
}

/**
 * `flush`: makes the entries, bytes or attributes of one inode durable; or a whole file system; or (undefined) all of
 * them.
 */
export type Moment =
  | { readonly kind: 'unit'; readonly unit: number }
  | { readonly kind: 'flush'; readonly of: 'dir' | 'file' | 'bytes'; readonly inode: Id; readonly what: string }
  | { readonly kind: 'flush'; readonly of: 'device'; readonly device: number | undefined; readonly what: string }
  /** The program tells its outcome. */
  | { readonly kind: 'told'; readonly text: string };

export interface Recording {
  readonly inodes: readonly Inode[];
  readonly entries: ReadonlyMap<Id, ReadonlyMap<string, Id>>;
  readonly units: readonly Unit[];
  readonly moments: readonly Moment[];
  /** The disk at the end, to be compared with the real one. */
  readonly end: Disk;
}

export interface Start {
  /** The real path of the recorded directory. */
  readonly root: string;
  readonly inodes: readonly Inode[];
  readonly entries: ReadonlyMap<Id, ReadonlyMap<string, Id>>;
}

/** A recording in progress, on which the handlers of calls work. */
export interface Tape {
  readonly root: string;
  readonly disk: Disk;
  readonly inodes: Inode[];
  readonly processes: Processes;
  readonly parents: Map<Id, Id>;
  unit(what: string, effects: readonly Effect[], alsoNeeds?: readonly number[]): void;
  /** The units so far that changed names in `dir`. */
  changesIn(dir: Id): readonly number[];
}

/** `splitRename`: a file's rename to another directory may be half on the disk, with both names, as on btrfs. */
export function record(start: Start, log: string, { splitRename = false } = {}): Recording {
  const units: Unit[] = [];
  const moments: Moment[] = [];
  const inodes = [...start.inodes];
  const disk = diskOf(inodes, start.entries);
  const lastOf = new Map<string, number>();
  const byDir = new Map<Id, number[]>();
  const parents = new Map<Id, Id>();
  for (const [dir, names] of start.entries)
    for (const id of names.values()) if (inodes[id]!.kind === 'dir') parents.set(id, dir);
  const tape: Tape = {
    root: start.root,
    disk,
    inodes,
    processes: processes(),
    parents,
    unit(what, effects, alsoNeeds = []) {
      const number = units.length;
      const needs = new Set(alsoNeeds);
      let device = 0;
      for (const effect of effects) {
        take(disk, effect);
        device = inodes[effect.kind === 'entry' ? effect.dir : effect.inode]!.device;
        if (effect.kind !== 'entry') continue;
        const key = `${effect.dir}/${effect.name}`;
        const before = lastOf.get(key);
        if (before !== undefined && before !== number) needs.add(before);
        lastOf.set(key, number);
        byDir.set(effect.dir, [...(byDir.get(effect.dir) ?? []), number]);
        if (effect.to !== undefined && inodes[effect.to]!.kind === 'dir') parents.set(effect.to, effect.dir);
      }
      units.push({ what, device, effects, needs: [...needs] });
      moments.push({ kind: 'unit', unit: number });
    },
    changesIn: (dir) => byDir.get(dir) ?? [],
  };
  for (const call of callsOf(log)) {
    if (call.result < 0) continue;
    const moment = handle(tape, call, splitRename);
    if (moment !== undefined) moments.push(moment);
  }
  return {
    inodes: start.inodes.length === inodes.length ? start.inodes : inodes,
    entries: start.entries,
    units,
    moments,
    end: disk,
  };
}

/** Makes an inode and its name in one unit. */
export function born(
  tape: Tape,
  pid: number,
  what: string,
  place: Place,
  made: Pick<Inode, 'kind' | 'mode'> & { readonly target?: string },
): Id {
  const above = node(tape.disk, place.dir);
  const inherits = (above.mode & 0o2000) !== 0;
  const masked = made.kind === 'link' ? made.mode : made.mode & ~tape.processes.umask(pid);
  const id = tape.inodes.length;
  tape.inodes.push({
    ...made,
    device: above.born.device,
    mode: masked | (inherits && made.kind === 'dir' ? 0o2000 : 0),
    uid: 0,
    gid: inherits ? above.gid : 0,
  });
  tape.unit(what, [{ kind: 'entry', dir: place.dir, name: place.name, to: id }]);
  return id;
}
