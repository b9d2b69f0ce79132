// Words for what stops an execution: a signal, or an errno.

import type { Diagnostic } from '../diagnostic.ts';
import type { Outcome, Signal } from '../model.ts';

export const interrupted = (signal: Signal): Diagnostic => ({
  severity: 'error',
  code: 'RF3009',
  summary: `stopped by ${signal}`,
});

/** The outcome of an execution that a signal stopped before anything was visible. */
export const stoppedBy = (signal: Signal): Outcome => ({
  status: 'refused',
  cause: [interrupted(signal)],
  signal,
});

/**
 * The diagnostic of an error that was thrown while doing `what`: in words if the system refused something; with the
 * stack (RF3021) if it is a bug of ours. Throws `thrown` again if it is not an Error.
 */
export function failure(what: string, thrown: unknown): Diagnostic {
  if (!isError(thrown)) throw thrown;
  if (!isSaidBySystem(thrown)) return internalError(what, thrown);
  const { message, syscall } = thrown as NodeJS.ErrnoException;
  const code = codeOf(thrown);
  const summary = `${what}: ${code ? `${inWords(code, syscall) ?? code}${syscall ? ` (${syscall})` : ''}: ${message}` : message}`;
  return { severity: 'error', code: 'RF3004', summary, ...(HINT[code ?? ''] && { hint: HINT[code ?? '']! }) };
}

/**
 * True if the error has an errno, or is one that we throw for what the machine lacks or reports (`why`, `tool`). A
 * TypeError, or one of Node's ERR_… errors, is a bug.
 */
export const isSaidBySystem = (thrown: unknown): thrown is Error =>
  isError(thrown) && (codeOf(thrown) !== undefined || 'why' in thrown || 'tool' in thrown);

/** True of an Error of any realm: in a test, Node's own errors come from another realm. */
export const isError = (thrown: unknown): thrown is Error =>
  Object.prototype.toString.call(thrown) === '[object Error]';

/** The reason in a few words: `the disk is full (ENOSPC)`. */
export function wordsOf(thrown: unknown): string {
  if (isError(thrown) && 'why' in thrown) return String(thrown.why);
  const code = codeOf(thrown);
  const words = inWords(code, (thrown as NodeJS.ErrnoException).syscall);
  return words === undefined ? (code ?? String(thrown)) : `${words} (${code})`;
}

/** open(2) with O_NONBLOCK fails with EAGAIN where another process holds a lease on the file (fcntl(2), F_SETLEASE). */
const inWords = (code: string | undefined, syscall: string | undefined): string | undefined =>
  code === 'EAGAIN' && syscall === 'open' ? 'another process holds a lease on the file' : ERRNO[code ?? ''];

/** The name of the errno; undefined if the error has none. */
function codeOf(thrown: unknown): string | undefined {
  const { code, errno } = thrown as NodeJS.ErrnoException;
  // Node has no name for this errno.
  if (errno === -122) return 'EDQUOT';
  return typeof errno === 'number' || /^E[A-Z0-9]+$/.test(String(code)) ? code : undefined;
}

function internalError(what: string, thrown: Error): Diagnostic {
  const summary = `${what}: internal error: ${thrown.name}: ${thrown.message}`;
  const hint = 'this is a bug of reflake: report it with these lines';
  return { severity: 'error', code: 'RF3021', summary, hint, snippet: callsOf(thrown) };
}

/** The calls of the stack, without the source line that Node shows: in a minified file that is the whole program. */
export const callsOf = ({ stack = '' }: Error): string =>
  stack
    .split('\n')
    .filter((line) => /^\s+at /.test(line))
    .slice(0, 8)
    .join('\n');

const ERRNO: Readonly<Record<string, string>> = {
  ENOSPC: 'the disk is full',
  EDQUOT: 'the quota is used up',
  EROFS: 'the file system is read-only',
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  EIO: 'the disk does not answer rightly',
  EFBIG: 'the file is larger than is allowed (ulimit -f)',
  EMFILE: 'too many files are open (ulimit -n)',
  EAGAIN: 'no more processes or threads may be started (ulimit -u)',
  ENOMEM: 'no memory is left (ulimit -v)',
  ENAMETOOLONG: 'a name is too long',
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

/** The last lines of a log. */
export const lastLines = (log: string, count: number): string => log.trimEnd().split('\n').slice(-count).join('\n');
