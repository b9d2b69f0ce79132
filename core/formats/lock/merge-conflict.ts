// Undoing the conflict markers that a merge left in flake.lock: by meaning, one root input at a time.

import { byteOrder } from '../flake-ref/byte-order.ts';
import { parseJson } from '../json.ts';
import { defaultNix, type NixVersion } from '../nix-version.ts';
import type { InputPath, Lock, LockEdge, LockNode } from './model.ts';
import { readSubtree } from './parse-lock.ts';
import { printLock } from './print-lock.ts';

/**
 * `conflicts` names the root inputs both sides changed, or (without a base) that differ: they are left out of `lock`, so
 * that Nix locks just them again. An input that a side no longer has is left out without being named.
 */
export type MergeResult =
  | { readonly ok: true; readonly lock: Lock; readonly conflicts: readonly string[] }
  | { readonly ok: false; readonly message: string };

/** The three versions of a merge as they were, such as git keeps them in stages 2, 1 and 3 of its index. */
export interface MergeTexts {
  readonly ours: string;
  readonly theirs: string;
  readonly base?: string;
}

/** Merges three locks input by input; exact, so to be preferred where the versions are at hand. Never throws. */
export function mergeLocks(texts: MergeTexts, nix: NixVersion = defaultNix): MergeResult {
  const side = (text: string): SideText => ({ text, isPartial: () => false });
  return merge(side(texts.ours), side(texts.theirs), texts.base === undefined ? undefined : side(texts.base), nix);
}

/**
 * Merges a flake.lock that holds the markers of git, plain or diff3 (with a base). Never throws. Git may have aligned
 * lines of different nodes and mixed them outside the markers; inputs that could be such a mix are conflicts too.
 */
export function mergeLock(text: string, nix: NixVersion = defaultNix): MergeResult {
  const split = splitConflict(text);
  return split.ok ? merge(split.ours, split.theirs, split.base, nix) : split;
}

function merge(oursText: SideText, theirsText: SideText, baseText: SideText | undefined, nix: NixVersion): MergeResult {
  const [ours, theirs] = [readSide(oursText, nix), readSide(theirsText, nix)];
  const base = baseText === undefined ? undefined : readSide(baseText, nix);
  if (ours === undefined || theirs === undefined)
    return { ok: false, message: `${ours === undefined ? 'our' : 'their'} side of the conflict is not a lock file` };
  const names = [...new Set([...ours.keys(), ...theirs.keys()])].sort(byteOrder);
  const chosen = new Map<string, Input>();
  const conflicts: string[] = [];
  for (const name of names) {
    const choice = choose(ours.get(name), base?.get(name), theirs.get(name), base !== undefined);
    if (choice === 'conflict') conflicts.push(name);
    else if (choice !== undefined) chosen.set(name, choice);
  }
  return { ok: true, lock: assemble(chosen), conflicts };
}

/** One side of a merge. `isPartial`: whether some but not all lines of a node come from within the markers. */
interface SideText {
  readonly text: string;
  readonly isPartial: (key: string) => boolean;
}

type Split =
  | { readonly ok: true; readonly ours: SideText; readonly theirs: SideText; readonly base?: SideText }
  | { readonly ok: false; readonly message: string };

function splitConflict(text: string): Split {
  const sides: Readonly<Record<Part, Line[]>> = { ours: [], base: [], theirs: [] };
  let part: Part | 'common' = 'common';
  let hunks = 0;
  let bases = 0;
  for (const [index, line] of text.split('\n').entries()) {
    const marker = /^(<{7}|\|{7}|={7}|>{7})(?: .*)?\r?$/.exec(line)?.[1]?.[0];
    const next: Part | 'common' | undefined = marker === undefined ? part : moves[`${part}${marker}`];
    if (next === undefined) return { ok: false, message: `unexpected conflict marker in line ${index + 1}` };
    if (marker === '<') hunks++;
    if (marker === '|') bases++;
    if (marker !== undefined) part = next;
    else if (part !== 'common') sides[part].push({ line, marked: true });
    else for (const side of Object.values(sides)) side.push({ line, marked: false });
  }
  if (part !== 'common') return { ok: false, message: 'a conflict marker is not closed' };
  if (hunks === 0) return { ok: false, message: 'the file holds no conflict markers' };
  const base = bases === hunks ? { base: sideText(sides.base) } : {};
  return { ok: true, ours: sideText(sides.ours), theirs: sideText(sides.theirs), ...base };
}

interface Line {
  readonly line: string;
  readonly marked: boolean;
}

function sideText(lines: readonly Line[]): SideText {
  const text = lines.map(({ line }) => line).join('\n');
  const json = parseJson(text);
  // How many lines, and how many marked ones, end before each line.
  const starts: number[] = [];
  const marks: number[] = [0];
  let offset = 0;
  for (const { line, marked } of lines) {
    starts.push(offset);
    offset += line.length + 1;
    marks.push((marks.at(-1) ?? 0) + (marked ? 1 : 0));
  }
  const isPartial = (key: string): boolean => {
    const place = json.ok ? json.placeOf(['nodes', key])?.value : undefined;
    if (place === undefined) return true;
    const [first, last] = [lineAt(starts, place.start), lineAt(starts, place.end - 1)];
    const marked = (marks[last + 1] ?? 0) - (marks[first] ?? 0);
    return marked > 0 && marked <= last - first;
  };
  return { text, isPartial };
}

/** The index of the last start that is not after the offset. */
function lineAt(starts: readonly number[], offset: number): number {
  let [low, high] = [0, starts.length - 1];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if ((starts[middle] ?? 0) <= offset) low = middle;
    else high = middle - 1;
  }
  return low;
}

type Part = 'ours' | 'base' | 'theirs';

const moves: Readonly<Record<string, Part | 'common' | undefined>> = {
  'common<': 'ours',
  'ours|': 'base',
  'ours=': 'theirs',
  'base=': 'theirs',
  'theirs>': 'common',
};

/**
 * A root input of one side. `print` tells whether two of them are the same, undefined where the side is broken there;
 * `shape` whether they differ in their revisions only; `partial` whether its text may be a mix.
 */
interface Input {
  readonly side: SideText;
  readonly edge: LockEdge;
  readonly nodes: ReadonlyMap<string, LockNode>;
  readonly print: string | undefined;
  readonly shape: string;
  readonly partial: boolean;
}

function readSide(side: SideText, nix: NixVersion): ReadonlyMap<string, Input> | undefined {
  const json = parseObject(side.text);
  if (json === undefined) return undefined;
  const nodes = asObject(json.nodes) ?? {};
  const root = asObject(nodes[String(json.root)]) ?? {};
  const inputs = new Map<string, Input>();
  for (const [name, value] of Object.entries(asObject(root.inputs) ?? {}))
    inputs.set(name, readInput(side, nodes, name, value, nix));
  return inputs;
}

function readInput(side: SideText, nodes: Raw, name: string, value: unknown, nix: NixVersion): Input {
  if (Array.isArray(value) && value.every((part) => typeof part === 'string')) {
    const print = JSON.stringify(value);
    const edge: LockEdge = { kind: 'follows', path: value as InputPath };
    return { side, edge, nodes: new Map(), print, shape: print, partial: false };
  }
  const edge: LockEdge = { kind: 'node', key: String(value) };
  const below = typeof value === 'string' ? readSubtree(nodes, value, nix) : undefined;
  if (below === undefined) return { side, edge, nodes: new Map(), print: undefined, shape: '', partial: true };
  const inputs = new Map([[name, edge]]);
  return {
    side,
    edge,
    nodes: below,
    print: printLock(asLock(inputs, below)),
    shape: printLock(asLock(inputs, new Map([...below].map(([key, node]) => [key, withoutRevision(node)])))),
    partial: [...below.keys()].some((key) => side.isPartial(key)),
  };
}

function withoutRevision(node: LockNode): LockNode {
  const changing = ['rev', 'narHash', 'lastModified', 'revCount', 'dirtyRev', 'dirtyShortRev', 'treeHash'];
  const locked = Object.entries(node.locked ?? {}).filter(([name]) => !changing.includes(name));
  return { ...node, locked: Object.fromEntries(locked) };
}

function choose(
  ours: Input | undefined,
  base: Input | undefined,
  theirs: Input | undefined,
  hasBase: boolean,
): Input | undefined | 'conflict' {
  const all = hasBase ? [ours, base, theirs] : [ours, theirs];
  if (all.some((input) => input !== undefined && input.print === undefined)) return 'conflict';
  if (all.some((input) => input?.partial) && all.some((input) => input?.shape !== ours?.shape)) return 'conflict';
  if (ours?.print === theirs?.print) return ours;
  if (!hasBase) return 'conflict';
  if (ours?.print === base?.print) return theirs;
  return theirs?.print === base?.print ? ours : 'conflict';
}

// Keys of the two sides may mean different nodes; printing makes new ones anyway.
function assemble(chosen: ReadonlyMap<string, Input>): Lock {
  const sides = [...new Set([...chosen.values()].map((input) => input.side))];
  const inputs = new Map<string, LockEdge>();
  const nodes = new Map<string, LockNode>();
  for (const [name, input] of chosen) {
    const prefix = `${sides.indexOf(input.side)}/`;
    const rename = (edge: LockEdge): LockEdge =>
      edge.kind === 'node' ? { kind: 'node', key: prefix + edge.key } : edge;
    inputs.set(name, rename(input.edge));
    for (const [key, node] of input.nodes) {
      const renamed = new Map([...node.inputs].map(([child, edge]) => [child, rename(edge)] as const));
      nodes.set(prefix + key, { ...node, inputs: renamed });
    }
  }
  return asLock(inputs, nodes);
}

function asLock(inputs: ReadonlyMap<string, LockEdge>, nodes: ReadonlyMap<string, LockNode>): Lock {
  let root = 'root';
  while (nodes.has(root)) root += '_';
  return { root, version: 7, nodes: new Map([...nodes, [root, { inputs, flake: true }]]), orphans: [] };
}

type Raw = Readonly<Record<string, unknown>>;

function parseObject(text: string): Raw | undefined {
  try {
    return asObject(JSON.parse(text));
  } catch {
    return undefined;
  }
}

const asObject = (value: unknown): Raw | undefined =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Raw) : undefined;
