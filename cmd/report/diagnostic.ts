// Draws a diagnostic for people: the summary, the place in its text, the hint.

import type { Diagnostic, JsonPointer, SourceRange } from '../../core/diagnostic.ts';
import type { Style, Theme } from './colour.ts';
import { stringWidth, takeCells, wrap } from './width.ts';

/** `source` gives the text of a file named in a place; `locate` the place of a wish in the spec. */
export interface Sources {
  readonly source: (file: string) => string | undefined;
  readonly locate?: (pointer: JsonPointer) => SourceRange | undefined;
}

/** The screen of one diagnostic: summary, snippet with caret, hint. No line end after the last line. */
export function diagnosticScreen(diagnostic: Diagnostic, theme: Theme, sources: Sources): string {
  const { severity, code, summary, hint, snippet } = diagnostic;
  const { expected } = diagnostic as { expected?: string };
  const { at, wish } = placesOf(diagnostic, sources);
  const gutter = Math.max(1, ...[at, wish].map((place) => String(place?.line ?? 0).length));
  const bar = `${' '.repeat(gutter + 2)}|`;
  const note = (word: string, text: string): readonly string[] => {
    const start = gutter + 4 + word.length + 2;
    const [first = '', ...more] = wrap(text, theme.columns - start);
    return [
      `${' '.repeat(gutter + 2)}= ${theme.paint('bold', `${word}:`)} ${first}`,
      ...more.map((line) => ' '.repeat(start) + line),
    ];
  };
  const head = `${severity}[${code}]`;
  const [title = '', ...below] = wrap(`${head}: ${theme.show(summary)}`, theme.columns);
  const lines = [
    `${theme.paint(severity, head)}${theme.paint('bold', title.slice(head.length))}`,
    ...below.map((line) => theme.paint('bold', line)),
  ];
  const arrow = (sign: string, place: string): string =>
    `${' '.repeat(gutter + 1)}${theme.paint('dim', sign)} ${theme.show(place)}`;
  const label = expected === undefined ? '' : theme.show(expected);
  const [shown, related] = [at, wish].map((place) => place && source(place, sources, gutter, theme, place === at));
  if (at !== undefined) lines.push(arrow('-->', placeName(at)));
  else if (diagnostic.path !== undefined) lines.push(arrow('-->', diagnostic.path));
  if (shown !== undefined) lines.push(bar, ...shown.lines, ...caret(shown, severity, '^', label, bar, theme));
  if (wish !== undefined && related !== undefined)
    lines.push(
      arrow(':::', placeName(wish)),
      bar,
      ...related.lines,
      ...caret(related, 'note', '-', 'the wish', bar, theme),
    );
  if (shown !== undefined || related !== undefined) lines.push(bar);
  if (shown === undefined && label !== '') lines.push(...note('note', label));
  if (hint !== undefined) lines.push(...note('help', theme.show(hint)));
  if (snippet !== undefined) {
    lines.push(...note(code.startsWith('RF4') || code === 'RF3021' ? 'log' : 'paste', ''));
    for (const line of theme.showText(snippet.trimEnd()).split('\n')) lines.push(`${' '.repeat(gutter + 6)}${line}`);
  }
  lines.push(...note('docs', `reflake explain ${code}`));
  return lines.map((line) => line.trimEnd()).join('\n');
}

/** Sorted by place, a blank line between two, at most `most` of them and how many are left. Empty for none. */
export function diagnosticsScreen(
  diagnostics: readonly Diagnostic[],
  theme: Theme,
  sources: Sources,
  most = 10,
): string {
  const sorted = sortByPlace(diagnostics, sources);
  const screens = sorted.slice(0, most).map((diagnostic) => diagnosticScreen(diagnostic, theme, sources));
  if (sorted.length > most) screens.push(`and ${sorted.length - most} more`);
  return screens.join('\n\n');
}

/** One line, as editors and logs read it: `reflake.yaml:7:11: error: unknown system "x" [RF1006]`. */
export function diagnosticLine(diagnostic: Diagnostic, theme: Theme, sources: Sources): string {
  const { severity, code, summary, hint, path } = diagnostic;
  const { at } = placesOf(diagnostic, sources);
  const place = at === undefined ? path : placeName(at);
  const help = hint === undefined ? '' : ` (${hint})`;
  return theme.show(`${place === undefined ? '' : `${place}: `}${severity}: ${summary}${help} [${code}]`);
}

/** That line and, below it, the text to paste or the end of a program's log: the reader of a log can't ask for more. */
export function diagnosticLog(diagnostic: Diagnostic, theme: Theme, sources: Sources): string {
  const snippet = diagnostic.snippet === undefined ? [] : theme.showText(diagnostic.snippet.trimEnd()).split('\n');
  return [diagnosticLine(diagnostic, theme, sources), ...snippet.map((line) => `  | ${line}`)].join('\n');
}

/** Errors first, then warnings, then notes; each by file, line and column. */
export function sortByPlace(diagnostics: readonly Diagnostic[], sources: Sources): readonly Diagnostic[] {
  const weight = { error: 0, warning: 1, note: 2 };
  const keyed = diagnostics.map((diagnostic) => ({ diagnostic, at: placesOf(diagnostic, sources).at }));
  keyed.sort((a, b) => {
    const severity = weight[a.diagnostic.severity] - weight[b.diagnostic.severity];
    const file = (a.at?.file ?? '') < (b.at?.file ?? '') ? -1 : (a.at?.file ?? '') > (b.at?.file ?? '') ? 1 : 0;
    return severity || file || (a.at?.line ?? 0) - (b.at?.line ?? 0) || (a.at?.column ?? 0) - (b.at?.column ?? 0);
  });
  return keyed.map(({ diagnostic }) => diagnostic);
}

/** The place of the problem, and the place of its wish if that is another one. */
function placesOf(
  { at, pointer }: Diagnostic,
  { locate }: Sources,
): { readonly at?: SourceRange; readonly wish?: SourceRange } {
  const wish = pointer === undefined ? undefined : locate?.(pointer);
  if (at === undefined) return wish === undefined ? {} : { at: wish };
  return wish === undefined || wish.file === at.file ? { at } : { at, wish };
}

const placeName = ({ file, line, column }: SourceRange): string => `${file}:${line}:${column}`;

/** The line of a place, windowed, with the cells before the caret and under it. */
interface Shown {
  readonly lines: readonly string[];
  readonly before: number;
  readonly under: number;
}

function source(
  place: SourceRange,
  sources: Sources,
  gutter: number,
  theme: Theme,
  context: boolean,
): Shown | undefined {
  const text = sources.source(place.file);
  if (text === undefined) return undefined;
  const all = text.replace(/^\uFEFF/, '').split(/\r?\n/);
  const line = all[place.line - 1];
  if (line === undefined) return undefined;
  const points = Array.from(line);
  const end = place.endLine === place.line ? place.endColumn - 1 : points.length;
  const [head, middle, tail] = [
    points.slice(0, place.column - 1),
    points.slice(place.column - 1, end),
    points.slice(end),
  ].map((part) => cells(part.join(''), theme)) as [string, string, string];
  const room = theme.columns - gutter - 4;
  const { text: windowed, before, under } = window(head, middle, tail, room, theme);
  const numbered = (number: number, content: string): string =>
    ` ${theme.paint('dim', `${String(number).padStart(gutter)} |`)} ${content}`;
  const lines = [numbered(place.line, windowed)];
  const above = all[place.line - 2];
  if (context && above !== undefined && above.trim() !== '') {
    const plain = cells(above, theme);
    const [fits, rest] = takeCells(plain, room - 3);
    lines.unshift(
      numbered(place.line - 1, rest === '' || stringWidth(plain) <= room ? plain : `${fits}${theme.show('…')}`),
    );
  }
  return { lines, before, under };
}

const cells = (text: string, theme: Theme): string => theme.show(text.replaceAll('\t', '    '));

/** Cuts a line that does not fit so that the caret stays in sight, with some text before it. */
function window(
  head: string,
  middle: string,
  tail: string,
  room: number,
  theme: Theme,
): { text: string; before: number; under: number } {
  const [before, under] = [stringWidth(head), Math.max(1, stringWidth(middle))];
  const whole = head + middle + tail;
  // The caret of an empty place stands one cell behind what may be a full line.
  if (Math.max(stringWidth(whole), before + under) <= room) return { text: whole, before, under };
  const dots = theme.show('…');
  const mark = stringWidth(dots);
  // One cell for the caret itself, one more where the cut would go through a character two cells wide.
  const most = room - mark - 2;
  const keep = Math.min(before, most, Math.max(Math.floor(room / 4), room - under - stringWidth(tail) - mark));
  const cut = before > keep + mark ? takeCells(head, before - keep)[0] : '';
  const start = cut === '' ? head : dots + head.slice(cut.length);
  const [fits, rest] = takeCells(start + middle + tail, room);
  const text = rest === '' ? fits : takeCells(fits, room - mark)[0] + dots;
  const shownBefore = stringWidth(start);
  return { text, before: shownBefore, under: Math.max(1, Math.min(under, stringWidth(text) - shownBefore)) };
}

function caret(shown: Shown, style: Style, sign: string, label: string, bar: string, theme: Theme): readonly string[] {
  const marks = `${' '.repeat(shown.before)}${sign.repeat(shown.under)}`;
  const fits = stringWidth(bar) + 2 + stringWidth(marks) + stringWidth(label) <= theme.columns;
  const first = `${bar} ${theme.paint(style, fits && label !== '' ? `${marks} ${label}` : marks)}`;
  const below = wrap(label, theme.columns - stringWidth(bar) - 1).map((line) => `${bar} ${theme.paint(style, line)}`);
  return fits || label === '' ? [first] : [first, ...below];
}
