// Finds the relative paths that an expression names literally.

import type { Expr } from './syntax.ts';
import { walk } from './walk.ts';

/** Each `./a`, `../b`, `a/b` without interpolation, as written, in the order of the text. */
export function literalPaths(root: Expr): readonly string[] {
  const found: string[] = [];
  walk(root, (expr) => {
    if (expr.kind !== 'path') return;
    const [first, ...more] = expr.parts;
    if (first?.kind === 'text' && more.length === 0 && !/^[/~]/.test(first.value)) found.push(first.value);
  });
  return found;
}
