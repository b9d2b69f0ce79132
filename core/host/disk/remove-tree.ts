// Removes a tree without following a link: each name is reached through the open directory it was found in.

import {
  type BigIntStats,
  chmodSync,
  closeSync,
  constants,
  fstatSync,
  openSync,
  readdirSync,
  renameSync,
  rmdirSync,
  unlinkSync,
} from 'node:fs';
import { O_PATH } from './anchor.ts';
import type { DiskPath } from './disk-paths.ts';

/** Directories at this depth are first renamed to the top, so that few are open at a time in a tree of any depth. */
const DEEP = 12;

/**
 * Removes the file, link or directory at `place`, with everything in it. Does nothing if there is none. `isMeant`: asked about the
 * open directory; where it is another one by now, nothing is removed, and the answer is false.
 */
export function removeTree(place: DiskPath, isMeant: (stat: BigIntStats) => boolean = () => true): boolean {
  const dir = openDir(place);
  if (dir === undefined) {
    missingIsFine(() => unlinkSync(place));
    return true;
  }
  try {
    if (!isMeant(fstatSync(dir, { bigint: true }))) return false;
    empty(dir, dir, 0);
  } finally {
    closeSync(dir);
  }
  missingIsFine(() => rmdirSync(place));
  return true;
}

/** `top`: the directory that deep ones are moved to. */
function empty(dir: number, top: number, depth: number): void {
  letUsIn(dir);
  for (let names = namesIn(dir); names.length > 0; names = namesIn(dir)) {
    for (const name of names) {
      const place = Buffer.concat([Buffer.from(`/proc/self/fd/${dir}/`), name]);
      const inner = openDir(place);
      if (inner === undefined) {
        missingIsFine(() => unlinkSync(place));
        continue;
      }
      try {
        if (depth >= DEEP) renameSync(place, Buffer.from(`/proc/self/fd/${top}/.deep-${broughtUp++}`));
        else empty(inner, top, depth + 1);
      } finally {
        closeSync(inner);
      }
      if (depth < DEEP) missingIsFine(() => rmdirSync(place));
    }
    // Only the top directory may have gained names: deep directories that were moved to it.
    if (depth > 0) return;
  }
}

/** Nix closes the directories of a store to its owner too, who then removes no name in them. */
function letUsIn(dir: number): void {
  const { mode, uid } = fstatSync(dir);
  if ((mode & 0o700) !== 0o700 && uid === process.geteuid?.()) chmodSync(`/proc/self/fd/${dir}`, mode | 0o700);
}

/** Numbers the directories that were moved to the top. */
let broughtUp = 0;

const namesIn = (dir: number): Buffer[] => readdirSync(`/proc/self/fd/${dir}`, { encoding: 'buffer' });

/** Undefined if it is not a directory, or does not exist. */
function openDir(place: DiskPath): number | undefined {
  try {
    return openSync(place, O_PATH | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  } catch (thrown) {
    const { code } = thrown as NodeJS.ErrnoException;
    if (code === 'ENOTDIR' || code === 'ELOOP' || code === 'ENOENT') return undefined;
    throw thrown;
  }
}

function missingIsFine(act: () => void): void {
  try {
    act();
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code !== 'ENOENT') throw thrown;
  }
}
