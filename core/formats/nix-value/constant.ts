// Evaluates constants: the value of an expression as far as the text tells. The only evaluator, for flake.nix and modules.
// An expression that needs more than the text is not static, with the reason and the place.

import { spanOf } from '../nix/describe.ts';
import { type Bound, frameOf, lambdaScope, type Scope, sourceOf } from '../nix/scope.ts';
import type { AttrName, Binding, Expr, StringPart } from '../nix/syntax.ts';
import { isFlake, libraryName } from './library.ts';
import { begin, constantIn, deeper, type Evaluator, isSpent, nameIn, type Rules, type Run, settleIn } from './run.ts';
import { definitionsOf, entriesOf, itemsOf, memberAt } from './sets.ts';
import { settled, spineOf } from './settle.ts';
import { type Attributes, type Constant, type Lookup, notStatic, type Resolved, type Static } from './static.ts';
import { fromTop, joinPath } from './tree-path.ts';
import { truthOf } from './truth.ts';

/**
 * Takes away parentheses, variables bound in the text, `let … in`, `with`, `assert`, selections from literal sets, and
 * `lib.mkForce`, `lib.mkDefault`, `lib.mkOverride n`: they change which definition wins, not what it says.
 */
export function settle(expr: Expr, scope: Scope | undefined, rules?: Rules): Resolved {
  return settled(begin(EVALUATOR, rules), expr, scope);
}

/** The body of a module or a host: as {@link settle}, and into functions, whose arguments stay unknown. */
export function settleBody(expr: Expr, scope: Scope | undefined): Resolved {
  let at = settle(expr, scope);
  while (at.expr.kind === 'lambda') at = settle(at.expr.body, lambdaScope(at.expr, at.scope));
  return at;
}

/** A call that can't be evaluated further: `lib.nixosSystem { … }`, by the name of its function, wherever that was bound. */
export function callIn(bound: Bound): { readonly name?: string; readonly args: readonly Bound[] } {
  const { head, args } = spineOf(settle(bound.expr, bound.scope), []);
  const fn = settle(head.expr, head.scope);
  const whole = fn.expr.kind === 'apply' ? spineOf(fn, args) : { head: fn, args };
  const name = libraryName(whole.head.expr, whole.head.scope);
  return { ...(name !== undefined && { name }), args: whole.args };
}

/** The attributes of a set; undefined if the text does not show one. */
export function attributesOf({ expr, scope }: Bound): Attributes | undefined {
  return entriesOf(begin(EVALUATOR), { expr, scope });
}

/** A constant; pieces joined with `+` or `${…}` are read where each piece can be. `wanted`: what the reason says it is not. */
export function constantOf(
  expr: Expr,
  scope: Scope | undefined,
  rules?: Rules,
  wanted = 'a constant',
): Static<Constant> {
  return constantAt(begin(EVALUATOR, rules), expr, scope, wanted);
}

/** The name of an attribute, if the text tells it: `a`, `"a"`, `${constant}`. */
export function nameOf(name: AttrName, scope: Scope | undefined): string | undefined {
  return nameIn(begin(EVALUATOR), name, scope);
}

/**
 * All definitions of the attribute at `path` in a set, however they are spelled: dotted, nested, quoted, mixed, merged
 * from several bindings, inherited. The empty path gives every binding, with all its names as `rest`.
 */
export function find(bindings: readonly Binding[], path: readonly string[], scope: Scope | undefined): Lookup {
  return definitionsOf(begin(EVALUATOR), bindings, path, scope);
}

function constantAt(run: Run, expr: Expr, scope: Scope | undefined, wanted: string): Static<Constant> {
  const { expr: value, scope: inner } = settleIn(run, expr, scope);
  if (isSpent(run)) return notStatic(value, wanted);
  const is = (constant: Constant): Static<Constant> => ({ kind: 'static', value: constant, span: spanOf(value) });
  // `self` joined to a path is the flake's directory.
  if (!run.literal && isFlake(value, inner)) return is({ kind: 'path', value: '.' });
  switch (value.kind) {
    case 'string':
    case 'path':
      return joined(run, value, value.parts, inner, wanted);
    case 'uri':
      return is({ kind: 'string', value: value.value });
    case 'int':
      return is({ kind: 'int', value: Number(value.text) });
    case 'list':
      return is({ kind: 'list', items: value.items.map((item) => ({ expr: item, scope: inner })) });
    case 'var':
      if (frameOf(value.name, inner) !== undefined) break;
      if (value.name === 'null') return is({ kind: 'null' });
      if (value.name === 'true' || value.name === 'false') return is({ kind: 'bool', value: value.name === 'true' });
      break;
    case 'binary':
      if (value.op === '+' && !run.literal) return joined(run, value, [value.left, value.right], inner, wanted);
      break;
    case 'apply': {
      const { head, args } = spineOf({ expr: value, scope: inner }, []);
      if (args.length !== 1 || !/^to(String|Path)$/.test(libraryName(head.expr, head.scope) ?? '')) break;
      const path = constantIn(deeper(run), args[0]!.expr, args[0]!.scope, wanted);
      if (path.kind === 'static' && /^(path|string)$/.test(path.value.kind)) return { ...path, span: spanOf(value) };
      break;
    }
  }
  const truth = run.literal ? undefined : truthOf(run, value, inner);
  if (truth !== undefined) return is({ kind: 'bool', value: truth });
  return notStatic(value, wanted);
}

/** The pieces of a string or path, or the operands of `+`, as one. */
function joined(
  run: Run,
  whole: Expr,
  pieces: readonly (StringPart | Expr)[],
  scope: Scope | undefined,
  wanted: string,
): Static<Constant> {
  let sum: { readonly kind: 'string' | 'path'; readonly value: string } | undefined;
  for (const piece of pieces) {
    let next: Constant;
    if (piece.kind === 'text') {
      const isPath = whole.kind === 'path' && sum === undefined;
      next = isPath
        ? { kind: 'path', value: run.literal ? piece.value : fromTop(piece.value, sourceOf(scope)?.path) }
        : { kind: 'string', value: piece.value };
    } else {
      if (run.literal) return notStatic(whole, wanted);
      const inner = piece.kind === 'interpolation' ? piece.expr : piece;
      const read = constantIn(deeper(run), inner, scope, wanted);
      if (read.kind !== 'static') return read;
      next = read.value;
      if (next.kind !== 'string' && (next.kind !== 'path' || sum !== undefined)) return notStatic(inner, wanted);
    }
    const value: string | undefined =
      sum?.kind === 'path' ? joinPath(sum.value, next.value) : (sum?.value ?? '') + next.value;
    if (value === undefined) return notStatic(whole, wanted);
    sum = { kind: sum?.kind ?? next.kind, value };
  }
  return { kind: 'static', value: sum ?? { kind: 'string', value: '' }, span: spanOf(whole) };
}

const EVALUATOR: Evaluator = {
  settle: settled,
  constant: constantAt,
  member: memberAt,
  entries: entriesOf,
  items: itemsOf,
  find: definitionsOf,
};
