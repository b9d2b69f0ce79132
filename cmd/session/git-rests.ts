// Waits a little where a git command is at work in a repository that an apply would write to: git holds its index for moments.

import type { Diagnostic } from '../../core/diagnostic.ts';
import type { Reporter } from '../../core/event.ts';
import { findingsOf } from '../../core/finding.ts';
import type { Plan } from '../../core/model.ts';
import { type AbsPath, absolute } from '../../core/path.ts';
import { editsOf } from '../../core/plan/edits.ts';
import type { Io } from './io.ts';
import type { Session } from './session.ts';

/**
 * The plan that is to be carried out, made again by `again` where a git was at work while it was made. `held`: it is still at
 * work after a while. A plan that was saved is not made again: what it relies on is compared before the first write.
 */
export async function onceGitRests(
  made: Plan,
  again: (() => Promise<Plan>) | undefined,
  session: Pick<Session, 'host' | 'report'>,
  io: Io,
): Promise<{ readonly plan: Plan; readonly held?: Diagnostic }> {
  const met = findingsOf(made).flatMap(({ code, path }) => (code === 'RF2054' && path !== undefined ? [path] : []));
  const locks = [...met, ...locksBeside(made)];
  const { held, hasWaited } = await stillThere(locks, session.host, session.report, io);
  const isAnother = hasWaited || met.length > 0;
  if (held === undefined) return { plan: isAnother && again !== undefined ? await again() : made };
  // A plan that met it says so itself.
  return met.includes(held) ? { plan: made } : { plan: made, held: atWork(held) };
}

/** What git would make beside an index that the plan writes. */
const locksBeside = (plan: Plan): readonly AbsPath[] =>
  plan.steps
    .filter(({ provider }) => provider === 'git')
    .flatMap((step) => editsOf([step]))
    .flatMap((edit) => (edit.op === 'put' && edit.path.endsWith('/index') ? [absolute(`${edit.path}.lock`)] : []));

async function stillThere(
  locks: readonly AbsPath[],
  host: Session['host'],
  report: Reporter,
  io: Io,
): Promise<{ readonly held: AbsPath | undefined; readonly hasWaited: boolean }> {
  const deadline = io.now() + PATIENCE;
  for (let hasWaited = false; ; hasWaited = true) {
    host.refresh();
    const held = locks.find((path) => host.stat(path).type !== 'absent');
    if (held === undefined || io.stopped() !== undefined || io.now() >= deadline) return { held, hasWaited };
    report({ type: 'progress', text: `waiting for git, which is at work: "${held}"` });
    await new Promise((resume) => setTimeout(resume, POLL));
  }
}

/** Milliseconds in all, and between two looks. */
const PATIENCE = 5000;
const POLL = 100;

const atWork = (path: AbsPath): Diagnostic => ({
  severity: 'error',
  code: 'RF2054',
  summary: `a git command is at work in the repository: there is "${path}"`,
  hint: 'wait until it is done; if no git runs, remove the file',
  path,
});
