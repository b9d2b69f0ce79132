// Counts the uses of a variable: text that several places use does not belong to one host alone.

import { oncePer } from '../../once.ts';
import { type Bound, frameOf, type Scope } from '../nix/scope.ts';
import type { Binding, Expr, Span } from '../nix/syntax.ts';
import { walk } from '../nix/walk.ts';
import { settle } from '../nix-value/constant.ts';

/** The variable around `at` that is used more than once; undefined if there is none. */
export function sharedVariable(root: Expr, at: Span): string | undefined {
  let shared: string | undefined;
  for (const expr of scopesIn(root)) {
    if (!encloses(expr, at)) continue;
    const name = expr.bindings.find((binding) => encloses(binding, at) && nameOf(binding) !== undefined);
    const variable = name && nameOf(name);
    if (variable !== undefined && usesOf(variable, expr) > 1) shared = variable;
  }
  return shared;
}

type Scoped = Expr & { readonly kind: 'let' | 'letAttrs' | 'attrs' };

/** What binds variables, each before what is in it. */
const scopesIn = oncePer((root: Expr): readonly Scoped[] => {
  const scopes: Scoped[] = [];
  walk(root, (expr) => {
    if (expr.kind === 'let' || expr.kind === 'letAttrs' || (expr.kind === 'attrs' && expr.rec)) scopes.push(expr);
  });
  return scopes;
});

const encloses = (outer: Span, inner: Span): boolean => outer.start <= inner.start && inner.end <= outer.end;

function nameOf(binding: Binding): string | undefined {
  const [first] = binding.kind === 'bind' ? binding.path.names : [];
  return first?.kind === 'static' ? first.name : undefined;
}

/** Uses of a name in an expression, those of another variable of the name among them. */
const usesOf = (name: string, root: Expr): number => allUses(root).get(name) ?? 0;

const allUses = oncePer((root: Expr): ReadonlyMap<string, number> => {
  const uses = new Map<string, number>();
  const add = (name: string): void => void uses.set(name, (uses.get(name) ?? 0) + 1);
  walk(root, (expr) => {
    if (expr.kind === 'var') add(expr.name);
    if (expr.kind !== 'let' && expr.kind !== 'attrs' && expr.kind !== 'letAttrs') return;
    for (const binding of expr.bindings) {
      if (binding.kind !== 'inherit' || binding.from !== undefined) continue;
      for (const one of binding.names) if (one.kind === 'static') add(one.name);
    }
  });
  return uses;
});

/** True if an argument of a function is used in one place of its body only, and is the text `wanted` itself. */
export function isPassedOnce({ expr, scope }: Bound, wanted: Expr): boolean {
  if (expr.kind === 'paren') return isPassedOnce({ expr: expr.inner, scope }, wanted);
  if (expr.kind === 'binary' && expr.op === '++')
    return [expr.left, expr.right].some((side) => isPassedOnce({ expr: side, scope }, wanted));
  if (expr.kind !== 'var') return expr === wanted;
  const frame = frameOf(expr.name, scope);
  const value = frame?.bound.get(expr.name);
  const body = frame?.called?.body;
  if (frame === undefined || value === undefined || body === undefined) return false;
  const whole = frame.called?.param?.name;
  const isAlone =
    usesOf(expr.name, body) === 1 && (whole === undefined || whole === expr.name || usesOf(whole, body) === 0);
  return isAlone && isWritten(value, wanted);
}

/** An argument as the call has it: in a set that is written there, or by itself. */
function isWritten(value: Bound, wanted: Expr): boolean {
  if (value.expr.kind !== 'select') return settle(value.expr, value.scope).expr === wanted;
  const whole = settle(value.expr.target, value.scope);
  const holds = whole.expr.kind === 'attrs' && whole.expr.start <= wanted.start && wanted.end <= whole.expr.end;
  return holds && isDirect(value.scope) && settle(value.expr, value.scope).expr === wanted;
}

/** True unless the argument of the call is a variable with other uses. */
function isDirect(scope: Scope | undefined): boolean {
  const [argument] = scope?.bound.values() ?? [];
  return argument !== undefined && settle(argument.expr, argument.scope).direct;
}
