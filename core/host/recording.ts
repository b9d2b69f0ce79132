// A Reader that remembers what was looked at: a plan can say what it relies on, and no provider looks twice.

import { digestOf } from '../canonical.ts';
import type { Digest, Entry, Witness } from '../model.ts';
import { type AbsPath, byteOrder } from '../path.ts';
import type { Reader } from './host.ts';

export interface Recording {
  readonly reader: Reader;
  /** What was seen so far, in byte order: contents read, directories listed, paths that were not there. */
  witnesses(): readonly Witness[];
}

export function recording(base: Reader): Recording {
  const contents = new Map<AbsPath, Uint8Array>();
  const names = new Map<AbsPath, readonly string[]>();
  const walked = new Map<AbsPath, Digest>();
  const entries = new Map<AbsPath, Entry>();
  const absent = new Set<AbsPath>();
  return {
    reader: {
      ...base,
      stat(path) {
        const known = entries.get(path);
        if (known !== undefined) return known;
        const entry = base.stat(path);
        entries.set(path, entry);
        if (entry.type === 'absent') absent.add(path);
        return entry;
      },
      read(path) {
        const known = contents.get(path);
        if (known !== undefined) return known;
        const bytes = base.read(path);
        if (bytes === undefined) absent.add(path);
        else contents.set(path, bytes);
        return bytes;
      },
      list(path) {
        const known = names.get(path);
        if (known !== undefined) return known;
        const found = base.list(path);
        names.set(path, found);
        return found;
      },
      // Not kept but for a digest: a tree is walked once, and to carry all of it along would cost as much as the walk.
      entries(path) {
        const found = base.entries(path);
        walked.set(path, namesDigest(found.map(({ name }) => name)));
        return found;
      },
    },
    // Digests are made only here: most plans are empty, and nobody asks.
    witnesses: () =>
      [
        ...[...contents].map(([path, bytes]): Witness => ({ path, saw: 'content', digest: digestOf(bytes) })),
        ...[...names].map(([path, list]): Witness => ({ path, saw: 'names', digest: namesDigest(list) })),
        ...[...walked]
          .filter(([path]) => !names.has(path))
          .map(([path, digest]): Witness => ({ path, saw: 'names', digest })),
        ...[...absent].filter((path) => !contents.has(path)).map((path): Witness => ({ path, saw: 'nothing' })),
      ].sort((a, b) => byteOrder(a.path, b.path) || (a.saw < b.saw ? -1 : 1)),
  };
}

/** What does not hold any more of what was seen; the machine itself is asked, not an overlay. */
export function* changedSince(witnesses: readonly Witness[], reader: Reader): Generator<Witness> {
  for (const witness of witnesses) {
    if (!holds(witness, reader)) yield witness;
  }
}

function holds(witness: Witness, reader: Reader): boolean {
  const { path } = witness;
  if (witness.saw === 'names') return namesDigest(reader.list(path)) === witness.digest;
  const bytes = reader.read(path);
  // Also a directory or link has no content to be read: what was seen is that there was none.
  return witness.saw === 'nothing' ? bytes === undefined : bytes !== undefined && digestOf(bytes) === witness.digest;
}

const namesDigest = (names: readonly string[]): ReturnType<typeof digestOf> => digestOf(JSON.stringify(names));
