// Reads the log of `strace -f -y -v -xx` as calls in the order of their ends, and has the options that produce it.
// Knows what strace prints; recording.ts knows what a call means.

/**
 * `?`: strace ignores a call that the architecture does not have. The list includes calls that recording.ts refuses, so
 * that none is overlooked.
 */
const CALLS = (
  'open openat openat2 creat close close_range dup dup2 dup3 fcntl clone clone3 fork vfork execve umask ' +
  'chdir fchdir write pwrite64 writev pwritev pwritev2 sendfile copy_file_range splice lseek truncate ftruncate ' +
  'fallocate rename renameat renameat2 link linkat unlink unlinkat symlink symlinkat mkdir mkdirat rmdir mknod ' +
  'mknodat chmod fchmod fchmodat fchmodat2 chown lchown fchown fchownat setxattr lsetxattr fsetxattr removexattr ' +
  'lremovexattr fremovexattr fsync fdatasync syncfs sync sync_file_range ioctl io_uring_setup exit_group'
).split(' ');

/** The words that go before a command; the log goes to `file`. */
export const straceOf = (file: string): readonly string[] => [
  'strace',
  '-f',
  '-y',
  '-v',
  '-xx',
  '-s',
  '100000000',
  '-o',
  file,
  '-e',
  `trace=${CALLS.map((name) => `?${name}`).join(',')}`,
];

export interface Call {
  /** The number of the thread. */
  readonly pid: number;
  readonly name: string;
  /** The arguments as they are printed; `bytesOf` and `descriptorOf` read them. */
  readonly args: readonly string[];
  /** Negative if the call failed. */
  readonly result: number;
  /** The path of the descriptor that it returned, in latin1. */
  readonly made: string | undefined;
}

/** Calls that ended, failed ones too. A call that another thread's lines interrupt is placed where it ends. */
export function callsOf(log: string): readonly Call[] {
  const calls: Call[] = [];
  const begun = new Map<number, string>();
  for (const line of log.split('\n')) {
    const [, id, rest] = /^(\d+) +(.*)$/.exec(line) ?? [];
    if (id === undefined || rest === undefined || rest.startsWith('+++') || rest.startsWith('---')) continue;
    const pid = Number(id);
    const cut = / ?<unfinished \.\.\.>\)?$/.exec(rest);
    if (cut !== null) {
      begun.set(pid, rest.slice(0, cut.index));
      continue;
    }
    const resumed = /^<\.\.\. \w+ resumed>/.exec(rest);
    const whole = resumed === null ? rest : `${begun.get(pid) ?? ''}${rest.slice(resumed[0].length)}`;
    const call = callOf(pid, whole);
    if (call !== undefined) calls.push(call);
  }
  return calls;
}

function callOf(pid: number, line: string): Call | undefined {
  const open = line.indexOf('(');
  const end = line.lastIndexOf(') ');
  const [, result, made] = /^\) += (-?\d+|0x[0-9a-f]+|\?)(?:<([^>]*)>)?/.exec(line.slice(end)) ?? [];
  // A process was killed in the middle of it: its effect is unknown, and nothing follows.
  if (open < 0 || result === undefined) return undefined;
  return {
    pid,
    name: line.slice(0, open),
    args: argumentsOf(line.slice(open + 1, end)),
    result: result === '?' ? 0 : Number(result),
    made: made === undefined ? undefined : bytesOfHex(made).toString('latin1'),
  };
}

/** Splits at commas outside of brackets. Strings hold none, because all their bytes are in hex. */
function argumentsOf(text: string): readonly string[] {
  const found: string[] = [];
  let depth = 0;
  let from = 0;
  for (let at = 0; at < text.length; at++) {
    const sign = text[at]!;
    if ('{[('.includes(sign)) depth++;
    else if ('}])'.includes(sign)) depth--;
    else if (sign === ',' && depth === 0) {
      found.push(text.slice(from, at).trim());
      from = at + 1;
    }
  }
  found.push(text.slice(from).trim());
  return found;
}

const bytesOfHex = (hex: string): Buffer => Buffer.from(hex.replaceAll('\\x', ''), 'hex');

/** The bytes of a string argument. Throws if strace cut it off. */
export function bytesOf(arg: string | undefined): Buffer {
  const [, hex] = /^"((?:\\x[0-9a-f]{2})*)"$/.exec(arg ?? '') ?? [];
  if (hex === undefined) throw new Error(`not a whole string in the log: ${arg?.slice(0, 80)}`);
  return bytesOfHex(hex);
}

/** The strings of an array of buffers (writev), joined. */
export const vectorOf = (arg: string): Buffer =>
  Buffer.concat([...arg.matchAll(/iov_base=("[^"]*")/g)].map(([, text]) => bytesOf(text)));

/** A name as latin1, which keeps each byte. */
export const nameOf = (arg: string | undefined): string => bytesOf(arg).toString('latin1');

/** `7</etc/x>` or `AT_FDCWD</tmp>`: the number (undefined for AT_FDCWD), and the path that -y printed, in latin1. */
export function descriptorOf(arg: string | undefined): { readonly number: number | undefined; readonly path: string } {
  const [, number, path = ''] = /^(AT_FDCWD|-?\d+)(?:<(.*)>)?(?:\(deleted\))?$/s.exec(arg ?? '') ?? [];
  if (number === undefined) throw new Error(`not a descriptor in the log: ${arg}`);
  return { number: number === 'AT_FDCWD' ? undefined : Number(number), path: bytesOfHex(path).toString('latin1') };
}
