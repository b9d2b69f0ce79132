// Decides which places of a machine root alone controls: nobody else can change what a name there leads to, so root may
// look at it by its name. It looks at directories only, and goes from one of root's places to the next.

import { lstatSync, readFileSync, readlinkSync, type Stats } from 'node:fs';
import { parseGroup } from '../../formats/passwd.ts';
import { MOST } from '../../limits.ts';
import { below, traverse } from '../../machine/follow-links.ts';
import { type AbsPath, basename, fromBytes, join, parent, prefixesOf, ROOT, toBytes } from '../../path.ts';

/** Paths are paths of the machine. */
export interface Territory {
  /**
   * The real path of the directory at `path`, if root alone controls it and each directory and link on the way. The
   * directory need not exist. Otherwise undefined.
   */
  directory(path: AbsPath): AbsPath | undefined;
  /** The real path of `path`, with links in its parents followed, if root alone controls the directory that it lies in. */
  place(path: AbsPath): AbsPath | undefined;
  /**
   * The owner of the first thing on the way to `path`, or of `path` itself, that root does not control alone; undefined
   * if there is none.
   */
  holder(path: AbsPath): number | undefined;
  /** Forgets what was seen; call it when directories may have changed. */
  forget(): void;
}

/** `root`: the machine's `/` on this disk. Root must control the way to it, too. */
export function territory(root: AbsPath): Territory {
  const prefix = root === ROOT ? '' : root;
  const known = new Map<AbsPath, AbsPath | undefined>();

  const top = (): AbsPath | undefined => {
    const isReached = root === ROOT || territory(ROOT).directory(root) !== undefined;
    return isReached && isClosed(lstatSync(toBytes(root))) ? ROOT : undefined;
  };

  const directory = (path: AbsPath, budget: number): AbsPath | undefined => {
    if (known.has(path)) return known.get(path);
    const found = path === ROOT ? top() : entered(path, budget);
    known.set(path, found);
    return found;
  };

  const entered = (path: AbsPath, budget: number): AbsPath | undefined => {
    const above = directory(parent(path), budget);
    if (above === undefined) return undefined;
    const at = below(above, basename(path));
    const stat = lstat(prefix + at);
    // There is nothing, and only root can create something.
    if (stat === undefined) return at;
    if (stat.isDirectory()) return isClosed(stat) ? at : undefined;
    if (stat.uid !== 0) return undefined;
    // Nothing can lie below a file, and only root can replace it by a directory.
    if (!stat.isSymbolicLink()) return at;
    if (budget === 0) return undefined;
    const target = fromBytes(readlinkSync(toBytes(prefix + at), { encoding: 'buffer' }));
    return traverse(above, target, (next) => directory(next, budget - 1));
  };

  const holder = (path: AbsPath, budget: number): number | undefined => {
    const at = prefixesOf(path).find((one) => directory(one, MOST.links) === undefined);
    if (at === undefined) return undefined;
    if (at === ROOT) return lstat(root)?.uid;
    const above = directory(parent(at), MOST.links);
    const disk = above === undefined ? root : prefix + below(above, basename(at));
    const stat = lstat(disk);
    if (above !== undefined && stat?.isSymbolicLink() && stat.uid === 0 && budget > 0)
      return holder(join(above, fromBytes(readlinkSync(toBytes(disk), { encoding: 'buffer' }))), budget - 1);
    return stat?.isFile() && isWrittenByRootAlone(stat) ? undefined : stat?.uid;
  };

  return {
    directory: (path) => directory(path, MOST.links),
    place(path) {
      if (path === ROOT) return directory(ROOT, MOST.links);
      const above = directory(parent(path), MOST.links);
      return above === undefined ? undefined : below(above, basename(path));
    },
    holder: (path) => holder(path, MOST.links),
    forget: () => known.clear(),
  };
}

/**
 * True if root owns the directory and nobody else can remove or rename a name in it: others cannot write it, or it is
 * sticky. A group may write if all its members are root's own (root, and Nix's builders). With an ACL, the group bits
 * are its mask, so they show what the ACL grants.
 */
export function isClosed({ uid, gid, mode }: Pick<Stats, 'uid' | 'gid' | 'mode'>): boolean {
  if (uid !== 0) return false;
  if ((mode & 0o1000) !== 0) return true;
  return isWrittenByRootAlone({ uid, gid, mode });
}

/** The same question about a file, which a sticky bit does not protect. */
export const isWrittenByRootAlone = ({ uid, gid, mode }: Pick<Stats, 'uid' | 'gid' | 'mode'>): boolean =>
  uid === 0 && (mode & 0o002) === 0 && ((mode & 0o020) === 0 || gid === 0 || gid === nixbld());

let builders: number | undefined | 'unasked' = 'unasked';

/** The group of Nix's builders, which may write /nix/store; undefined if there is none. */
function nixbld(): number | undefined {
  if (builders === 'unasked') {
    try {
      builders = parseGroup(readFileSync('/etc/group', 'utf8')).find(({ name }) => name === 'nixbld')?.gid;
    } catch {
      builders = undefined;
    }
  }
  return builders;
}

function lstat(disk: string): Stats | undefined {
  try {
    return lstatSync(toBytes(disk), { throwIfNoEntry: false });
  } catch (thrown) {
    // A part of the way is not a directory (ENOTDIR), or is too long a name (ENAMETOOLONG).
    if (typeof (thrown as NodeJS.ErrnoException).code === 'string') return undefined;
    throw thrown;
  }
}
