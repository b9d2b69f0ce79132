// Finds the system of a host: from `nixpkgs.hostPlatform` and its older spellings in its modules, which override the argument
// `system`. Definitions count as in the module system; text that may hide one is reported.

import { oncePer } from '../../once.ts';
import { describe, spanOf } from '../nix/describe.ts';
import { type Bound, type Source, sourceOf, type Tree } from '../nix/scope.ts';
import type { Expr, Span } from '../nix/syntax.ts';
import { walk } from '../nix/walk.ts';
import { attributesOf, callIn, constantOf, settle } from '../nix-value/constant.ts';
import { priorityOf } from '../nix-value/library.ts';
import * as made from '../nix-value/made.ts';
import { listParts } from '../nix-value/read.ts';
import type { Resolved } from '../nix-value/static.ts';
import { plainPath } from '../nix-value/tree-path.ts';
import { inFile, isForeign, moduleBody, modulePath } from './module-item.ts';

/** The `system` of a host. `shared`: the value stands outside of the host: in a variable, or in another file. */
export type SystemRead =
  /** No `system` argument, nor `nixpkgs.hostPlatform` in an inline module: its other modules say it. */
  | { readonly kind: 'unset' }
  | {
      readonly kind: 'static';
      readonly value: string;
      readonly span: Span;
      readonly shared: boolean;
      readonly in?: Source;
    }
  | { readonly kind: 'opaque'; readonly reason: string; readonly span: Span; readonly in?: Source };

/** The parts to search. `isDeep`: the files of the modules too. */
export interface PlatformOf {
  /** The argument of nixosSystem. */
  readonly argument: Bound;
  /** Its attributes. */
  readonly args: ReadonlyMap<string, Bound>;
  /** The values that `specialArgs` gives to the modules. */
  readonly special: ReadonlyMap<string, Bound>;
  /** The parts of its `modules`. */
  readonly parts: readonly Resolved[];
  /** True if an expression stands in text that belongs to this host alone. */
  readonly isOwn: (bound: Bound) => boolean;
  readonly isDeep: boolean;
}

/** A definition: of a system, or (`why`) of one that the text does not tell. `maybe`: it may not count. */
interface Said extends Bound {
  readonly of: Option;
  readonly priority: number;
  readonly maybe: boolean;
  readonly value?: string;
  readonly why?: string;
}

/** The first that is defined counts. */
const OPTIONS = ['hostPlatform', 'localSystem', 'system'] as const;
type Option = (typeof OPTIONS)[number];

/** Text that may define it out of sight: `here` itself, `files` also files that it may lead to; `surely`: it does define it. */
interface Hidden extends Bound {
  readonly why: string;
  readonly how: 'here' | 'files' | 'surely';
}

interface Search {
  readonly special: ReadonlyMap<string, Bound>;
  readonly said: Said[];
  readonly hidden: Hidden[];
  /** Files that were read, and whether they count for certain. */
  readonly seen: Map<string, boolean>;
  readonly isDeep: boolean;
  steps: number;
}

const MOST_MODULES = 5000;

/**
 * The system of a host. `wished`: if the call and its inline modules name this one, and so does every file of the flake that
 * names any, the imports need not be known.
 */
export function platformOf(asked: PlatformOf, wished?: string): SystemRead {
  if (!asked.isDeep || wished === undefined) return found(asked, false);
  const near = found({ ...asked, isDeep: false }, true);
  return near.kind === 'static' && near.value === wished ? near : found(asked, false);
}

/** `isAll`: every file that may define it counts as one that perhaps does. */
function found({ argument: whole, args, special, parts, isOwn, isDeep }: PlatformOf, isAll: boolean): SystemRead {
  const search: Search = { special, said: [], hidden: [], seen: new Map(), isDeep, steps: 0 };
  const argument = args.get('system');
  // nixosSystem passes it on as a default.
  if (argument) define(search, 'system', { ...argument, maybe: false }, 1000);
  for (const { expr, scope } of parts) lookInList(search, { expr, scope, maybe: false });
  const isCareful = isDeep || isAll;
  const pkgs = isCareful ? args.get('pkgs') : undefined;
  const byPackages = pkgs && packagesSystem(pkgs);
  if (byPackages?.why !== undefined) search.hidden.push({ ...byPackages.at, why: byPackages.why, how: 'surely' });
  if (isAll) lookInFiles(search, (args.values().next().value ?? parts[0])?.scope);
  else if (isDeep) lookInOthers(search);
  const certain = search.said.filter(({ maybe }) => !maybe);
  const winner = OPTIONS.map((of) => strongest(certain.filter((one) => one.of === of))).find(
    (one) => one !== undefined,
  );
  const open = ({ expr, scope }: Bound, reason: string): SystemRead => ({
    kind: 'opaque',
    reason,
    span: spanOf(expr),
    ...inFile(scope),
  });
  if (winner?.why !== undefined) return open(winner, winner.why);
  const [hidden] = isCareful ? search.hidden.filter(mayTell) : [];
  if (hidden) return open(hidden, hidden.why);
  const other = isCareful
    ? search.said.find((one) => one.maybe && (one.value === undefined || one.value !== winner?.value))
    : undefined;
  if (other) return open(other, other.why ?? `whether it is ${other.value} depends on what the text does not tell`);
  const value = byPackages?.value ?? winner?.value;
  if (winner === undefined || value === undefined) {
    if (!isDeep) return { kind: 'unset' };
    return open(args.get('modules') ?? whole, 'no module that can be read says nixpkgs.hostPlatform');
  }
  if (value !== winner.value) return open(winner, 'its packages are for another system than it says');
  const read = constantOf(winner.expr, winner.scope);
  const span = read.kind === 'static' ? read.span : spanOf(winner.expr);
  const settled = settle(winner.expr, winner.scope);
  const isShared = !isOwn(settled) || inFile(settled.scope).in !== undefined;
  return { kind: 'static', value, span, shared: isShared, ...inFile(settled.scope) };
}

/** Of the definitions of one option those with the highest priority count, and must agree. */
function strongest(said: readonly Said[]): Said | undefined {
  const best = Math.min(...said.map(({ priority }) => priority));
  const [first, ...others] = said.filter(({ priority }) => priority === best);
  const other = others.find((one) => one.value !== first?.value);
  return first && other && first.why === undefined
    ? { ...other, why: other.why ?? 'it is defined several times' }
    : first;
}

/** A hidden module may be any file of the flake. */
function lookInOthers(search: Search): void {
  const [hidden] = search.hidden.filter(({ how }) => how === 'files');
  if (hidden) lookInFiles(search, hidden.scope);
}

/** A place for a reason that concerns no text. */
const WHOLE: Expr = { kind: 'var', name: '', start: 0, end: 0 };

function lookInFiles(search: Search, scope: Bound['scope']): void {
  const source = sourceOf(scope);
  if (source === undefined) return;
  const definers = definersIn(source.tree);
  const own = search.isDeep ? definers.files : lookInShared(search, definers);
  for (const { path, root } of own) if (!search.seen.has(path)) lookInFile(search, path, root, true);
  for (const { path, reason } of definers.closed)
    if (!search.seen.has(path))
      search.hidden.push({ expr: WHOLE, scope, why: `${path} can't be read: ${reason}`, how: 'surely' });
}

interface DefiningFile {
  readonly path: string;
  readonly root: Bound;
}

/** The files whose text may define a platform. */
interface Definers {
  readonly files: readonly DefiningFile[];
  readonly closed: readonly { readonly path: string; readonly reason: string }[];
  /** Those with a function that takes an argument of the name. */
  readonly taking: ReadonlyMap<string, readonly DefiningFile[]>;
  /** What files say together of a host, by what it gives to their functions. */
  readonly shared: WeakMap<object, Map<string, Pick<Search, 'said' | 'hidden'>>>;
}

const definersIn = oncePer((tree: Tree): Definers => {
  const files: DefiningFile[] = [];
  const closed: { path: string; reason: string }[] = [];
  const taking = new Map<string, DefiningFile[]>();
  for (const path of tree.matching(DEFINES)) {
    if (path === FLAKE) continue;
    const opened = tree.nix(path);
    if (!opened.ok) closed.push({ path, reason: opened.reason });
    else {
      const file = { path, root: opened.root };
      files.push(file);
      for (const name of formalsIn(file.root.expr)) taking.set(name, [...(taking.get(name) ?? []), file]);
    }
  }
  return { files, closed, taking, shared: new WeakMap() };
});

/**
 * Files whose imports are not followed say the same of every host that gives their functions the same variables: so many hosts
 * read many files once, and not each of them all. The files that are left are given something of this host's own.
 */
function lookInShared(search: Search, { files, taking, shared }: Definers): readonly DefiningFile[] {
  const given = [...search.special].filter(([name]) => taking.has(name));
  const scope = given.find(([, { expr }]) => expr.kind === 'var')?.[1].scope;
  const isVariable = ([, value]: readonly [string, Bound]): boolean =>
    value.expr.kind === 'var' && value.scope === scope;
  const own = new Set(given.filter((one) => !isVariable(one)).flatMap(([name]) => taking.get(name) ?? []));
  const key = JSON.stringify(given.map(([name, { expr }]) => [name, expr.kind === 'var' ? expr.name : 0]));
  const known = shared.get(scope ?? NO_SCOPE) ?? new Map<string, Pick<Search, 'said' | 'hidden'>>();
  shared.set(scope ?? NO_SCOPE, known);
  const found =
    known.get(key) ??
    readTogether(
      search,
      files.filter((file) => !own.has(file)),
    );
  known.set(key, found);
  search.said.push(...found.said);
  search.hidden.push(...found.hidden);
  return [...own];
}

const NO_SCOPE = {};

/** Of definitions that only may count the first of each value is enough, and of hidden text that which may tell something. */
function readTogether(search: Search, files: readonly DefiningFile[]): Pick<Search, 'said' | 'hidden'> {
  const all: Search = { ...search, said: [], hidden: [], seen: new Map(), steps: 0 };
  for (const { path, root } of files) {
    all.steps = 0;
    lookInFile(all, path, root, true);
  }
  const values = new Set<string | undefined>();
  const said = all.said.filter(({ value }) => !values.has(value) && values.add(value));
  return { said, hidden: all.hidden.filter(mayTell) };
}

/** The names of the arguments of all functions in the text. */
const formalsIn = oncePer((root: Expr): ReadonlySet<string> => {
  const names = new Set<string>();
  walk(root, (expr) => {
    if (expr.kind === 'lambda') for (const { name } of expr.formals?.formals ?? []) names.add(name);
  });
  return names;
});

/** An expression, and whether it may not count. */
interface Perhaps extends Bound {
  readonly maybe: boolean;
}

function define({ said }: Search, of: Option, { expr, scope, maybe }: Perhaps, priority: number): void {
  const read = constantOf(expr, scope, {}, 'a string');
  if (read.kind === 'static' && read.value.kind === 'null') return;
  const isString = read.kind === 'static' && read.value.kind === 'string';
  const is = isString ? { value: read.value.value } : { why: 'it is computed' };
  said.push({ expr, scope, maybe, of, priority, ...is });
}

function lookInList(search: Search, list: Perhaps): void {
  for (const { expr, scope } of listParts(list.expr, list.scope)) {
    const maybe = branchesOf({ expr, scope, maybe: list.maybe });
    if (expr.kind === 'list')
      for (const item of expr.items) lookInItem(search, { expr: item, scope, maybe: list.maybe });
    else if (maybe) for (const branch of maybe) lookInList(search, branch);
    else search.hidden.push({ expr, scope, why: `a part of its modules is ${describe(expr)}`, how: 'files' });
  }
}

/** The possible values of an expression with an unknown condition; undefined if it is no such choice. */
function branchesOf({ expr, scope, maybe }: Perhaps): readonly Perhaps[] | undefined {
  if (expr.kind === 'if') return [expr.then, expr.else].map((branch) => ({ expr: branch, scope, maybe: true }));
  const { name, args } = callIn({ expr, scope });
  const [, second] = args;
  if (/^(mkIf|optionals|optionalAttrs)$/.test(name ?? '') && second) return [{ ...second, maybe: true }];
  if (name === 'optional' && second) return [{ ...listOf(second), maybe: true }];
  const [items] = name === 'mkMerge' ? args : [];
  const all = items && settle(items.expr, items.scope);
  return all?.expr.kind === 'list'
    ? all.expr.items.map((item) => ({ expr: item, scope: all.scope, maybe }))
    : undefined;
}

const listOf = (item: Bound): Bound => made.list(item, [item]);

function lookInItem(search: Search, item: Perhaps): void {
  if (search.steps++ > MOST_MODULES) return;
  const path = modulePath(item);
  if (path === undefined) {
    lookInModule(search, item);
    return;
  }
  // Pure evaluation refuses absolute paths.
  if (/^[/~]/.test(path)) return;
  const isElsewhere = plainPath(path) === undefined;
  if (isElsewhere) search.hidden.push({ ...item, why: `the module ${path} lies outside of the flake`, how: 'surely' });
  if (isElsewhere || !search.isDeep) return;
  const tree = sourceOf(item.scope)?.tree;
  const opened = tree?.nix(path);
  if (opened === undefined || tree === undefined) return;
  if (!opened.ok) {
    // A missing or broken file makes evaluation fail; here only the value counts that Nix would take.
    const isTelling = tree.matching(DEFINES).includes(plainPath(path) ?? path);
    const why = `the module ${path} can't be read: ${opened.reason}`;
    if (isTelling) search.hidden.push({ ...item, why, how: 'surely' });
    return;
  }
  lookInFile(search, sourceOf(opened.root.scope)?.path ?? path, opened.root, item.maybe);
}

function lookInFile(search: Search, file: string, root: Bound, maybe: boolean): void {
  const known = search.seen.get(file);
  if (known === false || known === maybe) return;
  search.seen.set(file, maybe);
  lookInModule(search, { ...root, maybe });
}

function lookInModule(search: Search, module: Perhaps): void {
  const body = moduleBody(module, search.special);
  const { expr } = body;
  const { maybe } = module;
  if (expr.kind !== 'attrs') {
    const branches = branchesOf({ ...body, maybe });
    if (branches) for (const branch of branches) lookInItem(search, branch);
    else if (!isForeign(body)) search.hidden.push({ ...body, why: `a module is ${describe(expr)}`, how: 'files' });
    return;
  }
  for (const prefix of [[], ['config']]) {
    for (const option of OPTIONS)
      lookUp(search, { ...body, maybe }, [...prefix, 'nixpkgs', option], (found) => defined(search, option, found));
    for (const other of ['crossSystem', 'pkgs'])
      lookUp(search, { ...body, maybe }, [...prefix, 'nixpkgs', other], (found) => {
        search.hidden.push({ ...found, why: `nixpkgs.${other} is set`, how: 'surely' });
      });
  }
  const all = attributesOf(body)?.entries;
  const imports = all?.get('imports');
  if (imports) lookInList(search, { ...imports, maybe });
  const disabled = all?.get('disabledModules');
  const off = disabled ? listParts(disabled.expr, disabled.scope) : [];
  const isOwnOff = off.some(
    ({ expr: list, scope }) =>
      list.kind !== 'list' || list.items.some((item) => modulePath({ expr: item, scope }) !== undefined),
  );
  if (disabled && isOwnOff) search.hidden.push({ ...disabled, why: 'a module is disabled', how: 'surely' });
}

/** `hostPlatform = "…"`, `hostPlatform.system = "…"`, `hostPlatform = { system = "…"; }`. */
function defined(search: Search, of: Option, found: Perhaps): void {
  const priority = priorityOf(found.expr, found.scope);
  const settled = settle(found.expr, found.scope);
  const all = settled.expr.kind === 'attrs' ? attributesOf(settled) : undefined;
  const system = all?.entries.get('system');
  if (all === undefined) define(search, of, found, priority);
  else if (system)
    define(search, of, { ...system, maybe: found.maybe }, Math.min(priority, priorityOf(system.expr, system.scope)));
  else if (all.entries.size > 0) search.said.push({ ...found, of, priority, why: 'it is computed' });
}

/** Every definition of an option in a set, through conditions; and text that may hide one. */
function lookUp(search: Search, at: Perhaps, path: readonly string[], tell: (found: Perhaps) => void): void {
  const [name, ...rest] = path;
  if (name === undefined) {
    const choice = branchesOf({ ...settle(at.expr, at.scope), maybe: at.maybe });
    if (choice) for (const branch of choice) lookUp(search, branch, path, tell);
    else tell(at);
    return;
  }
  const value = { ...settle(at.expr, at.scope), maybe: at.maybe };
  const choice = value.expr.kind === 'attrs' ? undefined : branchesOf(value);
  if (choice) {
    for (const branch of choice) lookUp(search, branch, path, tell);
    return;
  }
  const all = attributesOf(value);
  if (all === undefined) {
    search.hidden.push({ ...value, why: `it is ${describe(value.expr)}`, how: 'here' });
    return;
  }
  const found = all.entries.get(name);
  if (found) lookUp(search, { ...found, maybe: at.maybe }, rest, tell);
  for (const { expr, scope, reason } of all.unknown) search.hidden.push({ expr, scope, why: reason, how: 'here' });
}

/**
 * `pkgs = import nixpkgs { system = "…"; }`, `pkgs = nixpkgs.legacyPackages."…"`: these packages are taken, whatever modules
 * say.
 */
function packagesSystem(
  pkgs: Bound,
): { readonly value?: string; readonly why?: string; readonly at: Bound } | undefined {
  const { expr, scope } = settle(pkgs.expr, pkgs.scope);
  const at: Bound = { expr, scope };
  const { name, args } = callIn(at);
  const given = name === 'import' ? args[1] : undefined;
  const system =
    given && (attributesOf(given)?.entries.get('system') ?? attributesOf(given)?.entries.get('localSystem'));
  if (system) return textOf(system);
  const [of, last] = expr.kind === 'select' ? expr.path.names.slice(-2) : [];
  if (of?.kind === 'static' && of.name === 'legacyPackages' && last) {
    if (last.kind === 'static') return { value: last.name, at };
    return textOf({ expr: last.expr, scope });
  }
  const read = constantOf(expr, scope);
  return read.kind === 'static' && read.value.kind === 'null'
    ? undefined
    : { why: 'its packages are given, and computed', at };

  function textOf(value: Bound): ReturnType<typeof packagesSystem> {
    const text = constantOf(value.expr, value.scope);
    if (text.kind === 'static' && text.value.kind === 'string') return { value: text.value.value, at };
    return { why: 'its packages are for a system that is computed', at };
  }
}

/** Matches text that can define a platform, and not mere uses of one. */
const WORDS = /(?<!stdenv\.|stdenvNoCC\.)\b(hostPlatform|localSystem|crossSystem)\b/;
const DEFINES = new RegExp(`${WORDS.source}|nixpkgs["}]*\\s*(\\.\\s*(system|pkgs|"|\\$)|=|;)`);

/** True if unreadable text itself may define the platform; all files that it may lead to have been read. */
function mayTell({ expr, scope, how }: Hidden): boolean {
  const source = sourceOf(scope);
  if (source === undefined || how === 'surely') return true;
  if (DEFINES.test(source.text.slice(expr.start, expr.end))) return true;
  // The inputs of flake.nix say `nixpkgs =` too.
  return how === 'files' && source.path === FLAKE && WORDS.test(source.text);
}

const FLAKE = './flake.nix';
