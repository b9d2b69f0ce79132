// Chooses the place where a tree in the way is set aside. It lies in reflake's own state and is no part of the machine: a user
// who may not look into it can plan all the same, and apply compares it when it writes there.

import { below } from '../machine/follow-links.ts';
import { isUnreadable, type Reader } from '../machine/reader.ts';
import { type AbsPath, absolute, isWithin, parent, ROOT } from '../path.ts';
import { ASIDE } from './places.ts';

/** The directory of root's state, on every machine. */
export const STATE: AbsPath = parent(ASIDE);

export interface Aside {
  readonly path: AbsPath;
  /** The directories on the way that are missing, the topmost first. */
  readonly parents: readonly AbsPath[];
}

/** A name for a tree that was called `name`: the first one not seen to be taken. */
export function asideFor(name: string, reader: Pick<Reader, 'stat'>): Aside {
  const isFree = (path: AbsPath): boolean => isSeen(path, reader) !== true;
  let path = below(ASIDE, name);
  for (let count = 2; !isFree(path); count++) path = absolute(`${below(ASIDE, name)}-${count}`);
  const parents: AbsPath[] = [];
  for (let at = ASIDE; at !== ROOT && isSeen(at, reader) === false; at = parent(at)) parents.unshift(at);
  return { path, parents };
}

/** 0700 for the place itself; the directories above are 0755, as everybody reads the index there. */
export const modeOfAside = (path: AbsPath): number => (isWithin(path, ASIDE) ? 0o700 : 0o755);

/** True if something is there. Undefined: the reader may not look there. */
function isSeen(path: AbsPath, reader: Pick<Reader, 'stat'>): boolean | undefined {
  try {
    return reader.stat(path).type !== 'absent';
  } catch (thrown) {
    if (isUnreadable(thrown)) return undefined;
    throw thrown;
  }
}
