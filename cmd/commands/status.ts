// reflake status: one screen of how the machine stands: where its configuration is, which wishes hold, what was last applied,
// and whether what runs and what boots is what the flake builds. It judges nothing: check does.

import type { Diagnostic } from '../../core/diagnostic.ts';
import type { MachineStatus, PastApply } from '../../core/event.ts';
import { barsOf, isBlocked, tallyOf } from '../../core/finding.ts';
import { failureIn } from '../../core/formats/tool-hints.ts';
import { callerOf } from '../../core/host/process/caller.ts';
import { lastLines } from '../../core/machine/failure.ts';
import type { JobResult } from '../../core/machine/job.ts';
import { activeSystem, bootDefaultOf, unlessUnreadable } from '../../core/machine/reader.ts';
import type { Plan } from '../../core/model.ts';
import { join } from '../../core/path.ts';
import type { EvaluatePolicy } from '../../core/plan/deciding.ts';
import { systemIn, systemJob } from '../../core/plan/system.ts';
import { telling } from '../../core/plan/telling.ts';
import { past } from '../../core/transaction/history.ts';
import { type End, EXIT } from '../session/exit.ts';
import type { GlobalOptions, Io } from '../session/io.ts';
import { rootsApplies } from '../session/roots-applies.ts';
import type { Reporting } from '../session/run.ts';
import { openSession, type Session } from '../session/session.ts';
import { shortPlace } from '../session/standing.ts';
import { published } from './history.ts';

export interface StatusOptions extends GlobalOptions {
  readonly evaluate: EvaluatePolicy;
}

export async function statusCommand(options: StatusOptions, io: Io, reporting: Reporting): Promise<End> {
  const opened = await openSession(options, io, reporting);
  if (!opened.ok) return opened.end;
  const { session } = opened;
  const { report, host, wishes } = session;
  for (const diagnostic of session.warnings) report({ type: 'diagnostic', diagnostic });
  const { plan } = await session.plan(report, { bytes: false });
  const last = lastApply(session, options);
  if (last !== undefined && 'problem' in last) report({ type: 'diagnostic', diagnostic: last.problem });
  const isFlake = unlessUnreadable(() => host.stat(join(wishes.dir, './flake.nix')).type) === 'file';
  const active = unlessUnreadable(() => activeSystem(host)) ?? {};
  const boots = unlessUnreadable(() => bootDefaultOf(active, host));
  const generation = /^system-(\d+)-link$/.exec(active.profile ?? '')?.[1];
  report({
    type: 'status',
    host: plan.host.name,
    system: plan.host.system,
    spec: session.specFile,
    path: wishes.dir,
    place: wishes.isRunning ? shortPlace(wishes.dir, callerOf(io.env).home) : wishes.dir,
    isFlake,
    isRepository: unlessUnreadable(() => host.stat(join(wishes.dir, './.git')).type) === 'dir',
    attribute: wishes.host.attribute,
    answers: plan.steps.flatMap(({ verdicts }) => verdicts),
    ...(last !== undefined && 'number' in last && { lastApply: last }),
    ...(wishes.isRunning && active.running !== undefined && { running: active.running }),
    ...(wishes.isRunning && boots !== undefined && { boots }),
    ...(wishes.isRunning && generation !== undefined && { generation: Number(generation) }),
    builds: isFlake ? await builtBy(session, plan, options) : { kind: 'not asked', why: 'it is no flake yet' },
  });
  return { exit: EXIT.ok, verdicts: tallyOf(plan) };
}

/** What the flake builds, by Nix. Not asked where it could not be compared, or where something bars the look. */
async function builtBy(
  { host, wishes, report }: Session,
  plan: Plan,
  { evaluate }: StatusOptions,
): Promise<MachineStatus['builds']> {
  if (!wishes.isRunning) return { kind: 'not asked', why: 'under --root no system of this machine is looked at' };
  if (evaluate === 'never') return { kind: 'not asked', why: 'as --evaluate never says' };
  if (isBlocked(plan)) {
    const [bar] = barsOf(plan);
    return { kind: 'not asked', why: `${bar?.code ?? 'an error'} bars the look: reflake plan` };
  }
  const job = systemJob(wishes.dir, wishes.host.attribute, wishes.person, wishes.offline);
  const built = systemIn(await telling(host, report).compute(job));
  return built.kind === 'evaluated' ? built : { kind: 'failed', why: whyNot(built.result) };
}

function whyNot(result: JobResult): string {
  if (result.status === 'missing') return `${result.tool} is not found`;
  if (result.status === 'closed') return `only root can read ${result.path}`;
  const log = result.status === 'failed' ? result.stderr.trim() : '';
  const error = [...log.matchAll(/^ *error: *(\S.*)$/gm)].at(-1)?.[1];
  return failureIn(log)?.hint ?? error ?? (lastLines(log, 1).trim() || 'Nix does not say why');
}

/** The newest of the own history and of what anybody may know of root's. */
function lastApply(session: Session, options: GlobalOptions): PastApply | { readonly problem: Diagnostic } | undefined {
  const own = past(session.store);
  if (!own.ok) return own;
  const roots = rootsApplies(options, session);
  if (roots.status === 'damaged') return roots;
  const newest = own.applies.at(-1);
  const all = [
    ...(newest === undefined ? [] : [published(newest)]),
    ...(roots.status === 'known' ? roots.applies : []),
  ];
  return all.toSorted((one, other) => (one.finishedAt < other.finishedAt ? -1 : 1)).at(-1);
}
