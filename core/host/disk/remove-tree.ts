// Removes a tree without following anybody's link: each name through the open directory it was found in.

import { closeSync, constants, openSync, readdirSync, renameSync, rmdirSync, unlinkSync } from 'node:fs';
import { O_PATH } from './anchor.ts';
import type { DiskPath } from './disk-paths.ts';

/** Deeper than this, a directory is first brought up, so that few files are open whatever the depth. */
const DEEP = 12;

/** Removes what is at `place`, a file, link or directory with all that is in it. Nothing there: nothing happens. */
export function removeTree(place: DiskPath): void {
  const dir = openDir(place);
  if (dir === undefined) {
    missingIsFine(() => unlinkSync(place));
    return;
  }
  try {
    empty(dir, dir, 0);
  } finally {
    closeSync(dir);
  }
  missingIsFine(() => rmdirSync(place));
}

/** `top`: where directories that are too deep are brought to. */
function empty(dir: number, top: number, depth: number): void {
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
    // Only the top one may have got new names: those that were brought up.
    if (depth > 0) return;
  }
}

/** Numbers the directories that were brought up. */
let broughtUp = 0;

const namesIn = (dir: number): Buffer[] => readdirSync(`/proc/self/fd/${dir}`, { encoding: 'buffer' });

/** Undefined: it is no directory, or nothing. */
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
