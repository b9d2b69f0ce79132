// Input paths that grow while a lock is walked: linked lists, so that a chain of nodes does not cost its square.

import type { InputPath } from './model.ts';

/** An input path by its last name and what is above it; undefined stands for the root. */
export interface Trail {
  readonly above: Trail | undefined;
  readonly name: string;
  /** As Nix writes it: `a/b`. */
  readonly text: string;
  readonly length: number;
}

/** The path one name further down. */
export const extend = (above: Trail | undefined, name: string): Trail =>
  above === undefined
    ? { above, name, text: name, length: 1 }
    : { above, name, text: `${above.text}/${name}`, length: above.length + 1 };

/** The names from the root down. */
export function namesOf(trail: Trail | undefined): InputPath {
  const names: string[] = [];
  for (let at = trail; at !== undefined; at = at.above) names.push(at.name);
  return names.reverse();
}

/** True if two input paths are the same. */
export const samePath = (a: InputPath, b: InputPath): boolean =>
  a.length === b.length && a.every((part, i) => part === b[i]);

/** True if `path` is `prefix` or lies below it. */
export const startsWith = (path: InputPath, prefix: Trail): boolean =>
  path.length >= prefix.length && samePath(path.slice(0, prefix.length), namesOf(prefix));
