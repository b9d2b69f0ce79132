// The first thread: streams, signals and the exit code around main.

import { isTerminal, writeNow } from '../core/host/disk/write-all.ts';
import { closeInherited } from '../core/host/process/inherited.ts';
import { passSignalsOn } from '../core/host/process/run.ts';
import { isRoot } from '../core/host/process/trusted.ts';
import { failure, isSaidBySystem, wordsOf } from '../core/machine/failure.ts';
import type { Signal } from '../core/model.ts';
import { main } from './main.ts';
import { escapeLine } from './report/escape.ts';
import { EXIT, exitOfSignal } from './session/exit.ts';
import { internalErrorScreen } from './session/internal-error.ts';
import type { Io } from './session/io.ts';

/** Runs what the command line says, and ends the process. */
export function start(): void {
  if (isRoot()) closeInherited();
  // The caller's umask must not change programs that we run. Our own files get their mode explicitly.
  const umask = process.umask(0o022);
  let signal: ReturnType<Io['stopped']>;
  /** Set by the thread that writes: signals go to it. */
  let hear: ((name: Signal) => void) | undefined;
  /** The exit code, once it is known. A signal while the last lines are printed does not change it. */
  let exit: number | undefined;
  /** True once the end of a transaction is final. */
  let isSettled = false;
  const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  for (const name of SIGNALS) {
    // A command that does not write: the first signal goes to the program that it runs, and the command soon ends by itself;
    // the second one ends the process at once.
    process.on(name, () => {
      if (exit !== undefined) process.exit(exit);
      if (hear !== undefined) return hear(name);
      if (signal !== undefined) process.exit(exitOfSignal(name));
      signal = name;
    });
  }
  // Beyond `ulimit -f` the kernel kills a process with SIGXFSZ; with a handler, write(2) returns EFBIG instead.
  process.on('SIGXFSZ', () => {});
  passSignalsOn(() => signal);
  const [isOut, isErr] = [isTerminal(1), isTerminal(2)];
  const output = printer(1, isOut);
  const errors = printer(2, isErr);

  /** Ends with process.exit: a program that ends by itself loses its signal handlers first, and a signal then kills it. */
  const end = async (code: number): Promise<void> => {
    for (const { drained } of [output, errors]) await drained();
    const lost = output.lost();
    exit = lost === undefined || isSettled || (code !== EXIT.ok && code !== EXIT.drift) ? code : EXIT.error;
    if (lost !== undefined) errors.print(`error: the output cannot be written: ${wordsOf(lost)}\n`);
    await errors.drained();
    process.exit(exit);
  };

  const cwd = currentDirectory();
  // Node reads package.json from the current directory when it starts a thread; another user may have written that one.
  if (process.geteuid?.() === 0) process.chdir('/');
  const io: Io = {
    out: output.print,
    err: errors.print,
    env: process.env,
    cwd,
    tty: {
      // A getter, since Node opens a stream for it.
      get in() {
        return process.stdin.isTTY === true;
      },
      out: isOut,
      err: isErr,
    },
    columns: (isErr && process.stderr.columns) || (isOut && process.stdout.columns) || undefined,
    get rows() {
      return isOut ? process.stdout.rows : undefined;
    },
    umask,
    // Not performance.now(), which loads a dozen modules of Node at its first call.
    now: () => Number(process.hrtime.bigint()) / 1e6,
    ask: (question) =>
      new Promise((resolve) => {
        // Imported here: few runs ask, and every module of Node makes the start slower.
        const { createInterface } = process.getBuiltinModule('node:readline');
        const lines = createInterface({ input: process.stdin, output: process.stderr });
        const close = (): void => lines.close();
        let isAnswered = false;
        for (const name of SIGNALS) process.once(name, close);
        // While readline reads a line, Ctrl-C comes as a key and not as a signal.
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
    loaded: tune,
    settles: (end) => {
      isSettled = typeof end === 'number';
    },
  };

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

/**
 * Sets flags of V8. For a run of a tenth of a second optimising costs more time than it saves: it begins fifteen times later,
 * which is early enough for trees of thousands of files; and the nursery stays small. Called after all imports, since a changed
 * flag makes V8 refuse code compiled before (Node's own modules, dist/reflake.cache). Flags have no stable names, and an
 * unknown one prints an error: so only for the Node that has these. Later ones gain nothing by them.
 */
function tune(): void {
  if (!process.versions.node.startsWith('20.')) return;
  process.getBuiltinModule('node:v8').setFlagsFromString('--interrupt-budget=2000000 --semi-space-growth-factor=1');
}

interface Printer {
  readonly print: (text: string) => void;
  /** Resolves when all of it is written, or lost. */
  readonly drained: () => Promise<void>;
  /** The error that kept some of it from being written. EPIPE (`| head -1`) is none. */
  readonly lost: () => Error | undefined;
}

/**
 * Prints with write(2) on the descriptor: for a file Node's stream takes a short write for a whole one, and for a pipe it loads
 * node:net. A stream is used for a terminal, and for a descriptor that is non-blocking (EAGAIN). An error must not end an apply
 * half way: it is told at the end.
 */
function printer(fd: 1 | 2, isScreen: boolean): Printer {
  let stream: NodeJS.WriteStream | undefined;
  let lost: Error | undefined;
  const fail = (thrown: Error): void => {
    if ((thrown as NodeJS.ErrnoException).code !== 'EPIPE') lost ??= thrown;
  };
  const streamed = (bytes: Uint8Array | string): void => {
    stream ??= (fd === 1 ? process.stdout : process.stderr).on('error', fail);
    stream.write(bytes);
  };
  const print = (text: string): void => {
    if (isScreen || stream !== undefined) {
      streamed(text);
      return;
    }
    if (lost !== undefined) return;
    const bytes = Buffer.from(text);
    try {
      const done = writeNow(fd, bytes);
      if (done < bytes.length) streamed(bytes.subarray(done));
    } catch (thrown) {
      fail(thrown as Error);
    }
  };
  const drained = async (): Promise<void> => {
    if (stream !== undefined) await new Promise((resolve) => stream!.write('', resolve));
  };
  return { print, drained, lost: () => lost };
}

/** The current directory. Ends the process with 1 where it is gone. */
function currentDirectory(): string {
  try {
    return process.cwd();
  } catch {
    process.stderr.write('error: the current directory is not there any more (go to another one)\n');
    process.exit(1);
  }
}
