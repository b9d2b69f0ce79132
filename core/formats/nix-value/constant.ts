// Constants: what an expression comes to as far as the text says for certain; the only evaluator, of flake.nix and of modules.
// What needs more than the text is said to be not static, with the reason and the place.

import { describe, spanOf } from '../nix/describe.ts';
import {
  type AttrsExpr,
  type Bound,
  bindingScope,
  frameOf,
  inherited,
  innerScope,
  lambdaScope,
  type Scope,
  type StaticName,
  sourceOf,
  withScope,
} from '../nix/scope.ts';
import type { AttrName, Binding, Expr, StringPart } from '../nix/syntax.ts';
import { type Ask, isFlake, libraryName, setsPriority, unfold } from './library.ts';
import * as made from './made.ts';
import {
  type Attributes,
  type Constant,
  type Definition,
  type Lookup,
  notStatic,
  type Place,
  type Resolved,
  type Static,
  type Unknown,
} from './static.ts';
import { fromTop, joinPath } from './tree-path.ts';

/** How far an evaluation goes. */
export interface Rules {
  /** Only what Nix takes in flake.nix before it evaluates (docs/nix.md): parentheses and variables go, nothing is joined. */
  readonly literal?: boolean;
  /** Files that are imported stay `import ./x`. */
  readonly here?: boolean;
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
  let isCalled = false;
  for (let hop = run.depth; hop > 0; hop--) {
    const next = settleOnce(run, at);
    if (next === undefined) break;
    // What a function makes stands in no text of its own, or in text that other calls share.
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

/** The same selection from what its target comes to: `i.lib.x`, where `i` is `inputs.nixpkgs`. */
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

/** The function of a call that came to nothing more, and its arguments. */
function spineOf(fn: Bound, args: readonly Bound[]): { readonly head: Bound; readonly args: readonly Bound[] } {
  const { expr, scope } = fn;
  if (expr.kind === 'paren') return spineOf({ expr: expr.inner, scope }, args);
  if (expr.kind !== 'apply') return { head: fn, args };
  return spineOf({ expr: expr.fn, scope }, [{ expr: expr.arg, scope }, ...args]);
}

/** A call as it is left: `lib.nixosSystem { … }` by the name of its function, wherever that was bound. */
export function callIn(bound: Bound): { readonly name?: string; readonly args: readonly Bound[] } {
  const { head, args } = spineOf(settle(bound.expr, bound.scope), []);
  const fn = settle(head.expr, head.scope);
  const whole = fn.expr.kind === 'apply' ? spineOf(fn, args) : { head: fn, args };
  const name = libraryName(whole.head.expr, whole.head.scope);
  return { ...(name !== undefined && { name }), args: whole.args };
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

const askIn = (run: Run): Ask => ({
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

function truthIn(run: Run, { expr, scope }: Bound): boolean | undefined {
  const read = constantIn(deeper(run), expr, scope, 'a boolean');
  return read.kind === 'static' && read.value.kind === 'bool' ? read.value.value : undefined;
}

/** Every item of a list, joined with `++` or not. */
function itemsIn(run: Run, { expr, scope }: Bound): readonly Bound[] | undefined {
  if (isSpent(run)) return undefined;
  const value = settleIn(run, expr, scope);
  if (value.expr.kind === 'list') return value.expr.items.map((item) => ({ expr: item, scope: value.scope }));
  if (value.expr.kind !== 'binary' || value.expr.op !== '++') return undefined;
  const [left, right] = [value.expr.left, value.expr.right].map((side) =>
    itemsIn(deeper(run), { expr: side, scope: value.scope }),
  );
  return left && right && [...left, ...right];
}

/** An attribute of a set; `absent` where it certainly has none, undefined where the text does not tell. */
function memberIn(run: Run, { expr, scope }: Bound, name: string): Bound | 'absent' | undefined {
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

/** The attributes of a set; undefined where it is none, as far as the text says. */
export function attributesOf({ expr, scope }: Bound): Attributes | undefined {
  return entriesIn(begin(), { expr, scope });
}

function entriesIn(run: Run, { expr, scope }: Bound): Attributes | undefined {
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
    // What is unknown on the right may take the place of what is known on the left.
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
  // The flake itself, joined to a path, is its directory.
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
    case 'binary': {
      if (run.literal) break;
      if (value.op === '+') return joined(run, value, [value.left, value.right], inner, wanted);
      const truth = comparison(run, value, inner);
      if (truth !== undefined) return is({ kind: 'bool', value: truth });
      break;
    }
    case 'unary': {
      const operand =
        value.op === '!' && !run.literal ? truthIn(run, { expr: value.operand, scope: inner }) : undefined;
      if (operand !== undefined) return is({ kind: 'bool', value: !operand });
      break;
    }
    case 'hasAttr': {
      const has = run.literal ? undefined : hasIn(run, value, inner);
      if (has !== undefined) return is({ kind: 'bool', value: has });
      break;
    }
    case 'apply': {
      if (run.literal) break;
      const truth = elemIn(run, value, inner);
      if (truth !== undefined) return is({ kind: 'bool', value: truth });
      const { head, args } = spineOf({ expr: value, scope: inner }, []);
      if (args.length !== 1 || !/^to(String|Path)$/.test(libraryName(head.expr, head.scope) ?? '')) break;
      const path = constantIn(deeper(run), args[0]!.expr, args[0]!.scope, wanted);
      if (path.kind === 'static' && /^(path|string)$/.test(path.value.kind)) return { ...path, span: spanOf(value) };
      break;
    }
  }
  return notStatic(value, wanted);
}

function comparison(
  run: Run,
  { op, left, right }: Expr & { readonly kind: 'binary' },
  scope: Scope | undefined,
): boolean | undefined {
  if (op === '&&' || op === '||' || op === '->') {
    const first = truthIn(run, { expr: left, scope });
    if (first === undefined) return undefined;
    if (first === (op === '||')) return op === '||';
    return first || op === '||' ? truthIn(run, { expr: right, scope }) : op === '->';
  }
  if (op !== '==' && op !== '!=') return undefined;
  const same = isSame(run, { expr: left, scope }, { expr: right, scope });
  return same === undefined ? undefined : same === (op === '==');
}

function isSame(run: Run, a: Bound, b: Bound): boolean | undefined {
  const [left, right] = [a, b].map(({ expr, scope }) => constantIn(deeper(run), expr, scope, 'a constant'));
  if (left?.kind !== 'static' || right?.kind !== 'static') return undefined;
  // Lists are compared item by item, and paths by where they lead: neither is needed.
  if (/^(list|path)$/.test(left.value.kind) || /^(list|path)$/.test(right.value.kind)) return undefined;
  return JSON.stringify(left.value) === JSON.stringify(right.value);
}

/** `e ? a.b`. */
function hasIn(
  run: Run,
  { target, path }: Expr & { readonly kind: 'hasAttr' },
  scope: Scope | undefined,
): boolean | undefined {
  let at: Bound = { expr: target, scope };
  for (const name of path.names) {
    const known = nameIn(run, name, scope);
    const found = known === undefined ? undefined : memberIn(deeper(run), at, known);
    if (found === 'absent') return false;
    if (found === undefined) return undefined;
    at = found;
  }
  return true;
}

/** `elem x list`, `hasAttr "a" e`. */
function elemIn(run: Run, expr: Expr, scope: Scope | undefined): boolean | undefined {
  const { head, args } = spineOf({ expr, scope }, []);
  const [first, second, ...more] = args;
  if (first === undefined || second === undefined || more.length > 0) return undefined;
  const name = libraryName(head.expr, head.scope);
  if (name === 'hasAttr') {
    const known = askIn(run).text(first);
    const found = known === undefined ? undefined : memberIn(deeper(run), second, known);
    return found === undefined ? undefined : found !== 'absent';
  }
  if (name !== 'elem') return undefined;
  const same = itemsIn(deeper(run), second)?.map((item) => isSame(run, first, item));
  if (same?.includes(true)) return true;
  return same?.includes(undefined) ? undefined : same && false;
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
