// Reads one item of a list of modules: a path of this flake, a module of another flake, or neither for certain; and its place.

import { type Bound, frameOf, lambdaScope, type Scope, type Source, sourceOf } from '../nix/scope.ts';
import { walk } from '../nix/walk.ts';
import { constantOf, settle } from '../nix-value/constant.ts';
import { isFlake } from '../nix-value/library.ts';
import type { Resolved } from '../nix-value/static.ts';

/** True if it stands in flake.nix. */
export const isHere = (scope: Scope | undefined): boolean => fileOf(scope) === undefined;

/** The file of an offset, if it is not flake.nix. */
function fileOf(scope: Scope | undefined): Source | undefined {
  const source = sourceOf(scope);
  return source === undefined || source.path === './flake.nix' ? undefined : source;
}

/** Adds `in` to a place that is not in flake.nix. */
export function inFile(scope: Scope | undefined): { readonly in?: Source } {
  const source = fileOf(scope);
  return source ? { in: source } : {};
}

/** One spelling for all module paths that are the same file: `./a` = `a` = `./x/../a` = `./a/default.nix`. */
export function plainModule(path: string): string {
  const out: string[] = [];
  for (const part of path.split('/')) {
    if (part === '..' && out.length > 0 && out.at(-1) !== '..') out.pop();
    else if (part !== '' && part !== '.') out.push(part);
  }
  if (out.at(-1) === 'default.nix') out.pop();
  return (path.startsWith('/') ? '/' : './') + out.join('/');
}

/** `./a`, `./. + "/a"`, `"${self}/a"`, `(self + "/a")`, `import ./a`: the path as text. */
export function modulePath(item: Bound): string | undefined {
  const { expr, scope } = settle(item.expr, item.scope, { here: true });
  const isImport = expr.kind === 'apply' && expr.fn.kind === 'var' && expr.fn.name === 'import';
  const of = isImport ? expr.arg : expr;
  const read = isFlake(of, scope) ? undefined : constantOf(of, scope);
  return read?.kind === 'static' && read.value.kind === 'path' ? read.value.value : undefined;
}

/** A module of another flake, or made by a function of one: it is rooted in an argument that is not this flake. */
export function isForeign({ expr, scope }: Bound): boolean {
  switch (expr.kind) {
    case 'paren':
      return isForeign({ expr: expr.inner, scope });
    case 'var': {
      const frame = frameOf(expr.name, scope);
      const bound = frame?.bound.get(expr.name);
      if (bound) return isForeign(bound);
      return !isFlake(expr, scope) && (frame !== undefined || isUnderForeign(scope));
    }
    case 'select':
      if (
        isFlake(expr, scope) ||
        isFlake({ ...expr, path: { ...expr.path, names: expr.path.names.slice(0, 1) } }, scope)
      )
        return false;
      return isForeign({ expr: expr.target, scope });
    case 'apply':
      // `import-tree ./modules` is a function of another flake that reads files of this one.
      return isForeign({ expr: expr.fn, scope }) && !namesOwn({ expr: expr.arg, scope });
    case 'binary':
      return expr.op === '+' && isForeign({ expr: expr.left, scope });
    case 'string': {
      const [first] = expr.parts;
      return first?.kind === 'interpolation' && isForeign({ expr: first.expr, scope });
    }
    default:
      return false;
  }
}

/** `with inputs;` around a name that nothing binds. */
function isUnderForeign(scope: Scope | undefined): boolean {
  for (let s = scope; s; s = s.parent) if (s.with && isForeign(s.with)) return true;
  return false;
}

/** The body of a module behind its arguments: those in `specialArgs` have values, others are unknown. */
export function moduleBody(module: Bound, special: ReadonlyMap<string, Bound>): Resolved {
  let at = settle(module.expr, module.scope);
  while (at.expr.kind === 'lambda') {
    const inner = lambdaScope(at.expr, at.scope);
    const given = at.expr.formals?.formals.flatMap(({ name }) => {
      const value = special.get(name);
      return value ? [[name, value] as const] : [];
    });
    at = settle(at.expr.body, { ...inner, bound: new Map([...inner.bound, ...(given ?? [])]) });
  }
  return at;
}

/** True if an argument may lead to files of this flake. */
function namesOwn({ expr, scope }: Bound): boolean {
  let found = false;
  walk(expr, (part) => {
    if (part.kind === 'path' || (part.kind === 'var' && frameOf(part.name, scope) && !isForeign({ expr: part, scope })))
      found = true;
  });
  return found;
}
