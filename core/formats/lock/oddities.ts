// Finds what is odd about a lock although Nix would leave it alone (docs/nix.md, "Reported beyond Nix").

import type { InputDecl } from '../flake/flake.ts';
import { byteOrder, sortedEntries } from '../flake-ref/byte-order.ts';
import { type Attrs, isRelativePath } from '../flake-ref/model.ts';
import { showFlakeRef } from '../flake-ref/print-ref.ts';
import { asForgeKnows } from '../flake-ref/same-ref.ts';
import type { Span } from '../nix/syntax.ts';
import type { LockInput } from './inputs.ts';
import { type InputPath, type Lock, type LockNode, rootNode, showPath } from './model.ts';

/** `text` is one clause, `hint` an imperative. */
export type LockOddity =
  | {
      readonly kind: 'flake-flag-mismatch';
      readonly input: string;
      readonly declared: boolean;
      readonly text: string;
      readonly hint: string;
    }
  | { readonly kind: 'orphan-node'; readonly node: string; readonly text: string; readonly hint: string }
  /** Inputs of inputs with the same source as an input of the flake. */
  | {
      readonly kind: 'duplicate';
      readonly source: string;
      /** The input of the flake; the others could follow it. */
      readonly keep: string;
      /** Some of them, the shortest first; `count`: how many there are. */
      readonly others: readonly InputPath[];
      readonly count: number;
      readonly text: string;
      readonly hint: string;
    };

/** An input with both `url` and `follows`: an error since Nix 2.30, before that `url` is ignored. */
export interface UrlWithFollows {
  readonly kind: 'url-with-follows';
  readonly path: InputPath;
  readonly span: Span;
  readonly text: string;
  readonly hint: string;
}

/** Oddities of a lock and of the root inputs as the lock has them. */
export function auditLock(inputs: readonly LockInput[], lock: Lock): readonly LockOddity[] {
  return [...flagMismatches(inputs, lock), ...orphans(lock), ...duplicates(lock)];
}

/** Inputs and overrides that name a reference and follow another input at once. */
export function urlsWithFollows(decls: readonly InputDecl[], prefix: InputPath = []): readonly UrlWithFollows[] {
  return decls.flatMap((decl) => {
    const path = [...prefix, decl.name];
    const below = urlsWithFollows(decl.overrides, path);
    if (decl.ref.kind === 'none' || decl.follows === undefined) return below;
    const text = `input "${showPath(path)}" has a reference and follows "${decl.follows}"`;
    const hint = 'remove one of them: Nix 2.30 refuses both, older Nix ignores the reference';
    return [{ kind: 'url-with-follows' as const, path, span: decl.span, text, hint }, ...below];
  });
}

/** An override that follows an input the flake does not have: an error as soon as its input has the one overridden. */
export interface DanglingOverride {
  readonly kind: 'dangling-override';
  readonly path: InputPath;
  readonly target: InputPath;
  readonly text: string;
  readonly hint: string;
}

/** Overrides whose target starts with a name that is no input of the flake itself. */
export function danglingOverrides(inputs: readonly LockInput[]): readonly DanglingOverride[] {
  const names = new Set(inputs.map((input) => input.name));
  const search = (input: LockInput, prefix: InputPath): readonly DanglingOverride[] =>
    input.overrides.flatMap((override) => {
      const path = [...prefix, override.name];
      const below = search(override, path);
      const target = override.follows;
      const first = target?.[0];
      if (target === undefined || first === undefined || names.has(first)) return below;
      const text = `input "${showPath(path)}" is to follow "${showPath(target)}", but there is no input "${first}"`;
      return [
        { kind: 'dangling-override', path, target, text, hint: `declare inputs.${first} or correct the name` },
        ...below,
      ];
    });
  return inputs.flatMap((input) => search(input, [input.name]));
}

function flagMismatches(inputs: readonly LockInput[], lock: Lock): readonly LockOddity[] {
  return inputs.flatMap((input): LockOddity[] => {
    const edge = rootNode(lock).inputs.get(input.name);
    const node = edge?.kind === 'node' ? lock.nodes.get(edge.key) : undefined;
    if (node === undefined || input.follows !== undefined || node.flake === input.flake) return [];
    const [is, was] = input.flake ? ['a flake', 'no flake'] : ['no flake', 'a flake'];
    const text = `input "${input.name}" is ${is} in flake.nix and ${was} in the lock, which Nix goes by`;
    return [
      {
        kind: 'flake-flag-mismatch',
        input: input.name,
        declared: input.flake,
        text,
        hint: `run "nix flake update ${input.name}"`,
      },
    ];
  });
}

const orphans = (lock: Lock): readonly LockOddity[] =>
  lock.orphans.map((node) => ({
    kind: 'orphan-node',
    node,
    text: `node "${node}" of the lock belongs to no input`,
    hint: 'run "nix flake lock" when an input changes; it drops the node',
  }));

interface Place {
  readonly node: LockNode;
  readonly name: string;
  readonly above: Place | undefined;
}

// Nodes of one source at one ref, at any revision, where one is an input of the flake: a follows would make them one node.
function duplicates(lock: Lock): readonly LockOddity[] {
  const groups = new Map<string, Place[]>();
  for (const place of places(lock)) {
    const source = sourceOf(place.node);
    if (source === undefined) continue;
    const group = groups.get(source);
    if (group === undefined) groups.set(source, [place]);
    else group.push(place);
  }
  return sortedEntries(groups).flatMap(([key, group]): LockOddity[] => {
    const [first] = group;
    const below = group.filter(isBelow);
    // Breadth first: if one is an input of the flake, it comes first. Two inputs of the flake itself are their author's choice.
    if (first === undefined || isBelow(first) || below.length === 0) return [];
    const keep = first.name;
    const others = below.slice(0, SHOWN).map(pathOf);
    const source = key.split('\n')[1] ?? '';
    const count = below.length;
    const more = count > SHOWN ? ', …' : '';
    const text = `"${source}" is locked as "${keep}" and ${count === 1 ? 'once' : `${count} times`} more: ${others.map(showPath).join(', ')}${more}`;
    return [{ kind: 'duplicate', source, keep, others, count, text, hint: followsHint(keep, others) }];
  });
}

const isBelow = ({ above }: Place): boolean => above?.above !== undefined;

/** Paths listed at most, the shortest first: all paths of a deep lock take space quadratic in its size. */
const SHOWN = 20;

function followsHint(keep: string, others: readonly InputPath[]): string {
  const line = (path: InputPath): string => `inputs.${path.join('.inputs.')}.follows = "${keep}";`;
  return `add ${others.map((path) => line(path)).join(' ')}`;
}

// Breadth first, so that the shortest path to a source comes first and is the one to keep.
function places(lock: Lock): readonly Place[] {
  const queue: Place[] = [{ node: rootNode(lock), name: '', above: undefined }];
  const seen = new Set<LockNode>();
  for (let at = 0; at < queue.length; at++) {
    const above = queue[at];
    if (above === undefined) break;
    for (const [name, edge] of [...above.node.inputs].sort(([a], [b]) => byteOrder(a, b))) {
      const node = edge.kind === 'node' ? lock.nodes.get(edge.key) : undefined;
      if (node === undefined || seen.has(node)) continue;
      seen.add(node);
      queue.push({ node, name, above });
    }
  }
  return queue.slice(1);
}

function pathOf(place: Place): InputPath {
  const names: string[] = [];
  for (let at: Place | undefined = place; at?.above !== undefined; at = at.above) names.push(at.name);
  return names.reverse();
}

/** A key equal for two nodes of one source: the source as its forge knows it, the ref asked for, whether it is a flake. */
function sourceOf(node: LockNode): string | undefined {
  const [locked, original]: readonly [Attrs, Attrs] = [node.locked ?? {}, node.original ?? {}];
  if (isRelativePath(locked)) return undefined;
  const source = shownSource(locked);
  const { ref = '', rev = '' } = original;
  const asked = shownSource(original);
  return [node.flake, source, asked === source ? '' : asked, ref, rev].join('\n');
}

const shownSource = (attrs: Attrs): string =>
  asForgeKnows(showFlakeRef(Object.fromEntries(Object.entries(attrs).filter(([name]) => STABLE.includes(name)))));

const STABLE = ['type', 'owner', 'repo', 'host', 'url', 'path', 'dir', 'id'];
