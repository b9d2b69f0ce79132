// Whether all of a tree is its owner's, asked of find(1): Node takes three times as long for its looks at each entry.

import { OBJECT_PATHS } from '../../machine/owned.ts';
import type { Owner } from '../../model.ts';
import { runTool } from '../process/run.ts';

/**
 * True: everything at `disk` and below belongs to `owner`, who can use it (core/machine/owned.ts says what that is). False:
 * something doesn't, or find can't tell (it is missing, it is not GNU's, it takes too long, something can't be looked at): a
 * walk has to say what.
 */
export function findsOwned(disk: string, { uid, gid }: Owner): boolean {
  // Below a .git, what is an object is not told by the path below `disk` alone.
  if (disk.includes('.git')) return false;
  const owned = `( -uid ${uid} -gid ${gid} ( -type d -perm -0700 -o -type f ${FILE} -o ! -type d ! -type f ) )`;
  const found = runTool('find', ['-P', disk, ...owned.split(' '), '-o', '-print', '-quit'], {
    stdio: ['ignore', 'pipe', 'ignore'],
    limit: 120,
  });
  return found?.status === 0 && found.stdout.length === 0;
}

/** One that its owner can use, or an object of git's, which is read-only. Links have no mode, special files are not used. */
const FILE = `( -perm -0600 -o -perm -0400 ( ${OBJECT_PATHS.map((path) => `-path ${path}`).join(' -o ')} ) )`;
