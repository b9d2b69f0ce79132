// What the formats for other programs are made of: all that the events of one command told, once it has ended.

import type { Reporter } from '../../../core/event.ts';
import { findingsOf } from '../../../core/finding.ts';
import { pointerWords } from '../../../core/formats/json-pointer.ts';
import { keyOf } from '../../../core/leaf.ts';
import type { Acknowledged, Answer, Expected, Plan } from '../../../core/model.ts';
import { type Counts, tallyWords } from '../../../core/verdict.ts';
import { escapeLine } from '../escape.ts';
import type { Screen } from '../screen.ts';
import { type Item, itemOf, itemOfDiagnostic } from './item.ts';

export interface Report {
  readonly verb: string;
  /** Undefined: nobody came so far as to look at a machine. */
  readonly host?: string;
  readonly spec: string;
  readonly exit: number;
  readonly strict: boolean;
  readonly seconds: number;
  /** Seconds since 1970. */
  readonly endedAt: number;
  /** Of a check with a record: when one last came to an answer, this one or an earlier one. Seconds since 1970. */
  readonly lastSuccess?: number;
  readonly counts?: Counts;
  /** The worst first. */
  readonly items: readonly Item[];
  readonly answers: readonly (Answer & { readonly provider: string })[];
  readonly acknowledged: readonly Acknowledged[];
  /** Wishes that differ and may for a time. */
  readonly expected: readonly Expected[];
  readonly leftOut: readonly string[];
  /** Wishes of a machine, where only a checkout was looked at. */
  readonly notChecked: readonly string[];
  /** How many findings the plan mends in which way. */
  readonly actions: Readonly<Record<string, number>>;
  /** Of the plan, where it is what an apply would do. */
  readonly plan?: string;
}

/** Prints once, at the end, what `render` makes of everything. */
export function collected(screen: Screen, render: (report: Report) => string): Reporter {
  const began = screen.now();
  const told: Told = { problems: [] };
  return (event) => {
    if (event.type === 'planned') Object.assign(told, { plan: event.plan, isPartial: event.isPartial });
    else if (event.type === 'diagnostic') told.problems.push(event.diagnostic);
    else if (event.type === 'diagnostics') told.problems.push(...event.diagnostics);
    else if (event.type === 'ended') screen.print.out(render(reportOf(told, event, began, screen)));
  };
}

interface Told {
  plan?: Plan;
  isPartial?: boolean;
  readonly problems: Parameters<typeof itemOfDiagnostic>[0][];
}

const WEIGHT = { error: 0, warning: 1, note: 2 };

function reportOf(
  { plan, isPartial, problems }: Told,
  { exit, verdicts, lastSuccess }: Extract<Parameters<Reporter>[0], { type: 'ended' }>,
  began: number,
  { verb, strict, now, epoch, cwd, about: ask }: Screen,
): Report {
  const about = ask();
  const expected = new Set((plan?.expected ?? []).map(keyOf));
  const around = { about, strict, cwd, isFailing: exit !== 0, expected };
  const items = [
    ...problems.map((problem) => itemOfDiagnostic(problem, around)),
    ...(plan === undefined ? [] : findingsOf(plan).map((finding) => itemOf(finding, around))),
  ];
  const actions: Record<string, number> = { add: 0, change: 0, remove: 0, move: 0, activate: 0 };
  for (const { remedy } of plan === undefined ? [] : findingsOf(plan))
    if (remedy.by === 'plan') actions[remedy.action] = (actions[remedy.action] ?? 0) + 1;
  return {
    verb,
    spec: about.spec,
    exit,
    strict,
    seconds: (now() - began) / 1000,
    endedAt: epoch(),
    items: items.sort((a, b) => WEIGHT[a.level] - WEIGHT[b.level]),
    answers: (plan?.steps ?? []).flatMap(({ provider, verdicts: all }) => all.map((one) => ({ ...one, provider }))),
    acknowledged: plan?.acknowledged ?? [],
    expected: plan?.expected ?? [],
    leftOut: plan?.leftOut ?? [],
    notChecked: plan?.notChecked ?? [],
    actions,
    ...(plan && { host: plan.host.name }),
    ...(verdicts && { counts: verdicts }),
    ...(lastSuccess !== undefined && { lastSuccess: Date.parse(lastSuccess) / 1000 }),
    ...(plan && !isPartial && { plan: plan.id.slice('sha256:'.length, 'sha256:'.length + 8) }),
  };
}

/** How it ended, in one word. `failed`: the look itself did not come to its end. */
export function stateOf({ counts, exit }: Pick<Report, 'counts' | 'exit'>): 'in sync' | 'drift' | 'open' | 'failed' {
  if (counts === undefined) return exit === 0 ? 'in sync' : 'failed';
  if (counts.blocked > 0 && exit !== 2) return 'failed';
  if (counts.differ > 0 || counts.blocked > 0 || exit === 2) return 'drift';
  return counts.hold === counts.wishes && counts.leftOut === 0 && !counts.acknowledged && !counts.expected
    ? 'in sync'
    : 'open';
}

/** `nixos differs from reflake.yaml.`, on one line. */
export function verdictLine(report: Report): string {
  const { host, spec, exit, verb, counts } = report;
  const name = escapeLine(host ?? 'the machine');
  const file = escapeLine(spec === '' ? 'the spec' : spec);
  if (verb === 'validate') return exit === 0 ? `${file} is valid.` : `${file} is not valid.`;
  return {
    'in sync': `${name} matches ${file}${counts?.notChecked ? ', as far as a checkout tells' : ''}.`,
    drift: `${name} differs from ${file}.`,
    open: `${name}: nothing is known to differ from ${file}, but not all is known to match.`,
    failed: `${name} could not be checked against ${file} (exit ${exit}).`,
  }[stateOf(report)];
}

/** The same, and how many wishes have which answer. */
export const headline = (report: Report): string =>
  report.counts === undefined ? verdictLine(report) : `${verdictLine(report)} ${tallyWords(report.counts)}`;

/** `features: vendor pin (until 2027-03-01)`, on one line. */
export const acknowledgedWords = ({ reason, until, ...leaf }: Acknowledged): string =>
  escapeLine(`${pointerWords(keyOf(leaf))}: ${reason}${until === undefined ? '' : ` (until ${until})`}`);

/** `old → new`, or the one of them that there is; empty for none. */
export const valueWords = ({ values: { from, to } }: Item): string =>
  from !== undefined && to !== undefined ? `${from} → ${to}` : (to ?? from ?? '');

/** What it is about, what was found, and the values, in one line. */
export const itemWords = (item: Item): string => {
  const values = valueWords(item);
  const subject = item.subject === item.title ? '' : `${item.subject}: `;
  return `${subject}${item.because}${values === '' ? '' : ` (${values})`}`;
};

/** At most so many UTF-16 units, and a mark where some were cut; never half a pair. */
export function clipped(text: string, most: number): string {
  if (text.length <= most) return text;
  const end = /[\ud800-\udbff]/.test(text[most - 1]!) ? most - 1 : most;
  return `${text.slice(0, end)}…`;
}
