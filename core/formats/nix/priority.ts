// The functions of nixpkgs' lib that say which definition of an option wins, and leave its value as it is.
// The only place that tells them from functions of the same name.
import { calledName } from './describe.ts';
import { frameOf, type Scope } from './scope.ts';
import type { AttrName, Expr } from './syntax.ts';

/** `lib.mkForce x`, also under `with lib;` and after `inherit (lib) mkForce;`. */
export function setsPriority(expr: Expr & { readonly kind: 'apply' }, scope: Scope | undefined): boolean {
  const name = calledName(expr);
  if (name === 'mkForce' || name === 'mkDefault') return isLibrary(expr.fn, scope);
  if (name !== 'mkOverride' || expr.fn.kind !== 'apply') return false;
  return expr.fn.arg.kind === 'int' && isLibrary(expr.fn.fn, scope);
}

function isLibrary(fn: Expr, scope: Scope | undefined): boolean {
  if (fn.kind === 'select') return fn.fallback === undefined && endsInLib(fn.target, fn.path.names);
  if (fn.kind !== 'var') return false;
  const frame = frameOf(fn.name, scope);
  if (frame === undefined) return true;
  const bound = frame.bound.get(fn.name)?.expr;
  return bound?.kind === 'select' && endsInLib(bound.target, bound.path.names);
}

/** `lib.x`, `pkgs.lib.x`, `inputs.nixpkgs.lib.x`. */
function endsInLib(target: Expr, names: readonly AttrName[]): boolean {
  const before = names.at(-2);
  if (before !== undefined) return before.kind === 'static' && before.name === 'lib';
  if (target.kind === 'var') return target.name === 'lib';
  const last = target.kind === 'select' && target.fallback === undefined ? target.path.names.at(-1) : undefined;
  return last?.kind === 'static' && last.name === 'lib';
}
