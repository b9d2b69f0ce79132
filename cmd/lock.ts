// One at a time: commands that write take the lock of the state directory, say who holds it, and wait if asked to.

import type { Diagnostic } from '../core/diagnostic.ts';
import { callerOf } from '../core/host/surroundings.ts';
import type { Reporter } from '../core/model.ts';
import type { Lock } from '../core/store.ts';
import { EXIT } from './exit.ts';
import type { Io, Usage } from './io.ts';
import type { Place } from './session.ts';

/** How long to wait for another apply, as typed: `60s`, `5m`. */
export interface LockOptions {
  readonly wait?: string | undefined;
}

/** Runs `act` under the lock, and gives it free whatever comes. The exit code of `act`, or why it did not run. */
export async function underLock(
  { store }: Place,
  { wait = '0s' }: LockOptions,
  io: Io,
  report: Reporter,
  act: () => Promise<number>,
): Promise<number> {
  const refuse = (diagnostic: Diagnostic, exit: number): number => {
    report({ type: 'diagnostic', diagnostic });
    return exit;
  };
  const deadline = io.now() + millisecondsOf(wait);
  for (;;) {
    let lock: Lock | { readonly heldBy: string };
    try {
      lock = store.lock(`process ${process.pid} of ${callerOf(io.env).name} since ${new Date().toISOString()}`);
    } catch (thrown) {
      const { code } = thrown as NodeJS.ErrnoException;
      if (code === undefined) throw thrown;
      return refuse(unusable(store.where, code), EXIT.error);
    }
    if ('release' in lock) {
      try {
        return await act();
      } finally {
        lock.release();
      }
    }
    if (io.now() >= deadline || io.stopped() !== undefined) return refuse(locked(lock.heldBy), EXIT.locked);
    report({ type: 'progress', text: `waiting for another apply: ${lock.heldBy}` });
    await new Promise((resume) => setTimeout(resume, POLL));
  }
}

function millisecondsOf(wait: string): number {
  const [, number, unit] = /^(\d+)([smh]?)$/.exec(wait) ?? [];
  if (number === undefined)
    throw { usage: `--wait ${JSON.stringify(wait)} is no time; write it as 60s or 5m` } satisfies Usage;
  return Number(number) * { s: 1000, m: 60_000, h: 3_600_000 }[(unit || 's') as 's' | 'm' | 'h'];
}

/** Milliseconds between two tries. */
const POLL = 200;

const locked = (heldBy: string): Diagnostic => ({
  severity: 'error',
  code: 'RF3007',
  summary: `another apply is running: ${heldBy || 'it has not said who it is'}`,
  hint: 'wait for it with --wait 60s; the lock frees itself when its process ends',
});

const unusable = (where: string, errno: string): Diagnostic => ({
  severity: 'error',
  code: 'RF3015',
  summary: `the state directory "${where}" cannot be used: ${errno}`,
  hint: 'run the command with sudo, or name another directory with --state',
});
