// reflake recover: finishes what a crash left. Every other command that writes does the same first.

import { recover } from '../core/executor.ts';
import { finish, holder, locked, surroundings } from './apply.ts';
import { EXIT } from './exit.ts';
import type { GlobalOptions, Io } from './io.ts';
import { placeOf, reporterFor } from './session.ts';

export async function recoverCommand(options: GlobalOptions, io: Io): Promise<number> {
  const place = placeOf(options, io);
  const report = reporterFor('recover', options, io, { file: '', text: '', host: place.host });
  const lock = place.store.lock(holder(io));
  if ('heldBy' in lock) {
    report({ type: 'diagnostic', diagnostic: locked(lock.heldBy) });
    return EXIT.locked;
  }
  try {
    const around = surroundings({ ...place, report }, io, async () => []);
    const outcome = await recover(around);
    if (outcome === undefined) return finish({ status: 'unchanged' }, around);
    report({ type: 'finished', outcome });
    return outcome.status === 'stuck' ? EXIT.stuck : EXIT.ok;
  } finally {
    lock.release();
  }
}
