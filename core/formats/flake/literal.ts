// The values that Nix accepts in flake.nix without evaluating it: literals, and variables of `rec` that are literals.
// The only place that tells them from computed ones, which Nix calls thunks and refuses (NIX.md section 2).
import { type Bound, resolve } from '../nix/scope.ts';
import type { Expr, Span } from '../nix/syntax.ts';
import { type AttrNode, type LeafNode, mergeAttrs, type SetNode } from './tree.ts';

/** `message` is one lower-case clause. Offsets are UTF-16. */
export interface FlakeError {
  readonly message: string;
  readonly span: Span;
}

type Errors = FlakeError[];

/** A value that Nix accepts in flake.nix. */
type Literal =
  | { readonly kind: 'string' | 'path'; readonly value: string }
  | { readonly kind: 'bool'; readonly value: boolean }
  | { readonly kind: 'int'; readonly value: number }
  | { readonly kind: 'list'; readonly items: readonly (Literal | undefined)[] };

/** A value that Nix accepts without evaluating; undefined for others (Nix calls them thunks) and for sets. */
export function literalOf(node: AttrNode): Literal | undefined {
  return node.kind === 'leaf' ? literal(resolve(node.value, node.scope)) : undefined;
}

function literal({ expr, scope }: Bound): Literal | undefined {
  switch (expr.kind) {
    case 'string':
    case 'path': {
      let value = '';
      for (const part of expr.parts) {
        if (part.kind === 'interpolation') return undefined;
        value += part.value;
      }
      return { kind: expr.kind, value };
    }
    case 'uri':
      return { kind: 'string', value: expr.value };
    case 'int':
      return { kind: 'int', value: Number(expr.text) };
    case 'var':
      return expr.name === 'true' || expr.name === 'false' ? { kind: 'bool', value: expr.name === 'true' } : undefined;
    case 'list':
      return { kind: 'list', items: expr.items.map((item) => literal(resolve(item, scope))) };
    default:
      return undefined;
  }
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
  const { expr, scope } = resolve(node.value, node.scope);
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
  const got = node.kind === 'set' ? 'a set' : kindOf(resolve(node.value, node.scope).expr);
  return {
    message: `'${path}' must be ${wanted}, not ${got}`,
    span: node.kind === 'set' ? nameSpan(node) : spanOf(node.value),
  };
}

/** What an expression is, for messages. */
export function kindOf(expr: Expr): string {
  switch (expr.kind) {
    case 'string':
      return expr.parts.some((part) => part.kind === 'interpolation') ? 'a computed value' : 'a string';
    case 'attrs':
      return 'a set';
    case 'list':
      return 'a list';
    case 'lambda':
      return 'a function';
    case 'int':
      return 'an integer';
    case 'float':
      return 'a float';
    case 'path':
      return 'a path';
    case 'uri':
      return 'a string';
    case 'var':
      if (expr.name === 'true' || expr.name === 'false') return 'a Boolean';
      return expr.name === 'null' ? 'null' : 'a computed value';
    default:
      return 'a computed value';
  }
}

/** Where an attribute is first named. */
export function nameSpan(node: AttrNode): Span {
  const at = node.occurrences[0]!;
  const name = at.binding.kind === 'bind' ? at.binding.path.names[at.depth - 1] : undefined;
  return spanOf(name ?? (node as LeafNode).value);
}

/** Only the offsets. */
export function spanOf({ start, end }: Span): Span {
  return { start, end };
}
