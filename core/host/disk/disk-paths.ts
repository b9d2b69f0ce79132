// Maps paths of the machine to this disk: resolves links in parents as the machine itself would, inside its root.

import { lstatSync, readlinkSync } from 'node:fs';
import { MOST } from '../../limits.ts';
import { below, traverse } from '../../machine/follow-links.ts';
import { DENIED, unreadable } from '../../machine/reader.ts';
import { type AbsPath, basename, fromBytes, hasLongName, mayHoldBytes, parent, ROOT, toBytes } from '../../path.ts';

/** A path on this disk, as bytes, because a name need not be UTF-8. */
export type DiskPath = Buffer;

export interface Places {
  /** The place of `path`, with the links of its parents followed, but not the last part. Undefined if a parent is missing. */
  place(path: AbsPath): DiskPath | undefined;
  /** The same as text where no byte is lost by that, because Node is faster with strings. */
  seen(path: AbsPath): DiskPath | string | undefined;
  /**
   * Tells that the caller has seen a directory at `path`, so that it need not be looked at again on the way to its
   * entries.
   */
  enter(path: AbsPath): void;
  /** Forgets what is known about directories. Call it after each change of one. */
  forget(): void;
}

export function places(root: AbsPath): Places {
  const prefix = root === ROOT ? '' : root;
  const known = new Map<AbsPath, AbsPath | undefined>([[ROOT, ROOT]]);

  /** The directory with all links resolved, as a path of the machine; undefined if it is no directory. */
  const directory = (path: AbsPath, budget: number): AbsPath | undefined => {
    // Starts from the nearest known directory and works downwards without recursion, because a path may have thousands
    // of parts.
    const unknown: AbsPath[] = [];
    let at = path;
    for (; !known.has(at); at = parent(at)) unknown.push(at);
    let found = known.get(at);
    for (const next of unknown.toReversed()) {
      found = found && entered(below(found, basename(next)), budget);
      known.set(next, found);
      // Nothing can lie below a directory that does not exist.
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
    // `..` and absolute targets are resolved as paths of the machine, so they cannot leave the root.
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

/** Returns undefined for a missing file, and throws `unreadable` for the other errors of the file system. */
export function attempt<T>(path: AbsPath, look: () => T): T | undefined {
  try {
    return look();
  } catch (thrown) {
    const { code, syscall } = thrown as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    // A single name beyond 255 bytes cannot exist; a path that is too long as a whole may.
    if (code === 'ENAMETOOLONG' && hasLongName(path)) return undefined;
    // The error comes from a system call, so it is about this path.
    if (code !== undefined && syscall !== undefined) throw unreadable(path, WHY[code] ?? code);
    throw thrown;
  }
}
