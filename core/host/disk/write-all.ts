// Writes all of some bytes, or throws. write(2) may write fewer than it was given, on a full disk or at a limit, and
// reports that only in its result.

import { fstatSync, writeSync } from 'node:fs';
import { errno } from './anchor.ts';

/**
 * `position`: the offset in the file; if absent, write where the last write ended. Throws the error of the write(2)
 * that failed: ENOSPC, EDQUOT, EFBIG, EIO or another. Bytes written before that stay.
 */
export function writeAll(fd: number, bytes: Uint8Array, position?: number): void {
  for (let done = 0; done < bytes.length; ) {
    const count = writeSync(fd, bytes, done, bytes.length - done, position === undefined ? null : position + done);
    if (count === 0) throw errno('EIO', 'write(2) wrote nothing');
    done += count;
  }
}

/**
 * Writes as much as it can and returns the number of bytes. That is fewer than all only on EAGAIN, if the descriptor
 * that we were given is O_NONBLOCK.
 */
export function writeNow(fd: number, bytes: Uint8Array): number {
  let done = 0;
  try {
    while (done < bytes.length) {
      const count = writeSync(fd, bytes, done);
      if (count === 0) throw errno('EIO', 'write(2) wrote nothing');
      done += count;
    }
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code !== 'EAGAIN') throw thrown;
  }
  return done;
}

/**
 * True if the descriptor is a terminal. Loads node:tty only for a character device, because it loads Node's network
 * modules. /dev/null (device 1:3) is none.
 */
export function isTerminal(fd: number): boolean {
  const stat = fstatSync(fd);
  return stat.isCharacterDevice() && stat.rdev !== 0x103 && process.getBuiltinModule('node:tty').isatty(fd);
}
