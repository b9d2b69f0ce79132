// check --notify-state: compares what was found with the record of the last check, tells what changed, and writes the record anew.

import type { Diagnostic } from '../../core/diagnostic.ts';
import { findingsOf } from '../../core/finding.ts';
import type { Finding, Plan } from '../../core/model.ts';
import { discreetPlan } from '../../core/plan/caller-may-read.ts';
import { newsOf } from '../../core/seen/news.ts';
import { type End, EXIT } from '../session/exit.ts';
import type { GlobalOptions, Io, Usage } from '../session/io.ts';
import type { Session } from '../session/session.ts';
import { type RecordFile, recordAt, unusable } from './record-file.ts';

export interface NotifyOptions extends GlobalOptions {
  readonly repo: boolean;
  /** How many drifts in a row, before they are told. */
  readonly after?: string | undefined;
}

export interface Notifying {
  /** False where the record can't be used: then everything is told. */
  readonly isOnlyNews: boolean;
  /** The end of a check that came to no plan. */
  readonly failed: (end: End) => End;
  /** Tells the news, writes the record; the end of the check. */
  readonly close: (end: End, plan: Plan, session: Session) => End;
}

/** Undefined where nobody asks for it. Throws usage. */
export async function notifying(options: NotifyOptions, io: Io): Promise<Notifying | undefined> {
  const { notifyState: file, after: wanted } = options;
  if (wanted !== undefined && !/^[1-9]\d{0,5}$/.test(wanted))
    throw { usage: `--after ${JSON.stringify(wanted)} is no number of drifts; the least is 1` } satisfies Usage;
  if (file === undefined && wanted === undefined) return undefined;
  if (file === undefined)
    throw { usage: '--after counts in the record of --notify-state FILE, which is not given' } satisfies Usage;
  const record = await recordAt(file, io);
  const last = record.before?.lastSuccess;
  return {
    isOnlyNews: record.problem === undefined,
    failed: (end) => ({ ...end, ...(last !== undefined && { lastSuccess: last }) }),
    close: (end, plan, session) => {
      // What a signal ended early is no answer, and there is nothing to compare.
      if (io.stopped() !== undefined) return end;
      return closed(file, record, Number(wanted ?? 1), options, end, plan, session);
    },
  };
}

function closed(
  file: string,
  { before, problem, write }: RecordFile,
  after: number,
  options: NotifyOptions,
  end: End,
  plan: Plan,
  { report, mayRead }: Session,
): End {
  const of = subjectOf(plan, options);
  const isDrift = end.exit === EXIT.drift;
  const isAnswered = isDrift || end.exit === EXIT.ok;
  const other =
    before !== undefined && before.of !== of ? unusable(file, `it is of another check: ${before.of}`) : undefined;
  const unread = problem ?? other;
  const at = new Date().toISOString();
  const { news, record } = newsOf(plan, unread === undefined ? before : undefined, {
    of,
    at,
    isDrift,
    isAnswered,
    after,
  });
  const { lastSuccess } = record;
  const last = lastSuccess === undefined ? {} : { lastSuccess };
  const fail = (diagnostic: Diagnostic): End => {
    report({ type: 'diagnostic', diagnostic });
    return { ...end, ...last, exit: isAnswered ? EXIT.error : end.exit };
  };
  if (problem !== undefined) return fail(problem);
  const seen = seenBy(plan, discreetPlan(plan, mayRead));
  const changed = news.changed.map((one) => ({ ...one, finding: seen(one.finding) }));
  report({ type: 'news', ...news, fresh: news.fresh.map(seen), changed });
  if (other !== undefined) return fail(other);
  // Told first: what is told twice, since the write failed, is better than what nobody is told.
  const unwritten = write(record);
  if (unwritten !== undefined) return fail(unwritten);
  return { ...end, ...last, exit: isDrift && news.drifts < after ? EXIT.ok : end.exit };
}

/** What is checked, in words: `nixos; the checkout alone; only features`. */
function subjectOf({ host }: Plan, { repo, host: chosen, only = [], skip = [] }: NotifyOptions): string {
  const parts = [
    chosen ?? host.name,
    ...(repo ? ['the checkout alone'] : []),
    ...(only.length > 0 ? [`only ${[...only].sort().join(', ')}`] : []),
    ...(skip.length > 0 ? [`without ${[...skip].sort().join(', ')}`] : []),
  ];
  return parts.join('; ');
}

/** Each finding as the caller may see it: the plans have them in the same order. */
function seenBy(plan: Plan, discreet: Plan): (finding: Finding) => Finding {
  const shown = findingsOf(discreet);
  const all = new Map(findingsOf(plan).map((finding, at) => [finding, shown[at]!]));
  return (finding) => all.get(finding) ?? finding;
}
