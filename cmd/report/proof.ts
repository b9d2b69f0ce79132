// The screen of a proof, and its lines for a log: both sides, the verdict, the options that were forced alike, the causes.

import type { Cause, Change, ChangedLines, ForcedOption, OptionPlace, Proof } from '../../core/proven.ts';
import type { Theme } from './colour.ts';
import { shortSystem } from './names.ts';
import { padEnd, truncate, wrap } from './width.ts';

interface Words {
  readonly seconds?: readonly [first: number, second: number];
  readonly verbose: boolean;
  /** The two are the present and the planned configuration. */
  readonly isPlanned: boolean;
}

export function proofScreen(proof: Proof, { seconds, verbose, isPlanned }: Words, theme: Theme): string {
  const rows = ([proof.first, proof.second] as const).map(({ label }, index) => {
    const took = seconds?.[index] ?? 0;
    return [
      (isPlanned ? SIDES : ['first', 'second'])[index]!,
      label,
      took >= 0.05 ? `${took.toFixed(1)}s` : '',
    ] as const;
  });
  const wide = Math.min(Math.max(...rows.map(([, label]) => label.length)), Math.max(20, theme.columns - INDENT - 12));
  const sides = rows.map(([what, label, took]) =>
    `  ${padEnd(what, INDENT)}${padEnd(truncate(theme.show(label), wide, theme.show('…')), wide)}   ${theme.paint('dim', took)}`.trimEnd(),
  );
  return [...sides, '', ...verdictLines(proof, verbose, theme)].join('\n');
}

const SIDES = ['as it is', 'planned'] as const;
/** The widest word and a gap. */
const INDENT = 11;

/** One fact a line. */
export function proofLog({ verdict, host, first, second }: Proof, theme: Theme): string {
  const head = `proof ${host}: ${verdict.kind}`;
  const sides = `${first.label} → ${second.label}`;
  const line = (text: string): string => theme.show(text);
  switch (verdict.kind) {
    case 'identical':
      return line(`${head}: ${verdict.system} (${sides})`);
    case 'same':
      return [
        line(`${head} but for ${counted(verdict.options.length, 'option')}: ${verdict.system} (${sides})`),
        ...verdict.options.map((one) => line(`proof ${host}: option ${optionText(one)}`)),
      ].join('\n');
    case 'differs':
      return [
        line(`${head}: ${counted(verdict.causes.length, 'cause')}, ${verdict.id.slice(7, 15)} (${sides})`),
        ...verdict.options.map((one) => line(`proof ${host}: option ${optionText(one)}`)),
        ...verdict.causes.map((cause) => line(`proof ${host}: ${wayText(cause)}: ${causeText(cause)}`)),
      ].join('\n');
    case 'not proven':
      return line(`${head}: ${failedLabel(verdict.side, first.label, second.label)}: ${verdict.why}; ${verdict.hint}`);
  }
}

function verdictLines({ verdict, first, second }: Proof, verbose: boolean, theme: Theme): readonly string[] {
  switch (verdict.kind) {
    case 'identical':
      return [theme.paint('done', theme.show(`The same system: ${shortSystem(verdict.system)} in both`))];
    case 'same':
      return [
        ...wrap(
          theme.show(
            `The same system but for ${counted(verdict.options.length, 'option')}: ${shortSystem(verdict.system)} in both, once they are alike`,
          ),
          theme.columns,
        ).map((line) => theme.paint('done', line)),
        ...optionLines(verdict.options, theme),
      ];
    case 'differs': {
      const shown = verbose ? verdict.causes : verdict.causes.slice(0, MOST);
      const more = verdict.causes.length - shown.length;
      return [
        theme.paint('change', theme.show(`Not the same system: ${counted(verdict.causes.length, 'cause')}.`)),
        ...shown.flatMap((cause, index) => causeLines(cause, index + 1, theme)),
        ...(more > 0 ? [theme.paint('dim', theme.show(`  and ${more} more: -v`))] : []),
        ...(verdict.options.length > 0
          ? ['', theme.show(`Besides, ${counted(verdict.options.length, 'option')} that were forced alike to compare:`)]
          : []),
        ...optionLines(verdict.options, theme),
      ];
    }
    case 'not proven': {
      const { side, why, hint, log } = verdict;
      const label = failedLabel(side, first.label, second.label);
      return [
        theme.paint('error', theme.show('Not proven.')),
        ...wrap(theme.show(`${label}: ${why}`), theme.columns - 2).map((line) => `  ${line}`),
        ...wrap(theme.show(`= help: ${hint}`), theme.columns - 2).map((line) => `  ${line}`),
        ...(verbose && log !== undefined
          ? [
              '',
              ...theme
                .showText(log)
                .split('\n')
                .map((line) => theme.paint('dim', `  ${line}`)),
            ]
          : []),
      ];
    }
  }
}

/** Causes that a screen shows; the most general are first. */
const MOST = 12;

function optionLines(options: readonly ForcedOption[], theme: Theme): readonly string[] {
  const wide = Math.max(0, ...options.map(({ option }) => option.length));
  return options.map(({ option, from, to }) => {
    const arrow = ` ${theme.show('→')} `;
    const room = Math.max(20, theme.columns - wide - 5 - arrow.length);
    const [first, second] = [theme.show(valueText(from)), theme.show(valueText(to))];
    // The one that is short leaves its room to the other.
    const short = (own: string, other: string): string =>
      truncate(own, Math.max(Math.floor(room / 2), room - other.length), theme.show('…'));
    return `  ${padEnd(theme.show(option), wide)}   ${short(first, second)}${arrow}${short(second, first)}`;
  });
}

function causeLines(cause: Cause, number: number, theme: Theme): readonly string[] {
  const { change, places, reach, told } = cause;
  const also = places > 1 ? ` and ${places - 1} more` : '';
  const standing = reach > 1 ? theme.paint('dim', theme.show(`  ${reach} derivations stand on it`)) : '';
  const head = `  ${String(number).padStart(2)}  ${theme.paint('bold', theme.show(`${wayText(cause)}${also}`))}${standing}`;
  const place = told === undefined ? [] : [theme.paint('dim', theme.show(toldText(told)))];
  return [head, ...[...changeLines(change, theme), ...place].map((line) => `      ${line}`)];
}

function changeLines(change: Change, theme: Theme): readonly string[] {
  const room = theme.columns - 8;
  const cut = (text: string): string => truncate(theme.show(text), room, theme.show('…'));
  switch (change.kind) {
    case 'text':
      return linesOf(change.member, change.lines, theme, cut);
    case 'source':
      return change.lines === undefined ? [cut(changeText(change))] : linesOf(change.name, change.lines, theme, cut);
    default:
      return [cut(changeText(change))];
  }
}

function linesOf(
  what: string,
  { went, came, more }: ChangedLines,
  theme: Theme,
  cut: (text: string) => string,
): readonly string[] {
  if (
    went.length === 1 &&
    came.length === 1 &&
    what.length + went[0]!.length + came[0]!.length + 8 <= theme.columns - 8
  )
    return [cut(`${what}: ${went[0]!.trim() || '(nothing)'} ${theme.show('→')} ${came[0]!.trim() || '(nothing)'}`)];
  return [
    cut(what),
    ...went.map((line) => theme.paint('remove', cut(`- ${line}`))),
    ...came.map((line) => theme.paint('add', cut(`+ ${line}`))),
    ...(more === undefined ? [] : [theme.paint('dim', cut(`and ${more} more lines`))]),
  ];
}

/** `etc › unit-sshd.service › sshd_config`. */
export const wayText = ({ way }: Pick<Cause, 'way'>): string =>
  way.length === 0 ? 'the system itself' : way.join(' › ');

/** Where the configuration names what changed. */
export const toldText = ({ option, file, line, column }: OptionPlace): string =>
  `see ${option}, ${file}:${line}:${column}`;

/** In one line, with the place. */
export const causeText = ({ change, told }: Pick<Cause, 'change' | 'told'>): string =>
  told === undefined ? changeText(change) : `${changeText(change)} (${toldText(told)})`;

/** In one line. */
export function changeText(change: Change): string {
  switch (change.kind) {
    case 'version':
      return `${change.name} ${change.from} → ${change.to}`;
    case 'inputs':
      return [
        ...(change.went.length > 0 ? [`no longer made from ${change.went.join(', ')}`] : []),
        ...(change.came.length > 0 ? [`now made from ${change.came.join(', ')}`] : []),
      ].join('; ');
    case 'source':
      return change.lines === undefined
        ? `the file or directory ${change.name} is another one`
        : `${change.name}: ${inLine(change.lines)}`;
    case 'text':
      return `${change.member}: ${inLine(change.lines)}`;
    case 'unknown':
      return change.why;
  }
}

const inLine = ({ went, came }: ChangedLines): string =>
  `${went.map((line) => line.trim()).join(' | ') || '(nothing)'} → ${came.map((line) => line.trim()).join(' | ') || '(nothing)'}`;

export const optionText = ({ option, from, to }: ForcedOption): string =>
  `${option}: ${valueText(from)} → ${valueText(to)}`;

const valueText = (value: unknown): string =>
  value === null ? '(unset)' : typeof value === 'string' ? value || '""' : JSON.stringify(value);

const failedLabel = (side: 'first' | 'second' | 'both', first: string, second: string): string =>
  side === 'both' ? `${first} and ${second}` : side === 'first' ? first : second;

export const counted = (count: number, what: string): string => `${count} ${what}${count === 1 ? '' : 's'}`;
