// Changes to the text of flake.nix: bindings, list items and arguments put in or taken out in the style of their neighbours.
// The only place that decides where new text goes and how it is indented. Every change is a splice; the rest stays.

import { oncePer } from '../../once.ts';
import { flat, type Layout, lines, nixAttrPath } from '../nix/print.ts';
import type { Lambda, ListExpr } from '../nix/scope.ts';
import type { Comment, Span } from '../nix/syntax.ts';
import type { OpenFlake } from './flake.ts';
import type { LeafNode, Occurrence, SetNode } from './tree.ts';
import { bindingLayout, type NewBinding } from './wish.ts';

/** Replaces a range of the text. */
export interface Splice extends Span {
  readonly text: string;
}

/** Whether two of them replace the same text, or one puts something into what another one replaces. */
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
 * Puts bindings into a set: into its braces, or beside the last path that leads to it (`inputs.a.url = …`).
 * `roomy`: empty braces are opened over several lines, if the file is.
 */
export function insertBindings(open: OpenFlake, set: SetNode, bindings: readonly NewBinding[], roomy = false): Splice {
  const literal = set.literals.at(-1);
  const anchor = literal ? literal.bindings.at(-1) : lastOccurrence(set).binding;
  const prefix = literal ? '' : prefixOf(open, lastOccurrence(set));
  const layouts = bindings.map(({ path, value }) => bindingLayout(prefix + nixAttrPath(path), value));
  if (anchor) return insertAfter(open, anchor, layouts, blankBefore(open, set, layouts));
  return fillBraces(open, literal!, layouts, roomy);
}

/** Puts a block of its own near the top of the file: behind the description, else at the very start of the set. */
export function insertAtTop(open: OpenFlake, layout: Layout): Splice {
  const description = open.root.children.get('description');
  if (description && isMultiline(open)) return insertAfter(open, description.occurrences[0]!.binding, [layout], true);
  const root = open.root.literals[0]!;
  const first = root.bindings[0]!;
  if (!isMultiline(open)) return at(first.start, flat(layout) + ' ');
  const { eol, unit } = styleOf(open);
  const block = lines(layout, indentAt(open.text, first.start) ?? unit, unit).join(eol);
  const start = endOfLine(open, root.open + 1);
  if (start !== undefined) return at(start, eol + block + eol);
  return at(first.start, block.trimStart() + eol + eol + (indentAt(open.text, first.start) ?? unit));
}

/** Takes attributes out, and the lines that hold nothing else. Comments stay. */
export function removeBindings(open: OpenFlake, leaves: readonly LeafNode[]): Splice[] {
  const { text } = open;
  const spans = leaves.map((leaf) => leaf.occurrences[0].binding).sort((a, b) => a.start - b.start);
  const runs: { start: number; end: number }[] = [];
  for (const { start, end } of spans) {
    const last = runs.at(-1);
    if (last && /^[ \t]*$/.test(text.slice(last.end, start))) last.end = end;
    else runs.push({ start, end });
  }
  return runs.map(({ start, end }) => {
    const kept = open.comments.filter((comment) => start < comment.start && comment.end < end);
    if (kept.length > 0) return { start, end, text: keepComments(open, kept) };
    const indent = indentAt(text, start);
    const after = /^[ \t]*(\r?\n)?/.exec(text.slice(end))!;
    if (indent === undefined) return { start: start - /[ \t]*$/.exec(text.slice(0, start))![0].length, end, text: '' };
    if (after[1] !== undefined) return { start: start - indent.length, end: end + after[0].length, text: '' };
    return { start, end: end + after[0].length, text: '' };
  });
}

/** Comments from inside of what is taken out. */
function keepComments(open: OpenFlake, comments: readonly Comment[]): string {
  const { eol } = styleOf(open);
  return comments.map(({ start, end, kind }) => open.text.slice(start, end) + (kind === 'line' ? eol : ' ')).join('');
}

/** Replaces the value of an attribute; parentheses around it stay. */
export function replaceValue(leaf: LeafNode, value: string): Splice {
  let expr = leaf.value;
  while (expr.kind === 'paren') expr = expr.inner;
  return { start: expr.start, end: expr.end, text: value };
}

/** Renames an attribute, the last name of its path. Undefined for `inherit`. */
export function renameBinding(leaf: LeafNode, name: string): Splice | undefined {
  const { binding, depth } = leaf.occurrences[0];
  const old = binding.kind === 'bind' ? binding.path.names[depth - 1] : undefined;
  return old && { start: old.start, end: old.end, text: name };
}

/** Puts items at the end of a list. */
export function insertItems(open: OpenFlake, list: ListExpr, items: readonly string[]): Splice {
  const last = list.items.at(-1);
  if (last) return insertAfter(open, last, items, false);
  return fillBraces(open, { ...list, open: list.start, close: list.end - 1 }, items);
}

/** Adds a name, or `...`, to `{ self, nixpkgs }:`, in its style of commas. */
export function insertArgument(open: OpenFlake, lambda: Lambda, name: string): Splice[] {
  const { formals } = lambda;
  if (!formals) return [];
  const { text } = open;
  const last = formals.formals.at(-1);
  if (!last) {
    return formals.ellipsis === undefined ? [at(formals.start + 1, ` ${name}`)] : [at(formals.ellipsis, `${name}, `)];
  }
  const { eol } = styleOf(open);
  const head = text.slice(lineStart(text, last.start), last.start);
  if (/^[ \t]*,[ \t]*$/.test(head)) return [at(endOfLine(open, last.end) ?? last.end, eol + head + name)];
  const indent = indentOfLine(open, last.start);
  const comma = skipBlank(open, last.end);
  const gap = indent === undefined ? ' ' : eol + indent;
  if (text[comma] !== ',') return [at(last.end, `,${gap}${name}`)];
  // Behind `...` a comma is an error before Nix 2.34.
  const comes = name === '...' ? name : `${name},`;
  if (indent === undefined) return [at(comma + 1, ` ${comes}`)];
  return [at(endOfLine(open, comma + 1) ?? comma + 1, gap + comes)];
}

/** Whether the file is laid out over several lines. */
export const isMultiline = oncePer(({ root, text }: OpenFlake): boolean => {
  const literal = root.literals[0]!;
  const end = text.indexOf('\n', literal.open);
  return end !== -1 && end < literal.close;
});

/** The line ending and the indentation of the file. */
const styleOf = oncePer(({ text, root }: OpenFlake): { readonly eol: string; readonly unit: string } => {
  const first = root.literals[0]!.bindings.map((binding) => indentAt(text, binding.start)).find((indent) => indent);
  return { eol: /\r\n/.test(text) ? '\r\n' : '\n', unit: first?.startsWith('\t') ? '\t' : (first ?? '  ') };
});

function insertAfter(open: OpenFlake, anchor: Span, layouts: readonly Layout[], blank: boolean): Splice {
  const indent = indentOfLine(open, anchor.start);
  if (indent === undefined) return at(anchor.end, layouts.map((layout) => ' ' + flat(layout)).join(''));
  const { eol, unit } = styleOf(open);
  const block = layouts.flatMap((layout) => lines(layout, indent, unit)).join(eol);
  const gap = blank ? eol + eol : eol;
  const start = endOfLine(open, anchor.end);
  return at(start ?? anchor.end, gap + block + (start === undefined && !closes(open, anchor.end) ? eol + indent : ''));
}

/** Between braces or brackets that hold nothing, or only comments. */
function fillBraces(
  open: OpenFlake,
  braces: { readonly open: number; readonly close: number },
  layouts: readonly Layout[],
  roomy = false,
): Splice {
  const inside = open.text.slice(braces.open + 1, braces.close);
  const { eol, unit } = styleOf(open);
  const outer = /^[ \t]*/.exec(open.text.slice(lineStart(open.text, braces.open)))![0];
  const tall = roomy || layouts.some((layout) => typeof layout !== 'string');
  const isBlock = inside.includes('\n') || (tall && isMultiline(open));
  const block = layouts.flatMap((layout) => lines(layout, outer + unit, unit)).join(eol);
  const inline = layouts.map(flat).join(' ');
  if (inside.trim() === '') {
    return { start: braces.open + 1, end: braces.close, text: isBlock ? eol + block + eol + outer : ` ${inline} ` };
  }
  const closing = indentAt(open.text, braces.close);
  if (closing !== undefined) return at(braces.close - closing.length, block + eol);
  return at(braces.close, (/\s$/.test(inside) ? '' : ' ') + inline + ' ');
}

/** The end of the line, past comments, if nothing else follows `offset` on it. */
function endOfLine(open: OpenFlake, offset: number): number | undefined {
  const { text } = open;
  let end = offset;
  for (;;) {
    const gap = /^[ \t]*/.exec(text.slice(end))![0].length;
    const comment = commentsAt(open).get(end + gap);
    if (comment) end = comment.end;
    else return /^[ \t]*(\r?\n|$)/.test(text.slice(end)) ? end : undefined;
  }
}

/** The first offset from `offset` on that is neither whitespace nor comment. */
function skipBlank(open: OpenFlake, offset: number): number {
  const { text } = open;
  let end = offset;
  for (;;) {
    end += /^\s*/.exec(text.slice(end))![0].length;
    const comment = commentsAt(open).get(end);
    if (!comment) return end;
    end = comment.end;
  }
}

function closes({ text }: OpenFlake, offset: number): boolean {
  return /^\s*[\]}]/.test(text.slice(offset));
}

/** A block goes after an empty line where the bindings before it do. */
function blankBefore({ text }: OpenFlake, set: SetNode, layouts: readonly Layout[]): boolean {
  const literal = set.literals.at(-1);
  const [before, last] = literal?.bindings.slice(-2) ?? [];
  if (!before || !last || layouts.every((layout) => typeof layout === 'string')) return false;
  return /\n[ \t]*\r?\n/.test(text.slice(before.end, last.start));
}

const lastOccurrence = oncePer(
  (set: SetNode): Occurrence => set.occurrences.reduce((a, b) => (b.binding.end > a.binding.end ? b : a)),
);

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
  ({ comments }: OpenFlake): ReadonlyMap<number, Comment> => new Map(comments.map((one) => [one.start, one])),
);

/** The attribute path that leads to a set, as written, with its dot. */
function prefixOf({ text }: OpenFlake, { binding, depth }: Occurrence): string {
  if (binding.kind !== 'bind') return '';
  return text.slice(binding.path.start, binding.path.names[depth - 1]!.end) + '.';
}

/** The whitespace before `offset` if nothing else is before it on its line. */
function indentAt(text: string, offset: number): string | undefined {
  const before = text.slice(lineStart(text, offset), offset);
  return /^[ \t]*$/.test(before) ? before : undefined;
}

/** The whitespace at the start of the line if nothing but comments is between it and `offset`. */
function indentOfLine(open: OpenFlake, offset: number): string | undefined {
  const { text } = open;
  const start = lineStart(text, offset);
  const inside: Comment[] = [];
  for (let at = firstFrom(open.comments, start); (open.comments[at]?.end ?? Infinity) <= offset; at++)
    inside.push(open.comments[at]!);
  const bare = inside.reduce(
    (rest, { start: from, end }) => rest.replace(text.slice(from, end), ''),
    text.slice(start, offset),
  );
  return /^[ \t]*$/.test(bare) ? /^[ \t]*/.exec(text.slice(start))![0] : undefined;
}

function lineStart(text: string, offset: number): number {
  return text.lastIndexOf('\n', offset - 1) + 1;
}

function at(offset: number, text: string): Splice {
  return { start: offset, end: offset, text };
}
