// check --notify-state and --record: compares what was found with the record of the last check, tells what changed, and writes the
// record anew.

import { resolve } from 'node:path';
import type { News } from '../../core/event.ts';
import { findingsOf } from '../../core/finding.ts';
import type { Finding, Plan } from '../../core/model.ts';
import { discreetPlan } from '../../core/plan/caller-may-read.ts';
import { driftsWith, newsOf, type Run } from '../../core/seen/news.ts';
import type { SeenRecord } from '../../core/seen/record.ts';
import { type End, EXIT } from '../session/exit.ts';
import type { GlobalOptions, Io, Usage } from '../session/io.ts';
import type { Session } from '../session/session.ts';
import { type RecordFile, recordAt, unusable } from './record-file.ts';

export interface KeepingOptions extends GlobalOptions {
  readonly repo: boolean;
  /** How many drifts in a row, before they are told. */
  readonly after?: string | undefined;
}

export interface Keeping {
  /** Only what changed is told: so it is wished, and its record can be used. */
  readonly isOnlyNews: boolean;
  /** What tells since when a difference is there. */
  readonly before?: SeenRecord;
  /** False where no record can be used. */
  readonly isWritten: boolean;
  /** The end of a check that came to no plan. */
  readonly failed: (end: End) => End;
  /** Tells the news, writes the records; the end of the check. */
  readonly close: (end: End, plan: Plan, session: Session) => End;
}

/** One file may be both records. Throws usage. */
export async function keeping(options: KeepingOptions, io: Io): Promise<Keeping> {
  const { notifyState, record: since, after: wanted } = options;
  if (wanted !== undefined && !/^[1-9]\d{0,5}$/.test(wanted))
    throw { usage: `--after ${JSON.stringify(wanted)} is no number of drifts; the least is 1` } satisfies Usage;
  if (wanted !== undefined && notifyState === undefined)
    throw { usage: '--after counts in the record of --notify-state FILE, which is not given' } satisfies Usage;
  const news = notifyState === undefined ? undefined : await recordAt(notifyState, io);
  const isBoth =
    since !== undefined && notifyState !== undefined && resolve(io.cwd, since) === resolve(io.cwd, notifyState);
  const kept = since === undefined || isBoth ? undefined : await recordAt(since, io);
  const before = kept?.before ?? news?.before;
  const last = (news ?? kept)?.before?.lastSuccess;
  return {
    isOnlyNews: news !== undefined && news.problem === undefined,
    ...(before && { before }),
    isWritten: (kept ?? news)?.problem === undefined,
    failed: (end) => ({ ...end, ...(last !== undefined && { lastSuccess: last }) }),
    close(end, plan, session) {
      // What a signal ended early is no answer, and there is nothing to compare.
      if (io.stopped() !== undefined) return end;
      const isDrift = end.exit === EXIT.drift;
      const isAnswered = isDrift || end.exit === EXIT.ok;
      const run = { of: subjectOf(plan, options), at: new Date().toISOString(), isDrift, isAnswered, after: 1 };
      const without = kept === undefined ? end : closed(end, kept, plan, run, session, () => {});
      if (news === undefined) return without;
      const after = Number(wanted ?? 1);
      const seen = seenBy(plan, discreetPlan(plan, session.mayRead));
      const told = closed(end, news, plan, { ...run, after }, session, (one) => {
        const changed = one.changed.map(({ was, finding }) => ({ was, finding: seen(finding) }));
        session.report({ type: 'news', ...one, fresh: one.fresh.map(seen), changed });
      });
      const isFailed = [without, told].some(({ exit }) => isAnswered && exit === EXIT.error);
      const isEarly = isDrift && driftsWith(news.before, run) < after;
      return { ...told, exit: isFailed ? EXIT.error : isEarly ? EXIT.ok : end.exit };
    },
  };
}

/** Tells the news and writes the record; a record that can't be used is told and left alone. */
function closed(
  end: End,
  { file, before, problem, write }: RecordFile,
  plan: Plan,
  run: Run,
  { report }: Session,
  tell: (news: News) => void,
): End {
  const isOther = before !== undefined && before.of !== run.of;
  const unread = problem ?? (isOther ? unusable(file, `it is of another check: ${before.of}`) : undefined);
  const { news, record } = newsOf(plan, unread === undefined ? before : undefined, run);
  const { lastSuccess } = record;
  // Everything was told already where nobody could read the record.
  if (problem === undefined) tell(news);
  // Told first: what is told twice, since the write failed, is better than what nobody is told.
  const failed = unread ?? write(record);
  if (failed !== undefined) report({ type: 'diagnostic', diagnostic: failed });
  const exit = failed !== undefined && run.isAnswered ? EXIT.error : end.exit;
  return { ...end, exit, ...(lastSuccess !== undefined && { lastSuccess }) };
}

/** What is checked, in words: `nixos; the checkout alone; only features`. */
function subjectOf({ host }: Plan, { repo, host: chosen, only = [], skip = [] }: KeepingOptions): string {
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
