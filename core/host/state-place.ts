// Refuses a state directory that the apply itself would move or change: the journal of a move must not lie in the tree
// that moves.
// Checked before anything is locked or written; it sees through links, bind mounts and --root.

import { realpathSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Diagnostic } from '../diagnostic.ts';
import { follow } from '../machine/follow-links.ts';
import { isUnreadable, type Reader } from '../machine/reader.ts';
import { ABSENT, type Owner, type Put } from '../model.ts';
import { type AbsPath, absolute, fromBytes, isWithin, parent, ROOT, toBytes } from '../path.ts';
import { placeOnDevice } from './disk/mounts.ts';

/** A place of the machine that an apply changes, with the words that the spec has for it. */
export interface Concerned {
  readonly what: string;
  readonly path: AbsPath;
  /** The place in the spec, as a JSON pointer. Absent for a place of reflake's own. */
  readonly pointer?: string;
}

/**
 * Checks each of `places` and says the first that holds the state directory, lies in it, or holds `aside`, the
 * directory to which we move a tree that is in the way. `reader` looks at the places, which may belong to another
 * person; `state` is the caller's own.
 */
export function stateInTheWay(
  root: AbsPath,
  reader: Pick<Reader, 'stat'>,
  state: string,
  places: readonly Concerned[],
  aside: AbsPath,
): Diagnostic | undefined {
  const own = placeOnDevice(realOf(state));
  const top = realOf(root);
  for (const { what, path, pointer } of places) {
    const end = endOf(reader, path);
    if (end === undefined) continue;
    const place = placeOnDevice(absolute(`${top}${end}`));
    const said = { severity: 'error', code: 'RF3015', path, ...(pointer && { pointer }) } as const;
    const hint = 'name a directory elsewhere with --state, or another path in the spec';
    if (isWithin(own, place)) {
      const summary = `the state directory "${state}" lies in ${what} "${path}": its own journal would be changed with it`;
      return { ...said, summary, hint };
    }
    // A configuration below `aside` is allowed: a tree that was set aside may come back.
    if (isWithin(place, own) && (end === aside || !isWithin(end, aside)))
      return { ...said, summary: `${what} "${path}" lies in the state directory "${state}"`, hint };
    if (isWithin(aside, end)) {
      const summary = `${what} "${path}" holds "${aside}", where what is in the way is set aside`;
      return { ...said, summary, hint: 'choose another path' };
    }
  }
  return undefined;
}

/**
 * The directories below the machine's root that the first write to the state will make. A plan takes them as made,
 * because `apply` makes them before it plans: so `plan` and `apply` see one machine, and their plans have one id.
 */
export function stateDirsToCome(
  root: AbsPath,
  state: string,
  reader: Pick<Reader, 'stat'>,
  owner: Owner,
): readonly Put[] {
  const top = root === ROOT ? '' : root;
  const place = absolute(state);
  if (!isWithin(place, root)) return [];
  const missing: Put[] = [];
  const mode = owner.uid === 0 ? 0o755 : 0o700;
  for (let at = absolute(place.slice(top.length) || '/'); at !== ROOT && isMissing(at, reader); at = parent(at))
    missing.unshift({ op: 'put', path: at, before: ABSENT, after: { type: 'dir', mode, owner } });
  return missing;
}

/** False if we may not look: then opening the store says why it cannot be used. */
function isMissing(path: AbsPath, reader: Pick<Reader, 'stat'>): boolean {
  try {
    return reader.stat(path).type === 'absent';
  } catch (thrown) {
    if (isUnreadable(thrown)) return false;
    throw thrown;
  }
}

/** The path at the end of the links; undefined if it can't be seen, which planning reports with its place. */
function endOf(reader: Pick<Reader, 'stat'>, path: AbsPath): AbsPath | undefined {
  try {
    return follow(reader, path).path;
  } catch (thrown) {
    if (isUnreadable(thrown)) return undefined;
    throw thrown;
  }
}

/** The path on this disk with all links resolved. Names that do not exist or cannot be seen stay as they are. */
function realOf(path: string): AbsPath {
  for (let at = path; ; at = dirname(at)) {
    try {
      return absolute(`${fromBytes(realpathSync(toBytes(at), 'buffer'))}/${path.slice(at.length)}`);
    } catch {
      if (at === dirname(at)) return absolute(path);
    }
  }
}
