// Asks find(1) whether all of a tree belongs to its owner, because Node takes three times as long to look at each
// entry.

import { OBJECT_PATHS } from '../../machine/owned.ts';
import type { Owner } from '../../model.ts';
import { runTool } from '../process/run.ts';

/**
 * True if everything at `disk` and below belongs to `owner`, and they can use it (core/machine/owned.ts has the rule).
 * False if something does not, or if find can't tell: it is missing or not GNU's, it takes too long, or something can't
 * be read. Then a walk has to find out what.
 */
export function findsOwned(disk: string, { uid, gid }: Owner): boolean {
  // Below a .git directory, the path relative to `disk` does not tell whether a file is a git object.
  if (disk.includes('.git')) return false;
  const owned = `( -uid ${uid} -gid ${gid} ( -type d -perm -0700 -o -type f ${FILE} -o ! -type d ! -type f ) )`;
  const found = runTool('find', ['-P', disk, ...owned.split(' '), '-o', '-print', '-quit'], {
    stdio: ['ignore', 'pipe', 'ignore'],
    limit: 120,
  });
  return found?.status === 0 && found.stdout.length === 0;
}

/** A file that its owner can read and write, or a git object, which is read-only. Other kinds have no mode that matters. */
const FILE = `( -perm -0600 -o -perm -0400 ( ${OBJECT_PATHS.map((path) => `-path ${path}`).join(' -o ')} ) )`;
