// Which of Nix's builtins an expression is, however it is reached: `builtins.x`, `x` where it is global, `__x`, an alias, `inherit`, `with`.

import { frameOf, type Scope } from '../nix/scope.ts';
import type { Expr } from '../nix/syntax.ts';
import { settle } from '../nix-value/constant.ts';

/** Where an expression stands. `withBuiltins`: variables that nothing binds may be builtins. */
export interface Surroundings {
  readonly scope: Scope | undefined;
  readonly withBuiltins: boolean;
}

/** `isGlobal`: a variable `__x`, which pure evaluation takes for undefined as soon as the file is read. */
export interface Builtin {
  readonly name: string;
  readonly isGlobal: boolean;
}

/** Undefined: it is none, or the text does not tell. */
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

/** nixpkgs' lib hands some of them on, and has readers of its own. */
const isOfLib = (target: Expr, name: string): boolean => {
  const last = target.kind === 'select' ? target.path.names.at(-1) : target;
  return OF_LIB.has(name) && (last?.kind === 'var' || last?.kind === 'static') && /^lib$/.test(last.name);
};

const OF_LIB: ReadonlySet<string> = new Set(['pathExists', 'readFile', 'fileContents', 'importJSON', 'importTOML']);

/** Without `builtins.` in front, of Nix 2.8 to 2.34. */
const GLOBALS: ReadonlySet<string> = new Set(
  'import scopedImport toString baseNameOf dirOf fetchTarball fetchGit fetchTree fetchMercurial'.split(' '),
);
