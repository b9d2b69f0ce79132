// Keeps undo from leaving half a repository: one that a batch made, and that somebody used since, is set aside whole.

import { below } from '../machine/follow-links.ts';
import { isTheirLink, type Work } from '../machine/host.ts';
import { type Edit, matches, type Put } from '../model.ts';
import { type AbsPath, basename, parent } from '../path.ts';

/** A repository that was used, and the number of the edit that made its directory. */
export interface Used {
  readonly top: AbsPath;
  readonly at: number;
}

/** Among `edits`, those of one batch that may have been done. `first`: the number of the first of them. */
export function usedRepositories(edits: readonly Edit[], first: number, work: Work): readonly Used[] {
  const made = new Map<AbsPath, number>();
  for (const [at, edit] of edits.entries())
    if (edit.op === 'put' && edit.before.type === 'absent') made.set(edit.path, at);
  const names = new Map<AbsPath, number>();
  for (const path of made.keys()) names.set(parent(path), (names.get(parent(path)) ?? 0) + 1);
  const isUsed = (path: AbsPath): boolean => {
    const at = made.get(path)!;
    const { after } = edits[at] as Put;
    const { entry, holds } = work.look(first + at);
    // If it was never there, or is gone, nobody works in it.
    if (entry.type === 'absent') return false;
    return entry.type === 'dir' ? holds > (names.get(path) ?? 0) : !matches(after, entry);
  };
  const tops = [...made.keys()].filter((path) => made.has(below(path, 'HEAD')) && basename(path) === '.git');
  return tops.flatMap((top) => {
    const inside = [...made.keys()].filter((path) => path === top || path.startsWith(`${top}/`));
    return quietly(() => inside.some(isUsed)) ? [{ top, at: first + made.get(top)! }] : [];
  });
}

/** If something cannot be looked at, each edit is undone, or not, on its own. */
function quietly(look: () => boolean): boolean {
  try {
    return look();
  } catch (thrown) {
    const { code } = thrown as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR' || isTheirLink(thrown)) return false;
    throw thrown;
  }
}
