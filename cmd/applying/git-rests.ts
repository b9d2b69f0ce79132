// Waits for a git command that holds index.lock in a repository that an apply will write to; git holds it for moments.

import type { Reporter } from '../../core/event.ts';
import type { Plan } from '../../core/model.ts';
import { type AbsPath, absolute } from '../../core/path.ts';
import { editsOf } from '../../core/plan/edits.ts';
import type { Io } from '../session/io.ts';
import type { Session } from '../session/session.ts';

/**
 * The plan to carry out, made anew by `again` if it met a git at work that has ended since. A git that goes on is a hindrance
 * of the plan (core/plan/hindrances.ts). A saved plan is not made anew: its read set is compared.
 */
export async function onceGitRests(
  made: Plan,
  again: (() => Promise<Plan>) | undefined,
  session: Pick<Session, 'host' | 'report'>,
  io: Io,
): Promise<Plan> {
  const isMet = made.steps.some(({ findings }) => findings.some(({ code }) => code === 'RF2054'));
  const { isHeld, hasWaited } = await waitFor(locksBeside(made), session.host, session.report, io);
  return !isHeld && (hasWaited || isMet) && again !== undefined ? await again() : made;
}

/** The index.lock files beside the indexes that the plan writes. */
const locksBeside = (plan: Plan): readonly AbsPath[] =>
  editsOf(plan.steps).flatMap((edit) =>
    edit.op === 'put' && edit.path.endsWith('/index') ? [absolute(`${edit.path}.lock`)] : [],
  );

async function waitFor(
  locks: readonly AbsPath[],
  host: Session['host'],
  report: Reporter,
  io: Io,
): Promise<{ readonly isHeld: boolean; readonly hasWaited: boolean }> {
  const deadline = io.now() + PATIENCE;
  for (let hasWaited = false; ; hasWaited = true) {
    host.refresh();
    const held = locks.find((path) => host.stat(path).type !== 'absent');
    if (held === undefined) return { isHeld: false, hasWaited };
    if (io.stopped() !== undefined || io.now() >= deadline) return { isHeld: true, hasWaited };
    report({ type: 'progress', text: `waiting for git, which is at work: "${held}"` });
    await new Promise((resume) => setTimeout(resume, POLL));
  }
}

/** Milliseconds in all, and between two looks. */
const PATIENCE = 5000;
const POLL = 100;
