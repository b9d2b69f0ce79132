// A Reader that remembers what was looked at: a plan has a read set, and no provider looks twice.

import { digestOf } from '../canonical.ts';
import { isNarProblem } from '../formats/nar/nar.ts';
import { notOwned } from '../machine/owned.ts';
import type { Reader } from '../machine/reader.ts';
import type { Digest, Entry, Owner, Reading } from '../model.ts';
import { type AbsPath, byteOrder } from '../path.ts';

export interface Recording {
  readonly reader: Reader;
  /**
   * What was seen so far, in byte order: contents read, directories listed, trees hashed or asked whose they are, paths that
   * were not there.
   */
  readSet(): readonly Reading[];
}

export function recording(base: Reader): Recording {
  const contents = new Map<AbsPath, Uint8Array>();
  const names = new Map<AbsPath, readonly string[]>();
  /** The names as a digest is made of them: one string takes less than a list of many. */
  const walked = new Map<AbsPath, string>();
  const entries = new Map<AbsPath, Entry>();
  const trees = new Map<AbsPath, Tree>();
  const owned = new Map<AbsPath, Owner>();
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
      read(path, most) {
        const known = contents.get(path);
        if (known !== undefined) return known;
        const bytes = base.read(path, most);
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
      // Of what is there only the names are kept: a tree is walked once, and to carry all of it along would cost as much.
      entries(path) {
        const found = base.entries(path);
        walked.set(path, namesText(found.map(({ name }) => name)));
        return found;
      },
      isOwned(path, owner) {
        const said = base.isOwned(path, owner);
        if (said) owned.set(path, owner);
        return said;
      },
      treeHash(path) {
        const tree = trees.get(path) ?? treeAt(path, base);
        trees.set(path, tree);
        if (tree === undefined) absent.add(path);
        else if (tree.problem !== undefined) throw tree.problem;
        return tree?.hash;
      },
    },
    // Digests are made only here: most plans are empty, and nobody asks.
    readSet: () =>
      [
        ...[...contents].map(([path, bytes]): Reading => ({ path, saw: 'content', digest: digestOf(bytes) })),
        ...[...names].map(([path, list]): Reading => ({ path, saw: 'names', digest: namesDigest(list) })),
        ...[...walked]
          .filter(([path]) => !names.has(path))
          .map(([path, list]): Reading => ({ path, saw: 'names', digest: digestOf(list) })),
        ...[...trees].flatMap(([path, tree]): Reading[] =>
          tree === undefined ? [] : [{ path, saw: 'tree', digest: treeDigest(tree) }],
        ),
        ...[...owned].map(([path, owner]): Reading => ({ path, saw: 'owned', owner })),
        ...[...absent].filter((path) => !contents.has(path)).map((path): Reading => ({ path, saw: 'nothing' })),
      ].sort((a, b) => byteOrder(a.path, b.path) || (a.saw < b.saw ? -1 : 1)),
  };
}

/** What does not hold any more of what was seen; the machine itself is asked, not an overlay. */
export function* changedSince(readSet: readonly Reading[], reader: Reader): Generator<Reading> {
  for (const reading of readSet) {
    if (!holds(reading, reader)) yield reading;
  }
}

function holds(reading: Reading, reader: Reader): boolean {
  const { path } = reading;
  if (reading.saw === 'names') return namesDigest(reader.list(path)) === reading.digest;
  if (reading.saw === 'owned') return notOwned(path, reading.owner, reader).length === 0;
  if (reading.saw === 'tree') {
    const tree = treeAt(path, reader);
    return tree !== undefined && treeDigest(tree) === reading.digest;
  }
  const bytes = reader.read(path);
  // Also a directory or link has no content to be read: what was seen is that there was none.
  return reading.saw === 'nothing' ? bytes === undefined : bytes !== undefined && digestOf(bytes) === reading.digest;
}

/** A tree's hash, or why it has none, which a plan may say and so relies on; undefined where nothing is. */
type Tree =
  | { readonly hash: string; readonly problem?: undefined }
  | { readonly hash?: undefined; readonly problem: Error }
  | undefined;

function treeAt(path: AbsPath, reader: Reader): Tree {
  try {
    const hash = reader.treeHash(path);
    return hash === undefined ? undefined : { hash };
  } catch (thrown) {
    if (!isNarProblem(thrown)) throw thrown;
    return { problem: thrown };
  }
}

/** The hash itself, in the spelling of a plan. */
const treeDigest = ({ hash, problem }: Exclude<Tree, undefined>): Digest =>
  problem === undefined
    ? `sha256:${Buffer.from(hash.slice('sha256-'.length), 'base64').toString('hex')}`
    : digestOf(problem.message);

const namesDigest = (names: readonly string[]): Digest => digestOf(namesText(names));

/** What a digest of names is of. */
const namesText = (names: readonly string[]): string => JSON.stringify(names);
