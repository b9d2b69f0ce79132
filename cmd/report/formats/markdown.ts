// Markdown for a comment on a pull request, and for the summary of a step: the numbers, then each finding with its details.

import type { Reporter } from '../../../core/event.ts';
import { escapeLine } from '../escape.ts';
import type { Screen } from '../screen.ts';
import type { Item } from './item.ts';
import { placeWords } from './place.ts';
import { acknowledgedWords, clipped, collected, itemWords, type Report, stateOf, verdictLine } from './report.ts';

/** How much may be written, and how that is measured. */
export interface Limit {
  readonly most: number;
  readonly sizeOf: (text: string) => number;
}

/** GitHub refuses a comment of more than 65,536 characters. */
export const COMMENT: Limit = { most: 60_000, sizeOf: (text) => text.length };
/** GitHub drops a summary of more than 1 MiB, and says so nowhere. */
export const SUMMARY: Limit = { most: (1 << 20) - 1, sizeOf: (text) => Buffer.byteLength(text) };

export const commentReporter = (screen: Screen): Reporter => collected(screen, (report) => markdownOf(report, COMMENT));
export const summaryReporter = (screen: Screen): Reporter => collected(screen, (report) => markdownOf(report, SUMMARY));

/**
 * Begins with a hidden line by which the comment of this host is found again. Within the limit: details go first, the least
 * bad ones before all others, then whole findings; how many is said.
 */
export function markdownOf(report: Report, { most, sizeOf }: Limit): string {
  const head = headOf(report);
  const foot = footOf(report);
  const entries: readonly Entry[] = [
    ...report.items.map(entryOf),
    ...report.acknowledged.map((one) => ({ brief: `- acknowledged: ${prose(clip(acknowledgedWords(one)))}\n` })),
  ];
  let room = most - sizeOf(head) - sizeOf(foot) - ROOM_FOR_NOTE;
  const briefs = entries.map(({ brief }) => sizeOf(brief));
  let shown = 0;
  for (const size of briefs) {
    if (size > room) break;
    room -= size;
    shown++;
  }
  let detailed = 0;
  const isWhole = (at: number): boolean => entries[at]!.full === undefined || at < detailed;
  for (; detailed < shown; detailed++) {
    const { full } = entries[detailed]!;
    const more = full === undefined ? 0 : sizeOf(full) - briefs[detailed]!;
    if (more > room) break;
    room -= more;
  }
  const body = entries.slice(0, shown).map(({ brief, full }, at) => (isWhole(at) ? (full ?? brief) : brief));
  const shortened = body.filter((_, at) => !isWhole(at)).length;
  const lost = entries.length - shown;
  const notes = [
    ...(shortened > 0 ? [`the details of ${shortened} of ${report.items.length} findings`] : []),
    ...(lost > 0 ? [`${lost} of ${entries.length} entries altogether`] : []),
  ];
  const note = notes.length === 0 ? '' : `\nLeft out here for its size: ${notes.join(', ')}.\n`;
  return `${head}${body.join('')}${note}${foot}`;
}

interface Entry {
  readonly brief: string;
  /** Where there is more to say than that. */
  readonly full?: string;
}

const ROOM_FOR_NOTE = 200;
/** Characters of one line. */
const LONGEST = 300;

const SIGN = { 'in sync': '✅', drift: '⚠️', open: '❔', failed: '❌' } as const;

function headOf(report: Report): string {
  const { host, verb, counts } = report;
  // In a comment of HTML two dashes would end it.
  const name = (host ?? '').replace(/[^A-Za-z0-9._]+/g, '-');
  const numbers = counts && [
    counts.wishes,
    counts.hold,
    counts.differ,
    counts.undecided,
    counts.blocked,
    counts.leftOut,
    counts.notChecked ?? 0,
    counts.expected ?? 0,
    counts.acknowledged ?? 0,
  ];
  return [
    `<!-- reflake ${verb} host=${name} -->`,
    `### ${SIGN[stateOf(report)]} ${prose(verdictLine(report))}`,
    '',
    ...(numbers === undefined
      ? []
      : [
          '| host | wishes | hold | differ | undecided | blocked | left out | not checked | expected | acknowledged |',
          '|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|',
          `| ${prose(escapeLine(host ?? ''))} | ${numbers.join(' | ')} |`,
          '',
        ]),
    '',
  ].join('\n');
}

const footOf = ({ plan, verb }: Report): string =>
  `\n<sub>reflake ${verb}${plan === undefined ? '' : `, plan <code>${plan}</code>`}; a code is explained by <code>reflake explain CODE</code></sub>\n`;

function entryOf(item: Item): Entry {
  const { level, code, place, wish, hint, snippet, values } = item;
  const words = clip(itemWords(item));
  const where = place === undefined ? '' : ` ${span(clip(placeWords(place)))}`;
  const brief = `- **${level}** ${code}${where} ${prose(words)}\n`;
  const diff = [
    ...(values.from === undefined ? [] : [`- ${values.from}`]),
    ...(values.to === undefined ? [] : [`+ ${values.to}`]),
  ];
  const details = [
    ...(wish === undefined ? [] : [`Wish: ${span(escapeLine(wish))}\n`]),
    ...(diff.length === 0 ? [] : [fenced(diff.join('\n'), 'diff')]),
    ...(hint === undefined ? [] : [`${prose(hint)}\n`]),
    ...(snippet === undefined ? [] : [fenced(snippet, '')]),
  ];
  if (details.length === 0) return { brief };
  const summary = `<summary><b>${level}</b> ${code} ${place === undefined ? '' : `<code>${html(clip(placeWords(place)))}</code> `}${html(words)}</summary>`;
  return { brief, full: `<details>${summary}\n\n${details.join('\n')}\n</details>\n\n` };
}

const clip = (text: string): string => clipped(text, LONGEST);

/** Names of people and issues stand apart from their sign, so nobody is called and nothing is linked. */
const quiet = (text: string): string => text.replace(/[@#]/g, '$&&#8203;');

/** Text of others between HTML tags. */
const html = (text: string): string =>
  quiet(text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;'));

/** Text of others in Markdown: HTML, then every sign that Markdown may take for its own. */
const prose = (text: string): string => html(text.replace(/[\\`*_[\]|~!]/g, '\\$&')).replace(/:(?=\/\/)/g, '&#58;');

/** As code, within marks longer than any run of them inside. */
function span(text: string): string {
  const marks = '`'.repeat(longestRun(text) + 1);
  const pad = text.startsWith('`') || text.endsWith('`') ? ' ' : '';
  return `${marks}${pad}${text}${pad}${marks}`;
}

function fenced(text: string, language: string): string {
  const fence = '`'.repeat(Math.max(3, longestRun(text) + 1));
  return `${fence}${language}\n${text}\n${fence}\n`;
}

const longestRun = (text: string): number => Math.max(0, ...[...text.matchAll(/`+/g)].map(([run]) => run.length));
