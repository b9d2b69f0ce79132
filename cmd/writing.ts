// Runs the commands that write in a second thread, so that the first hears signals at once. A signal sets a flag in shared
// memory, which the second thread polls between two writes.

import { fileURLToPath } from 'node:url';
import { Worker, type WorkerOptions } from 'node:worker_threads';
import { EXIT, exitOfSignal } from './session/exit.ts';
import { internalErrorScreen } from './session/internal-error.ts';
import type { Io } from './session/io.ts';

export type WritingCommand = 'apply' | 'rollback' | 'recover';

/** Input of the thread: the parts of `Io` that are data. */
export interface Assignment {
  readonly command: WritingCommand;
  readonly options: unknown;
  readonly io: Pick<Io, 'env' | 'cwd' | 'columns' | 'umask'> & {
    readonly tty: { in: boolean; out: boolean; err: boolean };
  };
  /**
   * Three shared 32-bit numbers: at 0 the index of the signal in SIGNALS plus 1; at 1 a STAGE; at 2 the code of a settled end.
   */
  readonly flags: SharedArrayBuffer;
}

/** Messages of the thread, in order. */
export type Said =
  | { readonly out: string }
  | { readonly err: string }
  | { readonly ask: string }
  | { readonly usage: string }
  | { readonly exit: number };

/**
 * The stage of the thread. `settled`: its end is final (Io.settles). `leaving`: the first thread ends the process before that.
 */
export const STAGE = { clean: 0, written: 1, settled: 2, leaving: 3 } as const;

/** In the order of their numbers in the flag. */
export const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Runs the command there; its exit code. Rejects with what it throws. */
export function writing(command: WritingCommand): (options: unknown, io: Io) => Promise<number> {
  return (options, io) => {
    const { env, cwd, columns, umask, tty } = io;
    const flags = new SharedArrayBuffer(12);
    const assignment: Assignment = {
      command,
      options,
      io: { env: { ...env }, cwd, columns, umask, tty: { in: tty.in, out: tty.out, err: tty.err } },
      flags,
    };
    const shared = new Int32Array(flags);
    const before = io.stopped();
    if (before !== undefined) raise(shared, before);
    takeSignals(shared, io);
    const file = JSON.stringify(fileURLToPath(import.meta.url));
    const thread = started(`globalThis.reflakeThread = require('node:worker_threads'); require(${file});`, {
      eval: true,
      workerData: assignment,
      // A nursery for the edits of ten thousand files: a smaller one copies live objects again and again.
      resourceLimits: { maxYoungGenerationSizeMb: 8 },
    });
    return new Promise((resolve, reject) => {
      let hasAnswered = false;
      thread.on('message', (said: Said) => {
        if ('out' in said) io.out(said.out);
        else if ('err' in said) io.err(said.err);
        else if ('ask' in said) void io.ask(said.ask).then((answer) => thread.postMessage({ answer }));
        else if ('usage' in said) reject(said);
        else {
          hasAnswered = true;
          if (Atomics.load(shared, 1) === STAGE.settled) io.settles(said.exit);
          resolve(said.exit);
        }
      });
      // After the commit a bug of reflake undoes nothing, and the exit code stays the commit's.
      const failed = (thrown: unknown): void => {
        // The thread ends after its answer, perhaps while we still print.
        if (hasAnswered) return;
        if (Atomics.load(shared, 1) !== STAGE.settled) {
          reject(saidOfThread(thrown));
          return;
        }
        const exit = Atomics.load(shared, 2);
        io.settles(exit);
        io.err(internalErrorScreen(thrown, `What was done stays (exit ${exit} tells what); the next run clears up.`));
        resolve(exit);
      };
      thread.once('error', failed);
      thread.once('exit', (code) => failed(new Error(`the thread that writes has ended: ${code}`)));
    });
  };
}

function started(program: string, options: WorkerOptions): Worker {
  try {
    return new Worker(program, options);
  } catch (thrown) {
    throw saidOfThread(thrown);
  }
}

/** Turns Node's error for a thread that could not start into a system error with its errno. */
function saidOfThread(thrown: unknown): unknown {
  const { code, message } = thrown as NodeJS.ErrnoException;
  if (code !== 'ERR_WORKER_INIT_FAILED' && code !== 'ERR_WORKER_OUT_OF_MEMORY') return thrown;
  const why = code === 'ERR_WORKER_OUT_OF_MEMORY' ? 'ENOMEM' : (/E[A-Z]{3,}$/.exec(message)?.[0] ?? 'EAGAIN');
  return Object.assign(new Error('no thread to write in can be started'), { code: why, syscall: 'thread' });
}

type Signal = (typeof SIGNALS)[number];

const raise = (flags: Int32Array, signal: Signal): void => void Atomics.store(flags, 0, SIGNALS.indexOf(signal) + 1);

/**
 * The first signal stops before the next write; the second ends the process at once, and `recover` undoes the rest. SIGHUP
 * comes twice for one closed terminal (from the kernel and the shell) and never counts as the second; nor does a signal that
 * comes twice in a moment (timeout(1) sends it to us and to our process group).
 */
function takeSignals(flags: Int32Array, io: Io): void {
  let first: { readonly signal: Signal; readonly at: number } | undefined;
  const hear = (signal: Signal): void => {
    if (first === undefined) {
      first = { signal, at: io.now() };
      raise(flags, signal);
    } else if (signal !== 'SIGHUP' && !(signal === first.signal && io.now() - first.at < SAME_MOMENT)) {
      leave(signal);
    }
  };
  const leave = (signal: Signal): void => {
    const stage = Atomics.load(flags, 1);
    // The end is final and near; wait for it, so that the exit code tells it.
    if (stage === STAGE.settled) return;
    // compareExchange: the thread must not settle between this check and our exit.
    if (Atomics.compareExchange(flags, 1, stage, STAGE.leaving) !== stage) {
      leave(signal);
      return;
    }
    const hasWritten = stage === STAGE.written;
    if (hasWritten) io.err(`\n${signal}: left at once. What was begun is undone by: reflake recover\n`);
    process.exit(hasWritten ? EXIT.failed : exitOfSignal(signal));
  };
  io.takeSignals(hear);
}

/** Milliseconds. */
const SAME_MOMENT = 200;
