// All of some bytes, or an error: write(2) may write fewer than it was given, on a full disk or at a limit, and say so only
// by its result.

import { fstatSync, writeSync } from 'node:fs';
import { errno } from './anchor.ts';

/** Whether writes to it go straight to a file or a device, and are never waited for, unlike those to a pipe or a socket. */
export function isFileLike(fd: number): boolean {
  const stat = fstatSync(fd);
  return stat.isFile() || stat.isCharacterDevice() || stat.isBlockDevice();
}

/** `position`: where in the file; else where the last write ended. Throws the error of the write(2) that did not do, ENOSPC, EDQUOT, EFBIG, EIO or another; what went before it stays. */
export function writeAll(fd: number, bytes: Uint8Array, position?: number): void {
  for (let done = 0; done < bytes.length; ) {
    const count = writeSync(fd, bytes, done, bytes.length - done, position === undefined ? null : position + done);
    if (count === 0) throw errno('EIO', 'write(2) wrote nothing');
    done += count;
  }
}
