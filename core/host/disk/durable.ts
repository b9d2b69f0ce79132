// Flushes to disk: one file or directory, or a whole file system.

import { closeSync, constants, fstatSync, fsyncSync, openSync } from 'node:fs';
import { runTool } from '../process/run.ts';
import { errno, O_PATH } from './anchor.ts';
import type { DiskPath } from './disk-paths.ts';

/**
 * fsync(2) of the file or directory at `place`. A file of ours that we may not read is skipped: then only its directory
 * entry becomes durable. A link or special file that somebody has put there is skipped too, not followed or opened.
 */
export function syncAt(place: DiskPath | string): void {
  // A path to a descriptor: O_NOFOLLOW would fail, because its last part is a link.
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

/**
 * syncfs(2), which Node lacks, by sync(1): flushes the file system of the directory `fd`. No other call makes the owner
 * of a symbolic link durable.
 */
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
