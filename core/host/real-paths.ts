// Where a path of the machine lies on this disk: resolves links in parents as the machine itself would, inside its root.

import { lstatSync, readlinkSync } from 'node:fs';
import { below, traverse } from '../links.ts';
import { type AbsPath, basename, fromBytes, mayHoldBytes, parent, ROOT, toBytes } from '../path.ts';
import { unreadable } from './host.ts';

/** A place on this disk, as bytes so that no name is lost. */
export type DiskPath = Buffer;

export interface Places {
  /** The place of `path`, its parents' links followed, the last part not. Undefined where a parent is missing. */
  place(path: AbsPath): DiskPath | undefined;
  /** The same for a look that Node takes: as text where that loses nothing, for it is faster. */
  seen(path: AbsPath): DiskPath | string | undefined;
  /** That a look has found a directory at the place of `path`: it is not looked at again on the way to what is in it. */
  enter(path: AbsPath): void;
  /** Forgets what is known about directories; to be called after each change of one. */
  forget(): void;
}

/** As many as Linux follows. */
const LINK_LIMIT = 40;

export function places(root: AbsPath): Places {
  const prefix = root === ROOT ? '' : root;
  const known = new Map<AbsPath, AbsPath | undefined>([[ROOT, ROOT]]);

  /** The directory with all links resolved, as a path of the machine; undefined where it is none. */
  const directory = (path: AbsPath, budget: number): AbsPath | undefined => {
    if (known.has(path)) return known.get(path);
    const above = directory(parent(path), budget);
    const found = above === undefined ? undefined : entered(below(above, basename(path)), budget);
    known.set(path, found);
    return found;
  };

  const entered = (path: AbsPath, budget: number): AbsPath | undefined => {
    const disk = toBytes(prefix + path);
    const stat = attempt(path, () => lstatSync(disk, { throwIfNoEntry: false }));
    if (stat?.isDirectory()) return path;
    if (!stat?.isSymbolicLink() || budget === 0) return undefined;
    const target = fromBytes(attempt(path, () => readlinkSync(disk, { encoding: 'buffer' })) ?? Buffer.of());
    // `..` and absolute targets stay inside the root because they are resolved as paths of the machine.
    return traverse(parent(path), target, (next) => directory(next, budget - 1));
  };

  const textOf = (path: AbsPath): string | undefined => {
    if (path === ROOT) return root;
    const above = parent(path);
    const dir = directory(above, LINK_LIMIT);
    if (dir === undefined) return undefined;
    return prefix + (dir === above ? path : below(dir, basename(path)));
  };

  return {
    place(path) {
      const text = textOf(path);
      return text === undefined ? undefined : toBytes(text);
    },
    seen(path) {
      const text = textOf(path);
      return text !== undefined && mayHoldBytes(text) ? toBytes(text) : text;
    },
    enter(path) {
      const above = known.get(parent(path));
      if (above !== undefined && path !== ROOT) known.set(path, below(above, basename(path)));
    },
    forget() {
      known.clear();
      known.set(ROOT, ROOT);
    },
  };
}

/** Missing things are undefined, missing rights are thrown as `unreadable`. */
export function attempt<T>(path: AbsPath, look: () => T): T | undefined {
  try {
    return look();
  } catch (thrown) {
    const { code, syscall } = thrown as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    if (code === 'EACCES' || code === 'EPERM') throw unreadable(path, 'permission denied');
    // Whatever the system says, it says of this path.
    if (code !== undefined && syscall !== undefined) throw unreadable(path, code);
    throw thrown;
  }
}
