// reflake check: the drift check for CI. Exit 0 in sync, 2 drift; errors never share a code with differences.

import { isEmpty, problemsOf } from '../core/planner.ts';
import { EXIT, exitOfProblems } from './exit.ts';
import type { GlobalOptions, Io } from './io.ts';
import { openSession } from './session.ts';

export interface CheckOptions extends GlobalOptions {
  /** What could not be decided fails too. */
  readonly strict: boolean;
}

/** Drift that reflake can see but not repair by itself. */
const DRIFT_CODES: ReadonlySet<string> = new Set([
  'RF2003',
  'RF2007',
  'RF2008',
  'RF2010',
  'RF2014',
  'RF2015',
  'RF2017',
  'RF2018',
  'RF2021',
  'RF2023',
  'RF2024',
  'RF2026',
  'RF2027',
]);

export async function checkCommand(options: CheckOptions, io: Io): Promise<number> {
  const opened = await openSession('check', options, io);
  if (!opened.ok) return opened.exit;
  const { session } = opened;
  for (const diagnostic of session.warnings) session.report({ type: 'diagnostic', diagnostic });
  const { plan } = await session.plan(session.report, { bytes: false });
  session.report({ type: 'planned', plan });
  const problems = problemsOf(plan);
  const errors = problems.filter(({ severity, code }) => severity === 'error' && !DRIFT_CODES.has(code));
  // A tool that is missing or fails keeps nobody from knowing what was found without it.
  const isKnown = !isEmpty(plan) && errors.every(({ code }) => code.startsWith('RF4'));
  if (errors.length > 0 && !isKnown) return exitOfProblems(errors);
  const undecided = options.strict && problems.some(({ severity }) => severity !== 'error');
  return isEmpty(plan) && problems.every(({ severity }) => severity !== 'error') && !undecided ? EXIT.ok : EXIT.drift;
}
