// reflake history and show: lists past applies; shows one of them, or a saved plan.

import type { Diagnostic } from '../../core/diagnostic.ts';
import type { PastApply } from '../../core/event.ts';
import { tallyOf } from '../../core/finding.ts';
import { callerOf } from '../../core/host/process/caller.ts';
import { people } from '../../core/machine/people.ts';
import type { Owner } from '../../core/model.ts';
import type { AbsPath } from '../../core/path.ts';
import { rowOf } from '../../core/transaction/apply-index.ts';
import { goneThrough, past, type RecordedApply } from '../../core/transaction/history.ts';
import { type End, EXIT } from '../session/exit.ts';
import { filesFor } from '../session/files.ts';
import type { GlobalOptions, Io } from '../session/io.ts';
import { loadPlan } from '../session/plan-file.ts';
import { closedHistory, rootsApplies, rootsOwn } from '../session/roots-applies.ts';
import type { Reporting } from '../session/run.ts';
import { listenerFor, openSession, type Place, placeOf } from '../session/session.ts';

export async function historyCommand(options: GlobalOptions, io: Io, { report }: Reporting): Promise<End> {
  const place = await placeOf(options, io);
  const history = past(place.store);
  const roots = rootsApplies(options, place);
  const problem = history.ok ? (roots.status === 'damaged' ? roots.problem : undefined) : history.problem;
  if (!history.ok || problem !== undefined) {
    report({ type: 'diagnostic', diagnostic: problem! });
    return { exit: EXIT.stuck };
  }
  const { applies } = history;
  const tell = (where: string, told: readonly PastApply[], isRoots: boolean): void => {
    const counts = { applies: told.length, removed: goneThrough(told) };
    report({ type: 'history', where, ...counts, ...(isRoots && { isRoots }) });
    for (const one of told) report({ type: 'apply', ...one });
  };
  const isRootsShown = roots.status === 'known' && roots.applies.length > 0;
  if (applies.length > 0 || !isRootsShown) tell(place.store.where, applies.map(published), false);
  if (isRootsShown) tell(roots.where, roots.applies, true);
  if (roots.status === 'closed') report({ type: 'diagnostic', diagnostic: closedHistory(roots.where) });
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
  /** Shows the bytes: of a saved plan, or that an apply changed. */
  readonly diff: boolean;
}

/** A number is an apply, anything else the file of a saved plan; nothing: the newest apply. */
export async function showCommand(options: ShowOptions, io: Io, reporting: Reporting): Promise<End> {
  const { report } = reporting;
  const { what } = options;
  if (what !== undefined && !/^\d+$/.test(what)) return await showPlan(options, what, io, reporting);
  const place = await placeOf(options, io);
  const history = past(place.store);
  if (!history.ok) {
    report({ type: 'diagnostic', diagnostic: history.problem });
    return { exit: EXIT.stuck };
  }
  const { applies } = history;
  const pick = <T extends { readonly number: number }>(all: readonly T[]): T | undefined =>
    what === undefined ? all.at(-1) : all.find(({ number }) => String(number) === what);
  const found = pick(applies);
  const roots = found === undefined ? rootsApplies(options, place) : undefined;
  const theirs = roots?.status === 'known' ? pick(roots.applies) : undefined;
  if (theirs !== undefined) {
    report({ type: 'apply', ...theirs });
    report({ type: 'diagnostic', diagnostic: rootsOwn(`sudo reflake show ${theirs.number}`) });
    return { exit: EXIT.ok };
  }
  if (found === undefined) {
    const diagnostic = noSuchApply(what === undefined ? undefined : Number(what), applies);
    report({ type: 'diagnostic', diagnostic });
    return { exit: EXIT.usage };
  }
  if (options.diff) await learnDiff(found, applies, place, io, reporting);
  report({ type: 'apply', ...published(found), edits: found.transaction.batches.flat() });
  const { proof } = found.transaction;
  if (proof !== undefined) report({ type: 'proved', proof });
  return { exit: EXIT.ok };
}

/** The bytes come from the record: the caller is shown those of files that they can read now, and could before and after. */
async function learnDiff(
  { number, transaction: { batches }, blobs }: RecordedApply,
  applies: readonly RecordedApply[],
  { host }: Place,
  io: Io,
  { learn }: Reporting,
): Promise<void> {
  const { planDiff } = await import('../report/diff.ts');
  const { readableThen } = await import('../../core/plan/caller-may-read.ts');
  const names = people(host);
  const listener = listenerFor(names, callerOf(io.env));
  const later = applies.filter((one) => one.number > number).flatMap(({ transaction }) => transaction.batches);
  // Batch by batch: two of them may write one path.
  const told = batches.map((edits, at) => {
    const since = [...batches.slice(at + 1), ...later].flat();
    const mayRead = readableThen({ ...host, ...host.held }, edits, since, listener);
    return { made: { steps: [{ edits }], blobs }, words: { contentOf: () => undefined, nameOf: names.name, mayRead } };
  });
  learn({ pastDiff: (theme) => told.map(({ made, words }) => planDiff(made, words, theme)).join('\n') });
}

async function showPlan(options: ShowOptions, file: string, io: Io, reporting: Reporting): Promise<End> {
  const { report } = reporting;
  const loaded = loadPlan(file, undefined, io.cwd, await filesFor(callerOf(io.env)));
  // The spec gives the places of the wishes; without it the plan is shown without places.
  const opened = await openSession(options, io, reporting, file);
  if (!loaded.ok) {
    report({ type: 'diagnostic', diagnostic: loaded.problem });
    return { exit: EXIT.stale };
  }
  if (options.diff) {
    const { planDiff } = await import('../report/diff.ts');
    // The plan has what will be; what is there now is read as who called, where there is a spec to tell whose machine it is.
    const words = opened.ok
      ? {
          contentOf: (path: AbsPath) => opened.session.shown.read(path),
          nameOf: opened.session.wishes.people.name,
          mayRead: opened.session.mayRead,
        }
      : { contentOf: () => undefined, nameOf: ({ uid, gid }: Owner) => `${uid}:${gid}` };
    reporting.learn({ diff: (made, theme) => planDiff(made, words, theme) });
  }
  report({ type: 'planned', plan: loaded.plan });
  if (loaded.plan.proof) report({ type: 'proved', proof: loaded.plan.proof });
  return { exit: EXIT.ok, verdicts: tallyOf(loaded.plan) };
}

/** As it is told. */
export const published = ({ number, transaction, finishedAt, undone }: RecordedApply): PastApply =>
  rowOf(number, transaction, finishedAt, undone);
