// Reads constants of one kind: a string, a boolean, a list of strings, the one value at an attribute path.
// Words the reason if something else stands there; constant.ts evaluates.

import { spanOf } from '../nix/describe.ts';
import type { Scope } from '../nix/scope.ts';
import type { Expr } from '../nix/syntax.ts';
import { constantOf, settle } from './constant.ts';
import { type Constant, type Lookup, notStatic, type Resolved, type Static } from './static.ts';

/** A string. */
export const readString = reader('a string', (value) => (value.kind === 'string' ? value.value : undefined));

/** `true` or `false`. */
export const readBoolean = reader('a boolean', (value) => (value.kind === 'bool' ? value.value : undefined));

function reader<T>(wanted: string, pick: (value: Constant) => T | undefined) {
  return (expr: Expr, scope: Scope | undefined): Static<T> => {
    const read = constantOf(expr, scope, {}, wanted);
    if (read.kind !== 'static') return read;
    const value = pick(read.value);
    return value === undefined ? notStatic(settle(expr, scope).expr, wanted) : { ...read, value };
  };
}

/** A list of strings; lists joined with `++` are read where each can be. */
export function readStrings(expr: Expr, scope: Scope | undefined): Static<readonly string[]> {
  const strings: string[] = [];
  for (const part of listParts(expr, scope)) {
    if (part.expr.kind !== 'list') return notStatic(part.expr, 'a list');
    for (const item of part.expr.items) {
      const read = readString(item, part.scope);
      if (read.kind !== 'static') return read;
      strings.push(read.value);
    }
  }
  return { kind: 'static', value: strings, span: spanOf(settle(expr, scope).expr) };
}

const MAX_PARTS = 5000;

/**
 * The operands of `++`, or the one value that is none; each settled, and `direct` where it stands in `expr` itself. Where
 * variables make them more than anybody writes, the whole is one.
 */
export function listParts(expr: Expr, scope: Scope | undefined): readonly Resolved[] {
  const whole = settle(expr, scope);
  const parts: Resolved[] = [];
  const waiting: Resolved[] = [whole];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const { expr: value, scope: inner, direct } = next;
    if (value.kind !== 'binary' || value.op !== '++') {
      parts.push(next);
      continue;
    }
    if (parts.length + waiting.length >= MAX_PARTS) return [whole];
    for (const side of [value.right, value.left]) {
      const part = settle(side, inner);
      waiting.push({ ...part, direct: direct && part.direct });
    }
  }
  return parts;
}

/** The one value at `path`, read by `read`; more than one definition, or one out of sight, is not static. */
export function readAt<T>(
  { definitions, unknown }: Lookup,
  read: (expr: Expr, scope: Scope | undefined) => Static<T>,
): Static<T> {
  const [only, ...others] = definitions;
  if (only === undefined) {
    const [first] = unknown;
    return first === undefined ? { kind: 'absent' } : { kind: 'not-static', reason: first.reason, span: first.span };
  }
  if (others.length > 0)
    return { kind: 'not-static', reason: 'it is defined several times', span: spanOf(others[0]!.binding) };
  if (only.rest.length > 0) return { kind: 'not-static', reason: 'it is a set', span: spanOf(only.binding) };
  return read(only.expr, only.scope);
}
