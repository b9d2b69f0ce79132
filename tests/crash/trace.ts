// What strace writes, read: which calls a run made on the machine and its state, by which thread, and how each can be
// hit again. strace counts calls per thread, so a call is named by its thread's count of it.

/** One system call, at its entry. */
export interface Call {
  readonly thread: string;
  readonly name: string;
  /** Counted from 1, for this thread and name. */
  readonly nth: number;
  /** Its arguments, as strace prints them with -y. */
  readonly args: string;
}

/** A call to be hit: `inject=call:…:when=nth`. */
export interface Point {
  readonly call: string;
  readonly nth: number;
  /** For people: the call that comes next when this one is hit. */
  readonly label: string;
  /** The arguments of the call that is hit, without what differs from run to run. */
  readonly args: string;
  /** The thread that is hit is the first of the process. */
  readonly isFirst: boolean;
}

/** The calls that change something; `open` with one of these flags does too. */
const WRITES = new Set(
  (
    'write pwrite64 writev pwritev mkdir mkdirat rename renameat renameat2 link linkat symlink symlinkat unlink ' +
    'unlinkat rmdir chmod fchmod fchmodat chown fchown lchown fchownat utimensat fsync fdatasync sync syncfs truncate ' +
    'ftruncate fallocate copy_file_range sendfile setxattr fsetxattr lsetxattr removexattr mknod mknodat'
  ).split(' '),
);
const OPENS = new Set(['open', 'openat', 'creat']);

/** What is traced when a run is recorded: all that changes, and the calls between, one of which may be the better one to hit. */
export const RECORDED = '%file,%desc,execve';

/** The calls of a log of `strace -y`, with -f or without, in the order of their beginnings. */
export function readTrace(log: string): readonly Call[] {
  const counts = new Map<string, number>();
  const calls: Call[] = [];
  for (const line of log.split('\n')) {
    const [, thread = '', name, args] = /^(?:(\d+) +)?(\w+)\((.*)$/.exec(line) ?? [];
    if (name === undefined || args === undefined) continue;
    const nth = (counts.get(`${thread} ${name}`) ?? 0) + 1;
    counts.set(`${thread} ${name}`, nth);
    calls.push({ thread, name, nth, args });
  }
  return calls;
}

/** Touches one of the directories, or a name below an open directory, which only the transaction does. */
export const isWithin = ({ args }: Call, dirs: readonly string[]): boolean =>
  args.includes('/proc/self/fd/') || dirs.some((dir) => args.includes(dir));

/** Changes something, or may. */
export const changes = ({ name, args }: Call): boolean =>
  WRITES.has(name) || (OPENS.has(name) && /O_(CREAT|TRUNC|WRONLY|RDWR|TMPFILE)/.test(args));

/** The thread that does the work: most of the changes within the directories are its. */
export function worker(calls: readonly Call[], dirs: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const call of calls)
    if (changes(call) && isWithin(call, dirs)) counts.set(call.thread, (counts.get(call.thread) ?? 0) + 1);
  const [first] = [...counts].sort(([, a], [, b]) => b - a);
  if (first === undefined) throw new Error('the run changed nothing');
  return first[0];
}

/**
 * A point just before each change within the directories. A thread other than the worker may reach the same count of a
 * call first; then another call between the change before and this one is hit instead: to a SIGKILL it is the same. The
 * first thread is traced alone, so nothing comes in its way.
 */
export function killPoints(calls: readonly Call[], dirs: readonly string[]): readonly Point[] {
  const thread = worker(calls, dirs);
  const others = new Map<string, number>();
  for (const call of calls)
    if (call.thread !== thread) others.set(call.name, Math.max(others.get(call.name) ?? 0, call.nth));
  const isFirst = thread === calls[0]?.thread;
  const points: Point[] = [];
  let between: Call[] = [];
  for (const call of calls) {
    if (call.thread !== thread) continue;
    between.push(call);
    if (!changes(call) || !isWithin(call, dirs)) continue;
    const isClear = ({ name, nth }: Call): boolean => isFirst || nth > (others.get(name) ?? 0);
    const best = [call, ...between.toReversed()].find(isClear) ?? call;
    points.push({ call: best.name, nth: best.nth, label: labelOf(call), args: shapeOf(best.args), isFirst });
    between = [];
  }
  return points;
}

/** Every call of these names within the directories, by the thread that does the work. */
export function callsOf(calls: readonly Call[], dirs: readonly string[], names: ReadonlySet<string>): readonly Point[] {
  const thread = worker(calls, dirs);
  const isFirst = thread === calls[0]?.thread;
  return calls
    .filter((call) => call.thread === thread && names.has(call.name) && isWithin(call, dirs))
    .map((call) => ({ call: call.name, nth: call.nth, label: labelOf(call), args: shapeOf(call.args), isFirst }));
}

/**
 * Whether the run whose log this is was hit where it was meant to be. `elsewhere`: at another call of that name, for the
 * writes that wake an event loop are not the same in each run. `no`: not at all, or in another thread.
 */
export function hit(log: string, { call, nth, isFirst, args }: Point): 'there' | 'elsewhere' | 'no' {
  const calls = readTrace(log);
  const found = calls.find((one) => one.name === call && one.nth === nth);
  if (found === undefined || (found.thread === calls[0]?.thread) !== isFirst) return 'no';
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
