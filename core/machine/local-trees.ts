// Path inputs on the machine: what is at the place that a lock names, and whether it still has the locked hash. Asked
// through a Reader, so that planned edits count.

import { type Attrs, isRelativePath, textAttr } from '../formats/flake-ref/model.ts';
import { isNarProblem } from '../formats/nar/nar.ts';
import { type AbsPath, absolute, isWithin, join, relativeTo } from '../path.ts';
import { follow } from './follow-links.ts';
import type { Reader } from './reader.ts';
import { repositoryOf } from './repository.ts';
import { hashThrough } from './tree-hash.ts';

/** `same`: it has the locked hash, or is a relative path of Nix 2.26 or later, which is locked without a hash. */
export type LocalTree =
  | { readonly kind: 'same'; readonly path: AbsPath }
  | { readonly kind: 'changed'; readonly path: AbsPath; readonly hash: string }
  | { readonly kind: 'absent'; readonly path: AbsPath }
  | { readonly kind: 'unhashable'; readonly path: AbsPath; readonly problem: string };

/**
 * Looks at the place of a locked `path:` input; each is hashed once. Undefined for other inputs, for the store (nothing
 * changes there), and for a relative path that leads out of `dir`, which we do not follow. Throws `unreadable`.
 */
export type LocalTrees = (locked: Attrs) => LocalTree | undefined;

/** `dir`: the flake whose lock it is, from which relative paths start. Absolute paths are paths of the reader's machine. */
export function localTrees(dir: AbsPath, reader: Reader): LocalTrees {
  const known = new Map<string, LocalTree>();
  return (locked) => {
    const path = placeOf(locked, dir);
    if (path === undefined) return undefined;
    const key = `${path}\0${textAttr(locked, 'narHash') ?? ''}`;
    const found = known.get(key) ?? look(path, locked, dir, reader);
    known.set(key, found);
    return found;
  };
}

const STORE = absolute('/nix/store');

function placeOf(locked: Attrs, dir: AbsPath): AbsPath | undefined {
  const text = textAttr(locked, 'path');
  if (locked.type !== 'path' || text === undefined) return undefined;
  if (!isRelativePath(locked)) return isWithin(absolute(text), STORE) ? undefined : absolute(text);
  const path = join(dir, `./${text}`);
  return path !== dir && isWithin(path, dir) ? path : undefined;
}

function look(path: AbsPath, locked: Attrs, dir: AbsPath, reader: Reader): LocalTree {
  const { path: end, entry } = follow(reader, path);
  if (entry.type === 'absent') return { kind: 'absent', path };
  // Nix accepts a hash without its padding, too.
  const wanted = textAttr(locked, 'narHash')?.replace(/=*$/, '=');
  if (wanted === undefined) return { kind: 'same', path };
  try {
    const hash = reader.treeHash(end);
    if (hash === undefined) return { kind: 'absent', path };
    if (hash === wanted) return { kind: 'same', path };
    // Below a git repository, old Nix hashes only files that git tracks.
    const visible = isRelativePath(locked) ? trackedBelow(dir, reader) : undefined;
    return visible && hashThrough(reader, end, visible) === wanted
      ? { kind: 'same', path }
      : { kind: 'changed', path, hash };
  } catch (thrown) {
    if (!isNarProblem(thrown)) throw thrown;
    return { kind: 'unhashable', path, problem: thrown.message };
  }
}

function trackedBelow(dir: AbsPath, reader: Reader): ((path: AbsPath) => boolean) | undefined {
  const repository = repositoryOf(dir, reader);
  if (repository === undefined) return undefined;
  const { top, tracked } = repository;
  if (!tracked.ok) return undefined;
  const shown = new Set<string>();
  for (const path of tracked.paths)
    for (let at = path; at !== '' && !shown.has(at); at = at.slice(0, Math.max(0, at.lastIndexOf('/')))) shown.add(at);
  return (path) => shown.has(relativeTo(path, top));
}
