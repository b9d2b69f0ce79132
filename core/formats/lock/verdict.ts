// Whether flake.lock still fits flake.nix: Nix's own algorithm, computed without fetching (NIX.md section 4).

import { byteOrder, sortedEntries } from '../flake-ref/byte-order.ts';
import { type Attrs, defaultNix, isRelativePath, type NixVersion } from '../flake-ref/model.ts';
import { showFlakeRef } from '../flake-ref/print-ref.ts';
import { sameRef } from '../flake-ref/same-ref.ts';
import { checkFollows, type PlannedNode } from './follows.ts';
import { indirectTo, type LockInput } from './inputs.ts';
import { emptyLock, type InputPath, type Lock, type LockEdge, type LockNode, rootNode, showPath } from './model.ts';

/** Why a lock does not fit. `path` names the input; `text` is one clause for people; `from` is the lock, `to` flake.nix. */
export interface LockReason {
  readonly kind:
    | 'missing-lock' //         there is no lock and there are inputs
    | 'missing' //              declared, not locked
    | 'orphaned' //             locked, no longer declared
    | 'changed' //              the reference differs
    | 'follows-changed' //      follows now, or no longer, or another input
    | 'override-changed' //     the same for an input of an input
    | 'override-removed' //     the lock follows outside a dependency although flake.nix no longer says so
    | 'parent' //               a relative path that starts elsewhere
    | 'shared-node' //          two inputs share one node, Nix would write two
    | 'own-follows' //          undecidable offline: presumably declared by the dependency itself
    | 'override-refetch' //     undecidable offline: Nix 2.8 fetches overridden inputs anew each time
    | 'unsatisfied-follows' //  error: follows an input that does not exist
    | 'follows-cycle'; //       error: inputs follow each other in a circle
  readonly path: InputPath;
  readonly from?: string;
  readonly to?: string;
  readonly text: string;
}

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
  const work: Work = { nix, old, options, reasons: [], kept: [], created: [], unused: [], seen: new Set() };
  const root: PlannedNode = { inputs: new Map() };
  const top: Task = { inputs, node: root, old: rootNode(old), path: undefined, overrides: newTrie(), trust: false };
  const stack: Task[] = [top];
  for (let task = stack.pop(); task !== undefined; task = stack.pop()) stack.push(...visit(task, work).reverse());
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
  readonly old: Lock;
  readonly options: VerdictOptions;
  readonly reasons: LockReason[];
  readonly kept: string[];
  readonly created: string[];
  readonly unused: string[];
  /** Keys of nodes already kept: a second visit means that two inputs share the node. */
  readonly seen: Set<string>;
}

/** A path that shares its beginning with its siblings, so that a long chain of nodes does not cost its square. */
interface Trail {
  readonly above: Trail | undefined;
  readonly name: string;
  readonly text: string;
  readonly length: number;
}

interface Override {
  readonly input: LockInput;
  /** The flake that wrote it: where its relative paths start. */
  readonly parent: Trail | undefined;
}

/** Overrides by input path. */
interface Trie {
  override?: Override;
  readonly children: Map<string, Trie>;
}

const newTrie = (): Trie => ({ children: new Map() });

interface Task {
  readonly inputs: readonly LockInput[];
  readonly node: PlannedNode;
  readonly old: LockNode;
  /** Undefined is the root. */
  readonly path: Trail | undefined;
  readonly overrides: Trie;
  /** Below the first level Nix believes what the lock says about follows. */
  readonly trust: boolean;
}

// One call of Nix's computeLocks; gives the calls for the nodes below.
function visit(task: Task, work: Work): Task[] {
  const { inputs, overrides } = task;
  for (const input of inputs) addOverrides(input, overrides, task.path, work.nix);
  const names = new Set(inputs.map((input) => input.name));
  for (const [name, trie] of overrides.children)
    if (trie.override !== undefined && !names.has(name)) work.unused.push(extend(task.path, name).text);
  const next: Task[] = [];
  for (const input of [...inputs].sort((a, b) => byteOrder(a.name, b.name))) {
    const child = visitInput(input, task, work);
    if (child !== undefined) next.push(child);
  }
  for (const [name, edge] of sortedEntries(task.old.inputs))
    if (!names.has(name)) {
      const path = extend(task.path, name);
      const text = `input "${path.text}" is locked but no longer declared`;
      work.reasons.push({ kind: 'orphaned', path: list(path), from: describe(edge, work), text });
    }
  return next;
}

function addOverrides(input: LockInput, trie: Trie, parent: Trail | undefined, nix: NixVersion): void {
  if (input.overrides.length === 0) return;
  const place = child(trie, input.name);
  for (const override of input.overrides) {
    const target = child(place, override.name);
    const isSilent = override.ref === undefined && override.follows === undefined;
    // Before 2.30 a silent override meant `flake:NAME`; the outermost override wins since 2.26, the innermost before.
    const meant = isSilent && nix !== '2.34' ? { ...override, ref: indirectTo(override.name) } : override;
    const wins = target.override === undefined || nix === '2.8';
    if (wins && (!isSilent || nix !== '2.34')) target.override = { input: meant, parent };
    if (nix === '2.34') addOverrides(override, place, parent, nix);
  }
}

function child(trie: Trie, name: string): Trie {
  const found = trie.children.get(name);
  if (found !== undefined) return found;
  const made = newTrie();
  trie.children.set(name, made);
  return made;
}

function visitInput(declared: LockInput, task: Task, work: Work): Task | undefined {
  const path = extend(task.path, declared.name);
  const trie = child(task.overrides, declared.name);
  const override = trie.override;
  const input = override?.input ?? declared;
  const old = task.old.inputs.get(declared.name);
  if (input.follows !== undefined) {
    task.node.inputs.set(declared.name, { kind: 'follows', path: input.follows });
    compareFollows(path, old, input.follows, override !== undefined, work);
    return undefined;
  }
  const ref = (input.ref ?? indirectTo(declared.name)).attrs;
  const parent = override === undefined ? task.path : override.parent;
  const known = old?.kind === 'node' ? work.old.nodes.get(old.key) : undefined;
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
    work.reasons.push({ kind: 'shared-node', path: list(path), text });
    node.unknown = true;
    return undefined;
  }
  work.seen.add(old.key);
  return keep(path, known, node, trie, task, work);
}

// The inputs of a kept node come from the lock, unless a follows edge makes Nix look into the dependency itself.
function keep(path: Trail, old: LockNode, node: PlannedNode, overrides: Trie, task: Task, work: Work): Task {
  const bare = task.trust ? [] : [...old.inputs].filter(([name, edge]) => isBareFollows(name, edge, overrides));
  const below = { node, old, path, overrides };
  const real = bare.length === 0 ? undefined : work.options.dependency?.(list(path), old.locked ?? {});
  if (real !== undefined) return { ...below, inputs: prefixed(real, list(path)), trust: false };
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
      path: list(at),
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
  return { ...below, old: kept, inputs: lockedInputs(kept, work), trust: true };
}

const isBareFollows = (name: string, edge: LockEdge, overrides: Trie): boolean =>
  edge.kind === 'follows' && overrides.children.get(name)?.override === undefined;

function lockedInputs(node: LockNode, work: Work): readonly LockInput[] {
  return [...node.inputs].map(([name, edge]): LockInput => {
    if (edge.kind === 'follows') return { name, flake: true, follows: edge.path, overrides: [] };
    const target = work.old.nodes.get(edge.key);
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

function compareFollows(
  path: Trail,
  old: LockEdge | undefined,
  target: InputPath,
  overridden: boolean,
  work: Work,
): void {
  const to = `follows ${showPath(target) || 'this flake'}`;
  if (old === undefined) {
    const text = `input "${path.text}" is not in flake.lock`;
    work.reasons.push({ kind: 'missing', path: list(path), to, text });
    return;
  }
  if (old.kind === 'follows' && samePath(old.path, target)) return;
  const from = describe(old, work);
  const kind = overridden || path.length > 1 ? 'override-changed' : 'follows-changed';
  work.reasons.push({ kind, path: list(path), from, to, text: changeText(path, from, to) });
}

// Texts and paths are made only for a reason: most nodes are kept, and a path is as long as its node is deep.
function whyCreate(
  path: Trail,
  ref: Attrs,
  parent: Trail | undefined,
  old: LockEdge | undefined,
  node: LockNode | undefined,
  overridden: boolean,
  work: Work,
): LockReason | undefined {
  const nested = overridden || path.length > 1;
  const reason = (kind: LockReason['kind'], text?: string): LockReason => {
    const [from, to] = [old === undefined ? '' : describe(old, work), showFlakeRef(ref, work.nix)];
    return { kind, path: list(path), from, to, text: text ?? changeText(path, from, to) };
  };
  if (old === undefined) {
    const { from: _, ...missing } = reason('missing', `input "${path.text}" is not in flake.lock`);
    return missing;
  }
  if (old.kind === 'follows' || node?.original === undefined)
    return reason(nested ? 'override-changed' : 'follows-changed');
  if (overridden && work.nix === '2.8')
    return reason('override-refetch', `input "${path.text}" is overridden, so Nix 2.8 fetches it anew each time`);
  if (!sameRef(node.original, ref, work.nix)) return reason(overridden ? 'override-changed' : 'changed');
  const expected = isRelativePath(ref) ? list(parent) : undefined;
  const same =
    expected === undefined ? node.parent === undefined : node.parent !== undefined && samePath(node.parent, expected);
  if (same || work.nix === '2.8') return undefined;
  const [from, to] = [describeParent(node.parent), describeParent(expected)];
  return { ...reason('parent', `input "${path.text}" is relative to ${to}, the lock says ${from}`), from, to };
}

const changeText = (path: Trail, from: string, to: string): string =>
  from === to
    ? `input "${path.text}" is written differently in flake.nix than in the lock`
    : `input "${path.text}" changed from "${from}" to "${to}"`;

const describeParent = (parent: InputPath | undefined): string =>
  parent === undefined ? 'nothing' : parent.length === 0 ? 'this flake' : `"${showPath(parent)}"`;

function describe(edge: LockEdge, work: Work): string {
  if (edge.kind === 'follows') return `follows ${showPath(edge.path) || 'this flake'}`;
  const original = work.old.nodes.get(edge.key)?.original;
  return original === undefined ? edge.key : showFlakeRef(original, work.nix);
}

const extend = (above: Trail | undefined, name: string): Trail =>
  above === undefined
    ? { above, name, text: name, length: 1 }
    : { above, name, text: `${above.text}/${name}`, length: above.length + 1 };

function list(trail: Trail | undefined): InputPath {
  const names: string[] = [];
  for (let at = trail; at !== undefined; at = at.above) names.push(at.name);
  return names.reverse();
}

const samePath = (a: InputPath, b: InputPath): boolean => a.length === b.length && a.every((part, i) => part === b[i]);

const startsWith = (path: InputPath, prefix: Trail): boolean =>
  path.length >= prefix.length && samePath(path.slice(0, prefix.length), list(prefix));
