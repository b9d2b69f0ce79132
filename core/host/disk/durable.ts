// Making things durable: one file or directory, or all of a file system at once.

import { closeSync, constants, fstatSync, fsyncSync, openSync } from 'node:fs';
import { runTool } from '../process/run.ts';
import { errno, O_PATH } from './anchor.ts';
import type { DiskPath } from './disk-paths.ts';

/**
 * fsync of what is at `place`, a file or directory. What we own but may not read is left out: its entry is durable. So is
 * what somebody has put in its place since: a link is not followed, and nothing is opened that could act or wait.
 */
export function syncAt(place: DiskPath | string): void {
  // Of a descriptor, which is its own last part.
  if (/^\/proc\/self\/fd\/\d+$/.test(place.toString())) {
    syncOpened(place);
    return;
  }
  const pin = openSync(place, O_PATH | constants.O_NOFOLLOW);
  try {
    const stat = fstatSync(pin);
    if (stat.isFile() || stat.isDirectory()) syncOpened(`/proc/self/fd/${pin}`);
  } finally {
    closeSync(pin);
  }
}

function syncOpened(place: DiskPath | string): void {
  let fd: number;
  try {
    fd = openSync(place, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'EACCES') return;
    throw thrown;
  }
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** syncfs, which Node lacks: everything on the file system of the directory `fd`. The only way for a link's owner. */
export function syncFileSystem(fd: number): void {
  const dir = openSync(`/proc/self/fd/${fd}`, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    const ran = runTool('sync', ['-f', '/proc/self/fd/3'], { stdio: ['ignore', 'ignore', 'pipe', dir], limit: 600 });
    if (ran === undefined) throw errno('ENOTSUP', 'sync (of coreutils) is not installed');
    if (ran.status !== 0) throw errno('EIO', `sync failed: ${ran.error?.message ?? ran.stderr.toString().trim()}`);
  } finally {
    closeSync(dir);
  }
}
