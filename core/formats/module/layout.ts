// Where new text goes in a NixOS module and how it is indented: beside its neighbours, in their style.
// Works on offsets alone; every result is one insertion or one removal, and never touches a comment it does not own.
import type { Comment, Span } from '../nix/syntax.ts';

/** Replaces `start` to `end` (UTF-16 offsets) by `insert`. */
export interface TextEdit extends Span {
  readonly insert: string;
}

/** A text with its comments, and the white space that indents one level in it. */
export interface Page {
  readonly text: string;
  readonly comments: readonly Comment[];
  readonly unit: string;
}

/** Brackets or braces: the offsets of the opening and the closing one. */
export interface Brackets {
  readonly open: number;
  readonly close: number;
}

/** The text with the edit done. */
export function applyEdit(text: string, { start, end, insert }: TextEdit): string {
  return text.slice(0, start) + insert + text.slice(end);
}

/** Puts each of `lines` behind `anchor`: on a line of its own if the anchor begins one, else beside it. */
export function insertAfter(page: Page, anchor: Span, lines: readonly string[]): TextEdit {
  const { text } = page;
  const indent = indentBefore(text, anchor.start);
  const lineEnd = quietLineEnd(page, anchor.end);
  const closes = /^[ \t]*[\]})]/.test(text.slice(anchor.end, anchor.end + 200));
  if (indent === undefined || (lineEnd === undefined && !closes)) {
    return insertion(anchor.end, lines.map((line) => ` ${line}`).join(''));
  }
  return insertion(lineEnd ?? anchor.end, lines.map((line) => eolOf(text) + indent + line).join(''));
}

/** Puts `lines` behind `anchor` as a block of their own, an empty line around it where the file has lines. */
export function insertBlockAfter(page: Page, anchor: Span, line: string): TextEdit {
  const { text } = page;
  const indent = indentBefore(text, anchor.start);
  const lineEnd = quietLineEnd(page, anchor.end);
  if (indent === undefined || lineEnd === undefined) return insertAfter(page, anchor, [line]);
  const eol = eolOf(text);
  return insertion(lineEnd, eol + eol + indent + line + (isGapAfter(text, lineEnd) ? '' : eol));
}

/** Puts `line` first in braces that hold bindings, the first of which is `first`, the last `last`. */
export function insertFirst(page: Page, { open }: Brackets, first: Span, last: Span, line: string): TextEdit {
  const { text } = page;
  const lineEnd = quietLineEnd(page, open + 1);
  if (lineEnd === undefined) return insertAfter(page, last, [line]);
  const eol = eolOf(text);
  const indent = indentBefore(text, first.start) ?? lineIndent(text, open) + page.unit;
  return insertion(lineEnd, eol + indent + line + (isGapAfter(text, lineEnd) ? '' : eol));
}

/** Puts each of `lines` between brackets that hold nothing but white space and comments. */
export function fill(page: Page, { open, close }: Brackets, lines: readonly string[]): TextEdit {
  const { text, comments, unit } = page;
  const inside = text.slice(open + 1, close);
  const lastComment = comments.findLast(({ start, end }) => start > open && end <= close);
  const lineEnd = quietLineEnd(page, lastComment?.end ?? open + 1);
  if (lineEnd !== undefined && lineEnd < close) {
    const indent = lineIndent(text, open) + unit;
    return insertion(lineEnd, lines.map((line) => eolOf(text) + indent + line).join(''));
  }
  const inline = lines.join(' ');
  if (lastComment === undefined) return insertion(open + 1, ` ${inline}${inside === '' ? ' ' : ''}`);
  return insertion(close, (/\s$/.test(inside) ? '' : ' ') + inline + ' ');
}

/** Takes `node` out: with its whole line and the comment behind it if nothing else is on it. */
export function removal(page: Page, node: Span): TextEdit {
  const { text } = page;
  const indent = indentBefore(text, node.start);
  const lineEnd = quietLineEnd(page, node.end);
  if (indent !== undefined && lineEnd !== undefined) {
    const eol = /^\r?\n|^\r/.exec(text.slice(lineEnd, lineEnd + 2))?.[0] ?? '';
    return { start: node.start - indent.length, end: lineEnd + eol.length, insert: '' };
  }
  if (indent !== undefined) {
    const gap = /^[ \t]*/.exec(text.slice(node.end))![0].length;
    return { start: node.start, end: node.end + gap, insert: '' };
  }
  let start = node.start;
  while (text[start - 1] === ' ' || text[start - 1] === '\t') start--;
  return { start, end: node.end, insert: '' };
}

/** The white space before `at`, if it is all there is before it on its line. */
function indentBefore(text: string, at: number): string | undefined {
  const before = text.slice(lineStart(text, at), at);
  return /^[ \t]*$/.test(before) ? before : undefined;
}

/** The white space the line of `at` begins with. */
function lineIndent(text: string, at: number): string {
  return /^[ \t]*/.exec(text.slice(lineStart(text, at), at))![0];
}

/** The number of the line of `at`, from 1. */
export function lineOf(text: string, at: number): number {
  return text.slice(0, at).split('\n').length;
}

function insertion(at: number, insert: string): TextEdit {
  return { start: at, end: at, insert };
}

function lineStart(text: string, at: number): number {
  return at === 0 ? 0 : Math.max(text.lastIndexOf('\n', at - 1), text.lastIndexOf('\r', at - 1)) + 1;
}

function eolOf(text: string): string {
  return /\r\n|\n|$/.exec(text)![0] === '\r\n' ? '\r\n' : '\n';
}

/** The end of the line, if nothing but white space and comments that end on it stand before it. */
function quietLineEnd({ text, comments }: Page, from: number): number | undefined {
  let at = from;
  for (;;) {
    while (text[at] === ' ' || text[at] === '\t') at++;
    const comment = text[at] === '#' || text[at] === '/' ? comments.find(({ start }) => start === at) : undefined;
    if (comment === undefined) break;
    if (/[\r\n]/.test(text.slice(comment.start, comment.end))) return undefined;
    at = comment.end;
  }
  return at === text.length || text[at] === '\n' || text[at] === '\r' ? at : undefined;
}

/** Whether the line behind the line end at `at` is empty or begins with what closes the set. */
function isGapAfter(text: string, at: number): boolean {
  const next = /^(?:\r?\n|\r)([^\r\n]*)/.exec(text.slice(at, at + 2000));
  return next === null || /^\s*($|[}\])])/.test(next[1]!);
}
