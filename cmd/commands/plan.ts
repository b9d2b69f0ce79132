// reflake plan: what would change, and why. Changes nothing.

import { resolve } from 'node:path';
import type { Diagnostic } from '../../core/diagnostic.ts';
import { barsOf, isBlocked, isEmpty, tallyOf } from '../../core/finding.ts';
import { callerOf } from '../../core/host/process/caller.ts';
import { isDirectory, rootsState } from '../../core/host/surroundings.ts';
import type { Plan } from '../../core/model.ts';
import { type AbsPath, absolute, isWithin, ROOT } from '../../core/path.ts';
import { closedIn } from '../../core/plan/caller-may-read.ts';
import type { EvaluatePolicy } from '../../core/plan/deciding.ts';
import { withProof } from '../../core/plan/plan-id.ts';
import type { Proved } from '../../core/proof/prove.ts';
import { type End, EXIT, exitOfProblems, exitOfProof } from '../session/exit.ts';
import { filesFor } from '../session/files.ts';
import type { GlobalOptions, Io, Usage } from '../session/io.ts';
import { outputsOf } from '../session/outputs.ts';
import type { Reporting } from '../session/run.ts';
import { openSession, type Session } from '../session/session.ts';

export interface PlanOptions extends GlobalOptions {
  readonly evaluate: EvaluatePolicy;
  readonly diff: boolean;
  readonly detailedExitcode: boolean;
  readonly prove: boolean;
}

export async function planCommand(options: PlanOptions, io: Io, reporting: Reporting): Promise<End> {
  const shown = outputsOf(options.format ?? [], 'plan', io.cwd).find(({ file }) => file === undefined);
  if (options.out === '-' && shown !== undefined && shown.format !== 'human')
    throw { usage: `--out - and --format ${shown.format} both write to standard output` } satisfies Usage;
  const opened = await openSession(options, io, reporting, options.out === '-' ? undefined : options.out);
  if (!opened.ok) return opened.end;
  const { session } = opened;
  io.loaded?.();
  const { report } = session;
  for (const diagnostic of session.warnings) report({ type: 'diagnostic', diagnostic });
  noteUnfinished(session);
  let seconds: Proved['seconds'] | undefined;
  const make = async (): Promise<Plan> => {
    const planned = await session.plan(report);
    if (!options.prove || isBlocked(planned.plan)) return planned.plan;
    const { provePlan } = await import('../proving/planned.ts');
    const proved = await provePlan(planned, session, io);
    seconds = proved.seconds;
    return withProof(planned.plan, proved.proof);
  };
  let plan = await make();
  if (options.out === '-' && !isBlocked(plan)) {
    const { planText } = await import('../session/plan-file.ts');
    const closed = closedIn(plan, session.mayRead);
    if (closed !== undefined) {
      report({ type: 'diagnostic', diagnostic: notPrinted(closed) });
      return { exit: EXIT.error };
    }
    io.out(planText(plan));
  } else if (options.out !== undefined && !isBlocked(plan)) {
    const { savePlan } = await import('../session/plan-file.ts');
    const caller = callerOf(io.env);
    const files = await filesFor(caller);
    const { out } = options;
    // A plan with bytes that the caller can't read is written to a file of root's.
    const save = () => {
      const closed = closedIn(plan, session.mayRead);
      const problem = savePlan(out, plan, closed === undefined ? caller : ROOTS, io.cwd, files);
      return { problem, closed };
    };
    let saved = save();
    if (saved.problem === undefined && isAbout(session, resolve(io.cwd, out))) {
      // The file lies in the configuration: a plan made before it existed would be stale at once.
      plan = await make();
      saved = save();
    }
    if (saved.closed !== undefined) report({ type: 'diagnostic', diagnostic: rootsPlan(out, saved.closed) });
    if (saved.problem !== undefined) {
      report({ type: 'diagnostic', diagnostic: saved.problem });
      return { exit: EXIT.error };
    }
  }
  if (options.diff) {
    const { planDiff } = await import('../report/diff.ts');
    const words = {
      contentOf: (path: Parameters<typeof session.host.read>[0]) => session.shown.read(path),
      nameOf: session.wishes.people.name,
      mayRead: session.mayRead,
    };
    reporting.learn({ diff: (made, theme) => planDiff(made, words, theme) });
  }
  for (const diagnostic of session.idleAcks(plan)) report({ type: 'diagnostic', diagnostic });
  report({ type: 'planned', plan });
  if (plan.proof) report({ type: 'proved', proof: plan.proof, ...(seconds && { seconds }) });
  const verdicts = tallyOf(plan);
  if (isBlocked(plan)) return { exit: exitOfProblems(barsOf(plan)), verdicts };
  const exit = options.detailedExitcode && !isEmpty(plan) ? EXIT.drift : EXIT.ok;
  return { exit: plan.proof === undefined ? exit : exitOfProof(plan.proof) || exit, verdicts };
}

/** True if the file lies where the configuration is, or will be. */
function isAbout({ root, wishes: { dir, from } }: Session, file: string): boolean {
  const prefix = root === ROOT ? '' : root;
  return [dir, from ?? dir].some((place) => isWithin(absolute(file), absolute(`${prefix}${place}`)));
}
const ROOTS = { uid: 0, gid: 0 };

const rootsPlan = (file: string, path: AbsPath): Diagnostic => ({
  severity: 'note',
  code: 'RF3018',
  summary: `"${file}" belongs to root: it holds what only root can read`,
  hint: 'apply it with sudo; as an ordinary user it cannot be looked at',
  path,
});

/** Whoever reads standard output is not root. */
const notPrinted = (path: AbsPath): Diagnostic => ({
  severity: 'error',
  code: 'RF3018',
  summary: 'the plan is not printed: it holds what only root can read',
  hint: 'save it to a file, which stays root’s: --out FILE',
  path,
});

/** Notes an unfinished apply: recovery will change the machine that this plan is about. */
function noteUnfinished({ store, root, report }: Session): void {
  if (store.list('journal').length === 0 && !isDirectory(`${rootsState(root)}/journal`)) return;
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
