// reflake check: the drift check for CI. Exit 0 if every wish holds, 2 on drift, another code on any error.

import type { Code } from '../../core/codes.ts';
import type { Diagnostic } from '../../core/diagnostic.ts';
import { tallyOf } from '../../core/finding.ts';
import type { Plan } from '../../core/model.ts';
import type { EvaluatePolicy } from '../../core/plan/deciding.ts';
import { unexpected } from '../../core/plan/expect.ts';
import type { Notifying, NotifyOptions } from '../checking/notify.ts';
import { type End, exitOfAnswers } from '../session/exit.ts';
import type { Io } from '../session/io.ts';
import type { Reporting } from '../session/run.ts';
import { openSession, type Session } from '../session/session.ts';

export interface CheckOptions extends NotifyOptions {
  readonly evaluate: EvaluatePolicy;
  /** Undecided wishes count as drift too. */
  readonly strict: boolean;
  /** Looks at the checkout alone. */
  readonly repo: boolean;
}

export async function checkCommand(options: CheckOptions, io: Io, reporting: Reporting): Promise<End> {
  const news = await newsFor(options, io);
  const opened = await openSession(options, io, reporting);
  if (!opened.ok) return news?.failed(opened.end) ?? opened.end;
  const { session } = opened;
  io.loaded?.();
  reporting.learn({ onlyNews: news?.isOnlyNews === true });
  try {
    const { plan, end } = await looked(options, session);
    reporting.learn({ onlyNews: false });
    return news?.close(end, plan, session) ?? end;
  } finally {
    // What is thrown is told, whoever asked for news.
    reporting.learn({ onlyNews: false });
  }
}

/** Only who asks for news loads what tells them. */
const newsFor = async (options: CheckOptions, io: Io): Promise<Notifying | undefined> =>
  options.notifyState === undefined && options.after === undefined
    ? undefined
    : await (await import('../checking/notify.ts')).notifying(options, io);

async function looked(options: CheckOptions, session: Session): Promise<{ readonly plan: Plan; readonly end: End }> {
  for (const diagnostic of session.warnings) session.report({ type: 'diagnostic', diagnostic });
  const { plan, isPartial } = await session.plan(session.report, { bytes: false });
  const idle = session.idleAcks(plan);
  // What was accepted until a day fails after it, whatever it is.
  const hasEnded = idle.some(({ code }) => code === ENDED);
  for (const one of idle) {
    const diagnostic: Diagnostic = one.code === ENDED ? { ...one, severity: 'error' } : one;
    session.report({ type: 'diagnostic', diagnostic });
  }
  // A plan without a machine is nothing that could be applied.
  session.report({ type: 'planned', plan, isPartial: isPartial || options.repo });
  const exit = exitOfAnswers(unexpected(plan), { strict: options.strict, hasEnded });
  return { plan, end: { exit, verdicts: tallyOf(plan) } };
}

const ENDED: Code = 'RF1019';
