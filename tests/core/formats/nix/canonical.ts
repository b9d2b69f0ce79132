// Prints a tree the same way whether it was parsed from a source or from what Nix printed of that source:
// sugar is undone as Nix undoes it, attributes and arguments are sorted, paths are absolute.
import { posix } from 'node:path';
import type { AttrName, AttrPath, Binding, Expr, StringPart } from '../../../../core/formats/nix/syntax.ts';

/** The directories of the source's relative paths and of `~`. */
export interface Base {
  readonly directory: string;
  readonly home: string;
}

/** The canonical form; two trees mean the same to Nix only if theirs are equal. */
export function canonical(expr: Expr, base: Base): string {
  const go = (inner: Expr): string => canonical(inner, base);
  switch (expr.kind) {
    case 'paren':
      return go(expr.inner);
    case 'var':
      return expr.name;
    case 'int':
      return String(BigInt(expr.text));
    case 'float':
      return String(Number(Number(expr.text).toPrecision(6)));
    case 'uri':
      return JSON.stringify(expr.value);
    case 'string':
    case 'path':
      return sum(expr, base);
    case 'list':
      return `[${expr.items.map(go).join(' ')}]`;
    case 'attrs':
      return `${expr.rec ? 'rec ' : ''}${setOf(expr.bindings, base)}`;
    case 'let':
      return `(let ${setOf(expr.bindings, base)} in ${go(expr.body)})`;
    case 'letAttrs':
      return `(rec ${setOf(expr.bindings, base)}."body")`;
    case 'lambda': {
      const formals = expr.formals?.formals.map((formal) => {
        return formal.fallback === undefined ? formal.name : `${formal.name} ? ${go(formal.fallback)}`;
      });
      const pattern = formals === undefined ? '' : `{${formals.sort().join(', ')}}`;
      const ellipsis = expr.formals?.ellipsis === undefined ? '' : '...';
      return `(${pattern}${ellipsis}@${expr.param?.name ?? ''}: ${go(expr.body)})`;
    }
    case 'apply':
    case 'searchPath':
      return `(${call(expr, base).join(' ')})`;
    case 'select': {
      const fallback = expr.fallback === undefined ? '' : ` or ${go(expr.fallback)}`;
      return `(${go(expr.target)}.${pathOf(expr.path, base)}${fallback})`;
    }
    case 'hasAttr':
      return `(${go(expr.target)} ? ${pathOf(expr.path, base)})`;
    case 'unary':
      return expr.op === '!' ? `(! ${go(expr.operand)})` : `(${call(expr, base).join(' ')})`;
    case 'binary':
      if (expr.op === '+') return sum(expr, base);
      if (expr.op === '<=') return `(! (__lessThan ${go(expr.right)} ${go(expr.left)}))`;
      if (expr.op === '>=') return `(! (__lessThan ${go(expr.left)} ${go(expr.right)}))`;
      if (calls.has(expr.op) || isPipe(expr.op)) return `(${call(expr, base).join(' ')})`;
      return `(${go(expr.left)} ${expr.op} ${go(expr.right)})`;
    case 'if':
      return `(if ${go(expr.cond)} then ${go(expr.then)} else ${go(expr.else)})`;
    case 'with':
      return `(with ${go(expr.scope)}; ${go(expr.body)})`;
    case 'assert':
      return `(assert ${go(expr.cond)}; ${go(expr.body)})`;
  }
}

const calls = new Map([
  ['-', '__sub'],
  ['*', '__mul'],
  ['/', '__div'],
  ['<', '__lessThan'],
  ['>', '__lessThan'],
]);

function isPipe(op: string): boolean {
  return op === '|>' || op === '<|';
}

/** Function and arguments; Nix makes one call of `(f a) b` and of `(a - b) c`. */
function call(expr: Expr, base: Base): readonly string[] {
  const go = (inner: Expr): string => canonical(inner, base);
  if (expr.kind === 'paren') return call(expr.inner, base);
  if (expr.kind === 'apply') return [...call(expr.fn, base), go(expr.arg)];
  if (expr.kind === 'searchPath') return ['__findFile', '__nixPath', JSON.stringify(expr.name)];
  if (expr.kind === 'unary' && expr.op === '-') return ['__sub', '0', go(expr.operand)];
  if (expr.kind === 'binary' && isPipe(expr.op)) {
    const [fn, arg] = expr.op === '<|' ? [expr.left, expr.right] : [expr.right, expr.left];
    return [...call(fn, base), go(arg)];
  }
  if (expr.kind === 'binary' && calls.has(expr.op)) {
    const operands = [go(expr.left), go(expr.right)];
    return [calls.get(expr.op)!, ...(expr.op === '>' ? operands.reverse() : operands)];
  }
  return [go(expr)];
}

/** `+` and strings with interpolations; neighbouring literals are one, as Nix keeps pieces of '' strings apart. */
function sum(expr: Expr, base: Base): string {
  const terms: string[] = [];
  for (const term of addends(expr, base)) {
    const last = terms.at(-1);
    if (term === '""') continue;
    if (last?.startsWith('"') && term.startsWith('"')) {
      terms[terms.length - 1] = JSON.stringify((JSON.parse(last) as string) + (JSON.parse(term) as string));
    } else {
      terms.push(term);
    }
  }
  if (terms.length === 0) return '""';
  return terms.length === 1 ? terms[0]! : `(${terms.join(' + ')})`;
}

function addends(expr: Expr, base: Base): readonly string[] {
  if (expr.kind === 'paren') return addends(expr.inner, base);
  if (expr.kind === 'binary' && expr.op === '+') return [...addends(expr.left, base), canonical(expr.right, base)];
  if (expr.kind !== 'string' && expr.kind !== 'path') return [canonical(expr, base)];
  const isPath = expr.kind === 'path';
  return expr.parts.flatMap((part: StringPart, index): readonly string[] => {
    if (part.kind === 'interpolation') return index === 0 ? addends(part.expr, base) : [canonical(part.expr, base)];
    if (!isPath || index > 0) return [JSON.stringify(part.value)];
    // `./a//${b}` is the path `./a/`, then the string "/".
    const [path = '', rest = ''] = part.value.split(/(?<=\/)(?=\/.*$)/s, 2);
    return [absolute(path, base), JSON.stringify(rest)];
  });
}

function absolute(path: string, base: Base): string {
  const target = path.startsWith('~/') ? `${base.home}/${path.slice(2)}` : posix.resolve(base.directory, path);
  return `path:${posix.normalize(target).replace(/(?<=.)\/$/, '')}`;
}

function nameOf(name: AttrName, base: Base): string {
  return name.kind === 'static' ? JSON.stringify(name.name) : `\${${canonical(name.expr, base)}}`;
}

function pathOf(path: AttrPath, base: Base): string {
  return path.names.map((name) => nameOf(name, base)).join('.');
}

/** A set after merging: what a name stands for, text or a set that later bindings may add to. */
interface SetTree {
  rec: boolean;
  readonly named: Map<string, SetTree | string>;
  readonly dynamic: [string, SetTree | string][];
}

function setOf(bindings: readonly Binding[], base: Base): string {
  return render(treeOf(bindings, false, base));
}

function treeOf(bindings: readonly Binding[], rec: boolean, base: Base): SetTree {
  const top: SetTree = { rec, named: new Map(), dynamic: [] };
  for (const binding of bindings) {
    if (binding.kind === 'inherit') {
      const from = binding.from === undefined ? undefined : canonical(binding.from, base);
      for (const name of binding.names) {
        const key = nameOf(name, base);
        top.named.set(key, from === undefined ? `inherited ${key}` : `(${from}.${key})`);
      }
      continue;
    }
    let tree = top;
    for (const name of binding.path.names.slice(0, -1)) tree = descend(tree, name, base);
    place(tree, binding.path.names.at(-1)!, binding.value, base);
  }
  return top;
}

function descend(tree: SetTree, name: AttrName, base: Base): SetTree {
  const key = nameOf(name, base);
  const found = name.kind === 'static' ? tree.named.get(key) : undefined;
  if (typeof found === 'object') return found;
  const nested: SetTree = { rec: false, named: new Map(), dynamic: [] };
  if (name.kind === 'static') tree.named.set(key, nested);
  else tree.dynamic.push([key, nested]);
  return nested;
}

function place(tree: SetTree, name: AttrName, value: Expr, base: Base): void {
  let literal = value;
  while (literal.kind === 'paren') literal = literal.inner;
  const placed = literal.kind === 'attrs' ? treeOf(literal.bindings, literal.rec, base) : canonical(value, base);
  const key = nameOf(name, base);
  if (name.kind === 'dynamic') {
    tree.dynamic.push([key, placed]);
    return;
  }
  const found = tree.named.get(key);
  if (typeof found === 'object' && typeof placed === 'object') merge(found, placed);
  else tree.named.set(key, placed);
}

function merge(into: SetTree, from: SetTree): void {
  for (const [key, entry] of from.named) {
    const found = into.named.get(key);
    if (typeof found === 'object' && typeof entry === 'object') merge(found, entry);
    else into.named.set(key, entry);
  }
  into.dynamic.push(...from.dynamic);
}

function render(tree: SetTree | string): string {
  if (typeof tree === 'string') return tree;
  const named = [...tree.named].sort(([left], [right]) => (left < right ? -1 : 1));
  const entries = [...named, ...tree.dynamic].map(([name, value]) => `${name} = ${prefixed(value)};`);
  return `{${entries.join(' ')}}`;
}

function prefixed(tree: SetTree | string): string {
  return typeof tree === 'object' && tree.rec ? `rec ${render(tree)}` : render(tree);
}
