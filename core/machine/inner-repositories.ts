// Repositories inside of a repository: submodules, and those that only lie there. Which of their files Nix sees.

import { type AbsPath, isWithin, join, parent, relativeTo } from '../path.ts';
import type { Reader } from './reader.ts';
import { type Repository, repositoryOf } from './repository.ts';

/** Why git does not show a file to Nix: the repository of its own that it lies in, at `top`. */
export interface InnerRepository {
  readonly top: AbsPath;
  /** `left out`: a submodule, and flake.nix does not ask for those; `untracked`: asked for, and not in the submodule's index. */
  readonly as: 'no submodule' | 'left out' | 'untracked';
}

/**
 * What `path` lies in besides the repository at `outer`; 'shown' where Nix sees it all the same. Undefined where it lies in none.
 * `outer`: without a repository, the place that one would have.
 */
export function innerOf(
  path: AbsPath,
  outer: AbsPath,
  withSubmodules: boolean,
  reader: Reader,
): InnerRepository | 'shown' | undefined {
  const top = innerTop(path, outer, reader);
  if (top === undefined) return undefined;
  const around = repositoryOf(parent(top), reader);
  if (around === undefined || !isTracked(top, around)) return { top, as: 'no submodule' };
  if (!withSubmodules) return { top, as: 'left out' };
  const farther = innerOf(top, outer, withSubmodules, reader);
  if (farther !== undefined && farther !== 'shown') return farther;
  const own = repositoryOf(top, reader);
  return own !== undefined && isTracked(path, own) ? 'shown' : { top, as: 'untracked' };
}

const isTracked = (path: AbsPath, { tracked, top }: Repository): boolean =>
  tracked.ok && tracked.paths.has(relativeTo(path, top));

/** The nearest directory upwards from `path` and below `outer` that has a .git. */
function innerTop(path: AbsPath, outer: AbsPath, reader: Pick<Reader, 'stat'>): AbsPath | undefined {
  for (let dir = parent(path); dir !== outer && isWithin(dir, outer); dir = parent(dir))
    if (reader.stat(join(dir, './.git')).type !== 'absent') return dir;
  return undefined;
}
