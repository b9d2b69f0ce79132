// Makes expressions that stand in no text, for results of calls. They refer to their parts by variables of their own, so that
// each part keeps the scope and the file that it was written in.

import type { Bound, Lambda, Scope } from '../nix/scope.ts';
import type { AttrName, BinaryOp, Binding, Expr, Span } from '../nix/syntax.ts';

/** A variable that no text can name. */
const own = (index: number): string => `\0${index}`;

/** An expression over parts, at the place of `at`: `build` gets a variable for each part. */
function over(at: Bound, parts: readonly Bound[], build: (variables: readonly Expr[], span: Span) => Expr): Bound {
  const { start, end } = at.expr;
  const bound = new Map(parts.map((part, index) => [own(index), part]));
  const variables = parts.map((_, index): Expr => ({ start, end, kind: 'var', name: own(index) }));
  return { expr: build(variables, { start, end }), scope: { parent: at.scope, bound } };
}

/** `fn arg`. */
export const call = (at: Bound, fn: Bound, ...args: readonly Bound[]): Bound =>
  over(at, [fn, ...args], ([head, ...rest], span) =>
    rest.reduce<Expr>((callee, arg) => ({ ...span, kind: 'apply', fn: callee, arg }), head!),
  );

/** `[ a b ]`. */
export const list = (at: Bound, items: readonly Bound[]): Bound =>
  over(at, items, (variables, span) => ({ ...span, kind: 'list', items: variables }));

/** `{ name = value; }`. */
export const set = (at: Bound, entries: Iterable<readonly [string, Bound]>): Bound => {
  const all = [...entries];
  const values = all.map(([, value]) => value);
  return over(at, values, (variables, span) => ({
    ...span,
    kind: 'attrs',
    rec: false,
    open: NOWHERE,
    close: NOWHERE,
    bindings: all.map(([name], index) => ({
      ...span,
      kind: 'bind',
      path: { ...span, names: [named(name, span)] },
      value: variables[index]!,
    })),
  }));
};

const NOWHERE = -1;

/** One set of bindings that stand apart: `a.b = 1; a.c = 2;` for `a`. `at`: the first of them. */
export const merged = (bindings: readonly Binding[], { start, end }: Span, scope: Scope | undefined): Bound => ({
  expr: { kind: 'attrs', rec: false, bindings, open: NOWHERE, close: NOWHERE, start, end },
  scope,
});

/** True if the braces of a set stand in a text. */
export const isWritten = (literal: { readonly open: number }): boolean => literal.open !== NOWHERE;

/** `a // b // c`, `a ++ b ++ c`; `none` where there is nothing to join. */
export const joined = (at: Bound, op: BinaryOp, parts: readonly Bound[], none: Bound): Bound =>
  parts.length === 0
    ? none
    : over(at, parts, (variables, span) =>
        variables.reduceRight((right, left) => ({ ...span, kind: 'binary', op, left, right })),
      );

/** A function of Nix by its name. */
export const builtin = ({ expr: { start, end } }: Bound, name: string): Bound => ({
  expr: { kind: 'var', name, start, end },
  scope: undefined,
});

/** `target.name`. */
export const member = (at: Bound, target: Bound, name: string): Bound =>
  over(at, [target], ([variable], span) => ({
    ...span,
    kind: 'select',
    target: variable!,
    path: { ...span, names: [named(name, span)] },
  }));

/** A string. */
export const text = ({ expr: { start, end }, scope }: Bound, value: string): Bound => ({
  expr: { kind: 'string', style: '"', parts: value === '' ? [] : [{ kind: 'text', value, start, end }], start, end },
  scope,
});

const named = (name: string, span: Span): AttrName => ({ ...span, kind: 'static', name, quoted: false });

/** The variables in the body of a function that is called: each argument, or its default. */
export function argumentScope({ expr, scope }: Bound & { readonly expr: Lambda }, arg: Bound): Scope {
  const bound = new Map<string, Bound | undefined>();
  const inner: Scope = { parent: scope, bound, called: expr };
  if (expr.param) bound.set(expr.param.name, arg);
  // A default is read among the arguments.
  const withArg: Scope = { parent: inner, bound: new Map([[own(0), arg]]) };
  for (const { name, fallback, start, end } of expr.formals?.formals ?? []) {
    const target: Expr = { kind: 'var', name: own(0), start, end };
    const path = { names: [named(name, { start, end })], start, end };
    const value: Expr = { kind: 'select', target, path, ...(fallback && { fallback }), start, end };
    bound.set(name, { expr: value, scope: withArg });
  }
  return inner;
}
