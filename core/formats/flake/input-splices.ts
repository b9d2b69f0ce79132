// Makes the splices that set one part of an input: its reference, `flake`, `follows`; or all of a new one.
// The only place that knows the spellings in which inputs are declared. Undefined: this spelling can't be edited.

import { oncePer } from '../../once.ts';
import { type AttrNode, type LeafNode, nodeAt, type SetNode } from '../flake-hosts/tree.ts';
import { flat, type Layout, nixAttrPath, nixString } from '../nix/print.ts';
import { type Splice, styleOf } from '../nix/splice.ts';
import { insertAtTop, insertBindings, insertInOrder, removeBindings, renameBinding, replaceValue } from './bindings.ts';
import type { InputRef, OpenFlake } from './flake.ts';
import { attrValue, type RefRules, sameKeys } from './reference.ts';
import { bindingLayout, type InputWish, inputBindings, type NewBinding } from './wish.ts';

/** Sets the reference of the input at `base` to a url. An attribute set is edited in place while the same attributes say it. */
export function setUrl(
  open: OpenFlake,
  base: string[],
  ref: InputRef,
  url: string,
  rules: RefRules,
): Splice[] | undefined {
  const wanted = ref.kind === 'attrs' ? rules.attrsOf?.(url) : undefined;
  const node = nodeAt(open.root, base);
  if (
    ref.kind !== 'attrs' ||
    !wanted ||
    !sameKeys(ref.attrs, wanted) ||
    node?.kind !== 'set' ||
    node.children.has('follows')
  ) {
    return setReference(open, base, 'url', nixString(url));
  }
  const splices: Splice[] = [];
  for (const [key, value] of Object.entries(wanted)) {
    if (ref.attrs[key] === value) continue;
    const leaf = node.children.get(key);
    if (!leaf || !isPlain(leaf)) return undefined;
    splices.push(replaceValue(leaf, attrValue(value)));
  }
  return splices;
}

/** Makes `key` the only source of the input at `path`. */
export function setReference(
  open: OpenFlake,
  path: string[],
  key: 'url' | 'follows',
  value: string,
): Splice[] | undefined {
  const node = nodeAt(open.root, path);
  if (!node) return insertAt(open, path, key, value);
  if (node.kind !== 'set') return undefined;
  const others = [...node.children.values()].filter((child) => !['flake', 'inputs', key].includes(child.name));
  const same = node.children.get(key);
  const keep = same ?? others[0];
  if (!keep) return [insertBindings(open, node, [{ path: [key], value }])];
  const leaves = same ? [same, ...others] : others;
  if (!leaves.every(isPlain)) return undefined;
  const rename = keep === same ? undefined : renameBinding(keep as LeafNode, key);
  return [
    ...(rename ? [rename] : []),
    replaceValue(keep as LeafNode, value),
    ...removeBindings(
      open,
      leaves.filter((leaf) => leaf !== keep),
    ),
  ];
}

/** Sets or takes away `flake = false`. */
export function setFlake(open: OpenFlake, base: string[], wanted: boolean): Splice[] | undefined {
  const leaf = nodeAt(open.root, [...base, 'flake']);
  if (!leaf) return insertAt(open, base, 'flake', String(wanted));
  if (!isPlain(leaf)) return undefined;
  return wanted ? [...removeBindings(open, [leaf])] : [replaceValue(leaf, 'false')];
}

/** Puts `path.key = value;` into the innermost set on the way that is there. */
function insertAt(open: OpenFlake, path: readonly string[], key: string, value: string): Splice[] | undefined {
  let set: SetNode = open.root;
  for (const [i, name] of path.entries()) {
    const next: AttrNode | undefined = set.children.get(name);
    if (next?.kind === 'leaf') return undefined;
    if (!next) {
      if (i === 0) return [insertAtTop(open, newInputs(open, [{ path: [...path.slice(1), key], value }]))];
      return [insertBindings(open, set, [{ path: [...path.slice(i), key], value }])];
    }
    set = next;
  }
  return [insertBindings(open, set, [{ path: [key], value }])];
}

/** The way in which existing inputs are declared, if there are any. */
const habitsOf = oncePer((open: OpenFlake) => {
  const inputs = open.root.children.get('inputs') as SetNode;
  const blocks = [...inputs.children.values()].filter(
    (child) => child.kind === 'set' && child.literals.length > 0,
  ) as SetNode[];
  return {
    someBlock: blocks.length > 0,
    allBlocks: blocks.length === inputs.children.size,
    oneLine: blocks.length > 0 && blocks.every((child) => !blockText(open, child).includes('\n')),
    /** True if a block has a single attribute. */
    somePlain: blocks.some((child) => child.children.size === 1),
    noDottedGroups: noDottedGroups(inputs),
  };
});

/** As many are not in order by chance, and nixpkgs comes first for most people. */
const SORTED = 3;

/** Declares a new input in the way of its neighbours. */
export function declareInput(open: OpenFlake, wish: InputWish): Splice[] | undefined {
  const bindings = inputBindings(wish);
  const inputs = open.root.children.get('inputs');
  const block: NewBinding = {
    path: [wish.name],
    value: { head: '{', items: bindings.map(({ path, value }) => bindingLayout(nixAttrPath(path), value)), tail: '}' },
  };
  const dotted = bindings.map(({ path, value }) => ({ path: [wish.name, ...path], value }));
  if (!inputs) return [insertAtTop(open, newInputs(open, bindings.length > 1 ? [block] : dotted))];
  if (inputs.kind !== 'set') return undefined;
  const { someBlock, allBlocks, oneLine, somePlain, noDottedGroups } = habitsOf(open);
  const asBlock = bindings.length > 1 ? someBlock || noDottedGroups : allBlocks && somePlain;
  if (!asBlock) return insertInOrder(open, inputs, [dotted], SORTED, true);
  const one = oneLine ? { ...block, value: flat(block.value) } : block;
  return insertInOrder(open, inputs, [[one]], SORTED, true);
}

function newInputs(open: OpenFlake, bindings: readonly NewBinding[]): Layout {
  if (!styleOf(open).isTall && bindings.length === 1) {
    return bindingLayout(nixAttrPath(['inputs', ...bindings[0]!.path]), bindings[0]!.value);
  }
  return {
    head: 'inputs = {',
    items: bindings.map(({ path, value }) => bindingLayout(nixAttrPath(path), value)),
    tail: '};',
  };
}

/** True if no input has several attributes as paths: `a.url = …; a.flake = …;`. */
function noDottedGroups(inputs: SetNode): boolean {
  if (inputs.literals.length === 0) return false;
  return [...inputs.children.values()].every((child) => child.occurrences.length < 2);
}

function blockText({ text }: OpenFlake, node: AttrNode): string {
  const literal = node.kind === 'set' ? node.literals[0]! : undefined;
  return literal ? text.slice(literal.start, literal.end) : '';
}

/** `x = value;`, neither a set nor inherited. */
function isPlain(node: AttrNode): node is LeafNode {
  return node.kind === 'leaf' && node.occurrences[0].binding.kind === 'bind';
}
