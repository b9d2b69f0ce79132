// The first thread: streams, signals and the exit code around main.

import { isTerminal, writeNow } from '../core/host/disk/write-all.ts';
import { passSignalsOn } from '../core/host/process/run.ts';
import { failure, isSaidBySystem, wordsOf } from '../core/machine/failure.ts';
import type { Signal } from '../core/model.ts';
import { main } from './main.ts';
import { escapeLine } from './report/escape.ts';
import { EXIT, exitOfSignal } from './session/exit.ts';
import { internalErrorScreen } from './session/internal-error.ts';
import type { Io } from './session/io.ts';

/** Runs what the command line says, and ends the process. */
export function start(): void {
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
  const [isOut, isErr] = [isTerminal(1), isTerminal(2)];
  const output = printer(1, isOut);
  const errors = printer(2, isErr);

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
      out: isOut,
      err: isErr,
    },
    columns: (isErr && process.stderr.columns) || (isOut && process.stdout.columns) || undefined,
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
 * Optimising what runs for a tenth of a second costs V8 more time than it saves: it begins fifteen times later, which is early
 * enough for trees of thousands of files; and what lives so short needs no larger nursery. Behind all imports: what was compiled
 * for a V8 with the flags it started with (Node's own modules, dist/reflake.cache) is refused from then on. Flags have no stable
 * names, and an unknown one is an error on stderr: only for the Node that has these; later ones gain nothing by them.
 */
function tune(): void {
  if (!process.versions.node.startsWith('20.')) return;
  process.getBuiltinModule('node:v8').setFlagsFromString('--interrupt-budget=2000000 --semi-space-growth-factor=1');
}

interface Printer {
  readonly print: (text: string) => void;
  /** When all of it is out, or lost. */
  readonly drained: () => Promise<void>;
  /** Why some of it could not be written. A reader that went away (`| head -1`) is no reason. */
  readonly lost: () => Error | undefined;
}

/**
 * What can't be printed must not end an apply half way: it is told at the end. Written to the descriptor itself: of a file
 * Node's stream takes a short write for a whole one, and for a pipe it would load Node's network. A stream is only for what
 * is a terminal, or was given to us so that it must be waited for.
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

/** Its name is only needed where something is named relatively. */
function currentDirectory(): string {
  try {
    return process.cwd();
  } catch {
    process.stderr.write('error: the current directory is not there any more (go to another one)\n');
    process.exit(1);
  }
}
