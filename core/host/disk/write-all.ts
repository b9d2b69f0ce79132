// All of some bytes, or an error: write(2) may write fewer than it was given, on a full disk or at a limit, and say so only
// by its result.

import { fstatSync, writeSync } from 'node:fs';
import { errno } from './anchor.ts';

/** `position`: where in the file; else where the last write ended. Throws the error of the write(2) that did not do, ENOSPC, EDQUOT, EFBIG, EIO or another; what went before it stays. */
export function writeAll(fd: number, bytes: Uint8Array, position?: number): void {
  for (let done = 0; done < bytes.length; ) {
    const count = writeSync(fd, bytes, done, bytes.length - done, position === undefined ? null : position + done);
    if (count === 0) throw errno('EIO', 'write(2) wrote nothing');
    done += count;
  }
}

/** How many bytes were written: fewer than all only where whoever gave us the descriptor wants us to wait for it (O_NONBLOCK). */
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

/** Asks the module that knows only where it may be one, since it brings Node's network. /dev/null, the device 1:3, is none. */
export function isTerminal(fd: number): boolean {
  const stat = fstatSync(fd);
  return stat.isCharacterDevice() && stat.rdev !== 0x103 && process.getBuiltinModule('node:tty').isatty(fd);
}
