// Closes the descriptors that this process was started with, beyond the three standard ones. Node passes them on to what it
// starts: it sets close-on-exec for those below 16 only, and for the others up to the first gap.

import { closeSync, readdirSync, readFileSync } from 'node:fs';
import { quietly } from './trusted.ts';

/**
 * Descriptors that Node itself opened have O_CLOEXEC (proc_pid_fdinfo(5)) and stay; so this is called before any other is
 * opened without it. For root: a file that its shell has open must not reach a process of another user's.
 */
export function closeInherited(): void {
  for (const name of quietly(() => readdirSync('/proc/self/fd')) ?? []) {
    if (Number(name) <= 2) continue;
    const told = quietly(() => readFileSync(`/proc/self/fdinfo/${name}`, 'latin1')) ?? '';
    const flags = /^flags:\s*([0-7]+)$/m.exec(told)?.[1];
    if (flags !== undefined && (Number.parseInt(flags, 8) & O_CLOEXEC) === 0) quietly(() => closeSync(Number(name)));
  }
}

const O_CLOEXEC = 0o2000000;
