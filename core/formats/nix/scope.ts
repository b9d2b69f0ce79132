// Variables and their scopes: the expression a name is bound to, as far as the text says without evaluating.
// The only place that follows `let`, `rec`, `inherit` and function arguments.
import type { AttrName, Binding, Expr } from './syntax.ts';

export type AttrsExpr = Extract<Expr, { kind: 'attrs' }>;
export type ListExpr = Extract<Expr, { kind: 'list' }>;
export type Lambda = Extract<Expr, { kind: 'lambda' }>;
export type StaticName = AttrName & { readonly kind: 'static' };

/** The variables a construct brings into scope; `undefined` marks a variable whose value is not known from the text. */
export interface Scope {
  readonly parent: Scope | undefined;
  readonly bound: ReadonlyMap<string, Bound | undefined>;
  /** The set whose attributes are variables too, where no construct binds them: `with e;`. */
  readonly with?: Bound;
  /** The function whose call made it. */
  readonly called?: Lambda;
  /** Of the outermost scope of a file. */
  readonly source?: Source;
}

/** The file that expressions stand in. */
export interface Source {
  /** From the top of the flake: `./hosts/default.nix`. */
  readonly path: string;
  readonly text: string;
  readonly tree: Tree;
}

/** The things that expressions can reach besides their own file. */
export interface Tree {
  /** True if the other files are at hand. */
  readonly isWhole: boolean;
  /** A Nix file of the tree, or the default.nix of a directory, by its path from the top. */
  readonly nix: (path: string) => Opened;
  /** The files whose text matches, and perhaps others that no text names. */
  readonly matching: (pattern: RegExp) => readonly string[];
  /** Argument and result of the flake's outputs: `self.x` is an attribute of the result. Undefined: not known. */
  readonly outputs: () => Bound | undefined;
}

export type Opened = { readonly ok: true; readonly root: Bound } | { readonly ok: false; readonly reason: string };

/** Undefined: a text by itself, without a tree around it. */
export function sourceOf(scope: Scope | undefined): Source | undefined {
  let outermost = scope;
  while (outermost?.parent) outermost = outermost.parent;
  return outermost?.source;
}

/** An expression, and the scope its variables are to be read in. */
export interface Bound {
  readonly expr: Expr;
  readonly scope: Scope | undefined;
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

/** The arguments of a function hide the variables around it. */
export function lambdaScope(lambda: Lambda, parent: Scope | undefined): Scope {
  const names = lambda.formals?.formals.map((formal) => formal.name) ?? [];
  if (lambda.param) names.push(lambda.param.name);
  return { parent, bound: new Map(names.map((name) => [name, undefined])) };
}

/** The variables behind `with e;`. */
export function withScope(set: Expr, parent: Scope | undefined): Scope {
  return { parent, bound: NOTHING, with: { expr: set, scope: parent } };
}

const NOTHING: ReadonlyMap<string, undefined> = new Map();

/** The scope inside a set: a `rec` set adds its own attributes. */
export function innerScope({ expr, scope }: Bound): Scope | undefined {
  return expr.kind === 'attrs' && expr.rec ? bindingScope(expr.bindings, scope) : scope;
}

/** `inherit x;` means `x = x;`, `inherit (e) x;` means `x = e.x;`. */
export function inherited(name: StaticName, from: Expr | undefined): Expr {
  const { start, end } = name;
  return from
    ? { kind: 'select', target: from, path: { names: [name], start, end }, start, end }
    : { kind: 'var', name: name.name, start, end };
}
