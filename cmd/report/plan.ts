// A plan as people read it: what would change, grouped by file, and what each change is good for.

import type { JsonPointer, SourceRange } from '../../core/diagnostic.ts';
import { findingsOf, isBar, isChange, tallyOf } from '../../core/finding.ts';
import type { Change, Edit, Plan } from '../../core/model.ts';
import type { AbsPath } from '../../core/path.ts';
import { fromPointer, pointerWords, toPointer } from '../../core/spec/json-pointer.ts';
import type { Look, Style } from './colour.ts';
import { nameIn, shortSystem } from './names.ts';
import { countWords, type Row, rowsOf, SIGN_OF, type Sign } from './plan-rows.ts';
import { isSecretName, secret } from './secrets.ts';
import { padEnd, stringWidth, wrap } from './width.ts';

/** What a plan screen needs besides the plan. */
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
  /** What the plan is shown for: before an apply it is not said how to apply it. */
  readonly isApplying?: boolean;
  /** Shows why, for each change. */
  readonly verbose?: boolean;
}

/** Below this the right column goes, so that the left one can be read. */
const ROOMY = 60;

const STYLE: Readonly<Record<Sign, Style>> = { '+': 'add', '~': 'change', '-': 'remove', '>': 'bold', '!': 'act' };

/** The screen of UX.md, "plan, on a terminal", without a line end after the last line. */
export function planScreen(plan: Plan, words: PlanWords, look: Look): string {
  const rows = rowsOf(plan);
  const dot = look.show(' · ');
  const head = look.paint('bold', [plan.host.name, plan.host.system, words.spec].map(look.show).join(dot));
  const rights = rows.map((row) => (look.columns < ROOMY ? '' : look.show(rightOf(row))));
  const rightWidth = Math.max(0, ...rights.map(stringWidth));
  const body = rows.flatMap((row, at) => rowLines(row, rights[at]!, look.columns - rightWidth, words, look));
  return [head, '', ...body, '', ...footer(plan, rows, words, look)].map((line) => line.trimEnd()).join('\n');
}

/** One fact per line, for logs: `change flake + flake.nix inputs.nixpkgs "github:…" spec:/inputs/nixpkgs reflake.yaml:9`. */
export function planLog(plan: Plan, words: PlanWords, look: Look): string {
  const rows = rowsOf(plan);
  const lines = plan.steps.flatMap(({ provider, findings }) =>
    findings.filter(isChange).map((change) => {
      const place = change.wish === undefined ? undefined : words.locate?.(change.wish);
      const value = valueWords(change, isSecretName(change.subject), (text) => JSON.stringify(text), look);
      const facts = [
        'change',
        provider,
        change.remedy.action === 'move' ? look.show('→') : SIGN_OF[change.remedy.action],
        look.show(nameOf(change.path, words)),
        look.show(change.subject),
        value,
        look.show(`spec:${change.wish ?? ''}`),
        place === undefined ? '' : look.show(`${place.file}:${place.line}`),
        // Why, for whoever reads only the log of a nightly check.
        `# ${isSecretName(change.subject) ? '' : `${look.show(change.because)} `}[${change.code}]`,
      ];
      return facts.filter((fact) => fact !== '').join(' ');
    }),
  );
  return [...lines, `plan: ${countWords(rows) || 'nothing to do'}`].join('\n');
}

/** The first eight digits of a plan's id. */
export const shortId = (plan: Pick<Plan, 'id'>): string => plan.id.slice('sha256:'.length, 'sha256:'.length + 8);

/**
 * `No changes: nixos matches reflake.yaml (0.04 s).` where every wish holds; else how many do, and which are not known:
 * `No changes: 8 of 9 wishes hold (0.04 s); undecided: features.`
 */
export function inSyncLine(plan: Plan, spec: string, seconds: number, look: Look): string {
  const { wishes, hold, leftOut } = tallyOf(plan);
  const time = `(${seconds.toFixed(2)} s)`;
  const head = look.paint('done', 'No changes:');
  if (hold === wishes && leftOut === 0)
    return `${head} ${look.show(plan.host.name)} matches ${look.show(spec)} ${time}.`;
  const open = plan.steps.flatMap(({ verdicts }) => verdicts.filter(({ verdict }) => verdict !== 'holds'));
  const named =
    open.length === 0 ? '' : `; undecided: ${open.map(({ wish }) => look.show(pointerWords(wish))).join(', ')}`;
  const out = leftOut === 0 ? '' : `; left out: ${leftOut}`;
  return `${look.paint('bold', 'No changes:')} ${hold} of ${wishes + leftOut} wishes hold ${time}${named}${out}.`;
}

function rowLines(row: Row, right: string, width: number, words: PlanWords, look: Look): readonly string[] {
  const sign = look.paint(STYLE[row.sign], row.sign === '>' ? ' ' : row.sign);
  if (row.kind === 'file') {
    const title = `${look.show(nameOf(row.path, words))}`;
    return [
      withRight(`  ${sign} ${look.paint('bold', title)}`, 4 + stringWidth(title), right, width, look),
      ...changeLines(row.changes, look.columns, words, look),
    ];
  }
  const [change] = row.changes;
  const label = padEnd(look.show(labelOf(change)), 9);
  const start = 4 + stringWidth(label) + 1;
  const written = change.remedy.action === 'activate' ? shortSystem : (text: string): string => text;
  const detail = valueWords(change, false, written, look) || look.show(change.because);
  // A move reads as one word and its two places.
  const mark = row.sign === '>' ? `  ${label} ` : `  ${sign} ${label} `;
  const indent = row.sign === '>' ? start - 2 : start;
  const [first = '', ...more] = wrap(detail, width - indent - 1);
  const lines = [
    withRight(mark + first, indent + stringWidth(first), right, width, look),
    ...more.map((line) => ' '.repeat(indent) + line),
  ];
  return words.verbose
    ? [...lines, `${' '.repeat(indent)}${look.paint('dim', `${look.show(change.because)} [${change.code}]`)}`]
    : lines;
}

/** In one file: sign, subject, value; the values of one file stand below each other. */
function changeLines(changes: readonly Change[], columns: number, words: PlanWords, look: Look): readonly string[] {
  const subjects = changes.map((change) => look.show(change.subject));
  const widest = Math.min(32, Math.max(...subjects.map(stringWidth)));
  return changes.flatMap((change, at) => {
    const subject = padEnd(subjects[at]!, widest);
    const line = change.at === undefined ? '' : `line ${change.at.line}`;
    const start = 8 + stringWidth(subject) + 1;
    const value = valueWords(change, isSecretName(change.subject), (text) => text, look) || look.show(change.because);
    const sign = SIGN_OF[change.remedy.action];
    const mark = `      ${look.paint(STYLE[sign], sign)} ${subject} `;
    const room = columns - start - (line === '' ? 0 : line.length + 2);
    if (room < 20) {
      // Too narrow for two columns.
      const below = ' '.repeat(10);
      return [mark.trimEnd(), ...wrap(value, columns - 10).map((text) => below + text)];
    }
    const indent = ' '.repeat(start);
    const [first = '', ...more] = wrap(value, room);
    const lines = [
      withRight(mark + first, start + stringWidth(first), line, columns - line.length, look),
      ...more.map((text) => indent + text),
    ];
    return words.verbose
      ? [...lines, indent + look.paint('dim', `${look.show(change.because)} [${change.code}]`)]
      : lines;
  });
}

/** `left` (of `cells` cells) and `right` at column `width`; one space between them where they meet. */
const withRight = (left: string, cells: number, right: string, width: number, look: Look): string =>
  right === '' ? left : `${left}${' '.repeat(Math.max(1, width - cells))}${look.paint('dim', right)}`;

/** `from → to`, or the one of them that there is. */
function valueWords({ from, to }: Change, masked: boolean, written: (text: string) => string, look: Look): string {
  const show = (text: string | undefined): string =>
    text === undefined ? '' : masked ? secret() : look.show(written(text));
  if (from !== undefined && to !== undefined)
    return masked ? secret('changed') : `${show(from)} ${look.show('→')} ${show(to)}`;
  return show(to ?? from);
}

/** The word in front of an aspect: `move`, or its subject. */
const labelOf = ({ remedy: { action }, subject }: Change): string => (action === 'move' ? action : subject);

/** For a file the wishes behind it; for an aspect how much it concerns. */
function rightOf(row: Row): string {
  if (row.kind === 'file') return `spec:${commonPointer(row.changes.map(({ wish = '' }) => wish))}`;
  const [change] = row.changes;
  if (change.remedy.action === 'activate') return 'asks first';
  if (row.changes.length > 1) return `${row.changes.length} paths`;
  return /\b\d+ (?:paths?|files?|entry|entries|inputs?)\b/.exec(change.because)?.[0] ?? `spec:${change.wish ?? ''}`;
}

/** What all pointers share; where they share nothing, the beginning of the first. */
function commonPointer(pointers: readonly JsonPointer[]): JsonPointer {
  const [first = [], ...rest] = pointers.map(fromPointer);
  let length = first.length;
  for (const keys of rest) while (length > 0 && first.slice(0, length).some((key, at) => keys[at] !== key)) length--;
  return toPointer(first.slice(0, Math.max(1, length)));
}

const nameOf = (path: AbsPath, { dir }: PlanWords): string => nameIn(path, dir);

function footer(plan: Plan, rows: readonly Row[], words: PlanWords, look: Look): readonly string[] {
  const errors = findingsOf(plan).filter(isBar).length;
  const counts = countWords(rows) || describeEdits(plan.steps.flatMap(({ edits }) => edits));
  const head = words.isPartial ? `Found: ${counts}.` : `Plan ${look.paint('bold', shortId(plan))}: ${counts}.`;
  if (errors > 0) {
    const them = errors === 1 ? 'the error' : `the ${errors} errors`;
    const blocked = `It cannot be applied before ${them} below ${errors === 1 ? 'is' : 'are'} mended.`;
    return [`${head} Nothing was changed.`, look.paint('error', blocked)];
  }
  if (words.isApplying) return [head];
  const apply =
    words.saved === undefined
      ? 'Apply it: reflake apply'
      : `Apply exactly this: reflake apply ${look.show(words.saved)}`;
  return [`${head} Nothing was changed.`, `See the bytes: reflake plan --diff${look.show(' · ')}${apply}`];
}

const describeEdits = (edits: readonly Edit[]): string =>
  edits.length === 0 ? 'nothing to do' : `${edits.length} edits`;
