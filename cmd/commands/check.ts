// reflake check: the drift check for CI. Exit 0 if every wish holds, 2 on drift, another code on any error.

import type { Code } from '../../core/codes.ts';
import type { Diagnostic } from '../../core/diagnostic.ts';
import { tallyOf } from '../../core/finding.ts';
import type { Plan } from '../../core/model.ts';
import type { EvaluatePolicy } from '../../core/plan/deciding.ts';
import { unexpected } from '../../core/plan/expect.ts';
import type { Keeping, KeepingOptions } from '../checking/keeping.ts';
import { type End, exitOfAnswers } from '../session/exit.ts';
import type { Io } from '../session/io.ts';
import type { Reporting } from '../session/run.ts';
import { openSession, type Session } from '../session/session.ts';

export interface CheckOptions extends KeepingOptions {
  readonly evaluate: EvaluatePolicy;
  /** Undecided wishes count as drift too. */
  readonly strict: boolean;
  /** Looks at the checkout alone. */
  readonly repo: boolean;
}

export async function checkCommand(options: CheckOptions, io: Io, reporting: Reporting): Promise<End> {
  const kept = await keepingFor(options, io);
  const opened = await openSession(options, io, reporting);
  if (!opened.ok) return kept?.failed(opened.end) ?? opened.end;
  const { session } = opened;
  io.loaded?.();
  reporting.learn({ onlyNews: kept?.isOnlyNews === true });
  try {
    const { plan, end } = await looked(options, session, kept);
    reporting.learn({ onlyNews: false });
    return kept?.close(end, plan, session) ?? end;
  } finally {
    // What is thrown is told, whoever asked for news.
    reporting.learn({ onlyNews: false });
  }
}

/** Only who asks for a record loads what keeps one. */
const keepingFor = async (options: CheckOptions, io: Io): Promise<Keeping | undefined> =>
  [options.notifyState, options.record, options.after].every((one) => one === undefined)
    ? undefined
    : await (await import('../checking/keeping.ts')).keeping(options, io);

/** Formats that tell where a difference comes from. */
const TELLING = ['json', 'html'];

/** Origins are looked for where somebody reads them, and where there is a difference. */
async function traced(plan: Plan, options: CheckOptions, session: Session, kept: Keeping | undefined): Promise<Plan> {
  const { verbose, format = [] } = options;
  const isRead = verbose || format.some((one) => TELLING.includes(one.split('=')[0]!));
  const isIn = plan.steps.every(({ verdicts }) => verdicts.every(({ verdict }) => verdict === 'holds'));
  if (!isRead || isIn) return plan;
  return await (await import('../checking/origins.ts')).withOrigins(plan, session, options, kept);
}

async function looked(
  options: CheckOptions,
  session: Session,
  kept: Keeping | undefined,
): Promise<{ readonly plan: Plan; readonly end: End }> {
  for (const diagnostic of session.warnings) session.report({ type: 'diagnostic', diagnostic });
  const { plan: made, isPartial } = await session.plan(session.report, { bytes: false });
  const plan = await traced(made, options, session, kept);
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
