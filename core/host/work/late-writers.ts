// Who could still write to what lies in a transaction's slots, through a descriptor from before: asked of /proc. What is
// looked at when nobody can any more stays as it was seen.

import { readFileSync, type Stats, statSync } from 'node:fs';
import { type AbsPath, basename } from '../../path.ts';
import { orGone, othersDescriptors } from '../disk/descriptors.ts';
import type { DiskPath } from '../disk/disk-paths.ts';
import { linkTarget } from '../disk/look.ts';
import { stagingName } from '../disk/staging-name.ts';
import { type Identity, isSameInode } from './staging.ts';

export interface LateWriters {
  /** Whether somebody has the file open for writing. */
  readonly has: (file: Stats) => boolean;
  /** Whether somebody has a file below what lies in a slot open for writing. */
  readonly hasBelow: (slotted: DiskPath) => boolean;
}

/** A descriptor of another process by which a file can be written. `place`: the name by which it was opened, as it is now. */
interface Writer extends Identity {
  readonly place: string;
}

/**
 * Waits a moment for those who are about to be done. `paths`: what was replaced or taken away. Sees what this user may see:
 * root everything on this kernel in its PID namespace, but no file that is mapped without a descriptor or is on its way
 * through a socket.
 */
export function lateWriters(tx: string, paths: readonly AbsPath[]): LateWriters {
  const work = `/${stagingName(tx)}/`;
  const names = new Set(paths.map((path) => `${basename(path)}${DELETED}`));
  // What was taken to a slot is named there; what was replaced by a rename has lost its name.
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

/** As the kernel says of a file without a name. */
const DELETED = ' (deleted)';

/** Milliseconds: long enough for a line that is appended, short enough for who waits for an apply. */
export const PAUSES: readonly number[] = [2, 8, 32, 128];

function writersOf(isOurs: (place: string) => boolean): readonly Writer[] {
  const found: Writer[] = [];
  for (const { opened, info } of othersDescriptors()) {
    const place = orGone(() => linkTarget(opened));
    // Only then: to look at what is on a file system that does not answer would wait for it.
    if (place === undefined || !isOurs(place)) continue;
    const told = orGone(() => readFileSync(info, 'latin1'));
    const stat = told !== undefined && canWrite(told) ? orGone(() => statSync(opened)) : undefined;
    if (stat?.isFile()) found.push({ place, dev: stat.dev, ino: stat.ino });
  }
  return found;
}

/** proc(5): the flags of open(2) in octal, of which the last two bits are the access mode. */
const canWrite = (info: string): boolean => /^flags:\s*[0-7]*[12567]$/m.test(info);

export const sleep = (milliseconds: number): void => {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
};
