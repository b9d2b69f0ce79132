// The program: streams, signals and the exit code around main. It is loaded a second time in the thread of writing.ts.

import { setFlagsFromString } from 'node:v8';
import { isFileLike, writeAll } from '../core/host/disk/write-all.ts';
import { passSignalsOn } from '../core/host/process/run.ts';
import { failure, isSaidBySystem, wordsOf } from '../core/machine/failure.ts';
import type { Signal } from '../core/model.ts';
import { main } from './main.ts';
import { escapeLine } from './report/escape.ts';
import { EXIT, exitOfSignal } from './session/exit.ts';
import { internalErrorScreen } from './session/internal-error.ts';
import type { Io } from './session/io.ts';

/** Set by writing.ts in its thread: only to ask whether this is one would load a module at each start. */
const { reflakeThread } = globalThis as { reflakeThread?: typeof import('node:worker_threads') };
/** What usually makes a second thread; any other spelling is only slower. */
const THREADED: readonly string[] = ['apply', 'rollback', 'recover'];
if (process.argv[2] === '__look')
  void import('../core/host/border/look-server.ts').then(({ serveLooks }) => serveLooks());
else if (process.argv[2] === '__job') {
  passOwnSignalsOn();
  void job();
} else if (reflakeThread === undefined) start();
else void import('./writing-thread.ts').then(({ work }) => work(reflakeThread));

/** A job on standard input, its result on standard output; on standard error, that something goes on. */
async function job(): Promise<void> {
  const { answerJob } = await import('../core/host/border/jobs.ts');
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(chunk as Buffer);
  const answer = await answerJob(Buffer.concat(chunks).toString('utf8'), (line) => {
    process.stderr.write(`${line}\n`);
  });
  process.stdout.write(answer);
}

/** What ends a job ends the program that it runs. */
function passOwnSignalsOn(): void {
  let signal: ReturnType<Io['stopped']>;
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, () => (signal ??= name));
  passSignalsOn(() => signal);
}

function start(): void {
  // What is run must not depend on the caller's; what we write has the mode that it is given.
  process.umask(0o022);
  let signal: ReturnType<Io['stopped']>;
  /** Of what writes: it makes of signals what it will. */
  let hear: ((name: Signal) => void) | undefined;
  /** Once it is known, it is told, whatever comes while the last words are printed. */
  let exit: number | undefined;
  /** What writes has come to an end that is final. */
  let isSettled = false;
  const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  for (const name of SIGNALS) {
    // Of what does not write: a program that it runs is told; what runs by itself is soon at its end. The second one
    // leaves at once.
    process.on(name, () => {
      if (exit !== undefined) process.exit(exit);
      if (hear !== undefined) return hear(name);
      if (signal !== undefined) process.exit(exitOfSignal(name));
      signal = name;
    });
  }
  // Beyond `ulimit -f` the kernel would kill us: heard, the signal lets write(2) say EFBIG.
  process.on('SIGXFSZ', () => {});
  passSignalsOn(() => signal);
  const output = printer(1, process.stdout);
  const errors = printer(2, process.stderr);

  /** By process.exit: where a program ends by itself, Node takes its handlers away first, and a signal then kills. */
  const end = async (code: number): Promise<void> => {
    for (const { drained } of [output, errors]) await drained();
    const lost = output.lost();
    exit = lost === undefined || isSettled || (code !== EXIT.ok && code !== EXIT.drift) ? code : EXIT.error;
    if (lost !== undefined) errors.print(`error: the output cannot be written: ${wordsOf(lost)}\n`);
    await errors.drained();
    process.exit(exit);
  };

  const cwd = currentDirectory();
  // Node looks for a package.json where it is when it starts a thread; in somebody's directory that would be their word.
  if (process.geteuid?.() === 0) process.chdir('/');
  const io: Io = {
    out: output.print,
    err: errors.print,
    env: process.env,
    cwd,
    tty: {
      // Only where it is asked for: Node opens the stream for it.
      get in() {
        return process.stdin.isTTY === true;
      },
      out: process.stdout.isTTY === true,
      err: process.stderr.isTTY === true,
    },
    columns: process.stderr.columns || process.stdout.columns,
    // performance.now() loads a dozen modules of Node at its first call.
    now: () => Number(process.hrtime.bigint()) / 1e6,
    ask: (question) =>
      new Promise((resolve) => {
        // Only here: hardly any run asks, and every module of Node costs its start.
        const { createInterface } = process.getBuiltinModule('node:readline');
        const lines = createInterface({ input: process.stdin, output: process.stderr });
        const close = (): void => lines.close();
        let isAnswered = false;
        for (const name of SIGNALS) process.once(name, close);
        // Ctrl-C is a key while a line is read.
        lines.on('SIGINT', () => process.emit('SIGINT', 'SIGINT'));
        lines.once('close', () => {
          for (const name of SIGNALS) process.off(name, close);
          // The cursor still stands behind the question.
          if (!isAnswered) errors.print('\n');
          resolve(undefined);
        });
        lines.question(question, (answer) => {
          isAnswered = true;
          resolve(answer);
          lines.close();
        });
      }),
    stopped: () => signal,
    takeSignals: (taken) => {
      hear = taken;
    },
    writes: () => {},
    settles: (end) => {
      isSettled = typeof end === 'number';
    },
  };

  // Optimising what runs for a tenth of a second costs V8 more time than it saves: it begins fifteen times later, which is
  // early enough for trees of thousands of files; and what lives so short needs no larger nursery. Here, behind all imports:
  // Node's own modules are there compiled only for a V8 with the flags it started with. Flags have no stable names, and an
  // unknown one is an error on stderr: only for the Node that has these. And they hold for all threads, so not where a second
  // one would have to compile everything anew.
  if (process.versions.node.startsWith('20.') && !THREADED.includes(process.argv[2] ?? '')) {
    setFlagsFromString('--interrupt-budget=2000000 --semi-space-growth-factor=1');
  }

  main(process.argv.slice(2), io).then(
    (code) => end(signal === undefined || hear !== undefined ? code : exitOfSignal(signal)),
    (thrown: unknown) => {
      if (isSaidBySystem(thrown)) {
        const { summary, hint } = failure('stopped', thrown);
        errors.print(`${escapeLine(`error: ${summary}${hint === undefined ? '' : ` (${hint})`}`)}\n`);
      } else {
        errors.print(internalErrorScreen(thrown, 'What was begun is undone by: reflake recover'));
      }
      return end(EXIT.error);
    },
  );
}

interface Printer {
  readonly print: (text: string) => void;
  /** When all of it is out, or lost. */
  readonly drained: () => Promise<void>;
  /** Why some of it could not be written. A reader that went away (`| head -1`) is no reason. */
  readonly lost: () => Error | undefined;
}

/** What can't be printed must not end an apply half way: it is told at the end. */
function printer(fd: 1 | 2, stream: NodeJS.WriteStream): Printer {
  let lost: Error | undefined;
  const fail = (thrown: Error): void => {
    if ((thrown as NodeJS.ErrnoException).code !== 'EPIPE') lost ??= thrown;
  };
  stream.on('error', fail);
  // Of a file Node takes a short write for a whole one.
  const isFile = isFileLike(fd) && !stream.isTTY;
  const print = (text: string): void => {
    if (!isFile) return void stream.write(text);
    try {
      if (lost === undefined) writeAll(fd, Buffer.from(text));
    } catch (thrown) {
      fail(thrown as Error);
    }
  };
  const drained = async (): Promise<void> => {
    if (!isFile) await new Promise((resolve) => stream.write('', resolve));
  };
  return { print, drained, lost: () => lost };
}

/** Its name is only needed where something is named relatively. */
function currentDirectory(): string {
  try {
    return process.cwd();
  } catch {
    process.stderr.write('error: the current directory is not there any more (go to another one)\n');
    process.exit(1);
  }
}
