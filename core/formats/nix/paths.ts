// Finds the relative paths that an expression names literally.

import type { AttrPath, Binding, Expr, StringPart } from './syntax.ts';

/** Each `./a`, `../b`, `a/b` without interpolation, as written, in the order of the text. */
export function literalPaths(root: Expr): readonly string[] {
  const found: string[] = [];
  const rest: Expr[] = [root];
  // A stack of our own: expressions nest deeper than calls may.
  for (let expr = rest.pop(); expr !== undefined; expr = rest.pop()) {
    if (expr.kind === 'path') {
      const [first, ...more] = expr.parts;
      if (first?.kind === 'text' && more.length === 0 && !/^[/~]/.test(first.value)) found.push(first.value);
    }
    rest.push(...children(expr).toReversed());
  }
  return found;
}

/** The expressions directly inside, in the order of the text. */
export function children(expr: Expr): readonly Expr[] {
  switch (expr.kind) {
    case 'var':
    case 'int':
    case 'float':
    case 'searchPath':
    case 'uri':
      return [];
    case 'path':
    case 'string':
      return inParts(expr.parts);
    case 'list':
      return expr.items;
    case 'attrs':
    case 'letAttrs':
      return expr.bindings.flatMap(inBinding);
    case 'let':
      return [...expr.bindings.flatMap(inBinding), expr.body];
    case 'lambda':
      return [...(expr.formals?.formals ?? []).flatMap(({ fallback }) => (fallback ? [fallback] : [])), expr.body];
    case 'apply':
      return [expr.fn, expr.arg];
    case 'select':
      return [expr.target, ...inPath(expr.path), ...(expr.fallback ? [expr.fallback] : [])];
    case 'hasAttr':
      return [expr.target, ...inPath(expr.path)];
    case 'unary':
      return [expr.operand];
    case 'binary':
      return [expr.left, expr.right];
    case 'if':
      return [expr.cond, expr.then, expr.else];
    case 'with':
      return [expr.scope, expr.body];
    case 'assert':
      return [expr.cond, expr.body];
    case 'paren':
      return [expr.inner];
  }
}

const inParts = (parts: readonly StringPart[]): readonly Expr[] =>
  parts.flatMap((part) => (part.kind === 'interpolation' ? [part.expr] : []));

const inPath = ({ names }: AttrPath): readonly Expr[] =>
  names.flatMap((name) => (name.kind === 'dynamic' ? [name.expr] : []));

const inBinding = (binding: Binding): readonly Expr[] =>
  binding.kind === 'bind' ? [...inPath(binding.path), binding.value] : binding.from ? [binding.from] : [];
