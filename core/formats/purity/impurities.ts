// Finds what pure evaluation refuses or changes in a Nix file: lookup paths, environment, time, unpinned fetches, paths outside
// the flake. Pure; by the text alone.

import { bindingScope, frameOf, innerScope, lambdaScope } from '../nix/scope.ts';
import type { Binding, Expr, Span, StringPart } from '../nix/syntax.ts';
import { walk } from '../nix/walk.ts';
import { readString } from '../nix-value/read.ts';
import { builtinOf, isBuiltins, type Surroundings } from './builtins.ts';
import { isFetcher, isPinned } from './fetches.ts';

export type ImpureKind =
  | 'lookup'
  | 'fetch'
  /** A fetch whose text does not tell whether it is pinned. */
  | 'open-fetch'
  | 'path'
  | 'home'
  | 'system'
  | 'time'
  | 'store-path'
  | 'environment'
  | 'exists'
  | 'etc-nixos';

/** `isFatal`: evaluation fails when it comes to it; else it goes on with another value. `what`: the words for people. */
export interface Impurity extends Span {
  readonly kind: ImpureKind;
  readonly isFatal: boolean;
  readonly what: string;
}

/** In the order of the text. */
export function impuritiesIn(root: Expr): readonly Impurity[] {
  const found: Impurity[] = [];
  const waiting: Place[] = [{ expr: root, scope: undefined, withBuiltins: false, isLazy: false }];
  for (let place = waiting.pop(); place !== undefined; place = waiting.pop()) {
    const { own, inside } = lookAt(place);
    found.push(...own);
    waiting.push(...inside);
  }
  return found.sort((a, b) => a.start - b.start);
}

/** An expression to look at. `isLazy`: it may stay unevaluated. `isRead`: its value is read as a file or module. */
interface Place extends Surroundings {
  readonly expr: Expr;
  readonly isLazy: boolean;
  readonly isRead?: boolean;
}

interface Seen {
  readonly own: readonly Impurity[];
  readonly inside: readonly Place[];
}

const NOTHING: Seen = { own: [], inside: [] };

function lookAt(place: Place): Seen {
  const { expr } = place;
  switch (expr.kind) {
    case 'searchPath':
      // <nix/…> are Nix's own files, present in every mode; a bound __findFile replaces the lookup.
      return expr.name.startsWith('nix/') || frameOf('__findFile', place.scope) !== undefined
        ? NOTHING
        : one(place, 'lookup', `<${expr.name}>`);
    case 'path':
      return ofPath(place, expr.parts);
    case 'string':
      return ofString(place, expr.parts);
    case 'uri':
      return NOTHING;
    case 'var':
    case 'select': {
      const named = ofBuiltin(place);
      return { own: named, inside: named.length > 0 ? [] : partsOf(place) };
    }
    case 'apply':
      return ofCall(place, expr);
    default:
      return { own: [], inside: partsOf(place) };
  }
}

function one({ expr, isLazy }: Place, kind: ImpureKind, what: string, isFatal = true): Seen {
  return { own: [impurity(expr, kind, what, isFatal && !isLazy)], inside: [] };
}

const impurity = ({ start, end }: Span, kind: ImpureKind, what: string, isFatal: boolean): Impurity => ({
  start,
  end,
  kind,
  isFatal,
  what,
});

function ofPath(place: Place, parts: readonly StringPart[]): Seen {
  const { expr } = place;
  const head = parts[0]?.kind === 'text' ? parts[0].value : '';
  const shown = `${head}${parts.length > 1 ? '…' : ''}`;
  // Nix 2.34 refuses the whole file for it, even if it is never evaluated.
  const own = head.startsWith('~')
    ? [impurity(expr, 'home', shown, true)]
    : head.startsWith('/')
      ? one(place, 'path', shown).own
      : [];
  return { own, inside: inParts(place, parts) };
}

function ofString(place: Place, parts: readonly StringPart[]): Seen {
  const [first] = parts;
  if (place.isRead && first?.kind === 'text' && first.value.startsWith('/'))
    return {
      own: one(place, 'path', `${first.value}${parts.length > 1 ? '…' : ''}`).own,
      inside: inParts(place, parts),
    };
  const named = parts.flatMap((part) =>
    part.kind === 'text' && NAMES_ETC_NIXOS.test(part.value) ? [impurity(part, 'etc-nixos', '/etc/nixos', false)] : [],
  );
  return { own: named, inside: inParts(place, parts) };
}

export const NAMES_ETC_NIXOS = /\/etc\/nixos(?![\w-])/;

/** A builtin that pure evaluation lacks, or that has another value there; called or passed on. */
function ofBuiltin(place: Place): readonly Impurity[] {
  const { expr } = place;
  const builtin = builtinOf(expr, place);
  if (builtin === undefined || (expr.kind === 'var' && expr.start === expr.end)) return [];
  const { name, isGlobal } = builtin;
  const isDefaulted = expr.kind === 'select' && expr.fallback !== undefined;
  const as = (kind: ImpureKind, isFatal: boolean): readonly Impurity[] => [
    impurity(expr, kind, name, isFatal && !isDefaulted && (!place.isLazy || isGlobal)),
  ];
  if (name === 'currentSystem') return as('system', true);
  if (name === 'currentTime') return as('time', true);
  if (name === 'storePath') return as('store-path', true);
  if (name === 'getEnv') return as('environment', false);
  if (name === 'nixPath') return as('lookup', false);
  if (name === 'findFile') return as('lookup', true);
  return isFetcher(name) ? as('open-fetch', false) : [];
}

type Call = Expr & { readonly kind: 'apply' };

function ofCall(place: Place, expr: Call): Seen {
  const { fn, arg } = expr;
  const name = builtinOf(fn, place)?.name;
  const at = (inner: Expr, how: Partial<Place> = {}): Place => ({ ...place, isRead: false, expr: inner, ...how });
  if (name !== undefined && isFetcher(name)) {
    const pinned = isPinned(name, arg, place.scope);
    const inside = [at(arg)].filter(() => arg.kind !== 'path' && arg.kind !== 'uri');
    if (pinned === 'yes') return { own: [], inside };
    const own = [impurity(expr, pinned === 'no' ? 'fetch' : 'open-fetch', name, pinned === 'no' && !place.isLazy)];
    return { own, inside };
  }
  if (name === 'pathExists' && startsAtRoot(arg, place)) return one(place, 'exists', name, false);
  if (name === 'getEnv') return one(place, 'environment', `getEnv${envOf(arg, place)}`, false);
  if (name !== undefined && TEXT_ONLY.has(name) && isAbsolute(arg)) return textOf(arg);
  if (name === 'tryEval') return { own: [], inside: [at(arg, { isLazy: place.isLazy || arg.kind === 'searchPath' })] };
  if (name !== undefined && READERS.has(name)) return { own: [], inside: [at(arg, { isRead: true })] };
  if (name === 'path' && arg.kind === 'attrs')
    return { own: [], inside: partsOf(at(arg)).map((part) => ({ ...part, isRead: true })) };
  const second = fn.kind === 'apply' ? builtinOf(fn.fn, place)?.name : undefined;
  if (second !== undefined && SECOND_READERS.has(second))
    return { own: [], inside: [at(fn), at(arg, { isRead: true })] };
  // `lib.optional (builtins.pathExists /x) /x`, `mkIf inPureEvalMode …`: the condition may keep the rest from evaluation.
  const isGuarded = fn.kind === 'apply' && isGuard(fn.arg, place);
  return {
    own: [],
    inside: [at(fn), at(arg, { isLazy: place.isLazy || isGuarded, isRead: place.isRead === true })],
  };
}

const envOf = (arg: Expr, { scope }: Place): string => {
  const text = readString(arg, scope);
  return text.kind === 'static' ? ` "${text.value}"` : '';
};

/** For a function that uses only the text of a path: the file need not exist. */
function textOf(arg: Expr): Seen {
  const path = arg.kind === 'paren' ? arg.inner : arg;
  const [first] = path.kind === 'path' ? path.parts : [];
  const isPlace = first?.kind === 'text' && NAMES_ETC_NIXOS.test(first.value);
  return { own: isPlace ? [impurity(path, 'etc-nixos', '/etc/nixos', false)] : [], inside: [] };
}

/** Functions that use only the text of a path. */
const TEXT_ONLY: ReadonlySet<string> = new Set(['toString', 'baseNameOf', 'dirOf', 'isPath', 'typeOf', 'toPath']);
const READERS: ReadonlySet<string> = new Set(
  'import readFile readDir readFileType importJSON importTOML fileContents'.split(' '),
);
/** Functions whose second argument is a file. */
const SECOND_READERS: ReadonlySet<string> = new Set(['scopedImport', 'hashFile', 'filterSource']);

function isAbsolute(expr: Expr): boolean {
  const inner = expr.kind === 'paren' ? expr.inner : expr;
  return inner.kind === 'path' && inner.parts[0]?.kind === 'text' && inner.parts[0].value.startsWith('/');
}

/** True if a path or string begins with `/`. */
function startsAtRoot(expr: Expr, { scope }: Place): boolean {
  if (expr.kind === 'paren') return startsAtRoot(expr.inner, { expr, scope, withBuiltins: false, isLazy: false });
  if (expr.kind === 'binary' && expr.op === '+')
    return startsAtRoot(expr.left, { expr, scope, withBuiltins: false, isLazy: false });
  const [first] = expr.kind === 'path' || expr.kind === 'string' ? expr.parts : [];
  if (first?.kind === 'text') return first.value.startsWith('/');
  const text = readString(expr, scope);
  return text.kind === 'static' && text.value.startsWith('/');
}

/** True for a condition that asks whether evaluation is pure, or whether a file outside exists. */
function isGuard(cond: Expr, place: Place): boolean {
  let found = false;
  walk(cond, (expr) => {
    if (expr.kind === 'hasAttr' && isBuiltins(expr.target, place.scope)) found = true;
    if (expr.kind === 'apply' && builtinOf(expr.fn, place)?.name === 'pathExists' && startsAtRoot(expr.arg, place))
      found = true;
    const last = expr.kind === 'select' ? expr.path.names.at(-1) : expr;
    if ((last?.kind === 'static' || last?.kind === 'var') && last.name === 'inPureEvalMode') found = true;
  });
  return found;
}

/** True if only the text of a path counts: it is compared, or joined to a value that is no string (`self + /x`). */
const isText = ({ op, left, right }: Expr & { readonly kind: 'binary' }, path: Expr): boolean =>
  op === '==' || op === '!=' || (op === '+' && path === right && left.kind !== 'string');

/** The parts of an expression, each with its context. */
function partsOf(place: Place): readonly Place[] {
  const { expr, scope, isLazy, isRead } = place;
  const at = (inner: Expr, how: Partial<Place> = {}): Place => ({ ...place, isRead: false, expr: inner, ...how });
  const same = (inner: Expr, how: Partial<Place> = {}): Place => at(inner, { isRead: isRead === true, ...how });
  switch (expr.kind) {
    case 'list':
      return expr.items.map((item) => same(item));
    case 'attrs':
      return inBindings(expr.bindings, { ...place, scope: innerScope({ expr, scope }) });
    case 'letAttrs':
      return inBindings(expr.bindings, { ...place, scope: bindingScope(expr.bindings, scope) });
    case 'let': {
      const inner = { ...place, scope: bindingScope(expr.bindings, scope) };
      return [...inBindings(expr.bindings, inner), { ...inner, expr: expr.body }];
    }
    case 'lambda': {
      const inner = lambdaScope(expr, scope);
      const fallbacks = expr.formals?.formals.flatMap(({ fallback }) => (fallback ? [fallback] : [])) ?? [];
      return [...fallbacks.map((one) => at(one, { scope: inner, isLazy: true })), same(expr.body, { scope: inner })];
    }
    case 'select':
      return [at(expr.target), ...(expr.fallback ? [same(expr.fallback, { isLazy: true })] : [])];
    case 'hasAttr':
      return isBuiltins(expr.target, scope) ? [] : [at(expr.target)];
    case 'unary':
      return [at(expr.operand)];
    case 'binary': {
      const isShort = (expr.op === '&&' || expr.op === '||' || expr.op === '->') && isGuard(expr.left, place);
      // A text joined to a path is no path by itself.
      const right = expr.op === '+' ? at(expr.right) : same(expr.right, { isLazy: isLazy || isShort });
      return [same(expr.left), right].filter((one) => !isAbsolute(one.expr) || !isText(expr, one.expr));
    }
    case 'if': {
      const isGuarded = isLazy || isGuard(expr.cond, place);
      return [at(expr.cond), same(expr.then, { isLazy: isGuarded }), same(expr.else, { isLazy: isGuarded })];
    }
    case 'with':
      return [at(expr.scope), same(expr.body, { withBuiltins: isBuiltins(expr.scope, scope) })];
    case 'assert':
      return [at(expr.cond), same(expr.body)];
    case 'paren':
      return [same(expr.inner)];
    default:
      return [];
  }
}

const inParts = (place: Place, parts: readonly StringPart[]): readonly Place[] =>
  parts.flatMap((part) => (part.kind === 'interpolation' ? [{ ...place, isRead: false, expr: part.expr }] : []));

function inBindings(bindings: readonly Binding[], place: Place): readonly Place[] {
  return bindings.flatMap((binding): readonly Place[] => {
    const at = (expr: Expr, isRead = false): Place => ({ ...place, isRead, expr });
    if (binding.kind === 'inherit') return binding.from ? [at(binding.from)] : [];
    const { names } = binding.path;
    const last = names.at(-1);
    const computed = names.flatMap((name) => (name.kind === 'dynamic' ? [at(name.expr)] : []));
    return [...computed, at(binding.value, last?.kind === 'static' && MODULES.test(last.name))];
  });
}

/** Attributes with lists of modules, in which a string is a file. */
const MODULES = /^(imports|modules|sharedModules|extraModules|baseModules)$/;
