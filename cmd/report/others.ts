// Texts of the commands that neither plan nor write (history, show, init, validate, hosts, schema and explain), and what a check says
// of changes since the last one.

import type { CodeExample, Event, News } from '../../core/event.ts';
import { pointerWords } from '../../core/formats/json-pointer.ts';
import type { Edit } from '../../core/model.ts';
import { tallyWords } from '../../core/verdict.ts';
import type { Theme } from './colour.ts';
import { escapeLine } from './escape.ts';
import { sizeOf } from './live.ts';
import { observedWords } from './why.ts';
import { padEnd, wrap } from './width.ts';

type Said<T extends Event['type']> = Extract<Event, { readonly type: T }>;

export const historyLine = ({ where, applies, removed, isRoots }: Said<'history'>): string => {
  if (applies === 0) return 'No apply yet.';
  const which = removed === 1 ? 'apply 1 was' : `applies 1 to ${removed} were`;
  const gone = removed === 0 ? [] : [`      ${which} removed, as --keep and --keep-size say`];
  // Of several histories each has its heading; of one's own it needs none.
  const heading = isRoots ? [`By root, kept in ${escapeLine(where)}:`] : [];
  return [...heading, ...gone].join('\n');
};

/** One row; and the edits below it, where they were asked for. */
export function applyRow(apply: Said<'apply'>): string {
  const { number, kind, plan, undoes, finishedAt, by, undone, count, edits } = apply;
  const what = kind === 'apply' ? `apply    plan ${plan.slice(7, 15)}` : `rollback of ${undoes.join(', ')}`;
  const row = `${String(number).padStart(4)}  ${finishedAt}  ${what.padEnd(24)} ${count} ${count === 1 ? 'edit' : 'edits'} by ${escapeLine(by)}${undone ? '  (undone)' : ''}`;
  return edits === undefined ? row : [row, '', ...edits.map((edit) => `  ${escapeLine(editLine(edit))}`)].join('\n');
}

function editLine(edit: Edit): string {
  if (edit.op === 'move') return `move      ${edit.from} -> ${edit.to}`;
  if (edit.op === 'activate')
    return `activate  ${edit.mode} ${edit.target.kind === 'flake' ? edit.target.installable : (edit.target.system.running ?? '')}`;
  const { before, after, path } = edit;
  if (before.type === 'absent') return `create    ${path}`;
  if (after.type === 'absent') return `remove    ${path}`;
  const content = before.type === 'file' && after.type === 'file' && before.content !== after.content;
  return `${content ? 'write   ' : 'own     '}  ${path}`;
}

export const surveyLines = ({ facts, notes }: Said<'surveyed'>): string =>
  [
    ...facts.map(
      ({ what, value, source }) =>
        `  ${what.padEnd(14)} ${value === undefined ? 'not found' : `${value}${source ? `, from ${source}` : ''}`}`,
    ),
    ...notes.map((note) => `  note: ${note}`),
  ]
    .map(escapeLine)
    .join('\n');

const FIRST_PLAN: Readonly<Record<Said<'initialised'>['firstPlan'], string>> = {
  empty: 'It says what is there: the first plan is empty.\nLook at any time: reflake check',
  changes: 'Look at what it would do: reflake plan',
  blocked: 'Something is to be mended first; see what: reflake plan',
};

/** One line for each finding, and the place of the new entries. */
export function acknowledgedLines({ file, findings, until }: Said<'acknowledged'>): readonly string[] {
  if (findings.length === 0) return ['Nothing is found that could be acknowledged.'];
  const count = findings.length === 1 ? '1 finding' : `${findings.length} findings`;
  return [
    ...findings.map(({ id = '', wish = '', because }) => `  ${id.slice(0, 19)}  ${wish}  ${because}`),
    `Acknowledged in ${file}${until === undefined ? '' : ` until ${until}`}: ${count}.`,
  ];
}

export const initialisedLine = ({ file, firstPlan }: Said<'initialised'>): string =>
  `Wrote ${escapeLine(file)}. Nothing else was changed.\n${FIRST_PLAN[firstPlan]}`;

/** `web  web  x86_64-linux  ./web.nix  3 wishes: 3 hold`, in columns. */
export function hostRow({ name, hostName, system, attribute, modules, verdicts }: Said<'host'>): string {
  const names = [
    name,
    ...(hostName === name ? [] : [`is ${hostName}`]),
    ...(attribute === name ? [] : [`#${attribute}`]),
  ];
  const facts = [names.join(' ').padEnd(20), system.padEnd(14), (modules ?? ['modules not said']).join(' ')];
  return `${escapeLine(facts.join('  '))}  ${tallyWords(verdicts)}`;
}

/** `  history    /var/lib/reflake  48.0 KiB in 31 entries`. */
export function leftRow(left: Said<'left'>, theme: Theme): string {
  const { what, path, stays } = left;
  const about = stays === undefined ? amountOf(left) : `stays: ${stays}`;
  return `  ${padEnd(WHAT[what], 12)} ${padEnd(theme.show(path), 36)} ${theme.show(about)}`;
}

export function leftLine(left: Said<'left'>, theme: Theme): string {
  const { what, path, owner, stays } = left;
  return theme.show(
    `left ${WHAT[what]} ${path} of ${owner}: ${stays === undefined ? amountOf(left) : `stays, ${stays}`}`,
  );
}

const amountOf = ({ bytes, entries }: Pick<Said<'left'>, 'bytes' | 'entries'>): string =>
  `${sizeOf(bytes)} in ${entries} ${entries === 1 ? 'entry' : 'entries'}`;

const WHAT: Readonly<Record<Said<'left'>['what'], string>> = {
  state: 'history',
  cache: 'cache',
  downloads: 'downloads',
  scratch: 'scratch',
  'set aside': 'set aside',
  'kept beside': 'kept beside',
  other: 'not ours',
};

export const removedLine = ({ what, path, bytes }: Said<'removed'>, theme: Theme): string =>
  theme.show(`removed ${WHAT[what]} ${path} (${sizeOf(bytes)})`);

/** The last line of eject. */
export function ejectedLine(left: readonly Pick<Said<'left'>, 'stays'>[], removed: readonly Said<'removed'>[]): string {
  const stays = left.filter((one) => one.stays !== undefined).length;
  const but = stays === 0 ? '' : ` ${stays === 1 ? 'One thing stays' : `${stays} things stay`}, as told above.`;
  if (removed.length === 0) return `Nothing is left that reflake would remove.${but}`;
  const bytes = removed.reduce((sum, one) => sum + one.bytes, 0);
  return `Removed: ${sizeOf(bytes)} in ${removed.length} ${removed.length === 1 ? 'place' : 'places'}.${but}`;
}

/** A line of a list, or a page. */
export function codeText({ code, title, page, example, related = [] }: Said<'code'>, columns: number): string {
  if (page === undefined) return `  ${code}  ${title}`;
  const folded = (text: string, indent = ''): string =>
    wrap(text, columns - indent.length)
      .map((line) => indent + line)
      .join('\n');
  return [
    `${code}: ${title}`,
    folded(page),
    ...(example === undefined ? [] : [exampleText(example, folded)]),
    ...(related.length === 0 ? [] : [`See also:\n${related.map((one) => `  ${one.code}  ${one.title}`).join('\n')}`]),
  ].join('\n\n');
}

const exampleText = ({ about, text, says }: CodeExample, folded: (text: string, indent: string) => string): string =>
  [
    `For example: ${about}`,
    ...(text === undefined
      ? []
      : text
          .trimEnd()
          .split('\n')
          .map((line) => `  | ${line}`)),
    folded(`→ ${says}`, '  '),
  ].join('\n');

/** Empty where nothing changed; with `quiet` the count alone. One fact a line, on a terminal too. */
export function newsLines(
  { since, fresh, changed, gone, same, held, drifts }: News,
  { spec, quiet, verbose }: { readonly spec: string; readonly quiet: boolean; readonly verbose: boolean },
  theme: Theme,
): readonly string[] {
  const back = `${held} held back: drift ${drifts} in a row, and --after waits for more`;
  const counts = [
    [fresh.length, 'new'],
    [changed.length, 'changed'],
    [gone.length, 'gone'],
  ] as const;
  const told = counts.filter(([count]) => count > 0).map(([count, word]) => `${count} ${word}`);
  if (told.length === 0) return held > 0 && verbose ? [theme.show(back)] : [];
  const when = since === undefined ? 'first check' : `since ${since}`;
  const rest = [...(same > 0 ? [`${same} as before`] : []), ...(held > 0 && verbose ? [back] : [])];
  const count = theme.show(`${spec}: ${[told.join(', '), ...rest].join('; ')} (${when})`);
  if (quiet) return [count];
  return [
    ...fresh.map((finding) => theme.show(`new      ${observedWords(finding)}`)),
    ...changed.map(({ finding }) => theme.show(`changed  ${observedWords(finding)}`)),
    ...gone.map(({ subject, code, wishes, state, firstSeen }) => {
      const names = wishes.map(pointerWords).join(', ');
      return theme.show(`gone     ${subject}: ${names} ${STATE[state]} (found since ${firstSeen}) [${code}]`);
    }),
    count,
  ];
}

/** What became of its wish. */
const STATE: Readonly<Record<News['gone'][number]['state'], string>> = {
  holds: 'holds',
  differs: 'differs for another reason',
  undecided: 'is undecided',
  blocked: 'is blocked',
  acknowledged: 'is acknowledged',
  expected: 'is expected to differ',
  'left out': 'is left out',
  'not checked': 'is not checked',
  'not wished': 'is wished no more',
};
