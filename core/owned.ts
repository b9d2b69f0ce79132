// Whose a tree is: what of it does not belong to its owner, or can't be used by them. A walk through a Reader.

import type { Reader } from './host/host.ts';
import { below } from './links.ts';
import { type Entry, type Owner, sameOwner } from './model.ts';
import type { AbsPath } from './path.ts';

export interface Found {
  readonly path: AbsPath;
  readonly entry: Exclude<Entry, { type: 'absent' }>;
}

/** What is not `owner`'s at `top` and below it, parents first; of a large tree all the rest would only be carried along. */
export function notOwned(top: AbsPath, owner: Owner, reader: Reader): readonly Found[] {
  const found: Found[] = [];
  let seen = 0;
  /** Whether the walk goes on. */
  const visit = (path: AbsPath, entry: Entry): boolean => {
    if (entry.type === 'absent') return true;
    const one = { path, entry };
    if (!sameOwner(entry.owner, owner) || isClosed(one)) found.push(one);
    if (++seen === MANY && found.length === 0 && reader.isOwned(top, owner)) return false;
    if (entry.type !== 'dir') return true;
    return reader.entries(path).every((child) => visit(below(path, child.name), child.entry));
  };
  visit(top, reader.stat(top));
  return found;
}

/** So many entries that were as wished are worth the question whether all are: a walk of as many takes as long as a program. */
const MANY = 1000;

/** Its owner can't do with it what owners do. */
export const isClosed = (one: Found): boolean => wantedMode(one) !== modeOf(one.entry);

export const modeOf = (entry: Entry): number => ('mode' in entry ? entry.mode : 0);

/** The mode with what its owner needs; a link has none of its own, and git keeps its objects read-only. */
export function wantedMode({ path, entry }: Found): number {
  if (entry.type === 'link' || entry.type === 'other') return modeOf(entry);
  if (entry.type === 'dir') return entry.mode | 0o700;
  if ((entry.mode & 0o600) === 0o600) return entry.mode;
  return entry.mode | (path.includes('/.git/objects/') ? 0o400 : 0o600);
}
