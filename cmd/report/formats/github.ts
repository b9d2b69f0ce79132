// Annotations of GitHub's (and Forgejo's) runner: workflow commands on standard output, the ten worst and then a summary.

import type { Reporter } from '../../../core/event.ts';
import { escapeLine } from '../escape.ts';
import type { Screen } from '../screen.ts';
import type { Item } from './item.ts';
import { acknowledgedWords, collected, headline, itemWords, type Report } from './report.ts';

/** A step shows no more of one kind. */
const MOST = 10;

export const githubReporter = (screen: Screen): Reporter => collected(screen, annotations);

/** One workflow command a line: `::error file=F,line=L,col=C,title=T::message`. */
export function annotations(report: Report): string {
  const { items, acknowledged } = report;
  const rest = items.length - MOST;
  const summary = [
    headline(report),
    ...(rest > 0 ? [`and ${rest} more`] : []),
    ...acknowledged.slice(0, MOST).map((one) => `acknowledged: ${acknowledgedWords(one)}`),
  ].join('\n');
  const title = `reflake ${report.verb}`;
  return [...items.slice(0, MOST).map(annotation), `::notice title=${property(title)}::${data(summary)}`]
    .map((line) => `${line}\n`)
    .join('');
}

const WORD = { error: 'error', warning: 'warning', note: 'notice' } as const;

function annotation(item: Item): string {
  const { level, code, place, hint } = item;
  const properties = [
    ['file', place && escapeLine(place.file)],
    ['line', place?.line],
    // An end that is not on the line of the beginning may have no columns.
    ['endLine', place?.endLine],
    ['col', place?.endLine === place?.line ? place?.column : undefined],
    ['title', `${code} ${item.title}`],
  ].flatMap(([name, value]) => (value === undefined ? [] : [`${name}=${property(String(value))}`]));
  const message = hint === undefined ? itemWords(item) : `${itemWords(item)}\n${hint}`;
  return `::${WORD[level]} ${properties.join(',')}::${data(message)}`;
}

const data = (text: string): string => text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');

const property = (text: string): string => data(text).replaceAll(':', '%3A').replaceAll(',', '%2C');
