// Inodes that are pinned by an O_PATH descriptor, which opens nothing: so we change what we looked at, whatever happens
// to its name. Also says what a pinned inode is.

import { closeSync, constants, fstatSync, openSync, type Stats } from 'node:fs';
import { digestOf } from '../../canonical.ts';
import { MOST } from '../../limits.ts';
import { type Digest, type Entry, matches, type Puttable } from '../../model.ts';
import { O_PATH } from '../disk/anchor.ts';
import type { DiskPath } from '../disk/disk-paths.ts';
import { entryOf, readAll } from '../disk/look.ts';
import { thereOrNot } from './staging-directory.ts';

/** Undefined if there is nothing. O_PATH has no side effects on any kind of file. */
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

/** Compares owner and mode, and bytes or target if the put gives them. */
export function isAsBefore(before: Puttable, pin: number, stat: Stats, target: string): boolean {
  const entry = entryOf(stat, () => target);
  if (before.type !== 'file' || entry.type !== 'file' || before.content === undefined) return matches(before, entry);
  return matches(before, withContent(entry, digestOfPinned(pin, stat.size)));
}

export const withContent = (entry: Entry, content: Digest | undefined): Entry =>
  entry.type === 'file' && content !== undefined ? { ...entry, content } : entry;

/** Undefined if the file is larger than anything that can be planned. */
export function digestOfPinned(pin: number, size: number): Digest | undefined {
  if (size > MOST.fileBytes) return undefined;
  const fd = openSync(`/proc/self/fd/${pin}`, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    return digestOf(readAll(fd, size));
  } finally {
    closeSync(fd);
  }
}

/** The digest of a file at a name that nobody else can change; undefined if there is no file. */
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
