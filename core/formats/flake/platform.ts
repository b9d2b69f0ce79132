// For which system a host is built: what its modules say of `nixpkgs.hostPlatform` and its older spellings, and the argument
// `system`, which they override. Definitions count as the module system counts them; what hides one is said.

import { describe, spanOf } from '../nix/describe.ts';
import { type Bound, innerScope, type Source, sourceOf } from '../nix/scope.ts';
import type { AttrName, Span } from '../nix/syntax.ts';
import { attributesOf, callIn, constantOf, find, settle, settleBody } from '../nix-value/constant.ts';
import { priorityOf } from '../nix-value/library.ts';
import { listParts } from '../nix-value/read.ts';
import type { Resolved } from '../nix-value/static.ts';
import { inFile, isForeign, modulePath } from './module-item.ts';

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

/** What is looked through. `isDeep`: the files of the modules too. */
export interface PlatformOf {
  /** Of nixosSystem. */
  readonly args: ReadonlyMap<string, Bound>;
  /** The parts of its `modules`. */
  readonly parts: readonly Resolved[];
  /** Whether an expression stands in what belongs to this host alone. */
  readonly isOwn: (bound: Bound) => boolean;
  readonly isDeep: boolean;
}

/** A definition: of a system, or (`why`) of something that the text does not tell. */
interface Said extends Bound {
  readonly of: Option;
  readonly priority: number;
  readonly value?: string;
  readonly why?: string;
}

/** The first that is defined counts. */
const OPTIONS = ['hostPlatform', 'localSystem', 'system'] as const;
type Option = (typeof OPTIONS)[number];

/** What may define it, out of sight: `here` in its own text, `files` in files that it may lead to as well, `surely` it does. */
interface Hidden extends Bound {
  readonly why: string;
  readonly how: 'here' | 'files' | 'surely';
}

interface Search {
  readonly said: Said[];
  readonly hidden: Hidden[];
  readonly seen: Set<string>;
  readonly isDeep: boolean;
  steps: number;
}

const MOST_MODULES = 2000;

export function platformOf({ args, parts, isOwn, isDeep }: PlatformOf): SystemRead {
  const search: Search = { said: [], hidden: [], seen: new Set(), isDeep, steps: 0 };
  const argument = args.get('system');
  // nixosSystem passes it on as a default.
  if (argument) define(search, 'system', argument, 1000);
  for (const part of parts) lookInPart(search, part);
  const pkgs = isDeep ? args.get('pkgs') : undefined;
  const byPackages = pkgs && packagesSystem(pkgs);
  if (byPackages?.why !== undefined) search.hidden.push({ ...byPackages.at, why: byPackages.why, how: 'surely' });
  const winner = OPTIONS.map((of) => strongest(search.said.filter((one) => one.of === of))).find(
    (one) => one !== undefined,
  );
  const [hidden] = isDeep ? search.hidden.filter((one) => mayTell(one, search.seen)) : [];
  const open = ({ expr, scope }: Bound, reason: string): SystemRead => ({
    kind: 'opaque',
    reason,
    span: spanOf(expr),
    ...inFile(scope),
  });
  if (winner?.why !== undefined) return open(winner, winner.why);
  if (hidden) return open(hidden, hidden.why);
  const value = byPackages?.value ?? winner?.value;
  if (winner === undefined || value === undefined) {
    if (!isDeep) return { kind: 'unset' };
    const at = args.get('modules') ?? args.values().next().value;
    return at ? open(at, 'no module that can be read says nixpkgs.hostPlatform') : { kind: 'unset' };
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

function define({ said }: Search, of: Option, value: Bound, priority: number): void {
  const read = constantOf(value.expr, value.scope, {}, 'a string');
  if (read.kind === 'static' && read.value.kind === 'null') return;
  const is =
    read.kind === 'static' && read.value.kind === 'string' ? { value: read.value.value } : { why: 'it is computed' };
  said.push({ ...value, of, priority, ...is });
}

function lookInPart(search: Search, { expr, scope }: Resolved): void {
  if (expr.kind !== 'list')
    search.hidden.push({ expr, scope, why: `a part of its modules is ${describe(expr)}`, how: 'files' });
  else for (const item of expr.items) lookInItem(search, { expr: item, scope });
}

function lookInItem(search: Search, item: Bound): void {
  if (search.steps++ > MOST_MODULES) return;
  const path = modulePath(item);
  if (path === undefined) {
    lookInModule(search, item);
    return;
  }
  if (!search.isDeep) return;
  const opened = sourceOf(item.scope)?.tree.nix(path) ?? { ok: false as const, reason: 'it is another file' };
  if (!opened.ok) {
    search.hidden.push({ ...item, why: `the module ${path} can't be read: ${opened.reason}`, how: 'surely' });
    return;
  }
  const file = sourceOf(opened.root.scope)?.path ?? path;
  if (search.seen.has(file)) return;
  search.seen.add(file);
  lookInModule(search, opened.root);
}

function lookInModule(search: Search, module: Bound): void {
  const body = settleBody(module.expr, module.scope);
  const { expr } = body;
  if (expr.kind !== 'attrs') {
    if (!isForeign(body)) search.hidden.push({ ...body, why: `a module is ${describe(expr)}`, how: 'files' });
    return;
  }
  const scope = innerScope(body);
  for (const prefix of [[], ['config']]) {
    for (const option of OPTIONS) lookUp(search, body, [...prefix, 'nixpkgs', option], option);
    for (const other of ['crossSystem', 'pkgs']) {
      const { definitions } = find(expr.bindings, [...prefix, 'nixpkgs', other], scope);
      for (const one of definitions) search.hidden.push({ ...one, why: `nixpkgs.${other} is set`, how: 'surely' });
    }
  }
  const imports = find(expr.bindings, ['imports'], scope);
  for (const { expr: value, scope: within } of imports.definitions)
    for (const part of listParts(value, within)) lookInPart(search, part);
  for (const { span, reason } of imports.unknown) if (reason !== NAME) hide(search, body, span, reason, 'files');
}

const NAME = 'an attribute name is computed';

function hide(search: Search, { expr, scope }: Bound, span: Span, why: string, how: Hidden['how']): void {
  search.hidden.push({ expr: { ...expr, ...span }, scope, why, how });
}

/** `hostPlatform = "…"`, `hostPlatform.system = "…"`, `hostPlatform = { system = "…"; }`. */
function lookUp(search: Search, body: Bound, path: readonly string[], of: Option): void {
  const { expr } = body;
  if (expr.kind !== 'attrs') return;
  const { definitions, unknown } = find(expr.bindings, path, innerScope(body));
  for (const { expr: value, scope, rest } of definitions) {
    const priority = priorityOf(value, scope);
    const settled = settle(value, scope);
    const isSystem = (name: AttrName | undefined): boolean => name?.kind === 'static' && name.name === 'system';
    if (rest.length > 0) {
      if (rest.length === 1 && isSystem(rest[0])) define(search, of, { expr: value, scope }, priority);
    } else if (settled.expr.kind === 'attrs') {
      const system = attributesOf(settled)?.entries.get('system');
      if (system) define(search, of, system, priority);
      else search.said.push({ expr: value, scope, of, priority, why: 'it is computed' });
    } else define(search, of, { expr: value, scope }, priority);
  }
  for (const { span, reason } of unknown) hide(search, body, span, reason, 'here');
}

/** `pkgs = import nixpkgs { system = "…"; }`, `pkgs = nixpkgs.legacyPackages."…"`: these packages are taken, whatever modules say. */
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
  const last = expr.kind === 'select' ? expr.path.names.at(-1) : undefined;
  if (last?.kind === 'static' && expr.kind === 'select' && expr.path.names.length > 1) return { value: last.name, at };
  if (last?.kind === 'dynamic') return textOf({ expr: last.expr, scope });
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

/** What can define a platform; where only uses of one stand, nothing is defined. */
const WORDS = /(?<!stdenv\.|stdenvNoCC\.)\b(hostPlatform|localSystem|crossSystem)\b/;
const DEFINES = new RegExp(`${WORDS.source}|nixpkgs\\s*(\\.\\s*(system|pkgs|"|\\$)|=)`);

/** Whether text that can't be read, or a file that it may lead to, may define the platform. */
function mayTell({ expr, scope, how }: Hidden, seen: ReadonlySet<string>): boolean {
  const source = sourceOf(scope);
  if (source === undefined || how === 'surely') return true;
  if (DEFINES.test(source.text.slice(expr.start, expr.end))) return true;
  if (how === 'here') return false;
  // The inputs of flake.nix say `nixpkgs =` too.
  if (source.path === FLAKE && WORDS.test(source.text)) return true;
  return source.tree.matching(DEFINES).some((path) => !seen.has(path) && path !== FLAKE);
}

const FLAKE = './flake.nix';
