// Finds in /proc which other processes could still write, through an old descriptor, to files in a transaction's slots.
// A file that nobody can write any more stays as we see it.

import { readFileSync, type Stats, statSync } from 'node:fs';
import { type AbsPath, basename } from '../../path.ts';
import { orGone, othersDescriptors } from '../disk/descriptors.ts';
import type { DiskPath } from '../disk/disk-paths.ts';
import { linkTarget } from '../disk/look.ts';
import { stagingName } from '../disk/staging-name.ts';
import { type Identity, isSameInode } from './staging.ts';

export interface LateWriters {
  /** True if somebody has the file open for writing. */
  readonly has: (file: Stats) => boolean;
  /** True if somebody has a file below this tree in a slot open for writing. */
  readonly hasBelow: (slotted: DiskPath) => boolean;
}

/** A descriptor of another process that can write a file. `place`: the present name of that file. */
interface Writer extends Identity {
  readonly place: string;
}

/**
 * Waits up to a sixth of a second for writers to close their files. `paths`: what was replaced or taken away. Sees what
 * this user may see: root sees every process in its PID namespace, but not a file that is mapped without a descriptor,
 * or whose descriptor is in transit through a socket.
 */
export function lateWriters(tx: string, paths: readonly AbsPath[]): LateWriters {
  const work = `/${stagingName(tx)}/`;
  const names = new Set(paths.map((path) => `${basename(path)}${DELETED}`));
  // A file that we renamed into a slot has its name there; one that rename(2) replaced has none.
  const isOurs = (place: string): boolean =>
    place.includes(work) || (place.endsWith(DELETED) && names.has(place.slice(place.lastIndexOf('/') + 1)));
  let writers = writersOf(isOurs);
  for (const pause of PAUSES) {
    if (writers.length === 0) break;
    sleep(pause);
    writers = writersOf(isOurs);
  }
  return {
    has: (file) => writers.some((writer) => isSameInode(writer, file)),
    hasBelow(slotted) {
      const [slot, name] = slotted.toString('latin1').split('/').slice(-2);
      return writers.some(({ place }) => place.includes(`${work}${slot}/${name}/`));
    },
  };
}

/** The kernel appends this to the name of a file that has none any more. */
const DELETED = ' (deleted)';

/** Milliseconds: enough for a program that appends a line, and not long for a user who waits for an apply. */
export const PAUSES: readonly number[] = [2, 8, 32, 128];

function writersOf(isOurs: (place: string) => boolean): readonly Writer[] {
  const found: Writer[] = [];
  for (const { opened, info } of othersDescriptors()) {
    const place = orGone(() => linkTarget(opened));
    // Only for our files: stat(2) on a file system that does not answer would hang.
    if (place === undefined || !isOurs(place)) continue;
    const told = orGone(() => readFileSync(info, 'latin1'));
    const stat = told !== undefined && canWrite(told) ? orGone(() => statSync(opened)) : undefined;
    if (stat?.isFile()) found.push({ place, dev: stat.dev, ino: stat.ino });
  }
  return found;
}

/** proc_pid_fdinfo(5): the flags of open(2) in octal. The last two bits are the access mode. */
const canWrite = (info: string): boolean => /^flags:\s*[0-7]*[12567]$/m.test(info);

export const sleep = (milliseconds: number): void => {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
};
