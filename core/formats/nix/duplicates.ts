// Attributes defined twice: finds them as Nix's parser does, where `{ a.b = 1; a = { c = 2; }; }` merges.
import { Broken } from './lex.ts';
import type { AttrName, Binding, Expr, Formal, Span } from './syntax.ts';

/** Throws {@link Broken} at a binding that defines an attribute again; sets inside are taken as checked. */
export function rejectDuplicates(bindings: readonly Binding[]): void {
  if (firstNamesDiffer(bindings)) return;
  shapeOf(bindings);
}

/** Throws {@link Broken} at an argument that occurs twice in `{ a, b }@c:`. */
export function rejectDuplicateFormals(formals: readonly Formal[], param?: Span & { readonly name: string }): void {
  const names = new Set<string>();
  for (const formal of param === undefined ? formals : [...formals, param]) {
    if (names.has(formal.name))
      throw new Broken(`the argument '${formal.name}' occurs twice`, formal.start, formal.end);
    names.add(formal.name);
  }
}

/** The cheap test that nearly every set passes: no two bindings begin with the same name. */
function firstNamesDiffer(bindings: readonly Binding[]): boolean {
  if (bindings.length === 1 && bindings[0]!.kind === 'bind') return true;
  const seen = new Set<string>();
  let count = 0;
  for (const binding of bindings) {
    if (binding.kind === 'bind') {
      const first = binding.path.names[0]!;
      if (first.kind !== 'static') continue;
      seen.add(first.name);
      count++;
    } else {
      for (const name of binding.names) {
        if (name.kind !== 'static') continue;
        seen.add(name.name);
        count++;
      }
    }
  }
  return seen.size === count;
}

/** The attributes of a set: nested sets can be merged into, a leaf cannot. */
type Shape = Map<string, Entry>;
interface Entry {
  readonly leaf: boolean;
  /** The literal set that stands here, not yet looked into. */
  readonly bindings: readonly Binding[];
  shape?: Shape;
}

function shapeOf(bindings: readonly Binding[]): Shape {
  const shape: Shape = new Map();
  for (const binding of bindings) {
    if (binding.kind === 'bind') define(shape, binding.path.names, binding.value, binding);
    else for (const name of binding.names) inherit(shape, name);
  }
  return shape;
}

function inherit(shape: Shape, name: AttrName): void {
  if (name.kind !== 'static') return;
  if (shape.has(name.name)) throw twice([name], name);
  shape.set(name.name, { leaf: true, bindings: [] });
}

function define(top: Shape, names: readonly AttrName[], value: Expr, at: Span): void {
  let shape = top;
  const last = names.at(-1)!;
  for (const name of names.slice(0, -1)) {
    const found = name.kind === 'static' ? shape.get(name.name) : undefined;
    if (found?.leaf) throw twice(names, at);
    const nested: Shape = found === undefined ? new Map() : open(found);
    if (found === undefined && name.kind === 'static')
      shape.set(name.name, { leaf: false, bindings: [], shape: nested });
    shape = nested;
  }
  if (last.kind !== 'static') return;
  const set = literalSet(value);
  merge(shape, last.name, { leaf: set === undefined, bindings: set ?? [] }, names, at);
}

/** Puts an entry into a set; two sets merge at every depth, as in Nix 2.34 (2.8 refuses below the first). */
function merge(shape: Shape, name: string, entry: Entry, names: readonly AttrName[], at: Span): void {
  const waiting: Placing[] = [{ into: shape, name, entry }];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const { into } = next;
    const found = into.get(next.name);
    if (found === undefined) {
      into.set(next.name, next.entry);
    } else if (found.leaf || next.entry.leaf) {
      const inner: AttrName[] = [];
      for (let one = next; one.outer !== undefined; one = one.outer) {
        inner.unshift({ kind: 'static', name: one.name, quoted: false, start: at.start, end: at.end });
      }
      throw twice([...names, ...inner], at);
    } else {
      const nested = open(found);
      for (const [key, value] of open(next.entry)) waiting.push({ into: nested, name: key, entry: value, outer: next });
    }
  }
}

/** An entry on its way into a set, and the set's own entry that it came with. */
interface Placing {
  readonly into: Shape;
  readonly name: string;
  readonly entry: Entry;
  readonly outer?: Placing;
}

function open(entry: Entry): Shape {
  entry.shape ??= shapeOf(entry.bindings);
  return entry.shape;
}

function literalSet(value: Expr): readonly Binding[] | undefined {
  let expr = value;
  while (expr.kind === 'paren') expr = expr.inner;
  return expr.kind === 'attrs' ? expr.bindings : undefined;
}

function twice(names: readonly AttrName[], at: Span): Broken {
  const path = names.map((name) => (name.kind === 'static' ? name.name : '${…}')).join('.');
  return new Broken(`the attribute '${path}' is defined twice`, at.start, at.end);
}
