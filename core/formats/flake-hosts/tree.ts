// Attribute sets as Nix merges them: `a.b = 1; a = { c = 2; };` is one set `a`, with the literals and paths it is made of.
// The only place that merges attribute paths for flake.nix.
import { type AttrsExpr, bindingScope, inherited, type Scope, type StaticName } from '../nix/scope.ts';
import type { Binding, Expr, Span } from '../nix/syntax.ts';

/** One place that defines (a part of) an attribute: the binding's path leads to it with its first `depth` names. */
export interface Occurrence {
  readonly binding: Binding;
  readonly depth: number;
  /** The literal that holds the binding. */
  readonly literal: AttrsExpr;
}

export interface LeafNode {
  readonly kind: 'leaf';
  readonly name: string;
  readonly occurrences: readonly [Occurrence];
  /** As written; for `inherit x;` a variable at the name. */
  readonly value: Expr;
  readonly scope: Scope | undefined;
}

export interface SetNode {
  readonly kind: 'set';
  readonly name: string;
  readonly occurrences: readonly Occurrence[];
  /** The `{ … }` this set is made of; empty where only paths such as `a.b = …` make it. */
  readonly literals: readonly AttrsExpr[];
  readonly children: ReadonlyMap<string, AttrNode>;
  /** Attributes with computed names. */
  readonly dynamic: readonly Span[];
}

export type AttrNode = LeafNode | SetNode;

/** The set that an attribute set literal denotes. The parser has refused attributes that are defined twice. */
export function mergeAttrs(literal: AttrsExpr, scope: Scope | undefined): SetNode {
  const root = emptySet('');
  addLiteral(root, literal, scope);
  return root;
}

/** The node at a path of attribute names. */
export function nodeAt(set: SetNode, path: readonly string[]): AttrNode | undefined {
  let node: AttrNode | undefined = set;
  for (const name of path) node = node?.kind === 'set' ? node.children.get(name) : undefined;
  return node;
}

/** A set under construction. */
interface Growing {
  readonly kind: 'set';
  readonly name: string;
  readonly occurrences: Occurrence[];
  readonly literals: AttrsExpr[];
  readonly children: Map<string, LeafNode | Growing>;
  readonly dynamic: Span[];
}

function emptySet(name: string): Growing {
  return { kind: 'set', name, occurrences: [], literals: [], children: new Map(), dynamic: [] };
}

function addLiteral(set: Growing, literal: AttrsExpr, outer: Scope | undefined): void {
  const scope = literal.rec ? bindingScope(literal.bindings, outer) : outer;
  set.literals.push(literal);
  for (const binding of literal.bindings) {
    if (binding.kind === 'bind') {
      addPath(set, binding, literal, scope);
      continue;
    }
    for (const name of binding.names) {
      if (name.kind === 'dynamic') set.dynamic.push(name);
      else {
        const within = binding.from === undefined ? outer : scope;
        addLeaf(set, name, { binding, depth: 1, literal }, inherited(name, binding.from), within);
      }
    }
  }
}

function addPath(
  root: Growing,
  binding: Binding & { kind: 'bind' },
  literal: AttrsExpr,
  scope: Scope | undefined,
): void {
  let set = root;
  const { names } = binding.path;
  for (const [i, name] of names.entries()) {
    if (name.kind === 'dynamic') {
      set.dynamic.push(name);
      return;
    }
    const occurrence: Occurrence = { binding, depth: i + 1, literal };
    const value = i < names.length - 1 ? undefined : unwrap(binding.value);
    if (value && value.kind !== 'attrs') {
      addLeaf(set, name, occurrence, binding.value, scope);
      return;
    }
    const existing = set.children.get(name.name);
    if (existing?.kind === 'leaf') return;
    const child = existing ?? emptySet(name.name);
    child.occurrences.push(occurrence);
    set.children.set(name.name, child);
    if (value) addLiteral(child, value, scope);
    set = child;
  }
}

function addLeaf(set: Growing, name: StaticName, at: Occurrence, value: Expr, scope: Scope | undefined): void {
  set.children.set(name.name, { kind: 'leaf', name: name.name, occurrences: [at], value, scope });
}

function unwrap(expr: Expr): Expr {
  return expr.kind === 'paren' ? unwrap(expr.inner) : expr;
}
