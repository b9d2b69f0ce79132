// A Reader that records its looks, for the read set of a plan, and answers a repeated look from memory.

import { digestOf } from '../canonical.ts';
import { isNarProblem } from '../formats/nar/nar.ts';
import { notOwned } from '../machine/owned.ts';
import type { Reader } from '../machine/reader.ts';
import type { Digest, Entry, Owner, Reading } from '../model.ts';
import { type AbsPath, byteOrder } from '../path.ts';

export interface Recording {
  readonly reader: Reader;
  /**
   * The readings so far, in byte order: contents read, directories listed, trees hashed or asked for their owner, absent paths.
   */
  readSet(): readonly Reading[];
}

export function recording(base: Reader): Recording {
  const contents = new Map<AbsPath, Uint8Array>();
  const names = new Map<AbsPath, readonly string[]>();
  /** The names as the text that is digested: one string takes less memory than a list. */
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
        if (known !== undefined || absent.has(path)) return known;
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
      // Only the names are kept: a tree is walked once, and to keep its entries would cost as much as another walk.
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
    // Digests are made only here: most plans are empty and need no read set.
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

/** The readings that no longer hold; `reader` is the machine itself, not an overlay. */
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
  // A directory or link has no content either: `nothing` means that there was no content.
  return reading.saw === 'nothing' ? bytes === undefined : bytes !== undefined && digestOf(bytes) === reading.digest;
}

/** A tree's hash, or the reason it has none (a plan may quote that and so relies on it); undefined if nothing is there. */
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

/** The text of names that is digested. */
const namesText = (names: readonly string[]): string => JSON.stringify(names);
