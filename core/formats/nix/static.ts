// Values that can be read from the text for certain: strings, lists of strings, booleans, behind parentheses,
// constants of a `let`, `lib.mkForce` and `lib.mkDefault`. What would need evaluation is said to be not static.

import { setsPriority } from './priority.ts';
import { bindingScope, describe, frameOf, inherited, type Scope } from './scope.ts';
import type { AttrName, Binding, Expr, Span } from './syntax.ts';

/** What the text says of a value; `span` is where it says so. */
export type Static<T> =
  | { readonly kind: 'static'; readonly value: T; readonly span: Span }
  | { readonly kind: 'not-static'; readonly reason: string; readonly span: Span }
  | { readonly kind: 'absent' };

/** An expression behind all that does not change its value, with the scope its variables are to be read in. */
export interface Resolved {
  readonly expr: Expr;
  readonly scope: Scope | undefined;
  /** Whether the text stands where it is used: behind a variable it may be used elsewhere too. */
  readonly direct: boolean;
}

/** A definition of an attribute; `rest` are names behind the path asked for (`a.b.c` when asked for `a.b`). */
export interface Definition {
  readonly binding: Binding;
  readonly expr: Expr;
  readonly scope: Scope | undefined;
  readonly rest: readonly AttrName[];
  readonly direct: boolean;
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

const maxSteps = 60;

/**
 * Takes away parentheses, variables bound in the text, `let … in`, `with`, selections from literal sets, and
 * `lib.mkForce`, `lib.mkDefault`, `lib.mkOverride n`: they change which definition wins, not what it says.
 */
export function settle(expr: Expr, scope: Scope | undefined, steps = maxSteps): Resolved {
  let at: Resolved = { expr, scope, direct: true };
  for (let step = steps; step > 0; step--) {
    const next = settleOnce(at, step);
    if (next === undefined) break;
    at = next;
  }
  return at;
}

function settleOnce({ expr, scope, direct }: Resolved, steps: number): Resolved | undefined {
  switch (expr.kind) {
    case 'paren':
      return { expr: expr.inner, scope, direct };
    case 'var': {
      const bound = frameOf(expr.name, scope)?.bound.get(expr.name);
      return bound && { ...bound, direct: false };
    }
    case 'let':
      return { expr: expr.body, scope: bindingScope(expr.bindings, scope), direct };
    case 'with':
      return { expr: expr.body, scope, direct };
    case 'apply':
      return setsPriority(expr, scope) ? { expr: expr.arg, scope, direct } : undefined;
    case 'select': {
      if (expr.fallback !== undefined) return undefined;
      const target = settle(expr.target, scope, steps - 1);
      if (target.expr.kind !== 'attrs') return undefined;
      const names = expr.path.names.map((name) => nameOf(name, scope, steps - 1));
      if (!names.every((name) => name !== undefined)) return undefined;
      const { definitions, unknown } = find(target.expr.bindings, names, innerScope(target), steps - 1);
      const [only, ...others] = definitions;
      if (only === undefined || others.length > 0 || unknown.length > 0 || only.rest.length > 0) return undefined;
      return { expr: only.expr, scope: only.scope, direct: false };
    }
    default:
      return undefined;
  }
}

/** The scope inside a set: a `rec` set adds its own attributes. */
export function innerScope({
  expr,
  scope,
}: {
  readonly expr: Expr;
  readonly scope: Scope | undefined;
}): Scope | undefined {
  return expr.kind === 'attrs' && expr.rec ? bindingScope(expr.bindings, scope) : scope;
}

/** A string; pieces joined with `+` or `${…}` are read where each piece can be. */
export function readString(expr: Expr, scope: Scope | undefined, steps = maxSteps): Static<string> {
  const { expr: value, scope: inner } = settle(expr, scope, steps);
  if (steps > 0 && value.kind === 'binary' && value.op === '+') {
    const left = readString(value.left, inner, steps - 1);
    const right = readString(value.right, inner, steps - 1);
    if (left.kind !== 'static') return left;
    if (right.kind !== 'static') return right;
    return { kind: 'static', value: left.value + right.value, span: spanOf(value) };
  }
  if (value.kind === 'uri') return { kind: 'static', value: value.value, span: spanOf(value) };
  if (steps <= 0 || value.kind !== 'string') return notStatic(value, 'a string');
  let text = '';
  for (const part of value.parts) {
    if (part.kind === 'text') {
      text += part.value;
      continue;
    }
    const piece = readString(part.expr, inner, steps - 1);
    if (piece.kind !== 'static') return piece;
    text += piece.value;
  }
  return { kind: 'static', value: text, span: spanOf(value) };
}

/** `true` or `false`. */
export function readBoolean(expr: Expr, scope: Scope | undefined): Static<boolean> {
  const { expr: value, scope: inner } = settle(expr, scope);
  const isConstant = value.kind === 'var' && (value.name === 'true' || value.name === 'false');
  if (!isConstant || frameOf(value.name, inner) !== undefined) return notStatic(value, 'a boolean');
  return { kind: 'static', value: value.name === 'true', span: spanOf(value) };
}

/** A list of strings; lists joined with `++` are read where each can be. */
export function readStrings(expr: Expr, scope: Scope | undefined): Static<readonly string[]> {
  const { expr: value, scope: inner } = settle(expr, scope);
  const items = listItems(value, inner);
  if (items.kind !== 'static') return items;
  const strings: string[] = [];
  for (const item of items.value) {
    const read = readString(item.expr, item.scope);
    if (read.kind !== 'static') return read;
    strings.push(read.value);
  }
  return { kind: 'static', value: strings, span: spanOf(value) };
}

/** The items of a list; what is joined to it by `++` counts where it is a list in the text too. */
function listItems(
  expr: Expr,
  scope: Scope | undefined,
): Static<readonly { readonly expr: Expr; readonly scope: Scope | undefined }[]> {
  const items: { readonly expr: Expr; readonly scope: Scope | undefined }[] = [];
  let rest: { readonly expr: Expr; readonly scope: Scope | undefined } | undefined = { expr, scope };
  for (let step = 0; rest !== undefined && step < 1000; step++) {
    const { expr: value, scope: inner }: Resolved = settle(rest.expr, rest.scope);
    const isJoin: boolean = value.kind === 'binary' && value.op === '++';
    const head: Resolved =
      value.kind === 'binary' && isJoin ? settle(value.left, inner) : { expr: value, scope: inner, direct: true };
    if (head.expr.kind !== 'list') return notStatic(head.expr, 'a list');
    for (const item of head.expr.items) items.push({ expr: item, scope: head.scope });
    rest = value.kind === 'binary' && isJoin ? { expr: value.right, scope: inner } : undefined;
  }
  return { kind: 'static', value: items, span: spanOf(expr) };
}

/** The name an attribute has, where the text says it: `a`, `"a"`, `${constant}`. */
export function nameOf(name: AttrName, scope: Scope | undefined, steps = maxSteps): string | undefined {
  if (name.kind === 'static') return name.name;
  const read = readString(name.expr, scope, steps - 1);
  return read.kind === 'static' ? read.value : undefined;
}

/**
 * All definitions of the attribute at `path` in a set, however they are spelled: dotted, nested, quoted, mixed, merged
 * from several bindings, inherited. The empty path gives every binding, with all its names as `rest`.
 */
export function find(
  bindings: readonly Binding[],
  path: readonly string[],
  scope: Scope | undefined,
  steps = maxSteps,
): Lookup {
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
      const name = nameOf(names[index]!, scope, steps);
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
    const value = settle(definition.expr, definition.scope, steps - 1);
    if (steps <= 0 || value.expr.kind !== 'attrs') {
      const prefix = path.slice(0, path.length - remaining.length).join('.');
      unknown.push({ reason: `${prefix} is ${nounOf(value.expr)}`, span: spanOf(definition.expr), isName: false });
      return;
    }
    const inner = find(value.expr.bindings, remaining, innerScope(value), steps - 1);
    const direct = definition.direct && value.direct;
    for (const found of inner.definitions) definitions.push({ ...found, direct: direct && found.direct });
    unknown.push(...inner.unknown);
  }
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

/** The offsets of a node alone. */
export function spanOf({ start, end }: Span): Span {
  return { start, end };
}

function notStatic(expr: Expr, wanted: string): Static<never> {
  return { kind: 'not-static', reason: `it is ${nounOf(expr)}, not ${wanted} that the text shows`, span: spanOf(expr) };
}

const nouns: Readonly<Record<string, string>> = {
  int: 'a number',
  float: 'a number',
  path: 'a path',
  searchPath: 'a search path',
  string: 'a string',
  list: 'a list',
  attrs: 'a set',
  lambda: 'a function',
};

/** What an expression is, for people: "a list", "the result of `mkIf`". */
export function nounOf(expr: Expr): string {
  const isComputed = expr.kind === 'string' && expr.parts.some((part) => part.kind === 'interpolation');
  return (isComputed ? undefined : nouns[expr.kind]) ?? describe(expr);
}
