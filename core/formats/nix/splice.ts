// Places new text in Nix beside its neighbours and lays it out in their style. For flake.nix and modules.
// The only place that decides indentation, line ends and what a removal takes along. Every change is a splice; the rest stays.

import { oncePer } from '../../once.ts';
import { flat, type Layout, lines } from './print.ts';
import type { AttrsExpr } from './scope.ts';
import type { Comment, Span } from './syntax.ts';

/** Replaces a range of the text. */
export interface Splice extends Span {
  readonly text: string;
}

/** A text to edit; `set`, the outermost one, shows its style. */
export interface Page {
  readonly text: string;
  /** In the order of the text. */
  readonly comments: readonly Comment[];
  readonly set: AttrsExpr;
}

/** Brackets or braces: the offsets of the opening and the closing one. */
interface Brackets {
  readonly open: number;
  readonly close: number;
}

/** True if two of them replace the same text, or one inserts into what another one replaces. */
export const overlap = (splices: readonly Splice[]): boolean =>
  [...splices].sort((a, b) => a.start - b.start).some((one, at, all) => at > 0 && one.start < all[at - 1]!.end);

/** `text` with all `splices` done. They must not overlap; of two at one offset the first in the list comes first. */
export function splice(text: string, splices: readonly Splice[]): string {
  let out = '';
  let at = 0;
  for (const one of [...splices].sort((a, b) => a.start - b.start)) {
    if (one.start < at) throw new Error('splices overlap');
    out += text.slice(at, one.start) + one.text;
    at = one.end;
  }
  return out + text.slice(at);
}

/**
 * Puts text behind a neighbour: on lines of its own if the neighbour begins one, and with an empty line before (and after) it
 * as `gap` says.
 */
export function insertAfter(
  page: Page,
  anchor: Span,
  layouts: readonly Layout[],
  gap: 'none' | 'before' | 'around' = 'none',
): Splice {
  const { text } = page;
  const indent = indentOfLine(page, anchor.start);
  const end = endOfLine(page, anchor.end);
  const closes = /^\s*[\]}]/.test(text.slice(anchor.end, anchor.end + 200));
  if (indent === undefined || (end === undefined && !closes))
    return insertion(anchor.end, layouts.map((layout) => ' ' + flat(layout)).join(''));
  const { eol, unit } = styleOf(page);
  const before = gap === 'none' ? eol : eol + eol;
  const block = layouts
    .map((layout) => lines(layout, indent, unit).join(eol))
    .join(gap === 'before' && layouts.some((layout) => typeof layout !== 'string') ? before : eol);
  const after = end !== undefined && gap === 'around' && !isGapAfter(text, end) ? eol : '';
  return insertion(end ?? anchor.end, before + block + after);
}

/** Puts a block before the first item between braces, with an empty line behind it. */
export function insertFirst(page: Page, { open, close }: Brackets, first: Span, layout: Layout): Splice {
  const { text } = page;
  const { eol, unit, isTall } = styleOf(page);
  if (!isTall) return insertion(first.start, flat(layout) + ' ');
  const indent = indentAt(text, first.start) ?? (indentAt(text, close) ?? lineIndent(text, open)) + unit;
  const block = lines(layout, indent, unit).join(eol);
  const end = endOfLine(page, open + 1);
  if (end === undefined) return insertion(first.start, block.trimStart() + eol + eol + indent);
  return insertion(end, eol + block + (isGapAfter(text, end) ? '' : eol));
}

/**
 * Puts text before a neighbour and the comments directly above it, but behind `from`: on lines of its own if the neighbour begins
 * one, with an empty line behind it if `isGap`.
 */
export function insertBefore(
  page: Page,
  anchor: Span,
  layouts: readonly Layout[],
  from: number,
  isGap: boolean,
): Splice {
  const { text } = page;
  const indent = indentOfLine(page, anchor.start);
  if (indent === undefined) return insertion(anchor.start, layouts.map((layout) => `${flat(layout)} `).join(''));
  const { eol, unit } = styleOf(page);
  let at = lineStart(text, anchor.start);
  for (;;) {
    const above = lineStart(text, at - (/\r?\n$|\r$/.exec(text.slice(Math.max(0, at - 2), at))?.[0].length ?? 0));
    const isComment = above < at && above >= from && /^[ \t]*#/.test(text.slice(above, at));
    if (!isComment) break;
    at = above;
  }
  const block = layouts.flatMap((layout) => lines(layout, indent, unit)).join(eol);
  return insertion(at, block + eol + (isGap ? eol : ''));
}

/** Puts text between brackets that hold nothing, or only comments. `roomy`: over several lines, if the file is. */
function fill(page: Page, { open, close }: Brackets, layouts: readonly Layout[], roomy = false): Splice {
  const { text } = page;
  const inside = text.slice(open + 1, close);
  const { eol, unit, isTall } = styleOf(page);
  const outer = lineIndent(text, open);
  const tall = roomy || layouts.some((layout) => typeof layout !== 'string');
  const block = layouts.flatMap((layout) => lines(layout, outer + unit, unit)).join(eol);
  const inline = layouts.map(flat).join(' ');
  if (inside.trim() === '') {
    if (inside.includes('\n')) return insertion(endOfLine(page, open + 1)!, eol + block);
    if (tall && isTall) return { start: open + 1, end: close, text: eol + block + eol + outer };
    return insertion(open + 1, ` ${inline}${inside === '' ? ' ' : ''}`);
  }
  const closing = indentAt(text, close);
  if (closing !== undefined) return insertion(close - closing.length, block + eol);
  return insertion(close, (/\s$/.test(inside) ? '' : ' ') + inline + ' ');
}

/** Puts text last between brackets; `last` is what is last in them now. */
export function insertLast(
  page: Page,
  brackets: Brackets,
  last: Span | undefined,
  layouts: readonly Layout[],
  how: { readonly gap?: 'before'; readonly roomy?: boolean } = {},
): Splice {
  return last ? insertAfter(page, last, layouts, how.gap) : fill(page, brackets, layouts, how.roomy);
}

/** Takes a range out, with its line if nothing else is on it. `comment`: what becomes of one behind it on the line. */
export function removal(page: Page, { start, end }: Span, comment: 'stays' | 'goes'): Splice {
  const { text } = page;
  const indent = indentAt(text, start);
  if (indent === undefined) return { start: start - /[ \t]*$/.exec(text.slice(0, start))![0].length, end, text: '' };
  const gap = end + /^[ \t]*/.exec(text.slice(end))![0].length;
  const past = comment === 'goes' ? endOfLine(page, end) : gap;
  const eol = past === undefined ? null : /^(\r?\n|\r|$)/.exec(text.slice(past));
  if (past === undefined || eol === null) return { start, end: gap, text: '' };
  return { start: start - indent.length, end: past + eol[0].length, text: '' };
}

/** A removal of lines, with the empty line before them where one follows them too, or the bracket that closes the set. */
export function withItsGap({ text }: Page, cut: Splice): Splice {
  const above = /(?:^|\r?\n)([ \t]*\r?\n)$/.exec(text.slice(0, cut.start))?.[1];
  const isLines = cut.text === '' && lineStart(text, cut.start) === cut.start;
  if (!isLines || above === undefined || !/^\s*?(\r?\n|[}\])])/.test(text.slice(cut.end))) return cut;
  return { ...cut, start: cut.start - above.length };
}

/** How a file is written: its line ends, one level of indentation, whether it has more than one line. */
export const styleOf = oncePer(
  ({ text, set }: Page): { readonly eol: string; readonly unit: string; readonly isTall: boolean } => {
    const base = indentAt(text, set.close) ?? lineIndent(text, set.open);
    const deeper = set.bindings
      .map(({ start }) => indentAt(text, start) ?? '')
      .find((indent) => indent.startsWith(base) && indent.length > base.length);
    const unit = deeper?.slice(base.length) ?? (/^\t/m.test(text) ? '\t' : '  ');
    const end = text.indexOf('\n', set.open);
    return {
      eol: /\r?\n/.exec(text)?.[0] ?? '\n',
      unit: unit.startsWith('\t') ? '\t' : unit,
      isTall: end !== -1 && end < set.close,
    };
  },
);

/** The end of the line, past comments that end on it, if nothing else follows `offset`. */
export function endOfLine(page: Page, offset: number): number | undefined {
  const { text } = page;
  let end = offset;
  for (;;) {
    end += /^[ \t]*/.exec(text.slice(end))![0].length;
    const comment = commentsAt(page).get(end);
    if (!comment) return end === text.length || text[end] === '\n' || text[end] === '\r' ? end : undefined;
    if (/[\r\n]/.test(text.slice(comment.start, comment.end))) return undefined;
    end = comment.end;
  }
}

/** The first offset from `offset` on that is neither whitespace nor comment. */
export function skipBlank(page: Page, offset: number): number {
  const { text } = page;
  let end = offset;
  for (;;) {
    end += /^\s*/.exec(text.slice(end))![0].length;
    const comment = commentsAt(page).get(end);
    if (!comment) return end;
    end = comment.end;
  }
}

/** The place of the first comment that begins at the offset or behind it. */
function firstFrom(comments: readonly Comment[], offset: number): number {
  let [low, high] = [0, comments.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (comments[middle]!.start < offset) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Comments by where they begin. */
const commentsAt = oncePer(
  ({ comments }: Page): ReadonlyMap<number, Comment> => new Map(comments.map((one) => [one.start, one])),
);

/** True if the line behind the line end at `end` is empty or begins with the bracket that closes the set. */
function isGapAfter(text: string, end: number): boolean {
  const next = /^(?:\r?\n|\r)([^\r\n]*)/.exec(text.slice(end, end + 2000));
  return next === null || /^\s*($|[}\])])/.test(next[1]!);
}

/** The whitespace the line of `offset` begins with. */
function lineIndent(text: string, offset: number): string {
  return /^[ \t]*/.exec(text.slice(lineStart(text, offset)))![0];
}

/** The whitespace before `offset` if nothing else is before it on its line. */
function indentAt(text: string, offset: number): string | undefined {
  const before = text.slice(lineStart(text, offset), offset);
  return /^[ \t]*$/.test(before) ? before : undefined;
}

/** The whitespace at the start of the line if nothing but comments is between it and `offset`. */
export function indentOfLine(page: Page, offset: number): string | undefined {
  const { text, comments } = page;
  const start = lineStart(text, offset);
  const inside: Comment[] = [];
  for (let at = firstFrom(comments, start); (comments[at]?.end ?? Infinity) <= offset; at++) inside.push(comments[at]!);
  const bare = inside.reduce(
    (rest, { start: from, end }) => rest.replace(text.slice(from, end), ''),
    text.slice(start, offset),
  );
  return /^[ \t]*$/.test(bare) ? /^[ \t]*/.exec(text.slice(start))![0] : undefined;
}

/** The start of the line of `offset`. */
export function lineStart(text: string, offset: number): number {
  return offset === 0 ? 0 : Math.max(text.lastIndexOf('\n', offset - 1), text.lastIndexOf('\r', offset - 1)) + 1;
}

/** A splice that only inserts. */
export function insertion(offset: number, text: string): Splice {
  return { start: offset, end: offset, text };
}
