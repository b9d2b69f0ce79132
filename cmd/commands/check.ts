// reflake check: the drift check for CI. Exit 0 if every wish holds, 2 on drift, another code on any error.

import { tallyOf } from '../../core/finding.ts';
import type { EvaluatePolicy } from '../../core/plan/deciding.ts';
import { type End, exitOfAnswers } from '../session/exit.ts';
import type { GlobalOptions, Io } from '../session/io.ts';
import type { Reporting } from '../session/run.ts';
import { openSession } from '../session/session.ts';

export interface CheckOptions extends GlobalOptions {
  readonly evaluate: EvaluatePolicy;
  /** Undecided wishes count as drift too. */
  readonly strict: boolean;
  /** Looks at the checkout alone. */
  readonly repo: boolean;
}

export async function checkCommand(options: CheckOptions, io: Io, reporting: Reporting): Promise<End> {
  const opened = await openSession(options, io, reporting);
  if (!opened.ok) return opened.end;
  const { session } = opened;
  io.loaded?.();
  for (const diagnostic of session.warnings) session.report({ type: 'diagnostic', diagnostic });
  const { plan, isPartial } = await session.plan(session.report, { bytes: false });
  for (const diagnostic of session.idleAcks(plan)) session.report({ type: 'diagnostic', diagnostic });
  // A plan without a machine is nothing that could be applied.
  session.report({ type: 'planned', plan, isPartial: isPartial || options.repo });
  const answers = plan.steps.flatMap(({ verdicts }) => verdicts);
  return { exit: exitOfAnswers(answers, options.strict), verdicts: tallyOf(plan) };
}
