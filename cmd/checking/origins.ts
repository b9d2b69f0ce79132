// Gives the findings of a plan their origins: since when, by whose hand, by which apply or commit. Starts git at most once for each
// file, and nothing at all where all wishes hold.

import type { JsonPointer } from '../../core/diagnostic.ts';
import { keyOf, leafFrom } from '../../core/leaf.ts';
import { unlessUnreadable } from '../../core/machine/reader.ts';
import { repositoryOf } from '../../core/machine/repository.ts';
import type { Answer, Digest, Finding, Origin, Plan } from '../../core/model.ts';
import { type AbsPath, absolute } from '../../core/path.ts';
import { commitIn, commitJob } from '../../core/seen/commit.ts';
import { originOf } from '../../core/seen/origin.ts';
import { standingIn } from '../../core/seen/past.ts';
import type { SeenRecord } from '../../core/seen/record.ts';
import { askedBy } from '../../core/spec/leaves.ts';
import type { GlobalOptions } from '../session/io.ts';
import { rootsApplies } from '../session/roots-applies.ts';
import type { Session } from '../session/session.ts';

/** How many files git is asked about: of more, whoever reads looks at the first. */
const MOST_ASKED = 20;

/**
 * The plan with an origin for each finding that decides a wish which does not hold, those that are acknowledged too. `record`: since
 * when; where it is written now, what it does not have is there since now.
 */
export async function withOrigins(
  plan: Plan,
  session: Session,
  options: GlobalOptions,
  record: { readonly before?: SeenRecord; readonly isWritten?: boolean } | undefined,
): Promise<Plan> {
  const { steps, acknowledged = [] } = plan;
  const answers = [...steps.flatMap(({ verdicts }) => verdicts), ...acknowledged];
  const open = new Map<JsonPointer, JsonPointer[]>();
  for (const one of steps.flatMap(({ verdicts }) => verdicts))
    if (one.verdict !== 'holds') open.set(one.wish, [...(open.get(one.wish) ?? []), keyOf(one)]);
  for (const one of acknowledged) open.set(one.wish, [...(open.get(one.wish) ?? []), keyOf(one)]);
  if (open.size === 0) return plan;
  const ground = groundOf(session, options, answers);
  const now = record?.isWritten ? new Date().toISOString() : undefined;
  const seen = new Map((record?.before?.findings ?? []).map(({ id, firstSeen }) => [id, firstSeen]));
  const asked = commitsOf(session);
  const traced = async (finding: Finding): Promise<Finding> => {
    const keys = finding.wish === undefined ? [] : keysOf(finding, open.get(finding.wish) ?? []);
    if (finding.id === undefined || keys.length === 0) return finding;
    const commit = await asked(finding);
    const since = seen.get(finding.id) ?? now;
    const origin: Origin = {
      ...originOf(finding, keys, ground),
      ...(since !== undefined && { since }),
      ...(commit && { commit }),
    };
    return { ...finding, origin };
  };
  // One after the other: a program at a time.
  const all = async (findings: readonly Finding[]): Promise<readonly Finding[]> => {
    const told: Finding[] = [];
    for (const finding of findings) told.push(await traced(finding));
    return told;
  };
  const made: Plan['steps'][number][] = [];
  for (const step of steps) made.push({ ...step, findings: await all(step.findings) });
  const known: (typeof acknowledged)[number][] = [];
  for (const one of acknowledged) known.push({ ...one, findings: await all(one.findings) });
  return { ...plan, steps: made, ...(plan.acknowledged && { acknowledged: known }) };
}

const keysOf = ({ hosts }: Finding, open: readonly JsonPointer[]): readonly JsonPointer[] =>
  hosts === undefined ? open : open.filter((key) => hosts.includes(leafFrom(key).host ?? ''));

function groundOf(session: Session, options: GlobalOptions, answers: readonly Pick<Answer, 'wish' | 'host'>[]) {
  const { host, store, wishes } = session;
  const roots = rootsApplies(options, session);
  const newest = roots.status === 'known' ? roots.applies.at(-1) : undefined;
  const elsewhere =
    roots.status === 'closed'
      ? `only root can look into "${roots.where}"`
      : newest && `only root can look at what root applied, last in apply ${newest.number}`;
  const asked: Readonly<Record<JsonPointer, Digest>> = askedBy(answers, wishes);
  return { reader: host, past: standingIn(store, elsewhere), asked, userName: wishes.people.userName };
}

/** The last commit of a finding's lines; each question is asked once. */
function commitsOf({ host, root, wishes }: Session): (finding: Finding) => Promise<Origin['commit'] | undefined> {
  const top = unlessUnreadable(() => repositoryOf(wishes.dir, host)?.top);
  const known = new Map<string, Promise<Origin['commit'] | undefined>>();
  return async (finding) => {
    if (top === undefined) return undefined;
    const disk: AbsPath = root === '/' ? top : absolute(`${root}${top}`);
    const job = commitJob(finding, { top, disk }, wishes.person);
    if (job === undefined) return undefined;
    const key = job.argv.join('\0');
    if (!known.has(key)) {
      if (known.size >= MOST_ASKED) return undefined;
      known.set(key, host.compute(job).then(commitIn));
    }
    return await known.get(key);
  };
}
