// Reads the values that Nix accepts in flake.nix without evaluating it: literals, and variables of `rec` that are literals.
// The only place that words the error for others, which Nix calls thunks and refuses (docs/nix.md, "flake.nix").

import { type AttrNode, type LeafNode, mergeAttrs, type SetNode } from '../flake-hosts/tree.ts';
import { describe, spanOf } from '../nix/describe.ts';
import type { Expr, Span } from '../nix/syntax.ts';
import { constantOf, settle } from '../nix-value/constant.ts';
import type { Constant, Resolved } from '../nix-value/static.ts';

/** `message` is one lower-case clause. Offsets are UTF-16. */
export interface FlakeError {
  readonly message: string;
  readonly span: Span;
}

type Errors = FlakeError[];

const LITERAL = { literal: true };

/** The literal that an expression is, or a variable of `rec` names. */
export const literalAt = ({ value, scope }: Pick<LeafNode, 'value' | 'scope'>): Resolved =>
  settle(value, scope, LITERAL);

/** A value that Nix accepts without evaluating; undefined for others (Nix calls them thunks) and for sets. */
export function literalOf(node: AttrNode): Constant | undefined {
  return node.kind === 'leaf' ? literal(node.value, node.scope) : undefined;
}

function literal(expr: Expr, scope: LeafNode['scope']): Constant | undefined {
  const read = constantOf(expr, scope, LITERAL);
  return read.kind === 'static' ? read.value : undefined;
}

/** True for a list of strings. */
export function isStrings(value: Constant): boolean {
  return value.kind === 'list' && value.items.every(({ expr, scope }) => literal(expr, scope)?.kind === 'string');
}

/** A string; else an error. */
export function readString(node: AttrNode, path: string, errors: Errors): string | undefined {
  const value = literalOf(node);
  if (value?.kind === 'string') return value.value;
  errors.push(wrongKind(node, path, 'a string'));
  return undefined;
}

/** A set; else an error. */
export function asSet(node: AttrNode, path: string, errors: Errors): SetNode | undefined {
  if (node.kind === 'set') return node;
  const { expr, scope } = literalAt(node);
  if (expr.kind !== 'attrs') {
    errors.push(wrongKind(node, path, 'a set'));
    return undefined;
  }
  return mergeAttrs(expr, scope);
}

/** Computed names are errors. */
export function refuseDynamic(set: SetNode, errors: Errors): void {
  for (const span of set.dynamic)
    errors.push({ message: 'a computed attribute name is not allowed here', span: spanOf(span) });
}

/** The error of an attribute of the wrong kind. */
export function wrongKind(node: AttrNode, path: string, wanted: string): FlakeError {
  const got = node.kind === 'set' ? 'a set' : describe(literalAt(node).expr);
  return {
    message: `'${path}' must be ${wanted}, not ${got}`,
    span: node.kind === 'set' ? nameSpan(node) : spanOf(node.value),
  };
}

/** The first place that names an attribute. */
export function nameSpan(node: AttrNode): Span {
  const at = node.occurrences[0]!;
  const name = at.binding.kind === 'bind' ? at.binding.path.names[at.depth - 1] : undefined;
  return spanOf(name ?? (node as LeafNode).value);
}
