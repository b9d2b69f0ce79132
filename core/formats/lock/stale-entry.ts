// Compares one input of flake.nix with one edge of the lock: does Nix keep the edge, and if not, for what reason.

import { type Attrs, isRelativePath } from '../flake-ref/model.ts';
import { showFlakeRef } from '../flake-ref/print-ref.ts';
import { sameRef } from '../flake-ref/same-ref.ts';
import type { NixVersion } from '../nix-version.ts';
import { type InputPath, type Lock, type LockEdge, type LockNode, showPath } from './model.ts';
import { namesOf, samePath, type Trail } from './trail.ts';

/**
 * A reason for which a lock does not fit. `path` names the input; `text` is one clause for people; `from` is the lock, `to`
 * flake.nix.
 */
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

/** The lock that is compared, and by whose rules. */
interface Compared {
  readonly lock: Lock;
  readonly nix: NixVersion;
}

/** The reason an input that follows another does not fit its edge in the lock; undefined if it fits. */
export function whyRedirect(
  path: Trail,
  old: LockEdge | undefined,
  target: InputPath,
  overridden: boolean,
  work: Compared,
): LockReason | undefined {
  const to = `follows ${showPath(target) || 'this flake'}`;
  if (old === undefined) {
    const text = `input "${path.text}" is not in flake.lock`;
    return { kind: 'missing', path: namesOf(path), to, text };
  }
  if (old.kind === 'follows' && samePath(old.path, target)) return undefined;
  const from = describeEdge(old, work);
  const kind = overridden || path.length > 1 ? 'override-changed' : 'follows-changed';
  return { kind, path: namesOf(path), from, to, text: changeText(path, from, to) };
}

/**
 * The reason an input with a reference does not fit its edge in the lock; undefined if it fits. Texts and paths are made only
 * where there is a reason: most nodes are kept, and a path is as long as its node is deep.
 */
export function whyCreate(
  path: Trail,
  ref: Attrs,
  parent: Trail | undefined,
  old: LockEdge | undefined,
  node: LockNode | undefined,
  overridden: boolean,
  work: Compared,
): LockReason | undefined {
  const nested = overridden || path.length > 1;
  const reason = (kind: LockReason['kind'], text?: string): LockReason => {
    const [from, to] = [old === undefined ? '' : describeEdge(old, work), showFlakeRef(ref, work.nix)];
    return { kind, path: namesOf(path), from, to, text: text ?? changeText(path, from, to) };
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
  const expected = isRelativePath(ref) ? namesOf(parent) : undefined;
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

/** An edge of the lock for people: its reference, or what it follows. */
export function describeEdge(edge: LockEdge, work: Compared): string {
  if (edge.kind === 'follows') return `follows ${showPath(edge.path) || 'this flake'}`;
  const original = work.lock.nodes.get(edge.key)?.original;
  return original === undefined ? edge.key : showFlakeRef(original, work.nix);
}
