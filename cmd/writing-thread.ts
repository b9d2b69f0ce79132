// The thread's side of writing.ts: runs the command with an Io that sends each call as a message.

import { passSignalsOn } from '../core/host/process/run.ts';
import { applyCommand } from './commands/apply.ts';
import { recoverCommand } from './commands/recover.ts';
import { rollbackCommand } from './commands/rollback.ts';
import { type Io, isUsage } from './session/io.ts';
import { type Act, run } from './session/run.ts';
import { type Assignment, type Said, SIGNALS, STAGE, type WritingCommand } from './writing.ts';

const RUN: Readonly<Record<WritingCommand, Act<never>>> = {
  apply: applyCommand,
  rollback: rollbackCommand,
  recover: recoverCommand,
};

/** Runs the assigned command and sends its exit code. Throws what the command throws, and main reports it. */
export async function work({ workerData, parentPort }: typeof import('node:worker_threads')): Promise<void> {
  const { command, options, io: given, flags } = workerData as Assignment;
  const shared = new Int32Array(flags);
  const say = (said: Said): void => parentPort!.postMessage(said);
  const stopped = (): ReturnType<Io['stopped']> => SIGNALS[Atomics.load(shared, 0) - 1];
  const io: Io = {
    ...given,
    out: (out) => say({ out }),
    err: (err) => say({ err }),
    now: () => Number(process.hrtime.bigint()) / 1e6,
    ask: (question) =>
      new Promise((resolve) => {
        parentPort!.once('message', ({ answer }: { answer: string | undefined }) => resolve(answer));
        say({ ask: question });
      }),
    stopped,
    takeSignals: () => {},
    writes: () => void Atomics.compareExchange(shared, 1, STAGE.clean, STAGE.written),
    settles(end) {
      if (typeof end === 'number') Atomics.store(shared, 2, end);
      const stage = typeof end === 'number' ? STAGE.settled : end === 'written' ? STAGE.written : STAGE.clean;
      let now = Atomics.load(shared, 1);
      while (now !== STAGE.leaving && Atomics.compareExchange(shared, 1, now, stage) !== now)
        now = Atomics.load(shared, 1);
      // The first thread is ending the process, and reports that the end was not final.
      if (now === STAGE.leaving) Atomics.wait(shared, 1, STAGE.leaving);
    },
  };
  passSignalsOn(stopped);
  try {
    say({ exit: await run(command, RUN[command], options as never, io) });
  } catch (thrown) {
    if (isUsage(thrown)) say({ usage: thrown.usage });
    else throw thrown;
  }
}
