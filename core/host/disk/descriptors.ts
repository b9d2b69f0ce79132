// The open descriptors of other processes, as far as /proc shows them to us.

import { readdirSync } from 'node:fs';

/** `opened` is a link to the open file, `info` is proc_pid_fdinfo(5). Either may vanish at any time. */
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
 * Undefined if the process or the descriptor is gone, or is not ours to see; also if the open file has too long a name,
 * or its file system does not answer. No process may be able to stop us by what it holds open.
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
