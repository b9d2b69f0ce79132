// Repositories inside a repository, submodules or not, and which of their files Nix sees.

import { type AbsPath, isWithin, join, parent } from '../path.ts';
import type { Reader } from './reader.ts';
import { isShown, repositoryOf } from './repository.ts';

/** The reason why git does not show a file to Nix: it lies in a repository of its own, at `top`. */
export interface InnerRepository {
  readonly top: AbsPath;
  /**
   * `left out`: a submodule, but flake.nix does not ask for submodules. `untracked`: it asks, but the file is not in
   * the submodule's index.
   */
  readonly as: 'no submodule' | 'left out' | 'untracked';
}

/**
 * The repository inside the one at `outer` that `path` lies in; 'shown' if Nix sees the file all the same; undefined if
 * there is none. `outer`: if there is no repository, the place that it would have.
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
  if (around === undefined || !isShown(top, around)) return { top, as: 'no submodule' };
  if (!withSubmodules) return { top, as: 'left out' };
  const farther = innerOf(top, outer, withSubmodules, reader);
  if (farther !== undefined && farther !== 'shown') return farther;
  const own = repositoryOf(top, reader);
  return own !== undefined && isShown(path, own) ? 'shown' : { top, as: 'untracked' };
}

/** The nearest directory upwards from `path`, below `outer`, that has a .git. */
function innerTop(path: AbsPath, outer: AbsPath, reader: Pick<Reader, 'stat'>): AbsPath | undefined {
  for (let dir = parent(path); dir !== outer && isWithin(dir, outer); dir = parent(dir))
    if (reader.stat(join(dir, './.git')).type !== 'absent') return dir;
  return undefined;
}
