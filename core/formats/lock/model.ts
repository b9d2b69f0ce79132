// The data of flake.lock: a graph of nodes with named edges (docs/nix.md, "flake.lock").

import type { Attrs } from '../flake-ref/model.ts';

/** Names of inputs from the root of the lock, `[]` being the root itself. */
export type InputPath = readonly string[];

/** An input of a node: another node, or whatever the input at `path` turns out to be. */
export type LockEdge =
  | { readonly kind: 'node'; readonly key: string }
  | { readonly kind: 'follows'; readonly path: InputPath };

/** A node. The root has neither `locked` nor `original`; every other node has both. */
export interface LockNode {
  readonly inputs: ReadonlyMap<string, LockEdge>;
  readonly locked?: Attrs;
  readonly original?: Attrs;
  readonly flake: boolean;
  /** For relative paths: the input whose source tree they start from. */
  readonly parent?: InputPath;
}

/** A lock that Nix can read: `nodes` holds the root and what it reaches, without cycles. */
export interface Lock {
  readonly root: string;
  /** As found: 5, 6 or 7. Always written as 7. */
  readonly version: number;
  readonly nodes: ReadonlyMap<string, LockNode>;
  /** Keys of nodes that nothing reaches; Nix never looks at them and drops them when it writes. */
  readonly orphans: readonly string[];
}

/** The reason a text is no lock. `message` is one clause for people; `node` is a key of the file. */
export type LockProblem =
  | { readonly kind: 'syntax'; readonly line: number; readonly column: number; readonly message: string }
  | { readonly kind: 'conflict-markers'; readonly line: number; readonly message: string }
  | { readonly kind: 'version'; readonly version: number; readonly message: string }
  | { readonly kind: 'type'; readonly pointer: readonly string[]; readonly message: string }
  | { readonly kind: 'missing-attribute'; readonly node?: string; readonly attribute: string; readonly message: string }
  | { readonly kind: 'bad-reference'; readonly node: string; readonly attribute: string; readonly message: string }
  | { readonly kind: 'unlocked-input'; readonly node: string; readonly message: string }
  | { readonly kind: 'missing-node'; readonly node: string; readonly from: string; readonly message: string }
  | { readonly kind: 'cycle'; readonly nodes: readonly string[]; readonly message: string };

/** The lock of a flake without inputs, and the meaning of a missing file. */
export const emptyLock: Lock = {
  root: 'root',
  version: 7,
  nodes: new Map([['root', { inputs: new Map(), flake: true }]]),
  orphans: [],
};

/** The node at the top. */
export const rootNode = (lock: Lock): LockNode => lock.nodes.get(lock.root) ?? { inputs: new Map(), flake: true };

/** How Nix writes an input path. */
export const showPath = (path: InputPath): string => path.join('/');
