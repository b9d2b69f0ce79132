// Variables and their scopes: what a name in flake.nix is bound to, as far as the text says without evaluating.
// The only place that follows `let`, `rec`, `inherit` and function arguments for flake.nix.
import type { AttrName, Binding, Expr } from './syntax.ts';

export type AttrsExpr = Extract<Expr, { kind: 'attrs' }>;
export type Lambda = Extract<Expr, { kind: 'lambda' }>;

/** A chain of variables longer than this is a cycle (`rec { a = b; b = a; }`). */
const MAX_HOPS = 100;

export type StaticName = AttrName & { readonly kind: 'static' };

/** The variables a construct brings into scope; `undefined` marks a variable whose value is not known from the text. */
export interface Scope {
  readonly parent: Scope | undefined;
  readonly bound: ReadonlyMap<string, Bound | undefined>;
}

export interface Bound {
  readonly expr: Expr;
  readonly scope: Scope | undefined;
}

/** `expr` without parentheses, and variables replaced by what they are bound to as far as the text says. */
export function resolve(expr: Expr, scope: Scope | undefined): Bound {
  let at: Bound = { expr, scope };
  for (let hops = 0; hops < MAX_HOPS; hops++) {
    const found: Bound | undefined =
      at.expr.kind === 'paren'
        ? { expr: at.expr.inner, scope: at.scope }
        : at.expr.kind === 'var'
          ? frameOf(at.expr.name, at.scope)?.bound.get(at.expr.name)
          : undefined;
    if (!found) break;
    at = found;
  }
  return at;
}

/** The innermost construct that binds a variable. */
export function frameOf(name: string, scope: Scope | undefined): Scope | undefined {
  for (let s = scope; s; s = s.parent) if (s.bound.has(name)) return s;
  return undefined;
}

/** The scope that `let` bindings or a `rec` set open. */
export function bindingScope(bindings: readonly Binding[], parent: Scope | undefined): Scope {
  const bound = new Map<string, Bound | undefined>();
  const scope: Scope = { parent, bound };
  for (const binding of bindings) {
    if (binding.kind === 'inherit') {
      for (const name of binding.names) {
        // `inherit (e) x;` reads e among the new variables, `inherit x;` the x around them.
        const within = binding.from === undefined ? parent : scope;
        if (name.kind === 'static') bound.set(name.name, { expr: inherited(name, binding.from), scope: within });
      }
    } else {
      const [first, ...rest] = binding.path.names;
      if (first?.kind === 'static') bound.set(first.name, rest.length ? undefined : { expr: binding.value, scope });
    }
  }
  return scope;
}

/** `expr` behind parentheses, variables, `let`, `with` and `assert`, with the scope they open. */
export function descend(expr: Expr, scope: Scope | undefined): Bound {
  let at = resolve(expr, scope);
  for (let hops = 0; hops < MAX_HOPS; hops++) {
    const { kind } = at.expr;
    if (kind !== 'let' && kind !== 'with' && kind !== 'assert') break;
    const inner = kind === 'let' ? bindingScope(at.expr.bindings, at.scope) : at.scope;
    at = resolve(at.expr.body, inner);
  }
  return at;
}

/** The arguments of a function hide the variables around it. */
export function lambdaScope(lambda: Lambda, parent: Scope | undefined): Scope {
  const names = lambda.formals?.formals.map((formal) => formal.name) ?? [];
  if (lambda.param) names.push(lambda.param.name);
  return { parent, bound: new Map(names.map((name) => [name, undefined])) };
}

/** `inherit x;` means `x = x;`, `inherit (e) x;` means `x = e.x;`. */
export function inherited(name: StaticName, from: Expr | undefined): Expr {
  const { start, end } = name;
  return from ? { kind: 'select', target: from, path: { names: [name], start, end }, start, end } : variable(name);
}

function variable({ name, start, end }: StaticName): Expr {
  return { kind: 'var', name, start, end };
}

/** What an expression is, for people: "the result of `mkHost`", "a conditional". */
export function describe(expr: Expr): string {
  const name = calledName(expr);
  if (name !== undefined) return `the result of \`${name}\``;
  switch (expr.kind) {
    case 'apply':
      return 'the result of a function';
    case 'binary':
      return `a value computed with \`${expr.op}\``;
    case 'if':
      return 'a conditional';
    case 'var':
      return `the variable \`${expr.name}\``;
    default:
      return 'a computed value';
  }
}

/** The last name of the function that is called, through curried calls. */
export function calledName(expr: Expr): string | undefined {
  if (expr.kind !== 'apply') return undefined;
  let fn: Expr = expr.fn;
  while (fn.kind === 'apply' || fn.kind === 'paren') fn = fn.kind === 'apply' ? fn.fn : fn.inner;
  if (fn.kind === 'var') return fn.name;
  const last = fn.kind === 'select' ? fn.path.names.at(-1) : undefined;
  return last?.kind === 'static' ? last.name : undefined;
}
