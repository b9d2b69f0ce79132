// reflake recover: undoes the apply that a crash left unfinished. Every other command that writes does the same first.

import { stoppedBy } from '../../core/machine/failure.ts';
import type { Mutex } from '../../core/machine/state-store.ts';
import type { Outcome } from '../../core/model.ts';
import { dirsOf, type MutexOptions, underMutex } from '../applying/apply-mutex.ts';
import { endOf, surroundings, undoUnfinished } from '../applying/transaction.ts';
import { type End, EXIT, exitOfOutcome } from '../session/exit.ts';
import type { GlobalOptions, Io } from '../session/io.ts';
import type { Reporting } from '../session/run.ts';
import { aboutMachine, placeOf } from '../session/session.ts';

/** An undone apply is success here. */
const exitOf = (outcome: Outcome): number => (exitOfOutcome(outcome) === EXIT.stuck ? EXIT.stuck : EXIT.ok);

export async function recoverCommand(
  options: GlobalOptions & MutexOptions,
  io: Io,
  { report, learn }: Reporting,
): Promise<End> {
  const place = await placeOf(options, io);
  learn(aboutMachine(place));
  const act = async (mutex: Mutex): Promise<End> => {
    const around = surroundings({ ...place, report, mutex }, io, options, async () => [], exitOf);
    const signal = io.stopped();
    if (signal !== undefined) return endOf(stoppedBy(signal));
    const outcome = await undoUnfinished(around, io);
    if (outcome === undefined) return endOf({ status: 'unchanged' });
    return { exit: exitOf(outcome), outcome };
  };
  return await underMutex(place, options, { io, report, dirs: () => dirsOf(place.store), act });
}
