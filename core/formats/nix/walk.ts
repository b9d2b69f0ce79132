// Walks a syntax tree without recursion, so that chains of thousands of operators cost no call depth.
// The only place that knows which expressions each kind of expression contains.
import type { AttrPath, Binding, Expr, StringPart } from './syntax.ts';

/** Calls `visit` for the expression and everything in it, each before its parts. */
export function walk(root: Expr, visit: (expr: Expr) => void): void {
  const waiting: Expr[] = [root];
  for (let expr = waiting.pop(); expr !== undefined; expr = waiting.pop()) {
    visit(expr);
    waiting.push(...childrenOf(expr).reverse());
  }
}

/** The texts of all names and literals in the tree, in no particular order. */
export function leafTexts(root: Expr, text: string): readonly string[] {
  const leaves: string[] = [];
  walk(root, (expr) => {
    for (const { start, end } of namesIn(expr)) leaves.push(text.slice(start, end));
    if (childrenOf(expr).length === 0) leaves.push(text.slice(expr.start, expr.end));
  });
  return leaves;
}

function namesIn(expr: Expr): readonly { readonly start: number; readonly end: number }[] {
  switch (expr.kind) {
    case 'attrs':
    case 'let':
    case 'letAttrs':
      return expr.bindings.flatMap((binding) => (binding.kind === 'bind' ? binding.path.names : binding.names));
    case 'lambda':
      return [...(expr.formals?.formals ?? []), ...(expr.param === undefined ? [] : [expr.param])];
    case 'select':
    case 'hasAttr':
      return expr.path.names;
    default:
      return [];
  }
}

function childrenOf(expr: Expr): Expr[] {
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
      return [...expr.items];
    case 'attrs':
    case 'letAttrs':
      return inBindings(expr.bindings);
    case 'let':
      return [...inBindings(expr.bindings), expr.body];
    case 'lambda': {
      const fallbacks = expr.formals?.formals.flatMap(({ fallback }) => (fallback === undefined ? [] : [fallback]));
      return [...(fallbacks ?? []), expr.body];
    }
    case 'apply':
      return [expr.fn, expr.arg];
    case 'select':
      return [expr.target, ...inPath(expr.path), ...(expr.fallback === undefined ? [] : [expr.fallback])];
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

function inParts(parts: readonly StringPart[]): Expr[] {
  return parts.flatMap((part) => (part.kind === 'interpolation' ? [part.expr] : []));
}

function inPath(path: AttrPath): Expr[] {
  return path.names.flatMap((name) => (name.kind === 'dynamic' ? [name.expr] : []));
}

function inBindings(bindings: readonly Binding[]): Expr[] {
  return bindings.flatMap((binding) => {
    if (binding.kind === 'bind') return [...inPath(binding.path), binding.value];
    return binding.from === undefined ? [] : [binding.from];
  });
}
