// Evaluates booleans that the text decides: comparisons of constants, `?`, `elem`.

import type { Bound, Scope } from '../nix/scope.ts';
import type { Expr } from '../nix/syntax.ts';
import { libraryName } from './library.ts';
import { constantIn, deeper, itemsIn, memberIn, nameIn, type Run, truthIn } from './run.ts';
import { askIn, spineOf } from './settle.ts';

/** Undefined if the text does not tell. */
export function truthOf(run: Run, expr: Expr, scope: Scope | undefined): boolean | undefined {
  switch (expr.kind) {
    case 'binary':
      return comparison(run, expr, scope);
    case 'unary': {
      const operand = expr.op === '!' ? truthIn(run, { expr: expr.operand, scope }) : undefined;
      return operand === undefined ? undefined : !operand;
    }
    case 'hasAttr':
      return hasIn(run, expr, scope);
    case 'apply':
      return elemIn(run, expr, scope);
    default:
      return undefined;
  }
}

function comparison(
  run: Run,
  { op, left, right }: Expr & { readonly kind: 'binary' },
  scope: Scope | undefined,
): boolean | undefined {
  if (op === '&&' || op === '||' || op === '->') {
    const first = truthIn(run, { expr: left, scope });
    if (first === undefined) return undefined;
    if (first === (op === '||')) return op === '||';
    return first || op === '||' ? truthIn(run, { expr: right, scope }) : op === '->';
  }
  if (op !== '==' && op !== '!=') return undefined;
  const same = isSame(run, { expr: left, scope }, { expr: right, scope });
  return same === undefined ? undefined : same === (op === '==');
}

function isSame(run: Run, a: Bound, b: Bound): boolean | undefined {
  const [left, right] = [a, b].map(({ expr, scope }) => constantIn(deeper(run), expr, scope, 'a constant'));
  if (left?.kind !== 'static' || right?.kind !== 'static') return undefined;
  // Not for lists (compared item by item) and paths (compared by target), which nobody needs.
  if (/^(list|path)$/.test(left.value.kind) || /^(list|path)$/.test(right.value.kind)) return undefined;
  return JSON.stringify(left.value) === JSON.stringify(right.value);
}

/** `e ? a.b`. */
function hasIn(
  run: Run,
  { target, path }: Expr & { readonly kind: 'hasAttr' },
  scope: Scope | undefined,
): boolean | undefined {
  let at: Bound = { expr: target, scope };
  for (const name of path.names) {
    const known = nameIn(run, name, scope);
    const found = known === undefined ? undefined : memberIn(deeper(run), at, known);
    if (found === 'absent') return false;
    if (found === undefined) return undefined;
    at = found;
  }
  return true;
}

/** `elem x list`, `hasAttr "a" e`, `hasSuffix "a" text`. */
function elemIn(run: Run, expr: Expr, scope: Scope | undefined): boolean | undefined {
  const { head, args } = spineOf({ expr, scope }, []);
  const [first, second, ...more] = args;
  if (first === undefined || second === undefined || more.length > 0) return undefined;
  const name = libraryName(head.expr, head.scope);
  if (name === 'hasAttr') {
    const known = askIn(run).text(first);
    const found = known === undefined ? undefined : memberIn(deeper(run), second, known);
    return found === undefined ? undefined : found !== 'absent';
  }
  const affix = name === 'hasPrefix' ? 'startsWith' : name === 'hasSuffix' ? 'endsWith' : undefined;
  if (affix) {
    const [part, whole] = [first, second].map(askIn(run).text);
    return part === undefined || whole === undefined ? undefined : whole[affix](part);
  }
  if (name !== 'elem') return undefined;
  const same = itemsIn(deeper(run), second)?.map((item) => isSame(run, first, item));
  if (same?.includes(true)) return true;
  return same?.includes(undefined) ? undefined : same && false;
}
