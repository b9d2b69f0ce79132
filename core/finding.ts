// Derives from a finding's code its severity, and turns findings into diagnostics and back. Pure.

import { entryOf } from './codes.ts';
import type { Diagnostic, JsonPointer } from './diagnostic.ts';
import { isOfRepository, keyOf } from './leaf.ts';
import type { Change, Finding, Plan } from './model.ts';
import type { AbsPath } from './path.ts';
import { type Counts, countsOf } from './verdict.ts';

/** True if the plan itself mends it. */
export const isChange = (finding: Finding): finding is Change =>
  finding.remedy.by === 'plan' && finding.path !== undefined;

function severityOf(finding: Finding): Diagnostic['severity'] {
  const { verdict, severity } = entryOf(finding.code);
  if (finding.wish === undefined || verdict === undefined) return finding.severity ?? severity ?? 'note';
  if (verdict === 'undecided') return severity ?? 'warning';
  return isChange(finding) ? 'note' : 'error';
}

/** True if it keeps the plan from being applied. */
export const isBar = (finding: Finding): boolean => severityOf(finding) === 'error';

/** For the screens and lists that diagnostics have: a finding that the plan does not mend is shown as one. */
export function asDiagnostic(finding: Finding): Diagnostic {
  const { code, because, at, path, remedy, evidence } = finding;
  const [pointer] = wishesIn(finding);
  // A note is short; the plan has all of the evidence.
  const log = severityOf(finding) === 'note' ? undefined : evidence?.map(({ saw }) => saw).join('\n');
  const snippet = remedy.by === 'paste' ? remedy.snippet : log;
  return {
    severity: severityOf(finding),
    code,
    summary: `${because}${hostsWords(finding)}`,
    ...(remedy.by !== 'plan' && remedy.hint !== '' && { hint: remedy.hint }),
    ...(pointer !== undefined && { pointer }),
    ...(at && { at }),
    ...(path !== undefined && { path }),
    ...(snippet && { snippet }),
  };
}

/** The wishes that a finding decides, by `keyOf`: of several hosts one for each. None: advice. */
export const wishesIn = ({ wish, hosts }: Pick<Finding, 'wish' | 'hosts'>): readonly JsonPointer[] =>
  wish === undefined ? [] : hosts === undefined ? [wish] : hosts.map((host) => keyOf({ wish, host }));

/** ` (of web, db and 3 more)`: the hosts that share what was found in the repository; empty where the words name them. */
function hostsWords({ wish, hosts = [], because }: Finding): string {
  const [first] = hosts;
  if (first === undefined || wish === undefined || !isOfRepository(wish)) return '';
  if (hosts.length === 1 && because.split(/[^\w.-]+/).includes(first)) return '';
  const shown = hosts.slice(0, hosts.length > MOST_HOSTS + 1 ? MOST_HOSTS : hosts.length);
  const others = hosts.length - shown.length;
  return ` (of ${shown.join(', ')}${others === 0 ? '' : ` and ${others} more`})`;
}
const MOST_HOSTS = 5;

/** A diagnostic as a finding of the provider that met it. */
export const asFinding = (
  { code, summary, hint = '', at, path }: Diagnostic,
  subject: string,
  wish: JsonPointer | undefined,
): Finding => ({
  code,
  subject,
  because: summary,
  remedy: { by: 'you', hint },
  ...(wish !== undefined && { wish }),
  ...(at && { at }),
  ...(path !== undefined && { path }),
});

export const findingsOf = (plan: Pick<Plan, 'steps'>): readonly Finding[] =>
  plan.steps.flatMap(({ findings }) => findings);

export const changesOf = (plan: Pick<Plan, 'steps'>): readonly Change[] => findingsOf(plan).filter(isChange);

/** The findings that the plan does not mend, as diagnostics. */
export const problemsOf = (plan: Pick<Plan, 'steps'>): readonly Diagnostic[] =>
  findingsOf(plan)
    .filter((finding) => !isChange(finding))
    .map(asDiagnostic);

/** True if the plan does nothing. Its wishes need not hold. */
export const isEmpty = (plan: Pick<Plan, 'steps'>): boolean =>
  plan.steps.every(({ findings, edits }) => edits.length === 0 && !findings.some(isChange));

/**
 * The errors that keep the plan from being applied on its machine. One about other hosts alone does not: their wishes stay
 * blocked, and this machine's are answered without them.
 */
export const barsOf = (plan: Pick<Plan, 'steps' | 'machine'>): readonly Finding[] =>
  findingsOf(plan).filter((finding) => isBar(finding) && isHere(plan, finding.hosts));

/** True if an error, or a wish that it bars, keeps the plan from being applied on its machine. */
export const isBlocked = (plan: Pick<Plan, 'steps' | 'machine'>): boolean =>
  barsOf(plan).length > 0 ||
  plan.steps.some(({ verdicts }) =>
    verdicts.some(
      ({ verdict, host }) => verdict === 'blocked' && isHere(plan, host === undefined ? undefined : [host]),
    ),
  );

const isHere = ({ machine }: Pick<Plan, 'machine'>, hosts: readonly string[] | undefined): boolean =>
  machine === undefined || hosts === undefined || hosts.includes(machine);

export function tallyOf(plan: Pick<Plan, 'steps' | 'leftOut' | 'notChecked' | 'expected' | 'acknowledged'>): Counts {
  const { steps, leftOut, notChecked = [], expected = [], acknowledged = [] } = plan;
  const may = new Set(expected.map(keyOf));
  const counted = steps.flatMap(({ verdicts }) => verdicts).filter((one) => !may.has(keyOf(one)));
  return countsOf(
    counted.map(({ verdict }) => verdict),
    leftOut.length,
    { acknowledged: acknowledged.length, notChecked: notChecked.length, expected: expected.length },
  );
}

/** The finding of several providers for a missing configuration: the same words, so that it is told once. */
export const noConfiguration = (dir: AbsPath, from: AbsPath | undefined): Finding => ({
  code: 'RF2004',
  wish: '/config/path',
  subject: 'config.path',
  path: dir,
  because:
    from === undefined
      ? `there is no configuration at "${dir}"`
      : `there is no configuration at "${dir}", and none at "${from}"`,
  remedy: {
    by: 'you',
    hint: from === undefined ? 'write config.from: where the configuration is now' : 'mend config.path or config.from',
  },
});
