// Recognises Nix's builtins in every spelling: `builtins.x`, a global `x`, `__x`, an alias, `inherit`, `with`.

import { frameOf, type Scope } from '../nix/scope.ts';
import type { Expr } from '../nix/syntax.ts';
import { settle } from '../nix-value/constant.ts';

/** The context of an expression. `withBuiltins`: it is in a `with builtins;`, so an unbound variable may be a builtin. */
export interface Surroundings {
  readonly scope: Scope | undefined;
  readonly withBuiltins: boolean;
}

/** `isGlobal`: a variable `__x`; if pure evaluation lacks it, Nix refuses the whole file as it parses it. */
export interface Builtin {
  readonly name: string;
  readonly isGlobal: boolean;
}

/** The builtin that an expression is. Undefined: none, or the text does not tell. */
export function builtinOf(expr: Expr, { scope, withBuiltins }: Surroundings): Builtin | undefined {
  const { expr: value, scope: inner } = settle(expr, scope);
  if (value.kind === 'select') {
    const [name, ...more] = value.path.names;
    if (name?.kind !== 'static' || more.length > 0) return undefined;
    return isBuiltins(value.target, inner) || isOfLib(value.target, name.name)
      ? { name: name.name, isGlobal: false }
      : undefined;
  }
  if (value.kind !== 'var' || frameOf(value.name, inner) !== undefined) return undefined;
  if (value.name.startsWith('__')) return { name: value.name.slice(2), isGlobal: true };
  return GLOBALS.has(value.name) || withBuiltins ? { name: value.name, isGlobal: false } : undefined;
}

/** `builtins`, or a variable for it. */
export function isBuiltins(expr: Expr, scope: Scope | undefined): boolean {
  const { expr: value, scope: inner } = settle(expr, scope);
  return value.kind === 'var' && value.name === 'builtins' && frameOf('builtins', inner) === undefined;
}

/** nixpkgs' lib exports some builtins, and has file readers of its own. */
const isOfLib = (target: Expr, name: string): boolean => {
  const last = target.kind === 'select' ? target.path.names.at(-1) : target;
  return OF_LIB.has(name) && (last?.kind === 'var' || last?.kind === 'static') && /^lib$/.test(last.name);
};

const OF_LIB: ReadonlySet<string> = new Set(['pathExists', 'readFile', 'fileContents', 'importJSON', 'importTOML']);

/** Builtins that need no `builtins.` in front, in Nix 2.8 to 2.34. */
const GLOBALS: ReadonlySet<string> = new Set(
  'import scopedImport toString baseNameOf dirOf fetchTarball fetchGit fetchTree fetchMercurial'.split(' '),
);
