// What stops an execution, in words: a signal, an errno.

import type { Diagnostic } from './diagnostic.ts';
import { exitOfSignal, type Signal } from './execution.ts';
import type { Outcome } from './model.ts';

export const interrupted = (signal: Signal): Diagnostic => ({
  severity: 'error',
  code: 'RF3009',
  summary: `stopped by ${signal}`,
});

/** The end of what was stopped before anything was visible. */
export const stoppedBy = (signal: Signal): Outcome => ({
  status: 'refused',
  cause: [interrupted(signal)],
  exit: exitOfSignal(signal),
});

/** The diagnostic of something thrown while `what` was done. What is no error at all is thrown on. */
export function failure(what: string, thrown: unknown): Diagnostic {
  const { message, syscall, errno } = thrown as NodeJS.ErrnoException;
  // Node has no name for it.
  const code = errno === -122 ? 'EDQUOT' : (thrown as NodeJS.ErrnoException).code;
  // Without an errno it is a bug of ours, and shall look like one.
  if (code === undefined && !(thrown instanceof Error)) throw thrown;
  const summary = `${what}: ${code ? `${ERRNO[code] ?? code}${syscall ? ` (${syscall})` : ''}: ${message}` : message}`;
  return { severity: 'error', code: 'RF3004', summary, ...(HINT[code ?? ''] && { hint: HINT[code ?? '']! }) };
}

const ERRNO: Readonly<Record<string, string>> = {
  ENOSPC: 'the disk is full',
  EDQUOT: 'the quota is used up',
  EROFS: 'the file system is read-only',
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  EIO: 'the disk does not answer rightly',
  EMFILE: 'too many files are open',
  ENOTSUP: 'the file system cannot do it',
};
const HINT: Readonly<Record<string, string>> = {
  ENOSPC: 'free some space and run the command again',
  EDQUOT: 'free some space and run the command again',
  EROFS: 'make the file system writable, or choose another config.path',
  ENOTSUP: 'choose another config.path',
  EACCES: 'run the command with sudo',
  EPERM: 'run the command with sudo; if that does not help, look for an immutable attribute (lsattr)',
};

/** The end of a log. */
export const lastLines = (log: string, count: number): string => log.trimEnd().split('\n').slice(-count).join('\n');
