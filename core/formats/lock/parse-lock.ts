// Reads flake.lock as Nix reads it (docs/nix.md, "flake.lock"), and refuses a cycle of nodes, in which Nix loops for ever.

import { parseNarHash, parseRev } from '../flake-ref/hash.ts';
import { type Attr, type Attrs, isRelativePath, textAttr } from '../flake-ref/model.ts';
import { FINAL, isKnownType, refFromAttrs } from '../flake-ref/ref-attrs.ts';
import { LENIENT, parseJson } from '../json.ts';
import { defaultNix, type NixVersion } from '../nix-version.ts';
import type { InputPath, Lock, LockEdge, LockNode, LockProblem } from './model.ts';

export type LockResult =
  | { readonly ok: true; readonly lock: Lock }
  | { readonly ok: false; readonly problem: LockProblem };

/** Reads a lock. Never throws or hangs, whatever the text; the first problem ends it. Only reachable nodes are checked. */
export function parseLock(text: string, options: { readonly nix?: NixVersion } = {}): LockResult {
  const json = jsonOf(text.startsWith('\uFEFF') ? text.slice(1) : text);
  if (!json.ok) return json;
  if (!isObject(json.value)) return wrongType([], 'an object');
  return readLock(json.value, options.nix ?? defaultNix);
}

type Raw = Readonly<Record<string, unknown>>;
type Fault = { readonly ok: false; readonly problem: LockProblem };

function jsonOf(text: string): { readonly ok: true; readonly value: unknown } | Fault {
  try {
    const value: unknown = JSON.parse(text);
    // JSON.parse takes a lone surrogate escape, Nix does not.
    if (!/\\u[dD][89a-fA-F]/.test(text) || parseJson(text, LENIENT).ok) return { ok: true, value };
  } catch {
    // The engine's own message has no stable position; our parser finds it.
  }
  const marker = /^<{7}(?: |\r?$)/m.exec(text);
  if (marker !== null)
    return fault({
      kind: 'conflict-markers',
      line: position(text, marker.index).line,
      message: 'the file holds the conflict markers of an unfinished merge',
    });
  const read = parseJson(text, LENIENT);
  const { span, message } = read.ok ? { span: { start: 0 }, message: 'not JSON' } : read.problems[0]!;
  return fault({ kind: 'syntax', ...position(text, span.start), message });
}

function readLock(json: Raw, nix: NixVersion): LockResult {
  const version = json.version ?? (Object.hasOwn(json, 'version') ? null : 0);
  if (typeof version !== 'number') return wrongType(['version'], 'a number');
  if (Math.trunc(version) < 5 || Math.trunc(version) > 7) {
    const message = `lock file version ${Math.trunc(version)} is not supported`;
    return fault({ kind: 'version', version: Math.trunc(version), message });
  }
  const root = own(json, 'root');
  if (root === undefined)
    return fault({ kind: 'missing-attribute', attribute: 'root', message: 'attribute "root" is missing' });
  if (typeof root !== 'string') return wrongType(['root'], 'a string');
  const nodes = own(json, 'nodes') ?? {};
  if (!isObject(nodes)) return wrongType(['nodes'], 'an object');
  // Old Nix crashes on a missing root node; newer Nix takes it as a flake without inputs.
  if (nix === '2.8' && !isObject(own(nodes, root))) return wrongType(['nodes', root], 'an object');
  const reached = readNodes(nodes, root, nix);
  if (!reached.ok) return reached;
  const orphans = Object.keys(nodes).filter((key) => !reached.nodes.has(key));
  return { ok: true, lock: { root, version: Math.trunc(version), nodes: reached.nodes, orphans } };
}

/**
 * The nodes that `key` reaches, itself included, from the raw `nodes` of a lock file; used where the file as a whole is broken.
 */
export function readSubtree(
  nodes: Readonly<Record<string, unknown>>,
  key: string,
  nix: NixVersion = defaultNix,
): ReadonlyMap<string, LockNode> | undefined {
  if (own(nodes, key) === undefined) return undefined;
  const read = readNodes(nodes, key, nix, false);
  return read.ok ? read.nodes : undefined;
}

interface Visit {
  readonly key: string;
  readonly children: Iterator<string>;
}

// Depth first without recursion: a lock of ten megabytes can be a chain of fifty thousand nodes.
function readNodes(
  raw: Raw,
  root: string,
  nix: NixVersion,
  bareRoot = true,
): { readonly ok: true; readonly nodes: ReadonlyMap<string, LockNode> } | Fault {
  const nodes = new Map<string, LockNode>();
  const active = new Set<string>();
  const stack: Visit[] = [];
  const enter = (key: string): Fault | undefined => {
    const node = readNode(key, own(raw, key), bareRoot && key === root, nix);
    if (!node.ok) return node;
    nodes.set(key, node.node);
    active.add(key);
    stack.push({ key, children: nodeKeys(node.node).values() });
    return undefined;
  };
  const wrongRoot = enter(root);
  if (wrongRoot !== undefined) return wrongRoot;
  for (let visit = stack.at(-1); visit !== undefined; visit = stack.at(-1)) {
    const next = visit.children.next();
    if (next.done === true) {
      active.delete(visit.key);
      stack.pop();
      continue;
    }
    const key = next.value;
    if (active.has(key)) return cycle(stack, key);
    if (nodes.has(key)) continue;
    if (own(raw, key) === undefined) {
      const message = `node "${visit.key}" refers to node "${key}", which is missing`;
      return fault({ kind: 'missing-node', node: key, from: visit.key, message });
    }
    const wrong = enter(key);
    if (wrong !== undefined) return wrong;
  }
  return { ok: true, nodes };
}

const nodeKeys = (node: LockNode): readonly string[] =>
  [...node.inputs.values()].flatMap((edge) => (edge.kind === 'node' ? [edge.key] : []));

function cycle(stack: readonly Visit[], key: string): Fault {
  const keys = stack.map((visit) => visit.key);
  const nodes = [...keys.slice(keys.indexOf(key)), key];
  const shown = nodes.length > 8 ? [...nodes.slice(0, 4), '…', ...nodes.slice(-2)] : nodes;
  return fault({ kind: 'cycle', nodes, message: `the nodes form a cycle: ${shown.join(' -> ')}` });
}

function readNode(
  key: string,
  value: unknown,
  isRoot: boolean,
  nix: NixVersion,
): { readonly ok: true; readonly node: LockNode } | Fault {
  const raw = isObject(value) ? value : {};
  const inputs = readInputs(key, membersOf(own(raw, 'inputs') ?? {}, isRoot || nix !== '2.8'));
  if (!inputs.ok) return inputs;
  if (isRoot) return { ok: true, node: { inputs: inputs.inputs, flake: true } };
  // Nix 5 kept part of `locked` in a sibling called `info`.
  const locked = readRef(key, 'locked', raw, ['locked', 'info'], nix);
  if (!locked.ok) return locked;
  const original = readRef(key, 'original', raw, ['original'], nix);
  if (!original.ok) return original;
  const flake = own(raw, 'flake') ?? (Object.hasOwn(raw, 'flake') ? null : true);
  if (typeof flake !== 'boolean') return wrongType(['nodes', key, 'flake'], 'true or false');
  // Old Nix does not know it.
  const parent = nix === '2.8' ? undefined : own(raw, 'parent');
  if (parent !== undefined && !isPath(parent)) return wrongType(['nodes', key, 'parent'], 'a list of strings');
  const unlocked = checkLocked(key, locked.attrs, nix);
  if (unlocked !== undefined) return unlocked;
  const node = { inputs: inputs.inputs, locked: locked.attrs, original: original.attrs, flake };
  return { ok: true, node: parent === undefined ? node : { ...node, parent } };
}

function readInputs(
  key: string,
  value: unknown,
): { readonly ok: true; readonly inputs: ReadonlyMap<string, LockEdge> } | Fault {
  if (!isObject(value)) return wrongType(['nodes', key, 'inputs'], 'an object');
  const inputs = new Map<string, LockEdge>();
  for (const [name, edge] of Object.entries(value)) {
    if (typeof edge === 'string') inputs.set(name, { kind: 'node', key: edge });
    else if (isPath(edge)) inputs.set(name, { kind: 'follows', path: edge });
    else return wrongType(['nodes', key, 'inputs', name], 'a string or a list of strings');
  }
  return { ok: true, inputs };
}

function readRef(
  node: string,
  attribute: string,
  raw: Raw,
  names: readonly string[],
  nix: NixVersion,
): { readonly ok: true; readonly attrs: Attrs } | Fault {
  const attrs: Record<string, Attr> = {};
  for (const name of names) {
    const part = membersOf(own(raw, name), nix !== '2.8');
    if (part === undefined && name !== attribute) continue;
    if (part === undefined) {
      const message = `attribute "${attribute}" of node "${node}" is missing`;
      return fault({ kind: 'missing-attribute', node, attribute, message });
    }
    if (!isObject(part)) return wrongType(['nodes', node, name], 'an object');
    for (const [key, written] of Object.entries(part)) {
      const value = typeof written === 'number' && nix !== '2.8' ? Math.trunc(written) : written;
      if (!isAttr(value, nix)) return wrongType(['nodes', node, name, key], 'a string, a whole number, true or false');
      Object.defineProperty(attrs, key, { value, enumerable: true, configurable: true, writable: true });
    }
  }
  const ref = refFromAttrs(attrs, nix);
  const type = textAttr(attrs, 'type') ?? '';
  // Nix marks what a lock holds as final itself, and dies of one that says so.
  const isMarked = attribute === 'locked' && Object.hasOwn(attrs, FINAL);
  const error = !isKnownType(type)
    ? `input type '${type}' is unknown`
    : isMarked
      ? `input attribute '${FINAL}' is not for lock files`
      : ref.ok
        ? undefined
        : ref.error;
  if (ref.ok && error === undefined) return { ok: true, attrs: ref.ref.attrs };
  return fault({ kind: 'bad-reference', node, attribute, message: `"${attribute}" of node "${node}": ${error}` });
}

function checkLocked(node: string, attrs: Attrs, nix: NixVersion): Fault | undefined {
  if (isRelativePath(attrs) && nix !== '2.8') return undefined;
  const type = textAttr(attrs, 'type') ?? '';
  const byRev = !['path', 'tarball', 'file', 'indirect'].includes(type);
  const rev = textAttr(attrs, 'rev');
  const narHash = textAttr(attrs, 'narHash');
  const usesRev = rev !== undefined && (byRev || nix === '2.8');
  // Nix ignores the narHash of git and hg inputs that have a revision.
  const usesHash = narHash !== undefined && !(usesRev && ['git', 'hg', 'indirect'].includes(type));
  const hashes = [...(usesRev ? [parseRev(rev, nix)] : []), ...(usesHash ? [parseNarHash(narHash)] : [])];
  for (const hash of hashes)
    if (!hash.ok) {
      const message = `"locked" of node "${node}": ${hash.error}`;
      return fault({ kind: 'bad-reference', node, attribute: 'locked', message });
    }
  // Nix 2.26 wants the revision itself; before and after, a narHash will do.
  if (usesRev || (narHash !== undefined && !(nix === '2.26' && byRev))) return undefined;
  const missing = byRev ? (nix === '2.26' ? 'revision' : 'revision and hash') : 'hash';
  return fault({ kind: 'unlocked-input', node, message: `node "${node}" is not locked: it lacks a ${missing}` });
}

const own = (object: Raw, key: string): unknown => (Object.hasOwn(object, key) ? object[key] : undefined);

const isObject = (value: unknown): value is Raw => typeof value === 'object' && value !== null && !Array.isArray(value);

const isPath = (value: unknown): value is InputPath =>
  Array.isArray(value) && value.every((part) => typeof part === 'string');

// Newer Nix casts any number to an unsigned integer: it truncates, and a negative one becomes a big one.
const isAttr = (value: unknown, nix: NixVersion): value is Attr =>
  typeof value === 'string' ||
  typeof value === 'boolean' ||
  (Number.isInteger(value) && (nix !== '2.8' || (value as number) >= 0));

/** Nix walks through a list as through an object whose names are the positions. */
const membersOf = (value: unknown, walks: boolean): unknown => (walks && Array.isArray(value) ? { ...value } : value);

const fault = (problem: LockProblem): Fault => ({ ok: false, problem });

const wrongType = (pointer: readonly string[], wanted: string): Fault =>
  fault({ kind: 'type', pointer, message: `${pointer.join('.') || 'the file'} must be ${wanted}` });

function position(text: string, offset: number): { readonly line: number; readonly column: number } {
  const before = text.slice(0, offset);
  const start = before.lastIndexOf('\n') + 1;
  return { line: before.split('\n').length, column: offset - start + 1 };
}
