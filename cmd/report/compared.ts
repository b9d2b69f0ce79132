// The screen of several hosts compared: one row for a cause, with the hosts that it is in; and its lines for a log.

import type { Compared, ComparedRow } from '../../core/proven.ts';
import type { Theme } from './colour.ts';
import { causeText, counted, optionText, wayText } from './proof.ts';
import { padEnd, wrap } from './width.ts';

export function comparedScreen(compared: Compared, theme: Theme): string {
  const head = headOf(compared);
  const rows = compared.rows.flatMap((row) => {
    const [first = '', ...rest] = wrap(theme.show(`${hostsText(row)}  ${rowText(row)}`), theme.columns - INDENT);
    const count = theme.paint('bold', padEnd(counted(row.hosts.length, 'host'), INDENT - 4));
    return [`  ${count}  ${first}`, ...rest.map((line) => `${' '.repeat(INDENT)}${line}`)];
  });
  return [theme.paint('bold', theme.show(head)), ...rows].join('\n');
}

const INDENT = 14;
/** Names in one row. */
const MOST = 8;

export const comparedLog = (compared: Compared, theme: Theme): string =>
  [
    `same: ${headOf(compared)}`,
    ...compared.rows.map((row) => `same: ${row.kind}: ${row.hosts.join(', ')}: ${rowText(row)}`),
  ]
    .map(theme.show)
    .join('\n');

const headOf = ({ same, differ, notProven }: Compared): string => {
  const parts = [
    `${same.length} the same`,
    ...(differ.length > 0 ? [`${differ.length} ${differ.length === 1 ? 'differs' : 'differ'}`] : []),
    ...(notProven.length > 0 ? [`${notProven.length} not proven`] : []),
  ];
  return `${counted(same.length + differ.length + notProven.length, 'host')}: ${parts.join(', ')}`;
};

function hostsText({ hosts }: ComparedRow): string {
  const more = hosts.length - MOST;
  return more > 0 ? `${hosts.slice(0, MOST).join(', ')} and ${more} more` : hosts.join(', ');
}

function rowText(row: ComparedRow): string {
  switch (row.kind) {
    case 'cause':
      return `${wayText(row)}: ${causeText(row)}`;
    case 'option':
      return `the same but for ${optionText(row.option)}`;
    case 'not proven':
      return `not proven: ${row.why}`;
  }
}
