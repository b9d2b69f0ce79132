// The descriptors of the traced processes: what each is open on, which strace's path does not tell once the name is
// gone. Threads share descriptors; a child starts with a copy.

import type { Id } from './disk.ts';
import { inodeAt, lookup, sizeOf } from './lookup.ts';
import { born, type Tape } from './recording.ts';
import { type Call, descriptorOf, nameOf } from './strace-log.ts';

/** `inode`: undefined for a file outside of the recorded directory. */
export interface Description {
  readonly inode: Id | undefined;
  readonly append: boolean;
  /** O_SYNC or O_DSYNC. */
  readonly sync: boolean;
  offset: number;
}

interface Process {
  readonly open: Map<number, Description>;
  umask: number;
  cwd: string | undefined;
}

export interface Processes {
  of(pid: number): Process;
  /** A thread or child starts. */
  start(pid: number, child: number, isThread: boolean): void;
  umask(pid: number): number;
  cwd(pid: number): string | undefined;
  /** The argument of a call, or a bare number. */
  descriptor(tape: Tape, pid: number, arg: string | undefined): Description | undefined;
}

export function processes(): Processes {
  const all = new Map<number, Process>();
  const of = (pid: number): Process => {
    const known = all.get(pid);
    if (known !== undefined) return known;
    const made: Process = { open: new Map(), umask: process.umask(), cwd: undefined };
    all.set(pid, made);
    return made;
  };
  return {
    of,
    start(pid, child, isThread) {
      const mine = of(pid);
      // The log may already have calls that the child made before its parent's call ended.
      const done = all.get(child)?.open ?? [];
      all.set(child, isThread ? mine : { ...mine, open: new Map([...mine.open, ...done]) });
    },
    umask: (pid) => of(pid).umask,
    cwd: (pid) => of(pid).cwd,
    descriptor(tape, pid, arg) {
      const { number, path } = descriptorOf(arg);
      if (number === undefined) return undefined;
      const known = of(pid).open.get(number);
      if (known !== undefined || path === '') return known;
      // Inherited from a process whose open(2) was not traced.
      return { inode: inodeAt(tape, path), append: false, sync: false, offset: 0 };
    },
  };
}

/** Handles calls about descriptors and processes, and those that open or make files. Returns true if this was one. */
export function open(tape: Tape, call: Call): boolean {
  const { name, args, pid, result } = call;
  const mine = tape.processes.of(pid);
  switch (name) {
    case 'open':
      opened(tape, call, undefined, args[0], args[1]!, args[2]);
      return true;
    case 'creat':
      opened(tape, call, undefined, args[0], 'O_WRONLY|O_CREAT|O_TRUNC', args[1]);
      return true;
    case 'openat':
      opened(tape, call, args[0], args[1], args[2]!, args[3]);
      return true;
    case 'openat2': {
      const how = args[2]!;
      opened(tape, call, args[0], args[1], /flags=([\w|]+)/.exec(how)?.[1] ?? '', /mode=(\d+)/.exec(how)?.[1]);
      return true;
    }
    case 'close':
      mine.open.delete(descriptorOf(args[0]).number!);
      return true;
    case 'close_range':
      for (const number of mine.open.keys())
        if (number >= Number(args[0]) && number <= Number(args[1])) mine.open.delete(number);
      return true;
    case 'dup':
    case 'dup2':
    case 'dup3':
    case 'fcntl': {
      if (name === 'fcntl' && !args[1]?.startsWith('F_DUPFD')) return true;
      const description = tape.processes.descriptor(tape, pid, args[0]);
      if (description !== undefined) mine.open.set(result, description);
      return true;
    }
    case 'clone':
    case 'clone3':
    case 'fork':
    case 'vfork':
      tape.processes.start(pid, result, args.join().includes('CLONE_THREAD'));
      return true;
    case 'umask':
      mine.umask = Number.parseInt(args[0]!, 8);
      return true;
    case 'chdir':
      mine.cwd = nameOf(args[0]);
      return true;
    case 'fchdir':
      mine.cwd = descriptorOf(args[0]).path;
      return true;
    default:
      return false;
  }
}

function opened(
  tape: Tape,
  { pid, result, name }: Call,
  from: string | undefined,
  path: string | undefined,
  flags: string,
  mode: string | undefined,
): void {
  const has = (flag: string): boolean => flags.split('|').includes(flag);
  const place = lookup(tape, pid, from, nameOf(path), !has('O_NOFOLLOW') && !has('O_EXCL'));
  let inode = place?.inode;
  if (place !== undefined && has('O_TMPFILE')) throw new Error('the replay does not know O_TMPFILE');
  if (place !== undefined && inode === undefined && has('O_CREAT'))
    inode = born(tape, pid, `${name} ${nameOf(path)}`, place, { kind: 'file', mode: Number.parseInt(mode ?? '0', 8) });
  else if (inode !== undefined && has('O_TRUNC') && sizeOf(tape, inode) > 0)
    tape.unit(`${name} O_TRUNC ${nameOf(path)}`, [{ kind: 'size', inode, size: 0 }]);
  const sync = has('O_SYNC') || has('O_DSYNC');
  tape.processes.of(pid).open.set(result, { inode, append: has('O_APPEND'), sync, offset: 0 });
}
