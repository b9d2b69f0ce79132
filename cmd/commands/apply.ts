// reflake apply [PLAN]: exactly what the plan shows, or nothing.

import { randomBytes } from 'node:crypto';
import { basename, resolve } from 'node:path';
import type { Diagnostic } from '../../core/diagnostic.ts';
import { barsOf, changesOf, isBlocked, isEmpty, problemsOf, tallyOf } from '../../core/finding.ts';
import { callerOf } from '../../core/host/process/caller.ts';
import { isRoot } from '../../core/host/process/trusted.ts';
import { type Concerned, stateInTheWay } from '../../core/host/state-place.ts';
import { trustedBy, type UserFiles } from '../../core/host/surroundings.ts';
import { stoppedBy } from '../../core/machine/failure.ts';
import { activeSystem } from '../../core/machine/reader.ts';
import type { Mutex } from '../../core/machine/state-store.ts';
import type { Answer, Digest, Edit, Plan } from '../../core/model.ts';
import { type AbsPath, absolute, ROOT, rebase } from '../../core/path.ts';
import { beforeMoves, withheld } from '../../core/plan/caller-may-read.ts';
import type { EvaluatePolicy } from '../../core/plan/deciding.ts';
import { editsOf, inBatches } from '../../core/plan/edits.ts';
import { ASIDE } from '../../core/plan/places.ts';
import { withProof } from '../../core/plan/plan-id.ts';
import type { Planned } from '../../core/plan/planner.ts';
import { strayEdit } from '../../core/plan/stray-edits.ts';
import { objectionTo } from '../../core/proof/policy.ts';
import { askedBy } from '../../core/spec/leaves.ts';
import { type Arrival, arrivalsIn, foreignIn, strangersIn } from '../../core/transaction/comes-back.ts';
import { execute } from '../../core/transaction/executor.ts';
import type { Transaction } from '../../core/transaction/model.ts';
import type { Counts } from '../../core/verdict.ts';
import { PROVIDERS } from '../../providers/index.ts';
import { dirsOf, type MutexOptions, underMutex } from '../applying/apply-mutex.ts';
import { onceGitRests } from '../applying/git-rests.ts';
import { type KeepOptions, keepWithin, limitsOf } from '../applying/keep.ts';
import { missingRights } from '../applying/rights.ts';
import { endOf, now, recoverFirst, surroundings, unlessStopped } from '../applying/transaction.ts';
import { provedIfWanted } from '../proving/demanded.ts';
import { type End, EXIT, exitOfProblems } from '../session/exit.ts';
import { filesFor } from '../session/files.ts';
import type { GlobalOptions, Io } from '../session/io.ts';
import { loadPlan, sameId } from '../session/plan-file.ts';
import { DECLINED, LEFT } from '../session/question.ts';
import type { Reporting } from '../session/run.ts';
import { openSession, type Session } from '../session/session.ts';
import { standingAfter } from '../session/standing.ts';
import { authorOf, doubtAbout } from '../session/trust.ts';

export interface ApplyOptions extends GlobalOptions, MutexOptions, KeepOptions {
  readonly evaluate: EvaluatePolicy;
  readonly plan?: string | undefined;
  readonly expect?: string | undefined;
  /** The id of a difference of systems, or its beginning. */
  readonly acceptDifference?: string | undefined;
  readonly yes: boolean;
}

export async function applyCommand(options: ApplyOptions, io: Io, reporting: Reporting): Promise<End> {
  const limits = limitsOf(options);
  const opened = await openSession(options, io, reporting);
  if (!opened.ok) return opened.end;
  const { session } = opened;
  const { report } = session;
  const refuse = (problem: Diagnostic, exit: number): End => {
    report({ type: 'diagnostic', diagnostic: problem });
    return { exit };
  };
  for (const diagnostic of session.warnings) report({ type: 'diagnostic', diagnostic });
  const files = await filesFor(callerOf(io.env));
  const doubt = options.plan === undefined ? undefined : planInDoubt(options.plan, options, io, files);
  if (doubt) return refuse(doubt, EXIT.refused);
  const saved = options.plan === undefined ? undefined : loadPlan(options.plan, options.expect, io.cwd, files);
  if (saved?.ok === false) return refuse(saved.problem, EXIT.stale);
  const dirs = placesOf(session);
  const inTheWay = stateInTheWay(session.root, session.host, session.store.where, concernedBy(session), ASIDE);
  if (inTheWay !== undefined) return refuse(inTheWay, EXIT.error);
  const act = async (mutex: Mutex): Promise<End> => {
    /** The verdicts after the last write; undefined: nobody has looked. */
    let after: Counts | undefined;
    const held = { ...session.host, ...session.host.held };
    let edits: readonly Edit[] = [];
    let arrivals: readonly Arrival[] = [];
    const around = surroundings({ ...session, mutex }, io, options, async () => {
      const { plan: left } = await session.plan(() => {});
      after = tallyOf(left);
      return [...remaining(left, session), ...strangersIn(arrivals, held, edits)];
    });
    const recovered = await recoverFirst(around, io);
    if (recovered !== undefined) return recovered;
    let planned: Planned | undefined;
    const again = async (): Promise<Plan> => {
      planned = await session.plan(report);
      return planned.plan;
    };
    const made = saved?.plan ?? (await again());
    let plan = await onceGitRests(made, saved === undefined ? again : undefined, session, io);
    const signal = io.stopped();
    // The signal ended programs of the plan as well, so problems of the plan are not reported.
    if (signal !== undefined) return endOf(stoppedBy(signal));
    const mismatch = saved && foreignPlan(plan, session);
    if (mismatch) return refuse(mismatch, EXIT.stale);
    const author = saved && callersPlan(options, session, io, files);
    if (author) return refuse(author, EXIT.refused);
    if (!saved && options.expect !== undefined && !sameId(plan.id, options.expect))
      return refuse(otherPlan(plan, options.expect), EXIT.stale);
    for (const diagnostic of session.idleAcks(plan)) report({ type: 'diagnostic', diagnostic });
    report({ type: 'planned', plan });
    const verdicts = tallyOf(plan);
    if (isBlocked(plan)) return { exit: exitOfProblems(barsOf(plan)), verdicts };
    if (isEmpty(plan)) return { ...endOf({ status: 'unchanged' }), verdicts };
    if (saved || isRoot()) {
      const stray = strayFrom(plan, session);
      if (stray) return refuse(stray, saved ? EXIT.stale : EXIT.refused);
    }
    edits = editsOf(plan.steps);
    if (isRoot()) {
      const foreign = foreignIn(edits, held);
      if (foreign !== undefined) return refuse(foreign, EXIT.error);
      arrivals = arrivalsIn(edits, held);
    }
    const rights = missingRights(edits, session.host);
    if (rights !== undefined) return refuse(rights, EXIT.error);
    const unattended = options.yes || (saved !== undefined && options.expect !== undefined);
    const proved = planned && (await provedIfWanted(planned, session, io));
    if (proved !== undefined) plan = withProof(plan, proved.proof);
    if (plan.proof) report({ type: 'proved', proof: plan.proof, ...(proved && { seconds: proved.seconds }) });
    const stopped = io.stopped();
    if (stopped !== undefined) return endOf(stoppedBy(stopped));
    const objection = objectionTo(plan.proof, {
      demand: session.wishes.proof,
      isAccepted: (id) => options.acceptDifference !== undefined && sameId(id as Digest, options.acceptDifference),
      isUnattended: unattended,
    });
    if (objection !== undefined) return refuse(objection, EXIT.refused);
    edits = edits.map((edit) => asProven(edit, plan.proof));
    const confirmed = unattended || (await confirm('Apply this plan?', options, io));
    if (confirmed === undefined) return refuse(unconfirmed, EXIT.usage);
    if (confirmed !== true) return unlessStopped(io, confirmed);
    const transaction: Transaction = {
      ...stamp(io),
      kind: 'apply',
      plan: plan.id,
      host: plan.host,
      undoes: [],
      parties: session.wishes.parties,
      dirs,
      spec: basename(session.specFile),
      wishes: askedBy(grantedBy(plan), session.wishes),
      active: activeSystem(session.host),
      ...(plan.proof && { proof: plan.proof }),
      batches: inBatches(edits),
    };
    const outcome = await execute(transaction, plan.blobs, around, plan.readSet);
    keepWithin(limits, outcome, around);
    if (outcome.status === 'applied')
      reporting.learn({ standing: standingAfter(edits, session, callerOf(io.env).home, options) });
    const moved = outcome.status === 'applied' && movedSpec(resolve(io.cwd, session.specFile), edits, session.root);
    if (moved) report({ type: 'diagnostic', diagnostic: moved });
    return { ...endOf(outcome), verdicts: (outcome.status === 'applied' ? after : undefined) ?? verdicts };
  };
  return await underMutex(session, options, { io, report, dirs: () => [...dirs, ...dirsOf(session.store)], act });
}

/** The wishes that hold once the plan is applied. */
const grantedBy = ({ steps }: Plan): readonly Answer[] =>
  steps.flatMap(({ verdicts }) => verdicts).filter(({ verdict }) => verdict === 'holds' || verdict === 'differs');

/** An activation that builds what was proven, and nothing else. */
function asProven(edit: Edit, proof: Plan['proof']): Edit {
  const drv = proof?.second.plain?.drv;
  if (drv === undefined || edit.op !== 'activate' || edit.target.kind !== 'flake') return edit;
  return { ...edit, target: { ...edit.target, drv } };
}

/** The directories that an apply may write to as a whole. */
const concernedBy = ({ wishes: { dir, from } }: Session): readonly Concerned[] => [
  ...(from === undefined ? [] : [{ what: 'config.from', path: from, pointer: '/config/from' }]),
  { what: 'config.path', path: dir, pointer: '/config/path' },
];

/** A whole id: a SHA-256, for which nobody can find a second plan. */
const isWholeId = (id: string | undefined): boolean => id?.replace(/^sha256:/, '').length === 64;

/**
 * The edits of a saved plan are checked against the spec, but the bytes of flake.nix can't be. So its file must be writable by
 * root and the caller alone, or the plan be named by its whole id, for which nobody can find a second plan.
 */
function planInDoubt(file: string, options: ApplyOptions, io: Io, files: UserFiles): Diagnostic | undefined {
  if (isWholeId(options.expect)) return undefined;
  const trusted = trustedBy(callerOf(io.env), authorOf(options)?.uid);
  const judged = doubtAbout(resolve(io.cwd, file), `the plan "${file}"`, trusted, files);
  return judged.kind === 'none' ? judged.problem : undefined;
}

/**
 * A plan whose file the caller can write decides the bytes of the configuration. That is allowed where the configuration is, or
 * will be, the caller's.
 */
function callersPlan(options: ApplyOptions, session: Session, io: Io, files: UserFiles): Diagnostic | undefined {
  const caller = callerOf(io.env);
  if (!isRoot() || caller.uid === 0 || options.plan === undefined || isWholeId(options.expect)) return undefined;
  const { uid } = files.waypoint(resolve(io.cwd, options.plan));
  const { owner, dir, from } = session.wishes;
  const there = session.host.held.stat(from ?? dir);
  const whose = owner?.uid ?? ('owner' in there ? there.owner.uid : 0);
  if (uid === 0 || whose === caller.uid) return undefined;
  return {
    severity: 'error',
    code: 'RF1011',
    summary: `the plan "${options.plan}" is ${caller.name}'s, and the configuration is not`,
    hint: 'make the plan as root, or give its whole id with --expect',
  };
}

/** The places of the configuration before the apply and after it. */
const placesOf = ({ wishes: { dir, from } }: Session): readonly AbsPath[] =>
  from === undefined || from === dir ? [dir] : [dir, from];

/** Asks on the terminal. True: yes. Undefined: there is no terminal. Else the end of the command: no answer, or another one. */
export async function confirm(question: string, options: GlobalOptions, io: Io): Promise<true | End | undefined> {
  if (!options.input || !io.tty.in || !io.tty.err) return undefined;
  // A screen ends with an empty line of its own.
  const answer = await io.ask(`${io.tty.out ? '' : '\n'}${question} Type yes to go on: `);
  if (answer?.trim() === 'yes') return true;
  return answer === undefined ? LEFT : DECLINED;
}

export const stamp = (io: Io): Pick<Transaction, 'tx' | 'startedAt' | 'by' | 'uid'> => ({
  tx: randomBytes(6).toString('hex'),
  startedAt: now(),
  by: callerOf(io.env).name,
  uid: process.geteuid?.() ?? 0,
});

export const unconfirmed: Diagnostic = {
  severity: 'error',
  code: 'RF3008',
  summary: 'nobody can be asked here',
  hint: 'add --yes, or apply a saved plan with --expect ID',
};

/** The differences left after the last write. Undecided wishes were undecided before. */
function remaining(plan: Plan, session: Session): readonly Diagnostic[] {
  if (isEmpty(plan) && !isBlocked(plan)) return [];
  const mayRead = beforeMoves(plan, session.mayRead);
  const left = changesOf(plan).map(
    ({ subject, because, path }) => `${subject}: ${mayRead(path) ? because : withheld(path)}`,
  );
  const summary = `after everything was written, the machine still differs: ${left.slice(0, 3).join('; ') || 'a check fails'}`;
  return [{ severity: 'error', code: 'RF3006', summary }, ...problemsOf(plan)];
}

/** A spec in the directory that was moved is not found at its old place by the next command. */
function movedSpec(spec: string, edits: readonly Edit[], root: AbsPath): Diagnostic | undefined {
  const prefix = root === ROOT ? '' : root;
  for (const edit of edits) {
    if (edit.op !== 'move') continue;
    const to = rebase(absolute(spec), absolute(`${prefix}${edit.from}`), absolute(`${prefix}${edit.to}`));
    if (to !== undefined)
      return { severity: 'note', code: 'RF3022', summary: `the spec was moved along: it is "${to}" now`, path: to };
  }
  return undefined;
}

/** A saved plan is for one machine and one spec. */
function foreignPlan(plan: Plan, { host, digest }: Session): Diagnostic | undefined {
  const { facts } = host;
  const sameHost = plan.host.name === facts.name && plan.host.machineId === facts.machineId;
  if (sameHost && plan.spec === digest) return undefined;
  const summary = sameHost
    ? 'the spec has changed since the plan was made'
    : `the plan is for the machine "${plan.host.name}"`;
  return { severity: 'error', code: 'RF3003', summary, hint: 'make a new plan: reflake plan --out FILE' };
}

/** An id proves that nobody altered a plan, not who made it; so edits are checked again, those of our own plans too. */
function strayFrom(plan: Plan, { wishes, host }: Session): Diagnostic | undefined {
  const edit = strayEdit(editsOf(plan.steps), plan.blobs, wishes, host, PROVIDERS);
  if (edit === undefined) return undefined;
  const what =
    edit.op === 'activate'
      ? 'activates something else than the system of this spec'
      : `${edit.op === 'move' ? `moves "${edit.from}"` : `changes "${edit.path}"`} in a way that no wish of this spec asks for`;
  return {
    severity: 'error',
    code: 'RF3017',
    summary: `the plan ${what}`,
    hint: 'make a new plan: reflake plan; if it is refused as well, this is a bug, or somebody is changing the tree',
    ...(edit.op === 'put' && { path: edit.path }),
  };
}

const otherPlan = (plan: Plan, expected: string): Diagnostic => ({
  severity: 'error',
  code: 'RF3001',
  summary: `the plan is ${plan.id.slice(7, 15)} by now, not ${expected}`,
  hint: 'look at the new plan: reflake plan',
});
