// Where a path of the machine lies on this disk: resolves links in parents as the machine itself would, inside its root.

import { lstatSync, readlinkSync } from 'node:fs';
import { MOST } from '../../limits.ts';
import { below, traverse } from '../../machine/links.ts';
import { DENIED, unreadable } from '../../machine/reader.ts';
import { type AbsPath, basename, fromBytes, hasLongName, mayHoldBytes, parent, ROOT, toBytes } from '../../path.ts';

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

export function places(root: AbsPath): Places {
  const prefix = root === ROOT ? '' : root;
  const known = new Map<AbsPath, AbsPath | undefined>([[ROOT, ROOT]]);

  /** The directory with all links resolved, as a path of the machine; undefined where it is none. */
  const directory = (path: AbsPath, budget: number): AbsPath | undefined => {
    // From the nearest one that is known, downwards: a path of thousands of parts must not cost as many calls.
    const unknown: AbsPath[] = [];
    let at = path;
    for (; !known.has(at); at = parent(at)) unknown.push(at);
    let found = known.get(at);
    for (const next of unknown.toReversed()) {
      found = found && entered(below(found, basename(next)), budget);
      known.set(next, found);
      // Nothing is below what is not there.
      if (found === undefined) return undefined;
    }
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
    const dir = directory(above, MOST.links);
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

const WHY: Readonly<Record<string, string>> = {
  EACCES: DENIED,
  EPERM: DENIED,
  ENAMETOOLONG: `its path is longer than the ${MOST.pathBytes} bytes that the system takes`,
  ELOOP: `more than ${MOST.links} links lead to it`,
  EMFILE: 'too many files are open',
  ENFILE: 'too many files are open',
  ENOMEM: 'no memory is left',
  EIO: 'the disk does not answer rightly',
};

/** Missing things are undefined, missing rights are thrown as `unreadable`. */
export function attempt<T>(path: AbsPath, look: () => T): T | undefined {
  try {
    return look();
  } catch (thrown) {
    const { code, syscall } = thrown as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    // No file has a name that is too long; one whose whole path is too long may be there.
    if (code === 'ENAMETOOLONG' && hasLongName(path)) return undefined;
    // Whatever the system says, it says of this path.
    if (code !== undefined && syscall !== undefined) throw unreadable(path, WHY[code] ?? code);
    throw thrown;
  }
}
