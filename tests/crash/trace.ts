// Reads strace's log: which calls a run made on the machine and its state, and how each can be hit again. Only calls of
// the first thread, which does all the work (one-thread.cjs), because strace counts calls in each thread.

/** One system call, at its entry. */
export interface Call {
  readonly name: string;
  /** The count of this call by its name, from 1. */
  readonly nth: number;
  /** The arguments, as strace prints them with -y. */
  readonly args: string;
}

/** A call to be hit: `inject=call:…:when=nth`. */
export interface Point {
  readonly call: string;
  readonly nth: number;
  /** The call that is hit, for people. */
  readonly label: string;
  /** The arguments of the call, without what differs from run to run. */
  readonly args: string;
}

/** Calls that change something; so does `open` with one of the flags below. */
const WRITES = new Set(
  (
    'write pwrite64 writev pwritev mkdir mkdirat rename renameat renameat2 link linkat symlink symlinkat unlink ' +
    'unlinkat rmdir chmod fchmod fchmodat chown fchown lchown fchownat utimensat fsync fdatasync sync syncfs truncate ' +
    'ftruncate fallocate copy_file_range sendfile setxattr fsetxattr lsetxattr removexattr mknod mknodat'
  ).split(' '),
);
const OPENS = new Set(['open', 'openat', 'creat']);

/** The calls that are traced when a run is recorded. */
export const RECORDED = '%file,%desc,execve';

/** The calls of the first thread in a log of `strace -y` or `strace -f -y`, in the order in which they began. */
export function readTrace(log: string): readonly Call[] {
  const counts = new Map<string, number>();
  const calls: Call[] = [];
  const first = /^\d+ +/.exec(log)?.[0] ?? '';
  for (const line of log.split('\n')) {
    if (!line.startsWith(first)) continue;
    const [, name, args] = /^(\w+)\((.*)$/.exec(line.slice(first.length)) ?? [];
    if (name === undefined || args === undefined) continue;
    const nth = (counts.get(name) ?? 0) + 1;
    counts.set(name, nth);
    calls.push({ name, nth, args });
  }
  return calls;
}

/** True if the call touches one of the directories, or a name in an open directory, which only the transaction does. */
export const isWithin = ({ args }: Call, dirs: readonly string[]): boolean =>
  args.includes('/proc/self/fd/') || dirs.some((dir) => args.includes(dir));

/** True if the call changes something, or may. */
export const changes = ({ name, args }: Call): boolean =>
  WRITES.has(name) || (OPENS.has(name) && /O_(CREAT|TRUNC|WRONLY|RDWR|TMPFILE)/.test(args));

/** A point just before each change within the directories. */
export const killPoints = (calls: readonly Call[], dirs: readonly string[]): readonly Point[] =>
  pointsOf(calls.filter(changes), dirs);

/** Every call of these names within the directories. */
export const callsOf = (
  calls: readonly Call[],
  dirs: readonly string[],
  names: ReadonlySet<string>,
): readonly Point[] =>
  pointsOf(
    calls.filter(({ name }) => names.has(name)),
    dirs,
  );

const pointsOf = (calls: readonly Call[], dirs: readonly string[]): readonly Point[] =>
  calls
    .filter((call) => isWithin(call, dirs))
    .map((call) => ({ call: call.name, nth: call.nth, label: labelOf(call), args: shapeOf(call.args) }));

/**
 * Says whether the run of this log was hit where it was meant to be. `elsewhere`: at another call of that name, because
 * the writes that wake the event loop differ from run to run. `no`: not at all.
 */
export function hit(log: string, { call, nth, args }: Point): 'there' | 'elsewhere' | 'no' {
  const found = readTrace(log).find((one) => one.name === call && one.nth === nth);
  if (found === undefined) return 'no';
  return shapeOf(found.args) === args ? 'there' : 'elsewhere';
}

/** Arguments without what differs from run to run: numbers, random names, the place, results. */
const shapeOf = (args: string): string =>
  args
    .replace(/\)? += .*$| <unfinished \.\.\.>$/, '')
    .replace(/\/[^">]*\/place-\d+\//g, '/')
    .replace(/"[^"/][^"]*"(\.\.\.)?/g, '""')
    .replace(/[0-9a-f]{8,}|\d+/g, '#');

const labelOf = ({ name, nth, args }: Call): string => {
  const last = /([^/<>"]*)[">]/.exec(args.replace(/^.*\/(?=[^/]*[">])/, ''))?.[1] ?? '';
  return `${name} ${nth}${last === '' ? '' : ` (${last})`}`;
};
