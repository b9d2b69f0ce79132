// Changes the text of flake.nix by its attributes: adds, removes and renames bindings, list items and arguments.
// Knows the place of each attribute; nix/splice.ts knows how text is laid out.

import { oncePer } from '../../once.ts';
import type { LeafNode, Occurrence, SetNode } from '../flake-hosts/tree.ts';
import { orderOf } from '../nix/order.ts';
import { type Layout, nixAttrPath } from '../nix/print.ts';
import type { Lambda, ListExpr } from '../nix/scope.ts';
import {
  endOfLine,
  indentOfLine,
  insertAfter,
  insertBefore,
  insertFirst,
  insertion,
  insertLast,
  lineStart,
  removal,
  type Splice,
  skipBlank,
  styleOf,
} from '../nix/splice.ts';
import type { Comment, Span } from '../nix/syntax.ts';
import type { OpenFlake } from './flake.ts';
import { bindingLayout, type NewBinding } from './wish.ts';

/**
 * Puts bindings into a set: into its braces, or beside the last path that leads to it (`inputs.a.url = …`).
 * `roomy`: empty braces are opened over several lines, if the file is.
 */
export function insertBindings(open: OpenFlake, set: SetNode, bindings: readonly NewBinding[], roomy = false): Splice {
  const literal = set.literals.at(-1);
  const layouts = layoutsIn(open, set, bindings);
  if (!literal) return insertAfter(open, lastOccurrence(set).binding, layouts);
  const gap = blankBefore(open, set, layouts) ? ({ gap: 'before' } as const) : {};
  return insertLast(open, literal, literal.bindings.at(-1), layouts, { roomy, ...gap });
}

/**
 * The same for a set that is a list of names, hosts or inputs: where so many or more are sorted (`least`), or stand in a keep-sorted
 * block, each new one goes to its place. `groups`: the bindings of one name each. `roomy` as above.
 */
export function insertInOrder(
  open: OpenFlake,
  set: SetNode,
  groups: readonly (readonly NewBinding[])[],
  least: number,
  roomy = false,
): Splice[] {
  const literal = set.literals.at(-1);
  const there = literal?.bindings ?? set.occurrences.map(({ binding }) => binding);
  const depth = literal ? 0 : lastOccurrence(set).depth;
  const order = orderOf(open, there, depth, least);
  if (order === undefined) return [insertBindings(open, set, groups.flat(), roomy)];
  const { among, from, compare, before } = order;
  const [first, second] = among;
  // As far apart from its neighbours as they are.
  const isGap = second !== undefined && /\n[ \t]*\r?\n/.test(open.text.slice(first!.end, second.start));
  return groups
    .map((group) => ({ key: keyIn(open, set, group), layouts: layoutsIn(open, set, group) }))
    .toSorted((one, other) => compare(one.key, other.key))
    .map(({ key, layouts }) => {
      const after = before(key);
      if (after === undefined) return insertBefore(open, first!, layouts, from, isGap);
      return insertAfter(open, after, layouts, isGap ? 'around' : 'none');
    });
}

const keyIn = (open: OpenFlake, set: SetNode, [first]: readonly NewBinding[]): string =>
  prefixIn(open, set) + nixAttrPath(first!.path.slice(0, 1));

const layoutsIn = (open: OpenFlake, set: SetNode, bindings: readonly NewBinding[]): readonly Layout[] =>
  bindings.map(({ path, value }) => bindingLayout(prefixIn(open, set) + nixAttrPath(path), value));

/** What a path in the set begins with: nothing between its braces. */
const prefixIn = (open: OpenFlake, set: SetNode): string =>
  set.literals.length > 0 ? '' : prefixOf(open, lastOccurrence(set));

/** Puts a block of its own near the top of the file: behind the description, else at the very start of the set. */
export function insertAtTop(open: OpenFlake, layout: Layout): Splice {
  const description = open.root.children.get('description');
  if (description && styleOf(open).isTall)
    return insertAfter(open, description.occurrences[0]!.binding, [layout], 'before');
  return insertFirst(open, open.set, open.set.bindings[0]!, layout);
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
    if (kept.length > 0) return { start, end, text: keepComments(open, { start, end }, kept) };
    return removal(open, { start, end }, 'stays');
  });
}

/** The comments inside the removed text, each on a line of its own where they end one. */
function keepComments(open: OpenFlake, removed: Span, comments: readonly Comment[]): string {
  const { eol } = styleOf(open);
  const indent = indentOfLine(open, removed.start) ?? '';
  const isLineOver = /^[ \t]*(\r?\n|$)/.test(open.text.slice(removed.end, removed.end + 200));
  return comments
    .map(({ start, end, kind }, at) => {
      const isLast = at === comments.length - 1;
      const behind = kind !== 'line' ? ' ' : !isLast ? eol + indent : isLineOver ? '' : eol;
      return open.text.slice(start, end) + behind;
    })
    .join('');
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
  return insertLast(open, { open: list.start, close: list.end - 1 }, list.items.at(-1), items);
}

/** Adds a name, or `...`, to `{ self, nixpkgs }:`, in its style of commas. */
export function insertArgument(open: OpenFlake, lambda: Lambda, name: string): Splice[] {
  const { formals } = lambda;
  if (!formals) return [];
  const { text } = open;
  const last = formals.formals.at(-1);
  if (!last) {
    return formals.ellipsis === undefined
      ? [insertion(formals.start + 1, ` ${name}`)]
      : [insertion(formals.ellipsis, `${name}, `)];
  }
  const { eol } = styleOf(open);
  const head = text.slice(lineStart(text, last.start), last.start);
  if (/^[ \t]*,[ \t]*$/.test(head)) return [insertion(endOfLine(open, last.end) ?? last.end, eol + head + name)];
  const indent = indentOfLine(open, last.start);
  const comma = skipBlank(open, last.end);
  const gap = indent === undefined ? ' ' : eol + indent;
  if (text[comma] !== ',') return [insertion(last.end, `,${gap}${name}`)];
  // Behind `...` a comma is an error before Nix 2.34.
  const comes = name === '...' ? name : `${name},`;
  if (indent === undefined) return [insertion(comma + 1, ` ${comes}`)];
  return [insertion(endOfLine(open, comma + 1) ?? comma + 1, gap + comes)];
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

/** The attribute path that leads to a set, as written, with its dot. */
function prefixOf({ text }: OpenFlake, { binding, depth }: Occurrence): string {
  if (binding.kind !== 'bind') return '';
  return text.slice(binding.path.start, binding.path.names[depth - 1]!.end) + '.';
}
