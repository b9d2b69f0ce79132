// Root's side of the border: a child with another person's ids and nothing of root's looks at what the person can name, and
// answers over two pipes. Asked and answered one by one; who does not answer in time is ended.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { closeSync, constants, openSync, readSync, rmSync, statSync, writeSync } from 'node:fs';
import type { NarProblem } from '../../formats/nar/nar.ts';
import { DENIED, type Reader, unreadable } from '../../machine/reader.ts';
import type { Owner } from '../../model.ts';
import { type AbsPath, absolute, ROOT } from '../../path.ts';
import type { Look } from '../disk/look.ts';
import { temporaryIn } from '../process/temporary.ts';
import { findSystemTool } from '../process/trusted.ts';
import { type Ids, type Start, startAs } from './start-as.ts';
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
export interface Looker extends Look, Pick<Reader, 'hindrance' | 'room'> {
  readonly ids: Ids;
  /** Forgets what earlier looks found out about directories. */
  forget(): void;
  /** One question about this disk, not about the machine; its answer is for the caller to check. */
  ask(op: Op, ...rest: readonly unknown[]): unknown;
  close(): void;
}

/**
 * `root`: where the machine is on this disk. Starts the child at the first question, one for whoever asks for the same person
 * and place in this thread. Looks throw `unreadable` where the person may not look, and where the child could not be started,
 * was ended, or does not answer.
 */
export function looker(root: AbsPath, ids: Ids): Looker {
  const { uid, gid, name, groups } = ids;
  const key = JSON.stringify([root, uid, gid, name, groups]);
  const known = lookers.get(key) ?? newLooker(root, ids);
  lookers.set(key, known);
  return known;
}

/** To start a child takes longer than all that it is asked. */
const lookers = new Map<string, Looker>();

function newLooker(root: AbsPath, ids: Ids): Looker {
  let channel: Channel | undefined;
  const ask = (op: Op, ...rest: readonly unknown[]): Answer => {
    const about = typeof rest[0] === 'string' && rest[0].startsWith('/') ? absolute(rest[0]) : ROOT;
    if (channel?.isYoung() === false) {
      channel.close();
      channel = undefined;
    }
    channel ??= opened(root, ids, about);
    const answer = channel.ask([op, ...rest]);
    if (typeof answer !== 'string') return answer;
    channel.close();
    channel = undefined;
    throw unreadable(about, answer, AGAIN);
  };
  const value = (op: Op, ...rest: readonly unknown[]): unknown => {
    const answer = ask(op, ...rest);
    if (answer.kind === 'problem') throw thrownOf(answer.problem, rest[0]);
    return answer.kind === 'bytes' ? answer.bytes : answer.value;
  };
  /** An answer of the wrong shape is somebody's doing, and as good as none. */
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
    // A false answer about their own place is worth what a false file there is worth.
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

/** `asked`: the path that was asked about; the other side's word for it counts only where it lies below. */
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

/** The two pipes to one child. `ask` answers, or says in words why there is no answer. */
interface Channel {
  /** Whether it has time for one more look. */
  isYoung(): boolean;
  ask(request: Request): Answer | string;
  close(): void;
}

function opened(root: AbsPath, ids: Ids, about: AbsPath): Channel {
  // It works there, whatever is on the way to it, but needs the right to search it.
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
  // Its end is seen at the pipe; without this a child that can't be started would end us.
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
    // Of a session of its own: so it has no terminal that it could type into.
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
  /** Undefined: it ended, or was ended. */
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
      return (
        answer ?? `the process of ${nameOf(ids)} that looks there has ended, or gave no answer in ${LIFE - YOUNG} s`
      );
    },
    close() {
      // It ends when nobody can ask any more.
      closeSync(requests);
      closeSync(answers);
    },
  };
}

/**
 * A shell of root's around the child, so that whoever waits for its answer hears of its end: whoever has its uid can take its pipe
 * (pidfd_getfd(2)), hold that open and kill it, and then no end of file comes. Zeros are no answer, and end with the reader.
 */
const UNTIL_THE_END = 'limit=$1 cat=$2; shift 2; "$0" -s KILL "$limit" "$@"; exec "$cat" /dev/zero >&4';

/** Seconds after which timeout(1) ends a child, which the person could stop; one that is older than `YOUNG` is asked no more. */
const LIFE = 180;
const YOUNG = 60;

interface Pipe {
  readonly read: number;
  readonly write: number;
}

/** Two pipes of the kernel's, which Node can't make: FIFOs whose names are gone as soon as their ends are open. */
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
  // Without O_NONBLOCK the first of the two would wait for the second.
  const first = openSync(fifo, constants.O_RDONLY | constants.O_NONBLOCK);
  const write = openSync(fifo, constants.O_WRONLY);
  const read = openSync(fifo, constants.O_RDONLY);
  closeSync(first);
  return { read, write };
}

/** A directory in which root alone can take names away. */
function privatePlace(): string {
  const closed = territory(ROOT);
  const place = ['/run', '/tmp', '/var/tmp', '/'].find((dir) => closed.directory(absolute(dir)) !== undefined);
  if (place === undefined)
    throw Object.assign(new Error("/tmp is not root's and sticky"), { code: 'EPERM', syscall: 'mkdir' });
  return place;
}
