// Finds the places where a Nix file names files of its tree: literal paths, paths joined from constants, `self`, directories
// that are listed. A path with unknown parts is reported too, with all that is known of it.

import { calledName, spanOf } from '../nix/describe.ts';
import { type Bound, bindingScope, frameOf, innerScope, lambdaScope, type Scope } from '../nix/scope.ts';
import type { Binding, Expr, Span, StringPart } from '../nix/syntax.ts';
import { isFlake } from './library.ts';
import { readString } from './read.ts';

/** `file`: from the directory of the Nix file. `flake`: from the top of its flake. */
export type Base = 'file' | 'flake';

/** A place that names something of the tree. `path` starts at `base`, as written; it may lead anywhere. */
export interface Reference {
  readonly base: Base;
  readonly path: string;
  readonly span: Span;
  /**
   * The meaning. `module`: a Nix file, of a directory its default.nix; `file`: the same, and read as it is. `tree`: all that
   * is in a directory. `handed`: it is given to something that may read any of it. `pattern`: one of the paths that begin
   * with `path` and end with `suffix`.
   */
  readonly means: 'module' | 'file' | 'tree' | 'handed' | 'pattern';
  /** Of a pattern. */
  readonly suffix?: string;
  /** Of a pattern: an unknown value stands before it, which may be the flake itself. Such a path counts only if it is there. */
  readonly isGuess?: true;
}

/** Every such place, in the order of the text, each place once. */
export function referencesIn(root: Expr): readonly Reference[] {
  const found: Reference[] = [];
  const waiting: Place[] = [{ expr: root, scope: undefined, means: 'module' }];
  for (let place = waiting.pop(); place !== undefined; place = waiting.pop()) {
    const { expr, scope, means } = place;
    const named = pathOf(expr, scope, MOST_STEPS);
    if (named === undefined) {
      const guess = guessOf(expr, scope);
      if (guess) found.push({ ...guess, base: 'flake', span: spanOf(expr), means: 'pattern', isGuess: true });
      waiting.push(...partsOf(place));
      continue;
    }
    waiting.push(...named.unknown.map((bound): Place => ({ ...bound, means: 'handed' })));
    const { base, path, suffix } = named;
    const span = spanOf(expr);
    // `self` alone is the whole flake as git shows it, and names no file.
    if (base === 'flake' && path === '' && suffix === undefined) continue;
    if (suffix !== undefined) found.push({ base, path, span, means: 'pattern', suffix });
    // In a string a directory is copied as it is.
    else found.push({ base, path, span, means: means === 'handed' && expr.kind === 'string' ? 'tree' : means });
  }
  return found.sort((a, b) => a.span.start - b.span.start);
}

const MOST_STEPS = 60;

interface Place extends Bound {
  readonly means: Exclude<Reference['means'], 'pattern'>;
}

/** `suffix`: the end of the path, behind a part that the text does not tell. `unknown`: that part. */
interface Named {
  readonly base: Base;
  readonly path: string;
  readonly suffix?: string;
  readonly unknown: readonly Bound[];
}

/** The path of the tree that the expression names; undefined if the text does not show one. */
function pathOf(expr: Expr, scope: Scope | undefined, steps: number): Named | undefined {
  if (steps === 0) return undefined;
  switch (expr.kind) {
    case 'paren':
      return pathOf(expr.inner, scope, steps - 1);
    case 'path': {
      const [first] = expr.parts;
      if (first?.kind !== 'text' || /^[/~]/.test(first.value)) return undefined;
      return joined({ base: 'file', path: '', unknown: [] }, expr.parts, scope);
    }
    case 'string': {
      const [first, ...rest] = expr.parts;
      if (first?.kind !== 'interpolation') return undefined;
      const head = pathOf(first.expr, scope, steps - 1);
      return head && joined(head, rest, scope);
    }
    case 'binary': {
      if (expr.op !== '+') return undefined;
      const head = pathOf(expr.left, scope, steps - 1);
      return head && joined(head, [{ kind: 'interpolation', expr: expr.right, start: 0, end: 0 }], scope);
    }
    case 'apply':
      return throughCall(expr, scope, steps);
    case 'select':
      return isFlake(expr, scope) ? TOP : undefined;
    case 'var': {
      const bound = frameOf(expr.name, scope)?.bound.get(expr.name);
      if (bound !== undefined) return pathOf(bound.expr, bound.scope, steps - 1);
      return isFlake(expr, scope) ? TOP : undefined;
    }
    default:
      return undefined;
  }
}

const TOP: Named = { base: 'flake', path: '', unknown: [] };

/** `toString ./x`, `lib.path.append ./x "y"`. */
function throughCall(expr: Expr & { kind: 'apply' }, scope: Scope | undefined, steps: number): Named | undefined {
  const name = calledName(expr);
  if (name === 'toString' || name === 'toPath') return pathOf(expr.arg, scope, steps - 1);
  const { fn } = expr;
  if (name !== 'append' || fn.kind !== 'apply') return undefined;
  const head = pathOf(fn.arg, scope, steps - 1);
  const slash = { kind: 'text', value: '/', start: 0, end: 0 } as const;
  return head && joined(head, [slash, { kind: 'interpolation', expr: expr.arg, start: 0, end: 0 }], scope);
}

type Parts = readonly StringPart[];

/** `"${root}/modules"`, `root + "/modules"` with an unknown `root`, which may be the flake that was handed to a function. */
function guessOf(expr: Expr, scope: Scope | undefined): Required<Pick<Reference, 'path' | 'suffix'>> | undefined {
  const parts =
    expr.kind === 'string'
      ? expr.parts
      : expr.kind === 'binary' && expr.op === '+'
        ? [expr.left, expr.right].map((one): StringPart => ({ kind: 'interpolation', expr: one, start: 0, end: 0 }))
        : [];
  const [first, ...rest] = parts;
  if (first?.kind !== 'interpolation' || rest.length === 0 || isPackage(first.expr)) return undefined;
  const { path, suffix = '' } = joined({ ...TOP, path: '' }, rest, scope);
  return /^\/+[^/]/.test(path) ? { path: `.${path}`, suffix } : undefined;
}

/** `pkgs.hello`: a path in the store. */
const isPackage = (expr: Expr): boolean =>
  expr.kind === 'select' && expr.target.kind === 'var' && expr.target.name === 'pkgs';

/** Keeps the known beginning in `path` and the known end in `suffix`. */
function joined(head: Named, parts: Parts, scope: Scope | undefined): Named {
  let { path, suffix } = head;
  const unknown = [...head.unknown];
  for (const part of parts.flatMap((one) => piecesOf(one, MOST_STEPS))) {
    const known = part.kind === 'text' ? part.value : (textOf(part.expr, scope) ?? joinedPath(part.expr));
    if (known === undefined) {
      suffix = '';
      if (part.kind === 'interpolation') unknown.push({ expr: part.expr, scope });
    } else if (suffix === undefined) path += known;
    else suffix += known;
  }
  return { base: head.base, path, unknown, ...(suffix !== undefined && { suffix }) };
}

/** `"/a/${b}" + c` in pieces, so that known pieces count beside unknown ones. */
function piecesOf(part: StringPart, steps: number): readonly StringPart[] {
  if (part.kind === 'text' || steps === 0) return [part];
  const { expr } = part;
  const within = (inner: Expr): readonly StringPart[] => piecesOf({ ...part, expr: inner }, steps - 1);
  if (expr.kind === 'paren') return within(expr.inner);
  if (expr.kind === 'binary' && expr.op === '+') return [...within(expr.left), ...within(expr.right)];
  return expr.kind === 'string' ? expr.parts.flatMap((one) => piecesOf(one, steps - 1)) : [part];
}

/** `self + /x`: a path that is joined is its text. */
function joinedPath(expr: Expr): string | undefined {
  const [only, ...others] = expr.kind === 'path' ? expr.parts : [];
  return only?.kind === 'text' && only.value.startsWith('/') && others.length === 0 ? only.value : undefined;
}

function textOf(expr: Expr, scope: Scope | undefined): string | undefined {
  const text = readString(expr, scope);
  return text.kind === 'static' ? text.value : undefined;
}

/** The expressions inside, each with what a directory would mean there. */
function partsOf({ expr, scope, means }: Place): readonly Place[] {
  const at = (inner: Expr, as: Place['means'] = 'handed', within: Scope | undefined = scope): Place => ({
    expr: inner,
    scope: within,
    means: as,
  });
  switch (expr.kind) {
    case 'path':
    case 'string':
      return expr.parts.flatMap((part) => (part.kind === 'interpolation' ? [at(part.expr, 'tree')] : []));
    case 'list':
      return expr.items.map((item) => at(item, means === 'tree' ? 'tree' : 'module'));
    case 'attrs':
      return inBindings(expr.bindings, innerScope({ expr, scope }));
    case 'letAttrs':
      return inBindings(expr.bindings, bindingScope(expr.bindings, scope));
    case 'let': {
      const inner = bindingScope(expr.bindings, scope);
      return [...inBindings(expr.bindings, inner, 'module'), at(expr.body, means, inner)];
    }
    case 'lambda': {
      const inner = lambdaScope(expr, scope);
      const fallbacks = expr.formals?.formals.flatMap(({ fallback }) => (fallback ? [at(fallback)] : [])) ?? [];
      return [...fallbacks, at(expr.body, means, inner)];
    }
    case 'apply':
      return [at(expr.fn), at(expr.arg, meantBy(calledName(expr)))];
    case 'select':
      return [at(expr.target), ...(expr.fallback ? [at(expr.fallback, means)] : [])];
    case 'hasAttr':
      return [at(expr.target)];
    case 'unary':
      return [at(expr.operand)];
    case 'binary':
      return [at(expr.left, means), at(expr.right, means)];
    case 'if':
      return [at(expr.cond), at(expr.then, means), at(expr.else, means)];
    case 'with':
      return [at(expr.scope), at(expr.body, means)];
    case 'assert':
      return [at(expr.cond), at(expr.body, means)];
    case 'paren':
      return [at(expr.inner, means)];
    default:
      return [];
  }
}

function inBindings(
  bindings: readonly Binding[],
  scope: Scope | undefined,
  fallback: Place['means'] = 'handed',
): readonly Place[] {
  return bindings.flatMap((binding): Place[] => {
    if (binding.kind === 'inherit') return binding.from ? [{ expr: binding.from, scope, means: 'handed' }] : [];
    const last = binding.path.names.at(-1);
    const name = last?.kind === 'static' ? last.name : '';
    const computed = binding.path.names.flatMap((one): Place[] =>
      one.kind === 'dynamic' ? [{ expr: one.expr, scope, means: 'handed' }] : [],
    );
    const means = MODULES.test(name) ? 'module' : SOURCES.test(name) ? 'tree' : fallback;
    return [...computed, { expr: binding.value, scope, means }];
  });
}

/** Values that are modules, or lists of them. */
const MODULES = /^(imports|modules|sharedModules|extraModules|baseModules|defaultModule)$/;
/** Values that are copied as they are. */
const SOURCES = /^(src|source)$/;

/** The meaning of a directory as the argument of a function of this name. */
function meantBy(name: string | undefined): Place['means'] {
  if (name === undefined) return 'handed';
  if (ONE_MODULE.test(name)) return 'module';
  if (ONE_FILE.test(name)) return 'file';
  return EVERY_FILE.test(name) ? 'tree' : 'handed';
}

const ONE_MODULE = /^(import|scopedImport|importApply|callPackages?|callPackageWith|mk(Force|Default|Before|After))$/;
const ONE_FILE = /^(readFile|pathExists|import(JSON|TOML))$/;
/** Functions of builtins, nixpkgs' lib, and others in use: import-tree, haumea, rakeLeaves. */
const EVERY_FILE =
  /^(readDir|listFilesRecursive|packagesFromDirectoryRecursive|import-?[tT]ree|rakeLeaves|flattenTree|(list|find|collect|scan)(Nix)?(Files|Modules|Dir)\w*)$/;
