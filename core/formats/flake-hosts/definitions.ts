// Searches the modules of a host for the definitions of an option, by value. Definitions count as in the module system; text that
// may hide one is reported.

import { oncePer } from '../../once.ts';
import { describe } from '../nix/describe.ts';
import { type Bound, sourceOf, type Tree } from '../nix/scope.ts';
import type { Expr } from '../nix/syntax.ts';
import { walk } from '../nix/walk.ts';
import { attributesOf, callIn, constantOf, settle } from '../nix-value/constant.ts';
import { priorityOf } from '../nix-value/library.ts';
import * as made from '../nix-value/made.ts';
import { listParts } from '../nix-value/read.ts';
import type { Resolved } from '../nix-value/static.ts';
import { plainPath } from '../nix-value/tree-path.ts';
import { isForeign, moduleBody, modulePath } from './module-item.ts';
/** What is searched for. */
export interface Sought {
  /** The options by their paths; the first that is defined counts. */
  readonly options: readonly (readonly string[])[];
  /** Where a definition is a set, the attribute of it that counts. */
  readonly member?: string;
  /** Options that make the value unknown where they are set. */
  readonly spoilers: readonly (readonly string[])[];
  /** Matches text that can define it, and not mere uses. */
  readonly defines: RegExp;
  /** Matches text of flake.nix that may define it, in which other words are taken. */
  readonly named: RegExp;
}

/** The modules to search. `isDeep`: the files of the modules too. */
export interface Searched {
  /** The values that `specialArgs` gives to the modules. */
  readonly special: ReadonlyMap<string, Bound>;
  /** The parts of the host's `modules`. */
  readonly parts: readonly Resolved[];
  readonly isDeep: boolean;
}

/** What is known before the modules are read. */
export interface Given {
  /** A definition of the option with this index, as `mkDefault` makes one. */
  readonly default?: { readonly of: number; readonly value: Bound };
  /** A reason for which no definition is certain. */
  readonly hidden?: { readonly at: Bound; readonly why: string };
  /** Every file that may define it counts as one that perhaps does; so says a scope of the flake. */
  readonly all?: Bound['scope'];
}

/** The definition that counts, at its expression; or the place that leaves it open, with a clause that says why. */
export type Defined =
  | { readonly kind: 'none' }
  | { readonly kind: 'static'; readonly value: string; readonly at: Bound }
  | { readonly kind: 'open'; readonly reason: string; readonly at: Bound };

/** A definition, or (`why`) one whose value the text does not tell. `maybe`: it may not count. */
interface Said extends Bound {
  /** The index of the option. */
  readonly of: number;
  readonly priority: number;
  readonly maybe: boolean;
  readonly value?: string;
  readonly why?: string;
}

/** Text that may define it out of sight: `here` itself, `files` also files that it may lead to; `surely`: it does define it. */
interface Hidden extends Bound {
  readonly why: string;
  readonly how: 'here' | 'files' | 'surely';
}

interface Search {
  readonly sought: Sought;
  readonly special: ReadonlyMap<string, Bound>;
  readonly said: Said[];
  readonly hidden: Hidden[];
  /** Files that were read, and whether they count for certain. */
  readonly seen: Map<string, boolean>;
  readonly isDeep: boolean;
  steps: number;
}

const MOST_MODULES = 5000;

/** Text that only may define it leaves it open where the search is deep, or all files count; else it says nothing. */
export function definedIn({ special, parts, isDeep }: Searched, sought: Sought, given: Given = {}): Defined {
  const search: Search = { sought, special, said: [], hidden: [], seen: new Map(), isDeep, steps: 0 };
  if (given.default) define(search, given.default.of, { ...given.default.value, maybe: false }, 1000);
  for (const { expr, scope } of parts) lookInList(search, { expr, scope, maybe: false });
  if (given.hidden) search.hidden.push({ ...given.hidden.at, why: given.hidden.why, how: 'surely' });
  if (given.all) lookInFiles(search, given.all);
  else if (isDeep) lookInOthers(search);
  const certain = search.said.filter(({ maybe }) => !maybe);
  const winner = sought.options
    .map((_, of) => strongest(certain.filter((one) => one.of === of)))
    .find((one) => one !== undefined);
  if (winner?.why !== undefined) return { kind: 'open', reason: winner.why, at: winner };
  if (isDeep || given.all) {
    const hidden = search.hidden.find((one) => mayTell(one, sought));
    if (hidden) return { kind: 'open', reason: hidden.why, at: hidden };
    const other = search.said.find((one) => one.maybe && (one.value === undefined || one.value !== winner?.value));
    const reason = other?.why ?? `whether it is ${other?.value} depends on what the text does not tell`;
    if (other) return { kind: 'open', reason, at: other };
  }
  return winner?.value === undefined ? { kind: 'none' } : { kind: 'static', value: winner.value, at: winner };
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
  const definers = definersIn(search.sought)(source.tree);
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

/** The files whose text may define it. */
interface Definers {
  readonly files: readonly DefiningFile[];
  readonly closed: readonly { readonly path: string; readonly reason: string }[];
  /** Those with a function that takes an argument of the name. */
  readonly taking: ReadonlyMap<string, readonly DefiningFile[]>;
  /** What files say together of a host, by what it gives to their functions. */
  readonly shared: WeakMap<object, Map<string, Pick<Search, 'said' | 'hidden'>>>;
}

const definersIn = oncePer(({ defines }: Sought) => oncePer((tree: Tree): Definers => findDefiners(tree, defines)));

function findDefiners(tree: Tree, defines: RegExp): Definers {
  const files: DefiningFile[] = [];
  const closed: { path: string; reason: string }[] = [];
  const taking = new Map<string, DefiningFile[]>();
  for (const path of tree.matching(defines)) {
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
}

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
  return { said, hidden: all.hidden.filter((one) => mayTell(one, search.sought)) };
}

/**
 * The files that need no parsing, by what is given to their functions: their text defines nothing that is sought, names no other
 * file, turns no module off, and uses none of the given values.
 */
const silentIn = oncePer(({ defines }: Sought) =>
  oncePer((tree: Tree) => {
    const known = new Map<string, ReadonlySet<string>>();
    return (special: Search['special']): ReadonlySet<string> => {
      const names = [...special.keys()].sort();
      const key = JSON.stringify(names);
      const silent = known.get(key) ?? findSilent(tree, [defines, LEADS, ...names.map(wordOf)]);
      known.set(key, silent);
      return silent;
    };
  }),
);

function findSilent(tree: Tree, telling: readonly RegExp[]): ReadonlySet<string> {
  const silent = new Set(tree.matching(ANY));
  for (const pattern of telling) for (const path of tree.matching(pattern)) silent.delete(path);
  return silent;
}

const ANY = /^/;
/** A path of this tree begins with `./` or `../`, or with the flake itself. */
const LEADS = /\.\/|\bimport|\bdisabledModules\b|\bself\b/;
/** An attribute's name may hold any character. */
const wordOf = (name: string): RegExp => new RegExp(name.replace(/[^\w]/g, '\\$&'));

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

function define({ said }: Search, of: number, { expr, scope, maybe }: Perhaps, priority: number): void {
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
  if (tree === undefined || silentIn(search.sought)(tree)(search.special).has(plainPath(path) ?? path)) return;
  const opened = tree.nix(path);
  if (!opened.ok) {
    // A missing or broken file makes evaluation fail; here only the value counts that Nix would take.
    const isTelling = tree.matching(search.sought.defines).includes(plainPath(path) ?? path);
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
    else {
      // A function of another flake, or of nixpkgs, may be given the definition: `lib.recursiveUpdate { … } x`.
      const how = isForeign(body) ? 'here' : 'files';
      search.hidden.push({ ...body, why: `a module is ${describe(expr)}`, how });
    }
    return;
  }
  for (const prefix of [[], ['config']]) {
    const within: Perhaps = { ...body, maybe };
    for (const [of, option] of search.sought.options.entries())
      lookUp(search, within, { prefix, option }, (found) => defined(search, of, found));
    for (const option of search.sought.spoilers)
      lookUp(search, within, { prefix, option }, (found) => {
        search.hidden.push({ ...found, why: `${option.join('.')} is set`, how: 'surely' });
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

/** Of the member `system`: `hostPlatform = "…"`, `hostPlatform.system = "…"`, `hostPlatform = { system = "…"; }`. */
function defined(search: Search, of: number, found: Perhaps): void {
  const priority = priorityOf(found.expr, found.scope);
  const settled = settle(found.expr, found.scope);
  const { member } = search.sought;
  const all = settled.expr.kind === 'attrs' && member !== undefined ? attributesOf(settled) : undefined;
  const part = member === undefined ? undefined : all?.entries.get(member);
  if (all === undefined) define(search, of, found, priority);
  else if (part)
    define(search, of, { ...part, maybe: found.maybe }, Math.min(priority, priorityOf(part.expr, part.scope)));
  else if (all.entries.size > 0) search.said.push({ ...found, of, priority, why: 'it is computed' });
}

/** The attributes that lead from a set to an option: those of `prefix`, `config` or none, and those of the option. */
interface Way {
  readonly prefix: readonly string[];
  readonly option: readonly string[];
}

/** Every definition of an option in a set, through conditions; and text that may hide one. */
function lookUp(search: Search, at: Perhaps, { prefix, option }: Way, tell: (found: Perhaps) => void): void {
  const step = (from: Perhaps, left: readonly string[]): void => {
    const [name, ...rest] = left;
    const settled = { ...settle(from.expr, from.scope), maybe: from.maybe };
    const choice = name !== undefined && settled.expr.kind === 'attrs' ? undefined : branchesOf(settled);
    if (choice) for (const branch of choice) step(branch, left);
    else if (name === undefined) tell(from);
    else {
      // An unknown value of `networking` may well define an option in it; an unknown module seldom does.
      const how = left.length < option.length ? 'surely' : 'here';
      const all = attributesOf(settled);
      if (all === undefined) search.hidden.push({ ...settled, why: `it is ${describe(settled.expr)}`, how });
      const found = all?.entries.get(name);
      if (found) step({ ...found, maybe: from.maybe }, rest);
      for (const { expr, scope, reason } of all?.unknown ?? []) search.hidden.push({ expr, scope, why: reason, how });
    }
  };
  step(at, [...prefix, ...option]);
}

/** True if unreadable text itself may define the platform; all files that it may lead to have been read. */
function mayTell({ expr, scope, how }: Hidden, { defines, named }: Sought): boolean {
  const source = sourceOf(scope);
  if (source === undefined || how === 'surely') return true;
  if (defines.test(source.text.slice(expr.start, expr.end))) return true;
  // The inputs of flake.nix say `nixpkgs =` too.
  return how === 'files' && source.path === FLAKE && named.test(source.text);
}

const FLAKE = './flake.nix';
