// Checks that every follows of a planned lock leads to an input (docs/nix.md, "flake.lock").

import type { NixVersion } from '../nix-version.ts';
import { type InputPath, showPath } from './model.ts';
import type { LockReason } from './stale-entry.ts';

/** A node of the lock that Nix would write. `unknown`: its inputs are not known without fetching. */
export interface PlannedNode {
  readonly inputs: Map<string, PlannedEdge>;
  unknown?: boolean;
}

export type PlannedEdge =
  | { readonly kind: 'node'; readonly node: PlannedNode }
  | { readonly kind: 'follows'; readonly path: InputPath }
  /** A node that has to be fetched: nothing is known of its inputs. */
  | { readonly kind: 'unknown' };

type Follows = Extract<PlannedEdge, { kind: 'follows' }>;
type Found = PlannedNode | 'unknown' | 'missing' | 'cycle';

/** The follows that lead nowhere or in a circle. What passes through an unknown node is taken to exist. */
export function checkFollows(root: PlannedNode, nix: NixVersion): readonly LockReason[] {
  const found = new Map<Follows, Found>();
  const reasons: LockReason[] = [];
  for (const [path, edge] of followsEdges(root)) {
    if (edge.path.length === 0) continue;
    const result = nix === '2.8' ? literally(root, edge.path) : resolve(root, edge, found);
    const at = path();
    const to = showPath(edge.path);
    if (result === 'missing') {
      const text = `input "${showPath(at)}" follows a non-existent input "${to}"`;
      reasons.push({ kind: 'unsatisfied-follows', path: at, to, text });
    } else if (result === 'cycle') {
      const text = `input "${showPath(at)}" follows "${to}", which leads back to it`;
      reasons.push({ kind: 'follows-cycle', path: at, to, text });
    }
  }
  return reasons;
}

interface Place {
  readonly node: PlannedNode;
  readonly above: Place | undefined;
  readonly name: string;
}

function* followsEdges(root: PlannedNode): Generator<readonly [path: () => InputPath, edge: Follows]> {
  const stack: Place[] = [{ node: root, above: undefined, name: '' }];
  for (let place = stack.pop(); place !== undefined; place = stack.pop()) {
    for (const [name, edge] of place.node.inputs) {
      const above = place;
      if (edge.kind === 'follows') yield [() => pathTo({ node: above.node, above, name }), edge];
      else if (edge.kind === 'node') stack.push({ node: edge.node, above, name });
    }
  }
}

function pathTo(place: Place): InputPath {
  const names: string[] = [];
  for (let at: Place | undefined = place; at?.above !== undefined; at = at.above) names.push(at.name);
  return names.reverse();
}

interface Frame {
  readonly edge: Follows;
  position: PlannedNode;
  index: number;
}

// Each edge is resolved once, with an explicit stack: a chain of follows may be as long as the file.
function resolve(root: PlannedNode, start: Follows, found: Map<Follows, Found>): Found {
  const known = found.get(start);
  if (known !== undefined) return known;
  const active = new Set<Follows>([start]);
  const stack: Frame[] = [{ edge: start, position: root, index: 0 }];
  for (let frame = stack.at(-1); frame !== undefined; frame = stack.at(-1)) {
    const step = advance(frame, found);
    if (step.kind === 'done' || active.has(step.edge)) {
      found.set(frame.edge, step.kind === 'done' ? step.found : 'cycle');
      active.delete(frame.edge);
      stack.pop();
    } else {
      active.add(step.edge);
      stack.push({ edge: step.edge, position: root, index: 0 });
    }
  }
  return found.get(start) ?? 'missing';
}

type Advance = { readonly kind: 'done'; readonly found: Found } | { readonly kind: 'needs'; readonly edge: Follows };

function advance(frame: Frame, found: ReadonlyMap<Follows, Found>): Advance {
  for (; frame.index < frame.edge.path.length; frame.index++) {
    const edge = frame.position.inputs.get(frame.edge.path[frame.index] ?? '');
    if (edge === undefined) return { kind: 'done', found: frame.position.unknown === true ? 'unknown' : 'missing' };
    if (edge.kind === 'unknown') return { kind: 'done', found: 'unknown' };
    if (edge.kind === 'node') {
      frame.position = edge.node;
      continue;
    }
    const target = found.get(edge);
    if (target === undefined) return { kind: 'needs', edge };
    if (typeof target === 'string') return { kind: 'done', found: target };
    frame.position = target;
  }
  return { kind: 'done', found: frame.position };
}

// Nix 2.8 asks only that the path exists as written, not through other follows.
function literally(root: PlannedNode, path: InputPath): Found {
  let node = root;
  for (const [index, name] of path.entries()) {
    const edge = node.inputs.get(name);
    if (edge === undefined) return node.unknown === true ? 'unknown' : 'missing';
    if (edge.kind === 'unknown') return 'unknown';
    if (edge.kind === 'follows') return index === path.length - 1 ? 'unknown' : 'missing';
    node = edge.node;
  }
  return node;
}
