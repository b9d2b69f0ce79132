// The functions of Nix and of nixpkgs' lib that the evaluator knows, told from others of the same name.
// A call becomes the expression of its result; one with unknown parts that it needs stays a call.

import { calledName } from '../nix/describe.ts';
import { type Bound, frameOf, type Scope } from '../nix/scope.ts';
import type { AttrName, Expr } from '../nix/syntax.ts';
import * as made from './made.ts';

/** Questions of a function about its arguments; undefined if the text does not tell. */
export interface Ask {
  readonly text: (bound: Bound) => string | undefined;
  readonly truth: (bound: Bound) => boolean | undefined;
  readonly items: (bound: Bound) => readonly Bound[] | undefined;
  readonly entries: (bound: Bound) => ReadonlyMap<string, Bound> | undefined;
}

/** A call by its function's name and as many arguments as the function takes. */
type Unfold = (ask: Ask, at: Bound, ...args: readonly Bound[]) => Bound | undefined;

/** `lib.mkForce x`, also under `with lib;` and after `inherit (lib) mkForce;`: which definition wins, and not its value. */
export function setsPriority(expr: Expr & { readonly kind: 'apply' }, scope: Scope | undefined): boolean {
  const name = calledName(expr);
  if (name === 'mkForce' || name === 'mkDefault') return isLibrary(expr.fn, scope);
  if (name !== 'mkOverride' || expr.fn.kind !== 'apply') return false;
  return expr.fn.arg.kind === 'int' && isLibrary(expr.fn.fn, scope);
}

/** The priority that `lib.mkForce x` and the like give; 100 by default. */
export function priorityOf(expr: Expr, scope: Scope | undefined): number {
  if (expr.kind === 'paren') return priorityOf(expr.inner, scope);
  if (expr.kind !== 'apply' || !setsPriority(expr, scope)) return 100;
  const name = calledName(expr);
  if (name === 'mkForce') return 50;
  if (name === 'mkDefault') return 1000;
  return expr.fn.kind === 'apply' && expr.fn.arg.kind === 'int' ? Number(expr.fn.arg.text) : 100;
}

/** The name of a function that the text shows to be one of Nix's or of nixpkgs' lib. */
export function libraryName(fn: Expr, scope: Scope | undefined): string | undefined {
  if (!isLibrary(fn, scope)) return undefined;
  if (fn.kind === 'var') return fn.name;
  const last = fn.kind === 'select' ? fn.path.names.at(-1) : undefined;
  return last?.kind === 'static' ? last.name : undefined;
}

function isLibrary(fn: Expr, scope: Scope | undefined): boolean {
  if (fn.kind === 'select') return fn.fallback === undefined && endsInLib(fn.target, fn.path.names, scope);
  if (fn.kind !== 'var') return false;
  const frame = frameOf(fn.name, scope);
  if (frame === undefined) return true;
  const bound = frame.bound.get(fn.name);
  return bound?.expr.kind === 'select' && endsInLib(bound.expr.target, bound.expr.path.names, bound.scope);
}

/**
 * `lib.x`, `pkgs.lib.x`, `inputs.nixpkgs.lib.x`, `lib.attrsets.x`, `builtins.x`; what the flake itself calls lib is its own.
 */
function endsInLib(target: Expr, names: readonly AttrName[], scope: Scope | undefined): boolean {
  const path = [...namesOf(target), ...names.slice(0, -1).map((name) => (name.kind === 'static' ? name.name : '?'))];
  if (SUBLIBRARY.test(path.at(-1) ?? '')) path.pop();
  if (path.length === 1 && /^(builtins|flake-parts-lib)$/.test(path[0]!)) return true;
  return path.at(-1) === 'lib' && !isFlakePath(path.slice(0, -1), scope);
}

const SUBLIBRARY = /^(attrsets|lists|strings|trivial|fixedPoints|customisation|modules)$/;

function namesOf(expr: Expr): readonly string[] {
  if (expr.kind === 'paren') return namesOf(expr.inner);
  if (expr.kind === 'var') return [expr.name];
  if (expr.kind !== 'select' || expr.fallback !== undefined) return ['?'];
  return [...namesOf(expr.target), ...expr.path.names.map((name) => (name.kind === 'static' ? name.name : '?'))];
}

/** True for `self`, `inputs.self`, and their `outPath`, unless the text binds `self` to another value. */
export function isFlake(expr: Expr, scope: Scope | undefined): boolean {
  if (expr.kind === 'var') return isFlakePath([expr.name], scope);
  if (expr.kind !== 'select' || expr.target.kind !== 'var') return false;
  const names = [expr.target.name, ...expr.path.names.map((name) => (name.kind === 'static' ? name.name : '?'))];
  return isFlakePath(names, scope);
}

function isFlakePath(names: readonly string[], scope: Scope | undefined): boolean {
  if (names.length === 1) return names[0] === 'self' && frameOf('self', scope)?.bound.get('self') === undefined;
  return /^(inputs\.)?self(\.(sourceInfo\.)?outPath)?$/.test(names.join('.'));
}

/** The result of a call, with the arguments left over; undefined if the function is not known, or takes more arguments. */
export function unfold(name: string, args: readonly Bound[], at: Bound, ask: Ask): Bound | undefined {
  const known = Object.hasOwn(FUNCTIONS, name) ? FUNCTIONS[name] : undefined;
  if (known === undefined) return undefined;
  const [arity, body] = known;
  if (args.length < arity) return undefined;
  const result = body(ask, at, ...args.slice(0, arity));
  return result && args.length > arity ? made.call(at, result, ...args.slice(arity)) : result;
}

const map: Unfold = ({ items }, at, fn, over) => {
  const all = items(over!);
  return (
    all &&
    made.list(
      at,
      all.map((item) => made.call(item, fn!, item)),
    )
  );
};

const genAttrs: Unfold = ({ items, text }, at, names, fn) => {
  const all = items(names!)?.map((item) => [text(item), made.call(item, fn!, item)] as const);
  return all?.every(isNamed) ? made.set(at, all) : undefined;
};

const isNamed = (entry: readonly [string | undefined, Bound]): entry is readonly [string, Bound] =>
  entry[0] !== undefined;

const listToAttrs: Unfold = ({ items, entries, text }, at, list) => {
  const all = items(list!)?.map((item) => {
    const name = entries(item)?.get('name');
    return [name && text(name), made.member(item, item, 'value')] as const;
  });
  // Of two with one name the first counts.
  return all?.every(isNamed) ? made.set(at, new Map([...all].reverse())) : undefined;
};

const mapAttrs: Unfold = ({ entries }, at, fn, of) => {
  const all = entries(of!);
  return (
    all &&
    made.set(
      at,
      [...all].map(([name, value]) => [name, made.call(value, fn!, made.text(value, name), value)]),
    )
  );
};

const mapAttrsToList: Unfold = ({ entries }, at, fn, of) => {
  const all = entries(of!);
  return (
    all &&
    made.list(
      at,
      inOrder(all).map(([name, value]) => made.call(value, fn!, made.text(value, name), value)),
    )
  );
};

const concatLists = (at: Bound, parts: readonly Bound[]): Bound => made.joined(at, '++', parts, made.list(at, []));

const foldl: Unfold = ({ items }, at, fn, first, list) =>
  items(list!)?.reduce((sum, item) => made.call(at, fn!, sum, item), first!);

const optionalList: Unfold = ({ truth }, at, cond, value) => {
  const is = truth(cond!);
  return is === undefined ? undefined : is ? value : made.list(at, []);
};

const inOrder = (entries: ReadonlyMap<string, Bound>): readonly (readonly [string, Bound])[] =>
  [...entries].sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)));

const FUNCTIONS: Readonly<Record<string, readonly [arity: number, body: Unfold]>> = {
  map: [2, map],
  forEach: [2, (ask, at, list, fn) => map(ask, at, fn!, list!)],
  concatMap: [
    2,
    ({ items }, at, fn, list) => {
      const all = items(list!);
      return (
        all &&
        concatLists(
          at,
          all.map((item) => made.call(item, fn!, item)),
        )
      );
    },
  ],
  concatLists: [
    1,
    ({ items }, at, lists) => {
      const all = items(lists!);
      return all && concatLists(at, all);
    },
  ],
  filter: [
    2,
    ({ items, truth }, at, fn, list) => {
      const all = items(list!)?.map((item) => [truth(made.call(item, fn!, item)), item] as const);
      return all?.every(([is]) => is !== undefined)
        ? made.list(
            at,
            all.flatMap(([is, item]) => (is ? [item] : [])),
          )
        : undefined;
    },
  ],
  "foldl'": [3, foldl],
  foldl: [3, foldl],
  mergeAttrsList: [
    1,
    ({ items }, at, list) => {
      const all = items(list!);
      return all && made.joined(at, '//', all, made.set(at, []));
    },
  ],
  genAttrs: [2, genAttrs],
  listToAttrs: [1, listToAttrs],
  mapAttrs: [2, mapAttrs],
  "mapAttrs'": [
    2,
    (ask, at, fn, of) => {
      const list = mapAttrsToList(ask, at, fn!, of!);
      return list && listToAttrs(ask, at, list);
    },
  ],
  mapAttrsToList: [2, mapAttrsToList],
  filterAttrs: [
    2,
    ({ entries, truth }, at, fn, of) => {
      const all = entries(of!);
      if (all === undefined) return undefined;
      const kept = [...all].map(
        ([name, value]) => [truth(made.call(value, fn!, made.text(value, name), value)), name, value] as const,
      );
      return kept.every(([is]) => is !== undefined)
        ? made.set(
            at,
            kept.flatMap(([is, name, value]) => (is ? [[name, value] as const] : [])),
          )
        : undefined;
    },
  ],
  removeAttrs: [
    2,
    ({ entries, items, text }, at, of, names) => {
      const all = entries(of!);
      const gone = items(names!)?.map(text);
      return all && gone?.every((name) => name !== undefined)
        ? made.set(
            at,
            [...all].filter(([name]) => !gone.includes(name)),
          )
        : undefined;
    },
  ],
  attrNames: [
    1,
    ({ entries }, at, of) => {
      const all = entries(of!);
      return (
        all &&
        made.list(
          at,
          inOrder(all).map(([name, value]) => made.text(value, name)),
        )
      );
    },
  ],
  attrValues: [
    1,
    ({ entries }, at, of) => {
      const all = entries(of!);
      return (
        all &&
        made.list(
          at,
          inOrder(all).map(([, value]) => value),
        )
      );
    },
  ],
  getAttr: [
    2,
    ({ text }, at, name, of) => {
      const known = text(name!);
      return known === undefined ? undefined : made.member(at, of!, known);
    },
  ],
  nameValuePair: [
    2,
    (_ask, at, name, value) =>
      made.set(at, [
        ['name', name!],
        ['value', value!],
      ]),
  ],
  optional: [2, (ask, at, cond, value) => optionalList(ask, at, cond!, made.list(value!, [value!]))],
  optionals: [2, optionalList],
  optionalAttrs: [
    2,
    ({ truth }, at, cond, value) => {
      const is = truth(cond!);
      return is === undefined ? undefined : is ? value : made.set(at, []);
    },
  ],
  flip: [3, (_ask, at, fn, a, b) => made.call(at, fn!, b!, a!)],
  pipe: [2, ({ items }, at, value, fns) => items(fns!)?.reduce((result, fn) => made.call(at, fn, result), value!)],
  // It adds only functions to the result (`override` and the like), which are not read.
  makeOverridable: [2, (_ask, at, fn, arg) => made.call(at, fn!, arg!)],
  id: [1, (_ask, _at, value) => value],
  // Of flake-parts: a module in a file that is a function of more.
  importApply: [2, (_ask, at, file, arg) => made.call(at, made.builtin(at, 'import'), file!, arg!)],
};
