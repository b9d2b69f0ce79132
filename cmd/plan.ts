// reflake plan: what would change, and why. Changes nothing.

import { isBlocked, isEmpty, problemsOf } from '../core/planner.ts';
import { EXIT, exitOfProblems } from './exit.ts';
import type { GlobalOptions, Io } from './io.ts';
import { lookOf, wantAscii, wantColor } from './report/colour.ts';
import { openSession, type Session } from './session.ts';

export interface PlanOptions extends GlobalOptions {
  readonly diff: boolean;
  readonly out?: string | undefined;
  readonly detailedExitcode: boolean;
}

export async function planCommand(options: PlanOptions, io: Io): Promise<number> {
  const opened = await openSession('plan', options, io, options.out);
  if (!opened.ok) return opened.exit;
  const { session } = opened;
  const { report } = session;
  for (const diagnostic of session.warnings) report({ type: 'diagnostic', diagnostic });
  noteUnfinished(session);
  const planFile = options.out === undefined ? undefined : (await import('./plan-file.ts')).planFile(options.out, io);
  const { plan } = await session.plan(report);
  if (isBlocked(plan)) planFile?.release();
  else {
    const problem = planFile?.save(plan);
    if (problem !== undefined) {
      report({ type: 'diagnostic', diagnostic: problem });
      return EXIT.error;
    }
  }
  report({ type: 'planned', plan });
  if (options.diff && options.format === 'human' && !isEmpty(plan)) {
    const { planDiff } = await import('./report/diff.ts');
    const look = lookOf({
      colour: wantColor({ isTTY: io.tty.out }, io.env, options.color),
      ascii: wantAscii(io.env, options.ascii),
      columns: io.columns,
    });
    const words = {
      contentOf: (path: Parameters<typeof session.host.read>[0]) => session.host.read(path),
      nameOf: session.wishes.people.name,
    };
    io.out(`\n${await planDiff(plan, words, look)}\n`);
  }
  if (isBlocked(plan)) return exitOfProblems(problemsOf(plan));
  return options.detailedExitcode && !isEmpty(plan) ? EXIT.drift : EXIT.ok;
}

/** A plan made while an apply lies unfinished is about a machine that recovery will change. */
function noteUnfinished({ store, report }: Session): void {
  if (store.list('journal').length === 0) return;
  report({
    type: 'diagnostic',
    diagnostic: {
      severity: 'warning',
      code: 'RF3014',
      summary: 'an earlier apply was cut off and is not undone yet',
      hint: 'run reflake recover first: this plan is about the machine as it lies',
    },
  });
}
