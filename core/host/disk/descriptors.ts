// The open descriptors of other processes, as far as /proc shows them to us.

import { readdirSync } from 'node:fs';

/** `opened` leads to what it is open on, `info` to what proc(5) says of it; both may be gone at the next look. */
export interface Descriptor {
  readonly pid: string;
  readonly opened: string;
  readonly info: string;
}

export function* othersDescriptors(): Generator<Descriptor> {
  for (const pid of readdirSync('/proc')) {
    if (!NUMBER.test(pid) || pid === String(process.pid)) continue;
    for (const fd of orGone(() => readdirSync(`/proc/${pid}/fd`)) ?? [])
      yield { pid, opened: `/proc/${pid}/fd/${fd}`, info: `/proc/${pid}/fdinfo/${fd}` };
  }
}

const NUMBER = /^\d+$/;

/**
 * Undefined: the process or the descriptor is gone, or not ours to see; or it is on what has a name too long to be told, or a
 * file system that has gone. No process must be able to stop us by what it holds open.
 */
export function orGone<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch (thrown) {
    if (GONE.has((thrown as NodeJS.ErrnoException).code ?? '')) return undefined;
    throw thrown;
  }
}

const UNTOLD = ['ENAMETOOLONG', 'ENOTCONN', 'ESTALE', 'EIO'];

const GONE: ReadonlySet<string> = new Set(['ENOENT', 'ESRCH', 'EACCES', 'EPERM', 'ENOTDIR', 'EINVAL', ...UNTOLD]);
