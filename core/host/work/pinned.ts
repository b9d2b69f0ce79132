// An inode held by a descriptor that opens nothing (O_PATH): what is looked at and what is changed are then the same thing,
// whatever happens to its name. It also says what a pinned inode is.

import { closeSync, constants, fstatSync, openSync, type Stats } from 'node:fs';
import { digestOf } from '../../canonical.ts';
import { MOST } from '../../limits.ts';
import { type Digest, type Entry, matches, type Puttable } from '../../model.ts';
import { O_PATH } from '../disk/anchor.ts';
import type { DiskPath } from '../disk/disk-paths.ts';
import { entryOf, readAll } from '../disk/look.ts';
import { thereOrNot } from './staging-directory.ts';

/** Undefined: nothing is there. Opens without side effects, whatever it is. */
export const openPinned = (place: DiskPath): number | undefined =>
  thereOrNot(() => openSync(place, O_PATH | constants.O_NOFOLLOW));

export function withPinned<T>(place: DiskPath, act: (pin: number) => T): T {
  const pin = openSync(place, O_PATH | constants.O_NOFOLLOW);
  try {
    return act(pin);
  } finally {
    closeSync(pin);
  }
}

/** Owner, mode, and where the put says something of them, bytes or target. */
export function isAsBefore(before: Puttable, pin: number, stat: Stats, target: string): boolean {
  const entry = entryOf(stat, () => target);
  if (before.type !== 'file' || entry.type !== 'file' || before.content === undefined) return matches(before, entry);
  return matches(before, withContent(entry, digestOfPinned(pin, stat.size)));
}

export const withContent = (entry: Entry, content: Digest | undefined): Entry =>
  entry.type === 'file' && content !== undefined ? { ...entry, content } : entry;

/** Undefined: larger than anything that was planned. */
export function digestOfPinned(pin: number, size: number): Digest | undefined {
  if (size > MOST.fileBytes) return undefined;
  const fd = openSync(`/proc/self/fd/${pin}`, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    return digestOf(readAll(fd, size));
  } finally {
    closeSync(fd);
  }
}

/** The bytes of a file at a name that nobody else can change; undefined where there is none. */
export function digestAt(place: DiskPath): Digest | undefined {
  const pin = openPinned(place);
  if (pin === undefined) return undefined;
  try {
    const stat = fstatSync(pin);
    return stat.isFile() ? digestOfPinned(pin, stat.size) : undefined;
  } finally {
    closeSync(pin);
  }
}
