// reflake recover: finishes what a crash left. Every other command that writes does the same first.

import { stoppedBy } from '../core/failure.ts';
import type { Outcome } from '../core/model.ts';
import type { Lock } from '../core/store.ts';
import { EXIT, exitOfOutcome } from './exit.ts';
import type { GlobalOptions, Io } from './io.ts';
import { dirsOf, type LockOptions, underLock } from './lock.ts';
import { placeOf, reporterFor } from './session.ts';
import { finish, playBack, surroundings } from './transaction.ts';

/** Undone is what it was asked for. */
const exitOf = (outcome: Outcome): number => (exitOfOutcome(outcome) === EXIT.stuck ? EXIT.stuck : EXIT.ok);

export async function recoverCommand(options: GlobalOptions & LockOptions, io: Io): Promise<number> {
  const place = await placeOf(options, io);
  const report = reporterFor('recover', options, io, { file: '', text: '', host: place.host });
  const act = async (lock: Lock): Promise<number> => {
    const around = surroundings({ ...place, report, lock }, io, async () => [], exitOf);
    const signal = io.stopped();
    if (signal !== undefined) return finish(stoppedBy(signal), around);
    const outcome = await playBack(around, io);
    if (outcome === undefined) return finish({ status: 'unchanged' }, around);
    report({ type: 'finished', outcome });
    return exitOf(outcome);
  };
  return await underLock(place, options, { io, report, dirs: () => dirsOf(place.store), act });
}
