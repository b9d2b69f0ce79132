// Constants: what an expression comes to as far as the text says for certain; the only evaluator, of flake.nix and of modules.
// What needs more than the text is said to be not static, with the reason and the place.

import { describe, spanOf } from './describe.ts';
import { setsPriority } from './priority.ts';
import { type Bound, bindingScope, frameOf, inherited, innerScope, lambdaScope, type Scope } from './scope.ts';
import type { AttrName, Binding, Expr, Span, StringPart } from './syntax.ts';

/** What the text says of a value; `span` is where it says so. */
export type Static<T> =
  | { readonly kind: 'static'; readonly value: T; readonly span: Span }
  | { readonly kind: 'not-static'; readonly reason: string; readonly span: Span }
  | { readonly kind: 'absent' };

/** A value without variables. A `path` is as written, relative to the file: a path literal, or a string that begins with one. */
export type Constant =
  | { readonly kind: 'string' | 'path'; readonly value: string }
  | { readonly kind: 'bool'; readonly value: boolean }
  | { readonly kind: 'int'; readonly value: number }
  | { readonly kind: 'null' }
  /** Its items are read one by one. */
  | { readonly kind: 'list'; readonly items: readonly Bound[] };

/** An expression behind all that does not change its value, with the scope its variables are to be read in. */
export interface Resolved extends Bound {
  /** Whether the text stands in the expression itself: behind a variable from elsewhere, others may use it too. */
  readonly direct: boolean;
}

/** A definition of an attribute; `rest` are names behind the path asked for (`a.b.c` when asked for `a.b`). */
export interface Definition extends Resolved {
  readonly binding: Binding;
  readonly rest: readonly AttrName[];
}

/** Text that may define an attribute too, but cannot be read; `isName` where it is a computed attribute name. */
export interface Unknown {
  readonly reason: string;
  readonly span: Span;
  readonly isName: boolean;
}

/** All definitions of an attribute in one set, and what may define it out of sight. */
export interface Lookup {
  readonly definitions: readonly Definition[];
  readonly unknown: readonly Unknown[];
}

/** How far an evaluation goes. */
export interface Rules {
  /** Only what Nix takes in flake.nix before it evaluates (docs/nix.md): parentheses and variables go, nothing is joined. */
  readonly literal?: boolean;
  /** What a caller knows of an expression that the text does not bind: `self` is the flake's directory. */
  readonly known?: (expr: Expr, scope: Scope | undefined) => Constant | undefined;
}

/** An evaluation under way: variables of variables may mean 2^n steps, or never end. */
interface Run extends Rules {
  readonly depth: number;
  readonly spent: { steps: number };
}

const MAX_DEPTH = 60;
const MAX_STEPS = 20_000;

const begin = (rules: Rules = {}): Run => ({ ...rules, depth: MAX_DEPTH, spent: { steps: 0 } });
const deeper = (run: Run): Run => ({ ...run, depth: run.depth - 1 });
const isSpent = ({ depth, spent }: Run): boolean => depth <= 0 || spent.steps++ >= MAX_STEPS;

/**
 * Takes away parentheses, variables bound in the text, `let … in`, `with`, `assert`, selections from literal sets, and
 * `lib.mkForce`, `lib.mkDefault`, `lib.mkOverride n`: they change which definition wins, not what it says.
 */
export function settle(expr: Expr, scope: Scope | undefined, rules?: Rules): Resolved {
  return settleIn(begin(rules), expr, scope);
}

function settleIn(run: Run, expr: Expr, scope: Scope | undefined): Resolved {
  let at: Bound = { expr, scope };
  for (let hop = run.depth; hop > 0; hop--) {
    const next = settleOnce(run, at);
    if (next === undefined) break;
    at = next;
  }
  return { ...at, direct: expr.start <= at.expr.start && at.expr.end <= expr.end };
}

function settleOnce(run: Run, { expr, scope }: Bound): Bound | undefined {
  if (expr.kind === 'paren') return { expr: expr.inner, scope };
  if (expr.kind === 'var') return frameOf(expr.name, scope)?.bound.get(expr.name);
  if (run.literal) return undefined;
  switch (expr.kind) {
    case 'let':
      return { expr: expr.body, scope: bindingScope(expr.bindings, scope) };
    case 'with':
    case 'assert':
      return { expr: expr.body, scope };
    case 'apply':
      return setsPriority(expr, scope) ? { expr: expr.arg, scope } : undefined;
    case 'select': {
      if (expr.fallback !== undefined || isSpent(run)) return undefined;
      const inner = deeper(run);
      const target = settleIn(inner, expr.target, scope);
      if (target.expr.kind !== 'attrs') return undefined;
      const names = expr.path.names.map((name) => nameIn(inner, name, scope));
      if (!names.every((name) => name !== undefined)) return undefined;
      const { definitions, unknown } = findIn(inner, target.expr.bindings, names, innerScope(target));
      const [only, ...others] = definitions;
      if (only === undefined || others.length > 0 || unknown.length > 0 || only.rest.length > 0) return undefined;
      return only;
    }
    default:
      return undefined;
  }
}

/** What a module or a host says behind its arguments: as {@link settle}, and into the bodies of functions, whose arguments stay unknown. */
export function settleBody(expr: Expr, scope: Scope | undefined): Resolved {
  let at = settle(expr, scope);
  while (at.expr.kind === 'lambda') at = settle(at.expr.body, lambdaScope(at.expr, at.scope));
  return at;
}

/** A constant; pieces joined with `+` or `${…}` are read where each piece can be. `wanted`: what the reason says it is not. */
export function constantOf(
  expr: Expr,
  scope: Scope | undefined,
  rules?: Rules,
  wanted = 'a constant',
): Static<Constant> {
  return constantIn(begin(rules), expr, scope, wanted);
}

function constantIn(run: Run, expr: Expr, scope: Scope | undefined, wanted: string): Static<Constant> {
  const { expr: value, scope: inner } = settleIn(run, expr, scope);
  if (isSpent(run)) return notStatic(value, wanted);
  const is = (constant: Constant): Static<Constant> => ({ kind: 'static', value: constant, span: spanOf(value) });
  const known = run.known?.(value, inner);
  if (known !== undefined) return is(known);
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
  }
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
      next = { kind: whole.kind === 'path' && sum === undefined ? 'path' : 'string', value: piece.value };
    } else {
      if (run.literal) return notStatic(whole, wanted);
      const inner = piece.kind === 'interpolation' ? piece.expr : piece;
      const read = constantIn(deeper(run), inner, scope, wanted);
      if (read.kind !== 'static') return read;
      next = read.value;
      if (next.kind !== 'string' && (next.kind !== 'path' || sum !== undefined)) return notStatic(inner, wanted);
    }
    const value: string | undefined =
      sum?.kind === 'path' ? extend(sum.value, next.value) : (sum?.value ?? '') + next.value;
    if (value === undefined) return notStatic(whole, wanted);
    sum = { kind: sum?.kind ?? next.kind, value };
  }
  return { kind: 'static', value: sum ?? { kind: 'string', value: '' }, span: spanOf(whole) };
}

/** A path made longer. Undefined for `./. + "x"`: it lies beside the directory, and begins with a name that no text says. */
function extend(path: string, tail: string): string | undefined {
  if (path.endsWith('/') || tail === '') return path + tail;
  const base = path.replace(/\/\.$/, '');
  return tail.startsWith('/') || !/(^|\/)\.{0,2}$/.test(base) ? base + tail : undefined;
}

/** The name an attribute has, where the text says it: `a`, `"a"`, `${constant}`. */
export function nameOf(name: AttrName, scope: Scope | undefined): string | undefined {
  return nameIn(begin(), name, scope);
}

function nameIn(run: Run, name: AttrName, scope: Scope | undefined): string | undefined {
  if (name.kind === 'static') return name.name;
  const read = constantIn(deeper(run), name.expr, scope, 'a string');
  return read.kind === 'static' && read.value.kind === 'string' ? read.value.value : undefined;
}

/**
 * All definitions of the attribute at `path` in a set, however they are spelled: dotted, nested, quoted, mixed, merged
 * from several bindings, inherited. The empty path gives every binding, with all its names as `rest`.
 */
export function find(bindings: readonly Binding[], path: readonly string[], scope: Scope | undefined): Lookup {
  return findIn(begin(), bindings, path, scope);
}

function findIn(run: Run, bindings: readonly Binding[], path: readonly string[], scope: Scope | undefined): Lookup {
  const definitions: Definition[] = [];
  const unknown: Unknown[] = [];
  for (const binding of bindings) {
    if (binding.kind === 'inherit') {
      for (const name of binding.names) {
        if (name.kind !== 'static' || (path.length > 0 && name.name !== path[0])) continue;
        // A plain `inherit x;` means the x outside, also in a `rec` set, where the name is its own.
        const own = scope?.bound.get(name.name);
        const outer = binding.from === undefined && own?.expr.start === name.start ? own.scope : scope;
        const expr = inherited(name, binding.from);
        follow({ binding, expr, scope: outer, rest: path.length === 0 ? [name] : [], direct: false }, path.slice(1));
      }
      continue;
    }
    const { names } = binding.path;
    const common = Math.min(names.length, path.length);
    let matches = true;
    for (let index = 0; index < common && matches; index++) {
      const name = nameIn(run, names[index]!, scope);
      matches = name === path[index];
      if (name === undefined) {
        unknown.push({ reason: 'an attribute name is computed', span: spanOf(names[index]!), isName: true });
      }
    }
    if (!matches) continue;
    const rest = names.slice(path.length);
    follow({ binding, expr: binding.value, scope, rest, direct: true }, path.slice(names.length));
  }
  return { definitions, unknown };

  function follow(definition: Definition, remaining: readonly string[]): void {
    if (remaining.length === 0) {
      definitions.push(definition);
      return;
    }
    const value = settleIn(deeper(run), definition.expr, definition.scope);
    if (value.expr.kind !== 'attrs' || isSpent(run)) {
      const prefix = path.slice(0, path.length - remaining.length).join('.');
      unknown.push({ reason: `${prefix} is ${describe(value.expr)}`, span: spanOf(definition.expr), isName: false });
      return;
    }
    const inner = findIn(deeper(run), value.expr.bindings, remaining, innerScope(value));
    const direct = definition.direct && value.direct;
    for (const found of inner.definitions) definitions.push({ ...found, direct: direct && found.direct });
    unknown.push(...inner.unknown);
  }
}

/** Why there is no constant. `wanted`: "a string". */
export function notStatic(expr: Expr, wanted: string): Static<never> {
  return {
    kind: 'not-static',
    reason: `it is ${describe(expr)}, not ${wanted} that the text shows`,
    span: spanOf(expr),
  };
}
