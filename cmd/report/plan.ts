// Draws a plan for people: the changes, grouped by file, each with the wish that it is for.

import type { JsonPointer, SourceRange } from '../../core/diagnostic.ts';
import { barsOf, isChange, tallyOf, wishesIn } from '../../core/finding.ts';
import { fromPointer, pointerWords, toPointer } from '../../core/formats/json-pointer.ts';
import { keyOf } from '../../core/leaf.ts';
import type { Change, Edit, Plan } from '../../core/model.ts';
import type { AbsPath } from '../../core/path.ts';
import type { Verdict } from '../../core/verdict.ts';
import type { Style, Theme } from './colour.ts';
import { nameIn, shortSystem } from './names.ts';
import { countWords, type Row, rowsOf, SIGN_OF, type Sign } from './plan-rows.ts';
import { isSecretName, secret } from './secrets.ts';
import { originFacts } from './why.ts';
import { padEnd, stringWidth, wrap } from './width.ts';

/** Facts that a plan screen needs besides the plan. */
export interface PlanWords {
  /** The spec as the user named it. */
  readonly spec: string;
  /** Paths below it are shown relative to it. */
  readonly dir?: AbsPath;
  /** The file that the plan was saved to. */
  readonly saved?: string;
  readonly locate?: (pointer: JsonPointer) => SourceRange | undefined;
  /** Bytes were withheld: it has no id, and is not what would be applied. */
  readonly isPartial?: boolean;
  /** The plan is shown before an apply; so it is not said how to apply it. */
  readonly isApplying?: boolean;
  /** Shows why, for each change. */
  readonly verbose?: boolean;
}

/** Below this the right column goes, so that the left one can be read. */
const ROOMY = 60;

const STYLE: Readonly<Record<Sign, Style>> = { '+': 'add', '~': 'change', '-': 'remove', '>': 'bold', '!': 'act' };

/** The screen of a plan on a terminal: files, changes with their wishes, the count, the id. No line end after the last line. */
export function planScreen(plan: Plan, words: PlanWords, theme: Theme): string {
  const rows = rowsOf(plan);
  const dot = theme.show(' · ');
  const title = [plan.host.name, plan.host.system, words.spec].filter((word) => word !== '');
  const head = theme.paint('bold', title.map(theme.show).join(dot));
  const rights = rows.map((row) => (theme.columns < ROOMY ? '' : theme.show(rightOf(row))));
  const rightWidth = Math.max(0, ...rights.map(stringWidth));
  const body = rows.flatMap((row, at) => rowLines(row, rights[at]!, theme.columns - rightWidth, words, theme));
  return [head, '', ...body, '', ...footer(plan, rows, words, theme)].map((line) => line.trimEnd()).join('\n');
}

/** One fact per line, for logs: `change flake + flake.nix inputs.nixpkgs "github:…" spec:/inputs/nixpkgs reflake.yaml:9`. */
export function planLog(plan: Plan, words: PlanWords, theme: Theme): string {
  const rows = rowsOf(plan);
  const lines = plan.steps.flatMap(({ provider, findings }) =>
    findings.filter(isChange).map((change) => {
      const [wish] = wishesIn(change);
      const place = wish === undefined ? undefined : words.locate?.(wish);
      const value = valueWords(change, isSecretName(change.subject), (text) => JSON.stringify(text), theme);
      const facts = [
        'change',
        provider,
        change.remedy.action === 'move' ? theme.show('→') : SIGN_OF[change.remedy.action],
        theme.show(nameOf(change.path, words)),
        theme.show(change.subject),
        value,
        wish === undefined ? '' : theme.show(`spec:${wish}`),
        place === undefined ? '' : theme.show(`${place.file}:${place.line}`),
        // The reason too, for a reader who has only the log of a nightly check.
        `# ${isSecretName(change.subject) ? '' : `${theme.show(change.because)} `}[${change.code}]`,
      ];
      return facts.filter((fact) => fact !== '').join(' ');
    }),
  );
  const name = words.isPartial ? 'plan' : `plan ${shortId(plan)}`;
  return [...lines, `${name}: ${countWords(rows) || 'nothing to do'}`].join('\n');
}

/** What would change, for whoever wants to read little: `nixos differs from reflake.yaml: 2 to add (plan 7f3c9a12)`. */
export const driftLine = (plan: Plan, { spec, isPartial }: PlanWords, theme: Theme): string => {
  const name = isPartial ? '' : ` (plan ${shortId(plan)})`;
  return `${theme.show(plan.host.name)} differs from ${theme.show(spec)}: ${countWords(rowsOf(plan)) || describeEdits(editsIn(plan))}${name}`;
};

const editsIn = ({ steps }: Plan): readonly Edit[] => steps.flatMap(({ edits }) => edits);

/** The first eight digits of a plan's id. */
export const shortId = (plan: Pick<Plan, 'id'>): string => plan.id.slice('sha256:'.length, 'sha256:'.length + 8);

/**
 * `No changes: nixos matches reflake.yaml (0.04 s).` where every wish holds; else how many do, and which are not known:
 * `No changes: 8 of 9 wishes hold (0.04 s); undecided: features.`
 */
export function inSyncLine(plan: Plan, spec: string, seconds: number, theme: Theme): string {
  const { wishes, hold, leftOut, notChecked = 0, acknowledged = 0 } = tallyOf(plan);
  const time = `(${seconds.toFixed(2)} s)`;
  const head = theme.paint('done', 'No changes:');
  if (hold === wishes && leftOut === 0 && notChecked === 0 && acknowledged === 0)
    return `${head} ${theme.show(plan.host.name)} matches ${theme.show(spec)} ${time}.`;
  const answers = plan.steps.flatMap(({ verdicts }) => verdicts);
  const those = (verdict: Verdict): string => {
    const wanted = answers.filter((one) => one.verdict === verdict).map((one) => pointerWords(keyOf(one)));
    const more = wanted.length - MOST_NAMED;
    const shown = more > 1 ? [...wanted.slice(0, MOST_NAMED), `and ${more} more`] : wanted;
    return wanted.length === 0 ? '' : `; ${verdict}: ${theme.show(shown.join(', '))}`;
  };
  const elsewhere = `${those('differs')}${those('blocked')}`;
  const named = `${those('undecided')}${elsewhere}`;
  const out = leftOut === 0 ? '' : `; left out: ${leftOut}`;
  const blind = notChecked === 0 ? '' : `; not checked: ${notCheckedWords(plan, theme)}`;
  const known = (plan.acknowledged ?? []).map((one) => theme.show(pointerWords(keyOf(one))));
  const left = known.length === 0 ? '' : `; acknowledged: ${known.join(', ')}`;
  const all = wishes + leftOut + notChecked + acknowledged;
  // Errors about other hosts keep their wishes from being granted, and this machine has nothing to do.
  const nothing = elsewhere === '' ? 'No changes:' : 'Nothing to do on this machine:';
  return `${theme.paint('bold', nothing)} ${hold} of ${all} wishes hold ${time}${named}${out}${blind}${left}.`;
}

/** `config.path, features (without a machine)`; of many only how many. */
function notCheckedWords({ notChecked = [] }: Plan, theme: Theme): string {
  const named =
    notChecked.length > MOST_NAMED ? `${notChecked.length} wishes` : notChecked.map(pointerWords).join(', ');
  return theme.show(`${named} (without a machine)`);
}
const MOST_NAMED = 6;

/** `acknowledged until 2027-03-01: features (vendor pin)`, `expected to differ until …`; one line for each wish. */
export const knownLines = ({ acknowledged = [], expected = [] }: Plan, theme: Theme): string =>
  [
    ...acknowledged.map(({ reason, until, ...leaf }) => {
      const when = until === undefined ? '' : ` until ${until}`;
      return `acknowledged${when}: ${pointerWords(keyOf(leaf))} (${reason})`;
    }),
    ...expected.map(({ to, ...leaf }) => `expected to differ until ${to}: ${pointerWords(keyOf(leaf))}`),
  ]
    .map(theme.show)
    .join('\n');

/** The ids of findings, which an acknowledgement in the spec names; below each where it comes from, if that was looked for. */
export const idLines = (plan: Plan, theme: Theme): string =>
  plan.steps
    .flatMap(({ findings }) => findings)
    .filter(({ id }) => id !== undefined)
    .flatMap(({ id, code, subject, origin }) => [
      `finding ${id} [${code}] ${subject}`,
      ...(origin === undefined ? [] : originFacts(origin).map(([what, text]) => `  ${what}: ${text}`)),
    ])
    .map((line) => theme.paint('dim', theme.show(line)))
    .join('\n');

function rowLines(row: Row, right: string, width: number, words: PlanWords, theme: Theme): readonly string[] {
  const sign = theme.paint(STYLE[row.sign], row.sign === '>' ? ' ' : row.sign);
  if (row.kind === 'file') {
    const title = `${theme.show(nameOf(row.path, words))}`;
    return [
      withRight(`  ${sign} ${theme.paint('bold', title)}`, 4 + stringWidth(title), right, width, theme),
      ...changeLines(row.changes, theme.columns, words, theme),
    ];
  }
  const [change] = row.changes;
  const label = padEnd(theme.show(labelOf(change)), 9);
  const start = 4 + stringWidth(label) + 1;
  const written = change.remedy.action === 'activate' ? shortSystem : (text: string): string => text;
  const detail = valueWords(change, false, written, theme) || theme.show(change.because);
  // A move reads as one word and its two places.
  const mark = row.sign === '>' ? `  ${label} ` : `  ${sign} ${label} `;
  const indent = row.sign === '>' ? start - 2 : start;
  const [first = '', ...more] = wrap(detail, width - indent - 1);
  const lines = [
    withRight(mark + first, indent + stringWidth(first), right, width, theme),
    ...more.map((line) => ' '.repeat(indent) + line),
  ];
  return words.verbose ? [...lines, ...whyLines(change, indent, theme)] : lines;
}

/** In one file: sign, subject, value; the values of one file stand below each other. */
function changeLines(changes: readonly Change[], columns: number, words: PlanWords, theme: Theme): readonly string[] {
  const subjects = changes.map((change) => theme.show(change.subject));
  const widest = Math.min(32, Math.max(...subjects.map(stringWidth)));
  return changes.flatMap((change, at) => {
    const subject = padEnd(subjects[at]!, widest);
    const line = change.at === undefined ? '' : `line ${change.at.line}`;
    const start = 8 + stringWidth(subject) + 1;
    const value = valueWords(change, isSecretName(change.subject), (text) => text, theme) || theme.show(change.because);
    const sign = SIGN_OF[change.remedy.action];
    const mark = `      ${theme.paint(STYLE[sign], sign)} ${subject} `;
    const room = columns - start - (line === '' ? 0 : line.length + 2);
    if (room < 20) {
      // Too narrow for two columns.
      const below = ' '.repeat(10);
      return [mark.trimEnd(), ...wrap(value, columns - 10).map((text) => below + text)];
    }
    const indent = ' '.repeat(start);
    const [first = '', ...more] = wrap(value, room);
    const lines = [
      withRight(mark + first, start + stringWidth(first), line, columns - line.length, theme),
      ...more.map((text) => indent + text),
    ];
    return words.verbose ? [...lines, ...whyLines(change, start, theme)] : lines;
  });
}

const whyLines = ({ because, code }: Change, indent: number, theme: Theme): readonly string[] =>
  wrap(`${theme.show(because)} [${code}]`, theme.columns - indent).map(
    (line) => ' '.repeat(indent) + theme.paint('dim', line),
  );

/** `left` (of `cells` cells) and `right` at column `width`; one space between them where they meet. */
const withRight = (left: string, cells: number, right: string, width: number, theme: Theme): string =>
  right === '' ? left : `${left}${' '.repeat(Math.max(1, width - cells))}${theme.paint('dim', right)}`;

/** `from → to`, or the one of them that there is. */
function valueWords({ from, to }: Change, masked: boolean, written: (text: string) => string, theme: Theme): string {
  const show = (text: string | undefined): string =>
    text === undefined ? '' : masked ? secret() : theme.show(written(text));
  if (from !== undefined && to !== undefined)
    return masked ? secret('changed') : `${show(from)} ${theme.show('→')} ${show(to)}`;
  return show(to ?? from);
}

/** The word in front of an aspect: `move`, or its subject. */
const labelOf = ({ remedy: { action }, subject }: Change): string => (action === 'move' ? action : subject);

/** For a file the wishes behind it; for an aspect how much it concerns. */
function rightOf(row: Row): string {
  const wishes = row.changes.flatMap(wishesIn);
  if (row.kind === 'file') return wishes.length === 0 ? '' : `spec:${commonPointer(wishes)}`;
  const [change] = row.changes;
  if (change.remedy.action === 'activate') return 'asks first';
  if (row.changes.length > 1) return `${row.changes.length} paths`;
  const count = /\b\d+ (?:paths?|files?|entry|entries|inputs?)\b/.exec(change.because)?.[0];
  return count ?? (wishes[0] === undefined ? '' : `spec:${wishes[0]}`);
}

/** The prefix that all pointers share; where they share none, the beginning of the first. */
function commonPointer(pointers: readonly JsonPointer[]): JsonPointer {
  const [first = [], ...rest] = pointers.map(fromPointer);
  let length = first.length;
  for (const keys of rest) while (length > 0 && first.slice(0, length).some((key, at) => keys[at] !== key)) length--;
  return toPointer(first.slice(0, Math.max(1, length)));
}

const nameOf = (path: AbsPath, { dir }: PlanWords): string => nameIn(path, dir);

function footer(plan: Plan, rows: readonly Row[], words: PlanWords, theme: Theme): readonly string[] {
  const errors = barsOf(plan).length;
  const counts = countWords(rows) || describeEdits(editsIn(plan));
  const id = shortId(plan);
  const head = words.isPartial ? `Found: ${counts}.` : `Plan ${id}: ${counts}.`;
  const said = (text: string): readonly string[] => {
    const [first = '', ...more] = wrap(text, theme.columns);
    return [words.isPartial ? first : first.replace(id, () => theme.paint('bold', id)), ...more];
  };
  if (errors > 0) {
    const them = errors === 1 ? 'the error' : `the ${errors} errors`;
    const blocked = `It cannot be applied before ${them} below ${errors === 1 ? 'is' : 'are'} mended.`;
    return [
      ...said(`${head} Nothing was changed.`),
      ...wrap(blocked, theme.columns).map((line) => theme.paint('error', line)),
    ];
  }
  if (words.isApplying) return said(head);
  const apply =
    words.saved === undefined
      ? 'Apply it: reflake apply'
      : `Apply exactly this: reflake apply ${theme.show(words.saved)}`;
  const bytes = words.saved === undefined ? 'reflake plan --diff' : `reflake show ${theme.show(words.saved)} --diff`;
  const next = [`See the bytes: ${bytes}`, apply];
  const line = next.join(theme.show(' · '));
  return [...said(`${head} Nothing was changed.`), ...(stringWidth(line) <= theme.columns ? [line] : next)];
}

const describeEdits = (edits: readonly Edit[]): string =>
  edits.length === 0 ? 'nothing to do' : `${edits.length} edits`;
