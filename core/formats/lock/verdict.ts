// Decides whether flake.lock still fits flake.nix by Nix's own algorithm, without fetching (docs/nix.md, "flake.lock").

import { byteOrder, sortedEntries } from '../flake-ref/byte-order.ts';
import type { Attrs } from '../flake-ref/model.ts';
import { defaultNix, type NixVersion } from '../nix-version.ts';
import { checkFollows, type PlannedNode } from './follows.ts';
import { indirectTo, type LockInput } from './inputs.ts';
import { emptyLock, type InputPath, type Lock, type LockEdge, type LockNode, rootNode, showPath } from './model.ts';
import { addOverrides, below, noOverrides, type Overrides } from './overrides.ts';
import { describeEdge, type LockReason, whyCreate, whyRedirect } from './stale-entry.ts';
import { extend, namesOf, startsWith, type Trail } from './trail.ts';

/**
 * `fresh`: Nix would leave the lock alone. `stale`: it would rewrite it (or fail on the way). `error`: it refuses the
 * inputs. `refetch`: it would fetch a dependency to decide; nothing else is wrong, so almost surely fresh.
 */
export interface LockVerdict {
  readonly verdict: 'fresh' | 'stale' | 'refetch' | 'error';
  readonly reasons: readonly LockReason[];
  /** Input paths (`a/b`) whose nodes stay, in the order Nix visits them. */
  readonly kept: readonly string[];
  /** Input paths that Nix would lock anew. What lies below them is unknown. */
  readonly created: readonly string[];
  /** Overrides of inputs that do not exist; Nix 2.11 and later warn of them. */
  readonly unusedOverrides: readonly string[];
}

export interface VerdictOptions {
  readonly nix?: NixVersion;
  /** The inputs of a locked dependency, when its flake.nix is at hand and its hash matches: turns `refetch` into an answer. */
  readonly dependency?: (path: InputPath, locked: Attrs) => readonly LockInput[] | undefined;
}

/** Compares the inputs of a flake with its lock; `undefined` is a missing file. Linear in the size of both. */
export function lockVerdict(
  inputs: readonly LockInput[],
  lock: Lock | undefined,
  options: VerdictOptions = {},
): LockVerdict {
  const nix = options.nix ?? defaultNix;
  const old = lock ?? emptyLock;
  const work: Work = { nix, lock: old, options, reasons: [], kept: [], created: [], unused: [], seen: new Set() };
  const root: PlannedNode = { inputs: new Map() };
  const top: Task = { inputs, node: root, old: rootNode(old), path: undefined, overrides: noOverrides(), trust: false };
  const stack: Task[] = [top];
  for (let task = stack.pop(); task !== undefined; task = stack.pop())
    for (const next of visit(task, work).reverse()) stack.push(next);
  const missing = lock === undefined && inputs.length > 0;
  const reasons = missing ? [missingLock, ...work.reasons] : work.reasons;
  const all = [...checkFollows(root, nix), ...reasons];
  const { kept, created, unused: unusedOverrides } = work;
  return { verdict: judge(all), reasons: all, kept, created, unusedOverrides };
}

const missingLock: LockReason = { kind: 'missing-lock', path: [], text: 'there is no flake.lock' };

function judge(reasons: readonly LockReason[]): LockVerdict['verdict'] {
  if (reasons.some(({ kind }) => kind === 'unsatisfied-follows' || kind === 'follows-cycle')) return 'error';
  if (reasons.some(({ kind }) => kind !== 'own-follows' && kind !== 'override-refetch')) return 'stale';
  return reasons.length > 0 ? 'refetch' : 'fresh';
}

interface Work {
  readonly nix: NixVersion;
  readonly lock: Lock;
  readonly options: VerdictOptions;
  readonly reasons: LockReason[];
  readonly kept: string[];
  readonly created: string[];
  readonly unused: string[];
  /** Keys of nodes already kept: a second visit means that two inputs share the node. */
  readonly seen: Set<string>;
}

interface Task {
  readonly inputs: readonly LockInput[];
  readonly node: PlannedNode;
  readonly old: LockNode;
  /** Undefined is the root. */
  readonly path: Trail | undefined;
  readonly overrides: Overrides;
  /** Below the first level Nix believes what the lock says about follows. */
  readonly trust: boolean;
}

// One call of Nix's computeLocks; gives the calls for the nodes below.
function visit(task: Task, work: Work): Task[] {
  const { inputs, overrides } = task;
  for (const input of inputs) addOverrides(input, overrides, task.path, work.nix);
  const names = new Set(inputs.map((input) => input.name));
  for (const [name, { override }] of overrides.children)
    if (override !== undefined && !names.has(name)) work.unused.push(extend(task.path, name).text);
  const next: Task[] = [];
  for (const input of [...inputs].sort((a, b) => byteOrder(a.name, b.name))) {
    const child = visitInput(input, task, work);
    if (child !== undefined) next.push(child);
  }
  for (const [name, edge] of sortedEntries(task.old.inputs))
    if (!names.has(name)) {
      const path = extend(task.path, name);
      const text = `input "${path.text}" is locked but no longer declared`;
      work.reasons.push({ kind: 'orphaned', path: namesOf(path), from: describeEdge(edge, work), text });
    }
  return next;
}

function visitInput(declared: LockInput, task: Task, work: Work): Task | undefined {
  const path = extend(task.path, declared.name);
  const overrides = below(task.overrides, declared.name);
  const { override } = overrides;
  const input = override?.input ?? declared;
  const old = task.old.inputs.get(declared.name);
  if (input.follows !== undefined) {
    task.node.inputs.set(declared.name, { kind: 'follows', path: input.follows });
    const reason = whyRedirect(path, old, input.follows, override !== undefined, work);
    if (reason !== undefined) work.reasons.push(reason);
    return undefined;
  }
  const ref = (input.ref ?? indirectTo(declared.name)).attrs;
  const parent = override === undefined ? task.path : override.parent;
  const known = old?.kind === 'node' ? work.lock.nodes.get(old.key) : undefined;
  const reason = whyCreate(path, ref, parent, old, known, override !== undefined, work);
  if (reason !== undefined || old?.kind !== 'node' || known === undefined) {
    task.node.inputs.set(declared.name, { kind: 'unknown' });
    work.created.push(path.text);
    if (reason !== undefined) work.reasons.push(reason);
    return undefined;
  }
  work.kept.push(path.text);
  const node: PlannedNode = { inputs: new Map() };
  task.node.inputs.set(declared.name, { kind: 'node', node });
  if (work.seen.has(old.key)) {
    const text = `input "${path.text}" shares node "${old.key}" with another input`;
    work.reasons.push({ kind: 'shared-node', path: namesOf(path), text });
    node.unknown = true;
    return undefined;
  }
  work.seen.add(old.key);
  return keep(path, known, node, overrides, task, work);
}

// The inputs of a kept node come from the lock, unless a follows edge makes Nix look into the dependency itself.
function keep(path: Trail, old: LockNode, node: PlannedNode, overrides: Overrides, task: Task, work: Work): Task {
  const bare = task.trust ? [] : [...old.inputs].filter(([name, edge]) => isBareFollows(name, edge, overrides));
  const next = { node, old, path, overrides };
  const real = bare.length === 0 ? undefined : work.options.dependency?.(namesOf(path), old.locked ?? {});
  if (real !== undefined) return { ...next, inputs: prefixed(real, namesOf(path)), trust: false };
  const removed = new Set<string>();
  for (const [name, edge] of sortedEntries(bare)) {
    if (edge.kind !== 'follows') continue;
    const at = extend(path, name);
    const own = startsWith(edge.path, path);
    const target = showPath(edge.path);
    const text = own
      ? `input "${at.text}" follows "${target}", presumably because "${path.text}" says so`
      : `input "${at.text}" follows "${target}" in the lock, but flake.nix does not say so`;
    work.reasons.push({
      kind: own ? 'own-follows' : 'override-removed',
      path: namesOf(at),
      from: `follows ${target}`,
      text,
    });
    if (own) continue;
    removed.add(name);
    work.created.push(at.text);
    node.inputs.set(name, { kind: 'unknown' });
  }
  const kept =
    removed.size === 0 ? old : { ...old, inputs: new Map([...old.inputs].filter(([name]) => !removed.has(name))) };
  return { ...next, old: kept, inputs: lockedInputs(kept, work), trust: true };
}

const isBareFollows = (name: string, edge: LockEdge, overrides: Overrides): boolean =>
  edge.kind === 'follows' && overrides.children.get(name)?.override === undefined;

function lockedInputs(node: LockNode, work: Work): readonly LockInput[] {
  return [...node.inputs].map(([name, edge]): LockInput => {
    if (edge.kind === 'follows') return { name, flake: true, follows: edge.path, overrides: [] };
    const target = work.lock.nodes.get(edge.key);
    const ref = target?.original === undefined ? {} : { ref: { attrs: target.original } };
    return { name, flake: target?.flake ?? true, overrides: [], ...ref };
  });
}

/** A dependency's follows count from the dependency; in the lock they count from the root. */
function prefixed(inputs: readonly LockInput[], prefix: InputPath): readonly LockInput[] {
  return inputs.map((input) => ({
    ...input,
    overrides: prefixed(input.overrides, prefix),
    ...(input.follows === undefined ? {} : { follows: [...prefix, ...input.follows] }),
  }));
}
