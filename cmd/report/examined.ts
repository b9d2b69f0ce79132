// What doctor says: a row for each subject on a terminal, a line in a log, and the count at the end.

import type { Examined } from '../../core/event.ts';
import type { Style, Theme } from './colour.ts';
import { padEnd, wrap } from './width.ts';

const SIGNS: Readonly<Record<Examined['state'], readonly [sign: string, style: Style]>> = {
  good: ['✔', 'done'],
  doubtful: ['!', 'warning'],
  bad: ['✘', 'error'],
  unknown: ['?', 'note'],
};

/** The widest subject, `trusted users`. */
const SUBJECT = 14;

/** What to do stands below what was seen. */
export function examinedRow({ subject, state, saw, advice }: Examined, theme: Theme): string {
  const [sign, style] = SIGNS[state];
  // FAILED is what ✘ is in ASCII.
  const width = theme.ascii ? 6 : 1;
  const room = theme.columns - width - SUBJECT - 4;
  const [first = '', ...rest] = wrap(theme.show(saw), room);
  const below = [...rest, ...(advice === undefined ? [] : wrap(theme.show(`→ ${advice}`), room))];
  return [
    `  ${theme.paint(style, padEnd(theme.show(sign), width))} ${padEnd(theme.show(subject), SUBJECT)} ${first}`,
    ...below.map((line) => `${' '.repeat(width + SUBJECT + 4)}${line}`),
  ].join('\n');
}

export const examinedLine = ({ subject, state, saw, advice }: Examined, theme: Theme): string =>
  theme.show(`doctor ${state} ${subject}: ${saw}${advice === undefined ? '' : ` # ${advice}`}`);

/** `17 examined: 15 good, 1 doubtful, 1 to be mended first`. */
export function examinedCount(all: readonly Examined[]): string {
  const words = { good: 'good', doubtful: 'doubtful', unknown: 'unknown', bad: 'to be mended first' } as const;
  const parts = (Object.keys(words) as readonly Examined['state'][]).flatMap((state) => {
    const number = all.filter((one) => one.state === state).length;
    return number === 0 ? [] : [`${number} ${words[state]}`];
  });
  return `${all.length} examined: ${parts.join(', ')}`;
}
