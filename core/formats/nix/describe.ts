// Names the kind of an expression for people: "a list", "the result of `mkHost`". Knows words, and no values.
import type { Expr, Span } from './syntax.ts';

/** "a list", "the result of `mkIf`", "a conditional". */
export function describe(expr: Expr): string {
  const name = calledName(expr);
  if (name !== undefined) return `the result of \`${name}\``;
  switch (expr.kind) {
    case 'string':
      return expr.parts.some((part) => part.kind === 'interpolation') ? 'a computed string' : 'a string';
    case 'uri':
      return 'a string';
    case 'attrs':
      return 'a set';
    case 'list':
      return 'a list';
    case 'lambda':
      return 'a function';
    case 'int':
      return 'an integer';
    case 'float':
      return 'a float';
    case 'path':
      return 'a path';
    case 'searchPath':
      return 'a search path';
    case 'apply':
      return 'the result of a function';
    case 'binary':
      return `a value computed with \`${expr.op}\``;
    case 'if':
      return 'a conditional';
    case 'var':
      if (expr.name === 'true' || expr.name === 'false') return 'a Boolean';
      if (expr.name.startsWith('\0')) return 'a computed value';
      return expr.name === 'null' ? 'null' : `the variable \`${expr.name}\``;
    default:
      return 'a computed value';
  }
}

/** The last name of the function that is called, through curried calls. */
export function calledName(expr: Expr): string | undefined {
  if (expr.kind !== 'apply') return undefined;
  let fn: Expr = expr.fn;
  while (fn.kind === 'apply' || fn.kind === 'paren') fn = fn.kind === 'apply' ? fn.fn : fn.inner;
  // Variables that the evaluator makes have names that no text can have.
  if (fn.kind === 'var') return fn.name.startsWith('\0') ? undefined : fn.name;
  const last = fn.kind === 'select' ? fn.path.names.at(-1) : undefined;
  return last?.kind === 'static' ? last.name : undefined;
}

/** The offsets of a node alone. */
export function spanOf({ start, end }: Span): Span {
  return { start, end };
}
