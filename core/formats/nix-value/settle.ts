// Sees through all that does not change the value of an expression: variables, calls of functions in the text, imported files.

import { type Bound, bindingScope, frameOf, type Scope, sourceOf, withScope } from '../nix/scope.ts';
import type { Expr } from '../nix/syntax.ts';
import { type Ask, libraryName, setsPriority, unfold } from './library.ts';
import * as made from './made.ts';
import {
  constantIn,
  deeper,
  entriesIn,
  isSpent,
  itemsIn,
  memberIn,
  nameIn,
  type Run,
  settleIn,
  truthIn,
} from './run.ts';
import type { Resolved } from './static.ts';

export function settled(run: Run, expr: Expr, scope: Scope | undefined): Resolved {
  let at: Bound = { expr, scope };
  let isCalled = false;
  for (let hop = run.depth; hop > 0; hop--) {
    const next = settleOnce(run, at);
    if (next === undefined) break;
    // The result of a function stands in no text of its own, or in text that other calls share.
    isCalled ||= at.expr.kind === 'apply' && next.expr !== at.expr.arg;
    at = next;
  }
  const isWithin = expr.start <= at.expr.start && at.expr.end <= expr.end;
  return { ...at, direct: isWithin && !isCalled && sourceOf(at.scope) === sourceOf(scope) };
}

function settleOnce(run: Run, { expr, scope }: Bound): Bound | undefined {
  if (expr.kind === 'paren') return { expr: expr.inner, scope };
  if (expr.kind === 'var') return variable(run, expr.name, scope);
  if (run.literal) return undefined;
  switch (expr.kind) {
    case 'let':
      return { expr: expr.body, scope: bindingScope(expr.bindings, scope) };
    case 'with':
      return { expr: expr.body, scope: withScope(expr.scope, scope) };
    case 'assert':
      return { expr: expr.body, scope };
    case 'if': {
      const is = isSpent(run) ? undefined : truthIn(run, { expr: expr.cond, scope });
      return is === undefined ? undefined : { expr: is ? expr.then : expr.else, scope };
    }
    case 'apply':
      return setsPriority(expr, scope) ? { expr: expr.arg, scope } : called(run, expr, scope);
    case 'select':
      return selected(run, expr, scope);
    default:
      return undefined;
  }
}

function variable(run: Run, name: string, scope: Scope | undefined): Bound | undefined {
  const frame = frameOf(name, scope);
  if (frame !== undefined) return frame.bound.get(name);
  if (run.literal || GLOBAL.test(name)) return undefined;
  for (let s = scope; s; s = s.parent) {
    if (s.with === undefined) continue;
    if (isSpent(run)) return undefined;
    const found = memberIn(deeper(run), s.with, name);
    if (found !== 'absent') return found;
  }
  return undefined;
}

/** Names that `with` does not hide. */
const GLOBAL = /^(true|false|null|builtins|import|map|toString|throw|abort|baseNameOf|dirOf|removeAttrs|isNull|__\w+)$/;

/** `e.a.b`, `e.a or x`. */
function selected(run: Run, expr: Expr & { readonly kind: 'select' }, scope: Scope | undefined): Bound | undefined {
  if (isSpent(run)) return undefined;
  const inner = deeper(run);
  const names = expr.path.names.map((name) => nameIn(inner, name, scope));
  if (!names.every((name) => name !== undefined)) return undefined;
  const target = settleIn(inner, expr.target, scope);
  let at: Bound = target;
  for (const name of names) {
    const found = memberIn(inner, at, name);
    if (found === 'absent') return expr.fallback && { expr: expr.fallback, scope };
    if (found === undefined) return expr.fallback ? undefined : nearer(expr, target);
    at = found;
  }
  return at;
}

/** The same selection from the value of its target: `i.lib.x`, where `i` is `inputs.nixpkgs`. */
function nearer(expr: Expr & { readonly kind: 'select' }, { expr: target, scope }: Bound): Bound | undefined {
  if (target === expr.target || !/^(var|select)$/.test(target.kind)) return undefined;
  if (expr.path.names.some(({ kind }) => kind === 'dynamic')) return undefined;
  const { start, end } = target;
  const isChain = target.kind === 'select' && target.fallback === undefined;
  const names = [...(isChain ? target.path.names : []), ...expr.path.names];
  return {
    expr: { kind: 'select', target: isChain ? target.target : target, path: { ...expr.path, names }, start, end },
    scope,
  };
}

function called(run: Run, expr: Expr & { readonly kind: 'apply' }, scope: Scope | undefined): Bound | undefined {
  if (isSpent(run)) return undefined;
  const inner = deeper(run);
  const fn = settleIn(inner, expr.fn, scope);
  const arg: Bound = { expr: expr.arg, scope };
  if (fn.expr.kind === 'lambda')
    return { expr: fn.expr.body, scope: made.argumentScope({ ...fn, expr: fn.expr }, arg) };
  const { head, args } = spineOf(fn, [arg]);
  const name = libraryName(head.expr, head.scope);
  if (name === undefined) return undefined;
  return name === 'import' ? imported(inner, args, scope) : unfold(name, args, { expr, scope }, askIn(inner));
}

/** The function of a call that can't be evaluated further, and its arguments. */
export function spineOf(fn: Bound, args: readonly Bound[]): { readonly head: Bound; readonly args: readonly Bound[] } {
  const { expr, scope } = fn;
  if (expr.kind === 'paren') return spineOf({ expr: expr.inner, scope }, args);
  if (expr.kind !== 'apply') return { head: fn, args };
  return spineOf({ expr: expr.fn, scope }, [{ expr: expr.arg, scope }, ...args]);
}

function imported(run: Run, [file, ...args]: readonly Bound[], scope: Scope | undefined): Bound | undefined {
  const tree = sourceOf(scope)?.tree;
  if (run.here || tree === undefined || file === undefined) return undefined;
  const path = constantIn(run, file.expr, file.scope, 'a path');
  if (path.kind !== 'static' || path.value.kind !== 'path') return undefined;
  const opened = tree.nix(path.value.value);
  if (!opened.ok) return undefined;
  return args.length === 0 ? opened.root : made.call(opened.root, opened.root, ...args);
}

export const askIn = (run: Run): Ask => ({
  text: ({ expr, scope }) => {
    const read = constantIn(deeper(run), expr, scope, 'a string');
    return read.kind === 'static' && read.value.kind === 'string' ? read.value.value : undefined;
  },
  truth: (bound) => truthIn(run, bound),
  items: (bound) => itemsIn(deeper(run), bound),
  entries: (bound) => {
    const all = entriesIn(deeper(run), bound);
    return all?.unknown.length === 0 ? all.entries : undefined;
  },
});
