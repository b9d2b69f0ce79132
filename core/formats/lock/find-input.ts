// Following an input path through a lock to its node: node keys are not input names, and inputs may follow others.

import { type InputPath, type Lock, type LockNode, rootNode } from './model.ts';

/** The node at an input path, with its key; undefined when nothing is there or the inputs follow each other in a circle. */
export function findInput(lock: Lock, path: InputPath): { readonly key: string; readonly node: LockNode } | undefined {
  let rest: InputPath = path;
  // Each round goes through one follows; no honest lock chains more of them.
  for (let round = 0; round < 1000 && rest.length <= 10_000; round++) {
    const step = walk(lock, rest);
    if (step === undefined || 'key' in step) return step;
    rest = step.rest;
  }
  return undefined;
}

type Step = { readonly key: string; readonly node: LockNode } | { readonly rest: InputPath } | undefined;

function walk(lock: Lock, path: InputPath): Step {
  let key = lock.root;
  let node = rootNode(lock);
  for (const [index, name] of path.entries()) {
    const edge = node.inputs.get(name);
    if (edge === undefined) return undefined;
    if (edge.kind === 'follows') return { rest: [...edge.path, ...path.slice(index + 1)] };
    const next = lock.nodes.get(edge.key);
    if (next === undefined) return undefined;
    key = edge.key;
    node = next;
  }
  return { key, node };
}
