// reflake history and show: past applies, one of them, or a saved plan.

import type { Diagnostic } from '../../core/diagnostic.ts';
import type { PastApply } from '../../core/event.ts';
import { tallyOf } from '../../core/finding.ts';
import { callerOf } from '../../core/host/process/caller.ts';
import { goneThrough, past, type RecordedApply } from '../../core/transaction/history.ts';
import { type End, EXIT } from '../session/exit.ts';
import type { GlobalOptions, Io } from '../session/io.ts';
import { loadPlan } from '../session/plan-file.ts';
import type { Reporting } from '../session/run.ts';
import { filesFor, openSession, placeOf } from '../session/session.ts';

export async function historyCommand(options: GlobalOptions, io: Io, { report }: Reporting): Promise<End> {
  const history = past((await placeOf(options, io)).store);
  if (!history.ok) {
    report({ type: 'diagnostic', diagnostic: history.problem });
    return { exit: EXIT.stuck };
  }
  const { applies } = history;
  report({ type: 'history', applies: applies.length, removed: goneThrough(applies) });
  for (const one of applies) report({ type: 'apply', ...published(one) });
  return { exit: EXIT.ok };
}

/** Without a number the newest was meant. */
export function noSuchApply(number: number | undefined, applies: readonly RecordedApply[]): Diagnostic {
  const isGone = number !== undefined && number > 0 && number <= goneThrough(applies);
  const summary = isGone ? `apply ${number} was removed from the history` : `there is no apply ${number}`;
  return {
    severity: 'error',
    code: 'RF3010',
    summary: number === undefined ? 'there was no apply yet' : summary,
    hint: 'look at reflake history',
  };
}

export interface ShowOptions extends GlobalOptions {
  readonly what?: string | undefined;
}

/** A number is an apply, anything else the file of a saved plan; nothing: the newest apply. */
export async function showCommand(options: ShowOptions, io: Io, reporting: Reporting): Promise<End> {
  const { report } = reporting;
  const { what } = options;
  if (what !== undefined && !/^\d+$/.test(what)) return await showPlan(options, what, io, reporting);
  const history = past((await placeOf(options, io)).store);
  if (!history.ok) {
    report({ type: 'diagnostic', diagnostic: history.problem });
    return { exit: EXIT.stuck };
  }
  const { applies } = history;
  const found = what === undefined ? applies.at(-1) : applies.find(({ number }) => String(number) === what);
  if (found === undefined) {
    const diagnostic = noSuchApply(what === undefined ? undefined : Number(what), applies);
    report({ type: 'diagnostic', diagnostic });
    return { exit: EXIT.usage };
  }
  report({ type: 'apply', ...published(found), edits: found.transaction.batches.flat() });
  return { exit: EXIT.ok };
}

async function showPlan(options: ShowOptions, file: string, io: Io, reporting: Reporting): Promise<End> {
  const { report } = reporting;
  const loaded = loadPlan(file, undefined, io.cwd, await filesFor(callerOf(io.env)));
  // For the places of its wishes; without the spec it is shown without them.
  await openSession(options, io, reporting, file);
  if (!loaded.ok) {
    report({ type: 'diagnostic', diagnostic: loaded.problem });
    return { exit: EXIT.stale };
  }
  report({ type: 'planned', plan: loaded.plan });
  return { exit: EXIT.ok, verdicts: tallyOf(loaded.plan) };
}

const published = ({ number, transaction, finishedAt, undone }: RecordedApply): PastApply => {
  const { kind, plan, undoes, startedAt, by, batches } = transaction;
  return { number, kind, plan, undoes, startedAt, finishedAt, by, undone, count: batches.flat().length };
};
