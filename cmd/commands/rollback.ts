// reflake rollback [N] | --to N: undoes past applies, offline, as a transaction of its own; planned, shown and confirmed as an
// apply is.

import type { Diagnostic } from '../../core/diagnostic.ts';
import { callerOf } from '../../core/host/process/caller.ts';
import { isRoot } from '../../core/host/process/trusted.ts';
import { stateInTheWay } from '../../core/host/state-place.ts';
import { people } from '../../core/machine/people.ts';
import type { Mutex } from '../../core/machine/state-store.ts';
import type { Edit, Plan } from '../../core/model.ts';
import type { AbsPath } from '../../core/path.ts';
import { ASIDE } from '../../core/plan/places.ts';
import {
  type Arrival,
  arrivalsIn,
  changedSince,
  comesBack,
  digestsOf,
  foreignIn,
  strangersIn,
  takenAlong,
} from '../../core/transaction/comes-back.ts';
import { barsOf, execute } from '../../core/transaction/executor.ts';
import { undoing } from '../../core/transaction/going-back.ts';
import {
  goneThrough,
  type Past,
  past,
  type RecordedApply,
  select,
  type Target,
} from '../../core/transaction/history.ts';
import { checkPreconditions } from '../../core/transaction/preconditions.ts';
import { rollbackPlan } from '../../core/transaction/rollback-plan.ts';
import { dirsOf, type MutexOptions, underMutex } from '../applying/apply-mutex.ts';
import { type KeepOptions, keepWithin, limitsOf } from '../applying/keep.ts';
import { missingRights } from '../applying/rights.ts';
import { endOf, recoverFirst, surroundings, unlessStopped } from '../applying/transaction.ts';
import { type End, EXIT, exitOfProblems } from '../session/exit.ts';
import type { GlobalOptions, Io } from '../session/io.ts';
import { hasRootsApplies, rootsOwn } from '../session/roots-applies.ts';
import type { Reporting } from '../session/run.ts';
import { aboutMachine, listenerFor, type Place, placeOf } from '../session/session.ts';
import { confirm, stamp, unconfirmed } from './apply.ts';
import { noSuchApply } from './history.ts';

export interface RollbackOptions extends GlobalOptions, MutexOptions, KeepOptions {
  readonly apply?: number | undefined;
  readonly to?: number | undefined;
  readonly yes: boolean;
  /** Overwrite what was changed since; its content is recorded first. */
  readonly force: boolean;
  /** Shows the bytes before it asks. */
  readonly diff: boolean;
}

export async function rollbackCommand(options: RollbackOptions, io: Io, reporting: Reporting): Promise<End> {
  const { report, learn } = reporting;
  const limits = limitsOf(options);
  const place = await placeOf(options, io);
  learn(aboutMachine(place));
  const refuse = (diagnostics: readonly Diagnostic[], exit = exitOfProblems(diagnostics)): End => {
    for (const diagnostic of diagnostics) report({ type: 'diagnostic', diagnostic });
    return { exit };
  };
  // Read once, under the lock: recovery changes no record.
  let history: Past = { ok: true, applies: [] };
  const dirs = (): readonly AbsPath[] => {
    history = past(place.store);
    return dirsOf(place.store, history.ok ? history.applies : []);
  };
  const act = async (mutex: Mutex): Promise<End> => {
    // Undo leads away from the spec, so the providers verify nothing; each edit's `before` is compared instead.
    let arrivals: readonly Arrival[] = [];
    let undone: readonly Edit[] = [];
    const held = { ...place.host, ...place.host.held };
    const around = surroundings({ ...place, report, mutex }, io, options, async () => {
      place.host.refresh();
      return strangersIn(arrivals, held, undone);
    });
    const recovered = await recoverFirst(around, io);
    if (recovered !== undefined) return recovered;
    if (!history.ok) return refuse([history.problem], EXIT.stuck);
    const selected = select(history.applies, targetOf(options));
    const isNone = selected === undefined || selected.length === 0;
    if (isNone && history.applies.length === 0 && hasRootsApplies(options, place))
      return refuse([rootsOwn('sudo reflake rollback')], EXIT.error);
    if (selected === undefined) return refuse([notThere(options, history.applies)], EXIT.usage);
    if (selected.length === 0) return endOf({ status: 'unchanged' });
    const { transaction, blobs, bars } = undoing(selected, history.applies, held, stamp(io), options.force);
    if (bars.length > 0) return refuse(bars);
    let { batches } = transaction;
    undone = batches.flat();
    const rights = missingRights(undone, place.host);
    if (rights !== undefined) return refuse([rights], EXIT.error);
    if (isRoot()) {
      const foreign = foreignIn(undone, held);
      if (foreign !== undefined) return refuse([foreign], EXIT.error);
      arrivals = arrivalsIn(undone, held);
      const also = takenAlong(undone, arrivals);
      if (also.length > 0) batches = [...batches, also];
      undone = batches.flat();
    }
    const concerned = [...new Set(selected.flatMap((one) => one.transaction.dirs ?? []))];
    const places = concerned.map((path) => ({ what: 'the configuration', path }));
    const inTheWay = stateInTheWay(place.root, place.host, place.store.where, places, ASIDE);
    if (inTheWay !== undefined) return refuse([inTheWay], EXIT.error);
    // Every reason against it is told before the question; the executor checks again, since the machine may change meanwhile.
    const { stale } = checkPreconditions(held, batches, blobs, 'RF3011');
    if (stale.length > 0) return refuse(stale);
    const hindered = barsOf(batches, place.host, blobs);
    if (hindered.length > 0) return refuse(hindered);
    const plan = rollbackPlan({ ...transaction, batches }, blobs, people(place.host).name);
    learn({ spec: `rollback of ${namesOf(selected)}` });
    if (options.diff) await learnDiff(plan, place, io, reporting);
    if (undone.length > 0) report({ type: 'planned', plan });
    if (isRoot()) for (const returned of comesBack(undone)) report({ type: 'diagnostic', diagnostic: returned });
    const shown = digestsOf(options.yes ? [] : arrivals, held);
    const confirmed = options.yes || (await confirm(`Undo ${namesOf(selected)}?`, options, io));
    if (confirmed === undefined) return refuse([unconfirmed], EXIT.usage);
    if (confirmed !== true) return unlessStopped(io, confirmed);
    const changed = options.yes ? undefined : changedSince(shown, digestsOf(arrivals, held));
    if (changed !== undefined) return refuse([changed]);
    const outcome = await execute({ ...transaction, plan: plan.id, batches, dirs: concerned }, blobs, around);
    keepWithin(limits, outcome, around);
    return endOf(outcome);
  };
  return await underMutex(place, options, { io, report, dirs, act });
}

/** The bytes come from root's journal: the caller is shown those of files that they can read now and after the rollback. */
async function learnDiff(plan: Plan, { host }: Place, io: Io, { learn }: Reporting): Promise<void> {
  const { planDiff } = await import('../report/diff.ts');
  const { readableBoth } = await import('../../core/plan/caller-may-read.ts');
  const names = people(host);
  const mayRead = readableBoth({ ...host, ...host.held }, plan, listenerFor(names, callerOf(io.env)));
  const contentOf = (path: AbsPath): Uint8Array | undefined => (mayRead(path) ? host.held.read(path) : undefined);
  learn({ diff: (made, theme) => planDiff(made, { contentOf, nameOf: names.name, mayRead }, theme) });
}

function targetOf({ apply, to }: RollbackOptions): Target {
  if (to !== undefined) return { kind: 'to', number: to };
  return apply === undefined ? { kind: 'newest' } : { kind: 'one', number: apply };
}

const namesOf = (selected: readonly RecordedApply[]): string =>
  selected.length === 1 ? `apply ${selected[0]!.number}` : `applies ${selected.map(({ number }) => number).join(', ')}`;

function notThere({ apply, to }: RollbackOptions, applies: readonly RecordedApply[]): Diagnostic {
  const gone = goneThrough(applies);
  if (to === undefined || to >= gone) return noSuchApply(apply ?? to, applies);
  return {
    severity: 'error',
    code: 'RF3010',
    summary: `the history does not reach back so far: applies 1 to ${gone} were removed from it`,
    hint: `the furthest back is: reflake rollback --to ${gone}`,
  };
}
