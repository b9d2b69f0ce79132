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

/** Undefined: the process or the descriptor is gone, or not ours to see, or lies deeper than a path can say. */
export function orGone<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch (thrown) {
    if (GONE.has((thrown as NodeJS.ErrnoException).code ?? '')) return undefined;
    throw thrown;
  }
}

const GONE: ReadonlySet<string> = new Set(['ENOENT', 'ESRCH', 'EACCES', 'EPERM', 'ENOTDIR', 'EINVAL', 'ENAMETOOLONG']);
