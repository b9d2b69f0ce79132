// What can be said of a finding by its code alone: how severe it is, and the same as a diagnostic. Pure.

import { entryOf } from './codes.ts';
import type { Diagnostic, JsonPointer } from './diagnostic.ts';
import type { Change, Finding, Plan } from './model.ts';
import type { AbsPath } from './path.ts';
import { type Counts, countsOf } from './verdict.ts';

/** The plan itself mends it. */
export const isChange = (finding: Finding): finding is Change =>
  finding.remedy.by === 'plan' && finding.path !== undefined;

function severityOf(finding: Finding): Diagnostic['severity'] {
  const { verdict, severity } = entryOf(finding.code);
  if (finding.wish === undefined || verdict === undefined) return severity ?? 'note';
  if (verdict === 'undecided') return severity ?? 'warning';
  return isChange(finding) ? 'note' : 'error';
}

/** It bars an apply. */
export const isBar = (finding: Finding): boolean => severityOf(finding) === 'error';

/** For the screens and lists that diagnostics have: a finding that the plan does not mend is shown as one. */
export function asDiagnostic(finding: Finding): Diagnostic {
  const { code, wish, because, at, path, remedy, evidence } = finding;
  // A note is short; who wants all of it reads the plan.
  const log = severityOf(finding) === 'note' ? undefined : evidence?.map(({ saw }) => saw).join('\n');
  const snippet = remedy.by === 'paste' ? remedy.snippet : log;
  return {
    severity: severityOf(finding),
    code,
    summary: because,
    ...(remedy.by !== 'plan' && remedy.hint !== '' && { hint: remedy.hint }),
    ...(wish !== undefined && { pointer: wish }),
    ...(at && { at }),
    ...(path !== undefined && { path }),
    ...(snippet && { snippet }),
  };
}

/** What is said in the same words wherever it is met, as a finding of the provider that met it. */
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

/** What the plan does not mend, for whoever reads diagnostics. */
export const problemsOf = (plan: Pick<Plan, 'steps'>): readonly Diagnostic[] =>
  findingsOf(plan)
    .filter((finding) => !isChange(finding))
    .map(asDiagnostic);

/** Nothing would be done. Whether the wishes hold is another question. */
export const isEmpty = (plan: Pick<Plan, 'steps'>): boolean =>
  plan.steps.every(({ findings, edits }) => edits.length === 0 && !findings.some(isChange));

/** Something keeps it from being carried out: an error that is told, and whatever it bars. */
export const isBlocked = (plan: Pick<Plan, 'steps'>): boolean =>
  findingsOf(plan).some(isBar) ||
  plan.steps.some(({ verdicts }) => verdicts.some(({ verdict }) => verdict === 'blocked'));

export const tallyOf = ({
  steps,
  leftOut,
  acknowledged = [],
}: Pick<Plan, 'steps' | 'leftOut' | 'acknowledged'>): Counts =>
  countsOf(
    steps.flatMap(({ verdicts }) => verdicts.map(({ verdict }) => verdict)),
    leftOut.length,
    acknowledged.length,
  );

/** What several providers say when there is no configuration: the same words, which are told once. */
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
