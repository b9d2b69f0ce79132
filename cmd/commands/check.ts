// reflake check: the drift check for CI. Exit 0 if every wish holds, 2 on drift, another code on any error.

import type { Code } from '../../core/codes.ts';
import type { Diagnostic } from '../../core/diagnostic.ts';
import { tallyOf } from '../../core/finding.ts';
import type { EvaluatePolicy } from '../../core/plan/deciding.ts';
import { unexpected } from '../../core/plan/expect.ts';
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
  const idle = session.idleAcks(plan);
  // What was accepted until a day fails after it, whatever it is.
  const hasEnded = idle.some(({ code }) => code === ENDED);
  for (const one of idle) {
    const diagnostic: Diagnostic = one.code === ENDED ? { ...one, severity: 'error' } : one;
    session.report({ type: 'diagnostic', diagnostic });
  }
  // A plan without a machine is nothing that could be applied.
  session.report({ type: 'planned', plan, isPartial: isPartial || options.repo });
  return { exit: exitOfAnswers(unexpected(plan), { strict: options.strict, hasEnded }), verdicts: tallyOf(plan) };
}

const ENDED: Code = 'RF1019';
