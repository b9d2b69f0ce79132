// The proof that an apply shows before it asks: the one that a saved plan carries, or one that is made where the spec wants it.

import { nixRelease } from '../../core/machine/nix-version.ts';
import { unlessUnreadable } from '../../core/machine/reader.ts';
import { join } from '../../core/path.ts';
import type { Planned } from '../../core/plan/planner.ts';
import type { Proved } from '../../core/proof/prove.ts';
import { channelWorld } from '../../core/proof/worlds.ts';
import type { Io } from '../session/io.ts';
import type { Session } from '../session/session.ts';

/** Proves a plan that was just made; undefined: the spec asks for none here. */
export async function provedIfWanted(planned: Planned, session: Session, io: Io): Promise<Proved | undefined> {
  const { host, wishes } = session;
  if (!wishes.isMachine || wishes.proof === 'off') return undefined;
  if (wishes.proof === 'offered' && !(isMigration(session) && (await hasNix(session)))) return undefined;
  const { provePlan } = await import('./planned.ts');
  host.refresh();
  return await provePlan(planned, session, io);
}

/** True if a channel gives the system today, and a flake will. */
const isMigration = ({ host, wishes: { dir, from, isRunning } }: Session): boolean =>
  isRunning &&
  [dir, from ?? dir].every(
    (place) => unlessUnreadable(() => host.stat(join(place, './flake.nix')).type) === 'absent',
  ) &&
  channelWorld(host).kind === 'channel';

const hasNix = async ({ host, wishes: { person } }: Session): Promise<boolean> =>
  (await nixRelease(person, host)()).version !== undefined;
