// reflake prove: is the system that the plan makes the one that is there? Changes nothing, builds nothing.

import { findingsOf, isBar, isBlocked, problemsOf } from '../../core/finding.ts';
import { provePlan } from '../proving/planned.ts';
import { type End, exitOfProblems, exitOfProof } from '../session/exit.ts';
import type { GlobalOptions, Io } from '../session/io.ts';
import type { Reporting } from '../session/run.ts';
import { openSession } from '../session/session.ts';

export async function proveCommand(options: GlobalOptions, io: Io, reporting: Reporting): Promise<End> {
  const opened = await openSession(options, io, reporting);
  if (!opened.ok) return opened.end;
  const { session } = opened;
  const { report } = session;
  for (const diagnostic of session.warnings) report({ type: 'diagnostic', diagnostic });
  const planned = await session.plan(report);
  if (isBlocked(planned.plan)) {
    // What bars a plan, a secret that git would show above all, keeps Nix from being asked as well.
    report({ type: 'diagnostics', diagnostics: problemsOf(planned.plan) });
    return { exit: exitOfProblems(findingsOf(planned.plan).filter(isBar)) };
  }
  const { proof, seconds } = await provePlan(planned, session, io);
  report({ type: 'proved', proof, seconds });
  return { exit: exitOfProof(proof) };
}
