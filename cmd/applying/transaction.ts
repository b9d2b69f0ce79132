// Shared by the commands that write: sets the executor up, recovers from a crash, turns an outcome into an end.

import { activate } from '../../core/host/process/activate.ts';
import { interrupted, stoppedBy } from '../../core/machine/failure.ts';
import type { Mutex } from '../../core/machine/state-store.ts';
import type { Outcome } from '../../core/model.ts';
import type { Surroundings } from '../../core/transaction/execution.ts';
import { recover } from '../../core/transaction/executor.ts';
import { activationBegun, activationEnded, load, noteActivated } from '../../core/transaction/journal.ts';
import { type End, EXIT, exitOfOutcome } from '../session/exit.ts';
import type { GlobalOptions, Io } from '../session/io.ts';
import type { Place, Session } from '../session/session.ts';
import { keepIndex } from './keep.ts';

/** The executor's surroundings. A signal that comes during the last look is heard before the commit. */
export function surroundings(
  { host, store, report, mutex }: Place & Pick<Session, 'report'> & { readonly mutex: Mutex },
  io: Io,
  { offline }: Pick<GlobalOptions, 'offline'>,
  verify: Surroundings['verify'],
  exitOf: (outcome: Outcome) => number = exitOfOutcome,
): Surroundings {
  const { stopped } = io;
  return {
    host: {
      ...host,
      async activate(edit, told) {
        const result = await activate(edit, told, { keep: mutex.lend(), stopped, offline });
        if (result.status === 'done' && activationBegun(store)) noteActivated(store);
        return result;
      },
    },
    store: {
      ...store,
      write(name, bytes) {
        io.writes();
        store.write(name, bytes);
      },
      rename(from, to) {
        io.writes();
        store.rename(from, to);
      },
      remove(name) {
        io.writes();
        store.remove(name);
      },
    },
    settling: (outcome) => io.settles(outcome === undefined ? 'written' : exitOf(outcome)),
    report,
    stopped,
    now,
    verify: async () => {
      const left = await verify();
      await new Promise((resume) => setImmediate(resume));
      const signal = stopped();
      return signal === undefined ? left : [interrupted(signal)];
    },
  };
}

/** The end of a command that was not confirmed, or that a signal stopped. */
export function unlessStopped(io: Io, end: End): End {
  const signal = io.stopped();
  return signal === undefined ? end : endOf(stoppedBy(signal));
}

/** Undoes an unfinished apply. Undefined: there is none. */
export async function undoUnfinished(around: Surroundings, io: Io): Promise<Outcome | undefined> {
  const { store, report } = around;
  const unfinished = load(store, 'journal').status;
  // Called here, since an undo may change the machine before it writes to the state store.
  if (unfinished !== 'none') io.writes();
  if (unfinished === 'loaded' && activationBegun(store)) {
    const how = activationEnded(store) ? 'an activation had ended' : 'an activation was cut off';
    report({ type: 'progress', text: `${how}: the system that ran before is activated again` });
  }
  return await recover(around);
}

/** An unfinished apply is undone first. Undefined: go on. */
export async function recoverFirst(around: Surroundings, io: Io): Promise<End | undefined> {
  const outcome = await undoUnfinished(around, io);
  // Writes the index again, in case a process died between the commit and the index.
  if (around.store.list('history').length > 0) keepIndex(around);
  if (outcome === undefined || exitOfOutcome(outcome) !== EXIT.stuck) io.settles('nothing');
  if (outcome === undefined) return undefined;
  if (exitOfOutcome(outcome) === EXIT.stuck) return endOf(outcome);
  if ('cause' in outcome) for (const diagnostic of outcome.cause) around.report({ type: 'diagnostic', diagnostic });
  return undefined;
}

export const endOf = (outcome: Outcome): End => ({ exit: exitOfOutcome(outcome), outcome });

/** The time, for records that people read. */
export const now = (): string => new Date().toISOString().replace(/\.\d+Z$/, 'Z');
