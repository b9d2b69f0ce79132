// Root's side of the border: a child with another person's ids looks at what that person can name, and answers over two
// pipes. One question at a time; timeout(1) ends a child that does not answer.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { closeSync, constants, openSync, readSync, rmSync, statSync, writeSync } from 'node:fs';
import type { NarProblem } from '../../formats/nar/nar.ts';
import { DENIED, type Reader, unreadable } from '../../machine/reader.ts';
import type { Owner } from '../../model.ts';
import { type AbsPath, absolute, ROOT } from '../../path.ts';
import type { Look } from '../disk/look.ts';
import { temporaryIn } from '../process/temporary.ts';
import { findSystemTool } from '../process/trusted.ts';
import { type Ids, type Start, startAs } from './start-self-as.ts';
import { territory } from './territory.ts';
import {
  type Answer,
  answerIn,
  entriesIn,
  entryIn,
  HEAD,
  headIn,
  hindranceIn,
  isName,
  isNumber,
  type Op,
  type Request,
  roomIn,
} from './wire.ts';

/** What another person sees of a machine, and of this disk. */
export interface Looker extends Omit<Look, 'stamp'>, Pick<Reader, 'hindrance' | 'room'> {
  readonly ids: Ids;
  /** Forgets what earlier looks found out about directories. */
  forget(): void;
  /** Asks one question about this disk, not about the machine. The caller must check the shape of the answer. */
  ask(op: Op, ...rest: readonly unknown[]): unknown;
  close(): void;
}

/**
 * `root`: the machine's `/` on this disk. The first question starts the child; callers in this thread with the same
 * person and root share it. Looks throw `unreadable` if the person may not look there, and if the child could not be
 * started, was ended, or does not answer.
 */
export function looker(root: AbsPath, ids: Ids): Looker {
  const { uid, gid, name, groups } = ids;
  // The child stands in the directory: another one of the same name is another machine.
  const place = statSync(root, { throwIfNoEntry: false });
  const key = JSON.stringify([root, place?.dev, place?.ino, uid, gid, name, groups]);
  const known = lookers.get(key) ?? newLooker(root, ids);
  lookers.set(key, known);
  return known;
}

/** Children by person and root, because starting one takes longer than all its answers. */
const lookers = new Map<string, Looker>();

function newLooker(root: AbsPath, ids: Ids): Looker {
  let channel: Channel | undefined;
  let silenced: string | undefined;
  const ask = (op: Op, ...rest: readonly unknown[]): Answer => {
    const about = typeof rest[0] === 'string' && rest[0].startsWith('/') ? absolute(rest[0]) : ROOT;
    if (silenced !== undefined) throw unreadable(about, silenced, AGAIN);
    if (channel?.isYoung() === false) {
      channel.close();
      channel = undefined;
    }
    channel ??= opened(root, ids, about);
    const asked = performance.now();
    const answer = channel.ask([op, ...rest]);
    if (typeof answer !== 'string') return answer;
    // Whoever stops one child would stop the next: a command waits once.
    if (performance.now() - asked > YOUNG * 1000) silenced = answer;
    channel.close();
    channel = undefined;
    throw unreadable(about, answer, AGAIN);
  };
  const value = (op: Op, ...rest: readonly unknown[]): unknown => {
    const answer = ask(op, ...rest);
    if (answer.kind === 'problem') throw thrownOf(answer.problem, rest[0]);
    return answer.kind === 'bytes' ? answer.bytes : answer.value;
  };
  /** Throws if the answer has the wrong shape, as a child that the person manipulates may send it. */
  const checked = <T>(path: AbsPath, found: T | undefined): T => {
    if (found === undefined)
      throw unreadable(path, `the process of ${nameOf(ids)} that looks there gives no sense`, AGAIN);
    return found;
  };
  return {
    ids,
    stat: (path) => checked(path, entryIn(value('stat', path))),
    read(path, most) {
      const bytes = value('read', path, most);
      return bytes === null ? undefined : checked(path, bytes instanceof Uint8Array ? bytes : undefined);
    },
    list(path) {
      const names = value('list', path);
      return checked(path, Array.isArray(names) && names.every(isName) ? names : undefined);
    },
    entries: (path) => checked(path, entriesIn(value('entries', path))),
    isOwned: (path: AbsPath, owner: Owner) => value('isOwned', path, owner) === true,
    writtenAt(path) {
      const at = value('writtenAt', path);
      return at === null ? undefined : checked(path, isNumber(at, Number.MAX_SAFE_INTEGER) ? at : undefined);
    },
    treeHash(path) {
      const hash = value('treeHash', path);
      return hash === null ? undefined : checked(path, isHash(hash) ? hash : undefined);
    },
    // The person can lie about their own place, but they could as well put something false there.
    hindrance: (path, changed) => hindranceIn(value('hindrance', path, changed), path),
    room: (path) => roomIn(value('room', path)),
    forget() {
      if (channel !== undefined) value('forget');
    },
    ask: value,
    close() {
      channel?.close();
      channel = undefined;
    },
  };
}

const isHash = (value: unknown): value is string =>
  typeof value === 'string' && /^sha256-[A-Za-z0-9+/]{43}=$/.test(value);

const nameOf = ({ name, uid }: Ids): string => name ?? `uid ${uid}`;

/** `asked`: the path that the question was about. The child may name another path as the unreadable one. */
function thrownOf(problem: Extract<Answer, { kind: 'problem' }>['problem'], asked: unknown): Error {
  if (problem.is === 'nar') {
    const path = Buffer.from(problem.place, 'latin1');
    return Object.assign(new Error(problem.message), { code: problem.code, path }) as Error & NarProblem;
  }
  const path = typeof asked === 'string' && asked.startsWith('/') ? absolute(asked) : ROOT;
  if (problem.is === 'other') return unreadable(path, problem.message, AGAIN);
  const place = problem.path.startsWith('/') && !problem.path.includes('\0') ? absolute(problem.path) : path;
  if (problem.why !== DENIED) return unreadable(place, problem.why);
  return unreadable(place, `${problem.why} for its owner, with whose rights root looks there`, OPEN);
}

const AGAIN = 'run the command again; if it stays so, look at the processes of that user';
const OPEN =
  'what root keeps from the owner of a configuration has no place in it: move it, or give it to the owner with chown';

/** The pipes to one child. `ask` returns the answer, or says in words why there is none. */
interface Channel {
  /** True if there is time for one more look before timeout(1) ends the child. */
  isYoung(): boolean;
  ask(request: Request): Answer | string;
  close(): void;
}

function opened(root: AbsPath, ids: Ids, about: AbsPath): Channel {
  // The child starts with its working directory there, so the way to it does not matter, but it must be able to search it.
  const { uid, mode } = statSync(root);
  if ((mode & 0o001) === 0 && uid !== ids.uid)
    throw unreadable(about, `"${root}" is the machine's /, and ${nameOf(ids)} may not search it`, `chmod a+x ${root}`);
  const start = startAs('look', ids, root);
  if ('missing' in start) throw unreadable(about, start.missing, 'install it, or run the command without sudo');
  const { asking, answering } = pipes();
  let child: ChildProcess;
  try {
    child = launch(start, asking.read, answering.write);
  } finally {
    closeSync(asking.read);
    closeSync(answering.write);
  }
  // We notice its end at the pipe. Without a listener, Node would throw the error of a failed spawn.
  child.on('error', () => {});
  child.unref();
  return channel(asking.write, answering.read, ids);
}

function launch({ program, args, env, cwd, open }: Start, requests: number, answers: number): ChildProcess {
  try {
    const tools = ['sh', 'timeout', 'cat'].map((tool) => {
      const found = findSystemTool(tool);
      if (found === undefined) throw Object.assign(new Error(`${tool} is not installed`), { tool });
      return found;
    });
    const [sh, timeout, cat] = tools as [string, string, string];
    // `detached` calls setsid(2): without a terminal, the child cannot type into one (ioctl TIOCSTI).
    return spawn(sh, ['-c', UNTIL_THE_END, timeout, String(LIFE), cat, program, ...args], {
      cwd,
      env,
      detached: true,
      stdio: ['ignore', 'ignore', 'ignore', requests, answers, ...open],
    });
  } finally {
    for (const fd of open) closeSync(fd);
  }
}

function channel(requests: number, answers: number, ids: Ids): Channel {
  /** Undefined if the child has ended, or was ended. */
  const receive = (length: number): Buffer | undefined => {
    const bytes = Buffer.allocUnsafe(length);
    for (let at = 0; at < length; ) {
      const got = readSync(answers, bytes, at, length - at, null);
      if (got === 0) return undefined;
      at += got;
    }
    return bytes;
  };
  const until = process.hrtime.bigint() + BigInt(YOUNG) * 1_000_000_000n;
  return {
    isYoung: () => process.hrtime.bigint() < until,
    ask(request) {
      try {
        const line = Buffer.from(`${JSON.stringify(request)}\n`);
        for (let done = 0; done < line.length; ) done += writeSync(requests, line, done);
      } catch (thrown) {
        if ((thrown as NodeJS.ErrnoException).code !== 'EPIPE') throw thrown;
      }
      const head = receive(HEAD);
      const said = head && headIn(head);
      const body = said && receive(said.length);
      const answer = body && answerIn(said.kind, body);
      if (answer !== undefined) return answer;
      // timeout(1) started a moment before us, hence the second.
      const isLimit = process.hrtime.bigint() >= until + BigInt(LIFE - YOUNG - 1) * 1_000_000_000n;
      return `the process of ${nameOf(ids)} that looks there ${isLimit ? `gave no answer in ${LIFE - YOUNG} s` : 'has ended'}`;
    },
    close() {
      // The child ends when it reads end of file.
      closeSync(requests);
      closeSync(answers);
    },
  };
}

/**
 * Runs the child under a shell of root's that writes zeros to the answer pipe after the child's end. Without it we
 * could wait for ever: a process with the child's uid can take its pipe (pidfd_getfd(2)), hold it open and kill the
 * child, and then no end of file comes. Zeros are not a valid answer; cat(1) ends when we close the pipe.
 */
const UNTIL_THE_END = 'limit=$1 cat=$2; shift 2; "$0" -s KILL "$limit" "$@"; exec "$cat" /dev/zero >&4';

/**
 * Seconds after which timeout(1) ends a child, which the person could have stopped. A child older than `YOUNG` is asked
 * nothing more.
 */
const LIFE = 180;
const YOUNG = 60;

interface Pipe {
  readonly read: number;
  readonly write: number;
}

/** Makes two pipes. Node has no pipe(2), so they are FIFOs whose names are removed as soon as both ends are open. */
function pipes(): { readonly asking: Pipe; readonly answering: Pipe } {
  const dir = temporaryIn(privatePlace());
  try {
    const names = ['asking', 'answering'].map((name) => `${dir}/${name}`) as [string, string];
    const mkfifo = findSystemTool('mkfifo');
    if (mkfifo === undefined)
      throw Object.assign(new Error('mkfifo (of coreutils) is not installed'), { tool: 'mkfifo' });
    const made = spawnSync(mkfifo, ['-m', '600', ...names], { stdio: 'ignore', env: {} });
    if (made.status !== 0)
      throw Object.assign(new Error(`mkfifo failed in ${dir}`), { code: 'EIO', syscall: 'mkfifo' });
    return { asking: ends(names[0]), answering: ends(names[1]) };
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

function ends(fifo: string): Pipe {
  // open(2) of one end waits for the other; O_NONBLOCK on this first one avoids that.
  const first = openSync(fifo, constants.O_RDONLY | constants.O_NONBLOCK);
  const write = openSync(fifo, constants.O_WRONLY);
  const read = openSync(fifo, constants.O_RDONLY);
  closeSync(first);
  return { read, write };
}

/** A directory in which only root can remove names of root's. */
function privatePlace(): string {
  const closed = territory(ROOT);
  const place = ['/run', '/tmp', '/var/tmp', '/'].find((dir) => closed.directory(absolute(dir)) !== undefined);
  if (place === undefined)
    throw Object.assign(new Error("/tmp is not root's and sticky"), { code: 'EPERM', syscall: 'mkdir' });
  return place;
}
