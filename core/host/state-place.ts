// Whether reflake's own state would be carried along by what it does: the journal of a move must not lie in what is moved.
// Asked before anything is locked or written. Links, bind mounts and --root are seen through: what counts is the directory.

import { realpathSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Diagnostic } from '../diagnostic.ts';
import { follow } from '../links.ts';
import { type AbsPath, fromBytes, isWithin, ROOT, toBytes } from '../path.ts';
import { isUnreadable, type Reader } from './host.ts';

/** A place of the machine that an apply is about, and what the spec calls it. */
export interface Concerned {
  readonly what: string;
  readonly path: AbsPath;
  /** Where in the spec it stands; none for a place of reflake's own. */
  readonly pointer?: string;
}

/**
 * The first of `places` that holds the state directory or lies in it; or that holds `aside`, where a tree is put that is
 * in the way.
 */
export function stateInTheWay(
  root: AbsPath,
  reader: Pick<Reader, 'stat'>,
  state: string,
  places: readonly Concerned[],
  aside: AbsPath,
): Diagnostic | undefined {
  const own = directoryAt(state);
  for (const { what, path, pointer } of places) {
    const end = endOf(reader, path);
    if (end === undefined) continue;
    const place = directoryAt(root === ROOT ? end : `${root}${end}`);
    const said = { severity: 'error', code: 'RF3015', path, ...(pointer && { pointer }) } as const;
    const hint = 'name a directory elsewhere with --state, or another path in the spec';
    if (holds(place, own))
      return {
        ...said,
        summary: `the state directory "${state}" lies in ${what} "${path}": its own journal would be changed with it`,
        hint,
      };
    // What was set aside may come back.
    if (holds(own, place) && (end === aside || !isWithin(end, aside)))
      return { ...said, summary: `${what} "${path}" lies in the state directory "${state}"`, hint };
    if (isWithin(aside, end))
      return {
        ...said,
        summary: `${what} "${path}" holds "${aside}", where what is in the way is set aside`,
        hint: 'choose another path',
      };
  }
  return undefined;
}

/** Where the path leads; undefined where that can't be seen: planning says so, with its place. */
function endOf(reader: Pick<Reader, 'stat'>, path: AbsPath): AbsPath | undefined {
  try {
    return follow(reader, path).path;
  } catch (thrown) {
    if (isUnreadable(thrown)) return undefined;
    throw thrown;
  }
}

/** A directory of this disk that need not be there: the nearest one that is, with all above it, and the names that are missing. */
interface Directory {
  /** Devices and inodes, its own first. */
  readonly chain: readonly string[];
  /** The names below `chain[0]` that are not there yet. */
  readonly missing: readonly string[];
}

function directoryAt(path: string): Directory {
  const missing: string[] = [];
  let at = path;
  let real = realOf(at);
  while (real === undefined && at !== dirname(at)) {
    missing.unshift(at.slice(at.lastIndexOf('/') + 1));
    at = dirname(at);
    real = realOf(at);
  }
  const chain: string[] = [];
  for (let dir = real ?? '/'; ; dir = dirname(dir)) {
    const stat = statSync(toBytes(dir), { throwIfNoEntry: false });
    if (stat !== undefined) chain.push(`${stat.dev}:${stat.ino}`);
    if (dir === dirname(dir)) break;
  }
  return { chain, missing };
}

/** Undefined where it is not there; or not to be seen by whoever asks, who then can't write there either. */
function realOf(path: string): string | undefined {
  try {
    return fromBytes(realpathSync(toBytes(path), 'buffer'));
  } catch {
    return undefined;
  }
}

/** Whether `inner` is `outer` or below it. */
function holds(outer: Directory, inner: Directory): boolean {
  if (outer.missing.length === 0) return inner.chain.includes(outer.chain[0]!);
  return outer.chain[0] === inner.chain[0] && outer.missing.every((name, at) => inner.missing[at] === name);
}
