// Writes flake.lock byte for byte as Nix does (docs/nix.md, "flake.lock").

import { byteOrder, sortedEntries } from '../flake-ref/byte-order.ts';
import type { Attrs } from '../flake-ref/model.ts';
import { type Lock, type LockNode, rootNode } from './model.ts';

/** The text Nix writes for a lock: version 7, keys made anew from the input names, unreachable nodes left out. */
export function printLock(lock: Lock): string {
  const keys = nameNodes(lock);
  const nodes = [...keys]
    .map(([oldKey, key]) => [key, lock.nodes.get(oldKey)] as const)
    .filter((entry): entry is readonly [string, LockNode] => entry[1] !== undefined)
    .sort(([a], [b]) => byteOrder(a, b))
    .map(([key, node]) => `    ${quote(key)}: ${printNode(node, keys)}`);
  return `{\n  "nodes": {\n${nodes.join(',\n')}\n  },\n  "root": ${quote(keys.get(lock.root) ?? 'root')},\n  "version": 7\n}\n`;
}

// Depth first from the root, children in byte order. A key is the name of the first edge that leads to the node, with a
// number when the name is taken. An explicit stack: recursion would overflow on a long chain.
function nameNodes(lock: Lock): ReadonlyMap<string, string> {
  const keys = new Map<string, string>();
  const taken = new Set<string>();
  const counters = new Map<string, number>();
  const stack: (readonly [name: string, oldKey: string])[] = [['root', lock.root]];
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    const [name, oldKey] = next;
    if (keys.has(oldKey)) continue;
    let key = name;
    if (taken.has(key)) {
      let n = counters.get(name) ?? 2;
      while (taken.has(`${name}_${n}`)) n++;
      counters.set(name, n + 1);
      key = `${name}_${n}`;
    }
    taken.add(key);
    keys.set(oldKey, key);
    const node = oldKey === lock.root ? rootNode(lock) : lock.nodes.get(oldKey);
    for (const [child, edge] of sortedEntries(node?.inputs ?? []).toReversed())
      if (edge.kind === 'node') stack.push([child, edge.key]);
  }
  return keys;
}

function printNode(node: LockNode, keys: ReadonlyMap<string, string>): string {
  const parts: string[] = [];
  if (!node.flake) parts.push('"flake": false');
  if (node.inputs.size > 0) {
    const inputs = sortedEntries(node.inputs).map(([name, edge]) => {
      const target = edge.kind === 'node' ? quote(keys.get(edge.key) ?? edge.key) : list(edge.path, '        ');
      return `        ${quote(name)}: ${target}`;
    });
    parts.push(`"inputs": {\n${inputs.join(',\n')}\n      }`);
  }
  if (node.locked !== undefined) parts.push(`"locked": ${attrsText(node.locked)}`);
  if (node.original !== undefined) parts.push(`"original": ${attrsText(node.original)}`);
  if (node.parent !== undefined) parts.push(`"parent": ${list(node.parent, '      ')}`);
  return parts.length === 0 ? '{}' : `{\n${parts.map((part) => `      ${part}`).join(',\n')}\n    }`;
}

function attrsText(attrs: Attrs): string {
  const entries = sortedEntries(Object.entries(attrs));
  if (entries.length === 0) return '{}';
  return `{\n${entries.map(([name, value]) => `        ${quote(name)}: ${scalar(value)}`).join(',\n')}\n      }`;
}

const scalar = (value: string | number | boolean): string => (typeof value === 'string' ? quote(value) : String(value));

function list(items: readonly string[], indent: string): string {
  if (items.length === 0) return '[]';
  return `[\n${items.map((item) => `${indent}  ${quote(item)}`).join(',\n')}\n${indent}]`;
}

// JSON.stringify escapes exactly what nlohmann's dump does: quotes, backslashes and control characters.
const quote = (text: string): string => JSON.stringify(text);
