// Proves what a plan does to the system: the configuration as it is against the one that the plan makes.

import { callerOf } from '../../core/host/process/caller.ts';
import { availableMemory } from '../../core/host/surroundings.ts';
import { join } from '../../core/path.ts';
import { documentsFor, type Planned } from '../../core/plan/planner.ts';
import { telling } from '../../core/plan/telling.ts';
import { type Proved, type Proving, prove } from '../../core/proof/prove.ts';
import { type Configured, presentWorld, treeWorld } from '../../core/proof/worlds.ts';
import type { Io } from '../session/io.ts';
import type { Session } from '../session/session.ts';
import { shortPlace } from '../session/standing.ts';

/** The planned tree must be whole: no bytes were withheld. */
export async function provePlan({ stage, documents }: Planned, session: Session, io: Io): Promise<Proved> {
  const { host, wishes, report } = session;
  const { dir, from } = wishes;
  const now = from !== undefined && host.stat(join(dir, './flake.nix')).type === 'absent' ? from : dir;
  const present: Configured = {
    ...configuredIn(session, io),
    dir: now,
    place: placeOf(session, now, io),
    documents: documentsFor({ ...wishes, dir: now }, host),
    reader: host,
  };
  const planned: Configured = { ...configuredIn(session, io), documents, reader: stage };
  report({ type: 'progress', text: 'proving that it is the same system' });
  const how = { ...provingOf(session, io), isBuilt: wishes.activate !== undefined };
  return await prove(await presentWorld(present, wishes.isRunning), treeWorld(planned), how, telling(host, report));
}

/** The configuration of the session as it lies now. */
export function configuredIn(session: Session, io: Io): Configured {
  const { host, wishes } = session;
  return {
    dir: wishes.dir,
    place: placeOf(session, wishes.dir, io),
    attribute: wishes.host.attribute,
    documents: documentsFor(wishes, host),
    reader: host,
    person: wishes.person,
  };
}

const placeOf = ({ wishes }: Session, dir: Configured['dir'], io: Io): string =>
  wishes.isRunning ? shortPlace(dir, callerOf(io.env).home) : dir;

export const provingOf = ({ wishes }: Session, io: Io): Proving => ({
  person: wishes.person,
  offline: wishes.offline,
  host: wishes.host.attribute,
  sideBySide: evaluationsAtOnce() >= 2,
  now: io.now,
});

/** Evaluating a NixOS takes one to two GiB. */
const ONE_EVALUATION = 2 * 1024 ** 3;

/** How many evaluations memory is left for; two, where the system does not say. */
export const evaluationsAtOnce = (): number =>
  Math.max(1, Math.floor((availableMemory() ?? 2 * ONE_EVALUATION) / ONE_EVALUATION));
