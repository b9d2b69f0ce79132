// reflake recover: finishes what a crash left. Every other command that writes does the same first.

import { recover } from '../core/executor.ts';
import { finish, surroundings } from './apply.ts';
import { EXIT, exitOfOutcome } from './exit.ts';
import type { GlobalOptions, Io } from './io.ts';
import { type LockOptions, underLock } from './lock.ts';
import { placeOf, reporterFor } from './session.ts';

export async function recoverCommand(options: GlobalOptions & LockOptions, io: Io): Promise<number> {
  const place = placeOf(options, io);
  const report = reporterFor('recover', options, io, { file: '', text: '', host: place.host });
  return await underLock(place, options, io, report, async () => {
    const around = surroundings({ ...place, report }, io, async () => []);
    const outcome = await recover(around);
    if (outcome === undefined) return finish({ status: 'unchanged' }, around);
    report({ type: 'finished', outcome });
    return exitOfOutcome(outcome) === EXIT.stuck ? EXIT.stuck : EXIT.ok;
  });
}
