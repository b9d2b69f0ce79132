// Finds attributes of sets and items of lists: written, joined, or made by a function.

import { describe, spanOf } from '../nix/describe.ts';
import {
  type AttrsExpr,
  type Bound,
  inherited,
  innerScope,
  lambdaScope,
  type Scope,
  type StaticName,
  sourceOf,
} from '../nix/scope.ts';
import type { AttrName, Binding, Expr } from '../nix/syntax.ts';
import { isFlake, libraryName } from './library.ts';
import * as made from './made.ts';
import { deeper, entriesIn, findIn, isSpent, itemsIn, memberIn, nameIn, type Run, settleIn } from './run.ts';
import { spineOf } from './settle.ts';
import type { Attributes, Definition, Lookup, Place, Unknown } from './static.ts';

/** Every item of a list, joined with `++` or not. */
export function itemsOf(run: Run, { expr, scope }: Bound): readonly Bound[] | undefined {
  if (isSpent(run)) return undefined;
  const value = settleIn(run, expr, scope);
  if (value.expr.kind === 'list') return value.expr.items.map((item) => ({ expr: item, scope: value.scope }));
  if (value.expr.kind !== 'binary' || value.expr.op !== '++') return undefined;
  const [left, right] = [value.expr.left, value.expr.right].map((side) =>
    itemsIn(deeper(run), { expr: side, scope: value.scope }),
  );
  return left && right && [...left, ...right];
}

/** An attribute of a set; `absent` if it certainly has none, undefined if the text does not tell. */
export function memberAt(run: Run, { expr, scope }: Bound, name: string): Bound | 'absent' | undefined {
  if (isSpent(run)) return undefined;
  const value = settleIn(run, expr, scope);
  const { expr: at } = value;
  if (at.kind === 'binary' && at.op === '//') {
    const right = memberIn(deeper(run), { expr: at.right, scope: value.scope }, name);
    return right === 'absent' ? memberIn(deeper(run), { expr: at.left, scope: value.scope }, name) : right;
  }
  if (at.kind === 'attrs') return memberOf(run, { ...value, expr: at }, name);
  if (at.kind === 'apply') return isPerSystemWithout(run, value, name) ? 'absent' : undefined;
  if (!isFlake(at, value.scope)) return undefined;
  const outputs = sourceOf(value.scope)?.tree.outputs();
  if (name === 'outputs') return outputs;
  const found = outputs && memberIn(deeper(run), outputs, name);
  return found === 'absent' ? undefined : found;
}

/** `flake-utils.lib.eachDefaultSystem (system: { … })`, whose set has no such name: nor has what is made of it. */
function isPerSystemWithout(run: Run, call: Bound, name: string): boolean {
  const { head, args } = spineOf(call, []);
  const fn = args.at(-1);
  if (fn === undefined || !/^each(DefaultSystem|System)/.test(libraryName(head.expr, head.scope) ?? '')) return false;
  const { expr, scope } = settleIn(deeper(run), fn.expr, fn.scope);
  if (expr.kind !== 'lambda') return false;
  return memberIn(deeper(run), { expr: expr.body, scope: lambdaScope(expr, scope) }, name) === 'absent';
}

function memberOf(run: Run, value: Bound & { readonly expr: AttrsExpr }, name: string): Bound | 'absent' | undefined {
  const inner = innerScope(value);
  const { definitions, unknown } = findIn(run, value.expr.bindings, [name], inner);
  const [first] = definitions;
  // An attribute that is computed to the same name would be defined twice, which Nix refuses.
  if (first === undefined) return unknown.length > 0 ? undefined : 'absent';
  if (definitions.length === 1 && first.rest.length === 0) return first;
  const bindings: Binding[] = [];
  for (const { expr, rest, binding } of definitions) {
    if (rest.length > 0 && binding.kind === 'bind')
      bindings.push({ ...binding, path: { ...binding.path, names: rest } });
    else if (expr.kind === 'attrs' && !expr.rec) bindings.push(...expr.bindings);
    else return undefined;
  }
  return made.merged(bindings, first.binding, inner);
}

export function entriesOf(run: Run, { expr, scope }: Bound): Attributes | undefined {
  if (isSpent(run)) return undefined;
  const value = settleIn(run, expr, scope);
  const { expr: at } = value;
  if (at.kind === 'binary' && at.op === '//') {
    const [left, right] = [at.left, at.right].map((side): Attributes => {
      const bound: Bound = { expr: side, scope: value.scope };
      const unread = settleIn(deeper(run), side, value.scope);
      const place: Place = { ...unread, reason: describe(unread.expr) };
      return entriesIn(deeper(run), bound) ?? { entries: new Map(), unknown: [place] };
    }) as [Attributes, Attributes];
    // An unknown attribute on the right may replace a known one on the left.
    const kept = right.unknown.length > 0 ? [] : left.entries;
    return { entries: new Map([...kept, ...right.entries]), unknown: [...left.unknown, ...right.unknown] };
  }
  if (at.kind !== 'attrs') return undefined;
  const inner = innerScope(value);
  const entries = new Map<string, Bound>();
  const unknown: Place[] = [];
  for (const binding of at.bindings) {
    const names = binding.kind === 'bind' ? binding.path.names.slice(0, 1) : binding.names;
    for (const name of names) {
      const known = nameIn(run, name, inner);
      if (known === undefined)
        unknown.push({ expr: nameExpr(name), scope: inner, reason: 'a computed attribute name' });
      else if (!entries.has(known)) entries.set(known, entryOf(binding, known, { ...value, expr: at }, inner));
    }
  }
  return { entries, unknown };
}

const nameExpr = (name: AttrName): Expr =>
  name.kind === 'dynamic' ? { ...name.expr, start: name.start, end: name.end } : { ...name, kind: 'var' };

function entryOf(
  binding: Binding,
  name: string,
  whole: Bound & { readonly expr: AttrsExpr },
  inner: Scope | undefined,
): Bound {
  const isWhole = binding.kind === 'bind' && binding.path.names.length === 1 && binding.value.kind !== 'attrs';
  if (isWhole) {
    const value: Bound = { expr: binding.value, scope: inner };
    return (!made.isWritten(whole.expr) && value.expr.kind === 'var' && inner?.bound.get(value.expr.name)) || value;
  }
  if (binding.kind === 'inherit') {
    const at = binding.names.find((one): one is StaticName => one.kind === 'static' && one.name === name);
    if (at) return { expr: inherited(at, binding.from), scope: binding.from ? inner : whole.scope };
  }
  const { start, end } = binding.kind === 'bind' ? binding.value : binding;
  const target = made.member({ expr: { ...whole.expr, start, end }, scope: whole.scope }, whole, name);
  return target;
}

/** All definitions of the attribute at `path`: `find` of constant.ts. */
export function definitionsOf(
  run: Run,
  bindings: readonly Binding[],
  path: readonly string[],
  scope: Scope | undefined,
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
