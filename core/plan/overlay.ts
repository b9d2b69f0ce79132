// A Reader that shows a machine as it will be after planned edits, without touching it.
// The planner folds providers over it; the precondition checks lead a whole transaction through it.

import { below } from '../machine/follow-links.ts';
import type { Blobs } from '../machine/host.ts';
import type { Reader } from '../machine/reader.ts';
import { hashThrough } from '../machine/tree-hash.ts';
import { ABSENT, type Entry, type Move, type Put } from '../model.ts';
import { type AbsPath, basename, inByteOrder, isWithin, parent, rebase } from '../path.ts';

export interface Overlay extends Reader {
  apply(edit: Put | Move, blobs: Blobs): void;
}

/** `bytes` undefined: the put left them alone, so they come from the layers below. */
interface Shown {
  readonly entry: Entry;
  readonly bytes: Uint8Array | undefined;
}

/** Puts between two moves, by path; and their names by parent, for listings. */
interface PutLayer {
  readonly kind: 'puts';
  readonly puts: Map<AbsPath, Shown>;
  readonly children: Map<AbsPath, Set<string>>;
}
type Layer = PutLayer | { readonly kind: 'move'; readonly move: Move };

/** The end of a look: a put of a layer, a path of the base, or nothing because the path was moved away. */
type Found =
  | { readonly in: 'layer'; readonly shown: Shown; readonly path: AbsPath; readonly depth: number }
  | { readonly in: 'base'; readonly path: AbsPath }
  | { readonly in: 'nothing' };

/** Two looks for `inside`: at a whole directory of the base, and at one path under the layers up to `top`. */
interface Inside<T> {
  readonly below: (path: AbsPath) => Map<string, T>;
  readonly at: (path: AbsPath, top: number) => T;
}

export function overlay(base: Reader): Overlay {
  const layers: Layer[] = [];

  const find = (path: AbsPath, top: number): Found => {
    let at = path;
    for (let depth = top; depth >= 0; depth--) {
      const layer = layers[depth]!;
      if (layer.kind === 'puts') {
        const shown = layer.puts.get(at);
        if (shown !== undefined) return { in: 'layer', shown, path: at, depth };
      } else {
        const origin = rebase(at, layer.move.to, layer.move.from);
        if (origin === undefined && isWithin(at, layer.move.from)) return { in: 'nothing' };
        at = origin ?? at;
      }
    }
    return { in: 'base', path: at };
  };

  const statAt = (path: AbsPath, top: number): Entry => {
    const found = find(path, top);
    if (found.in === 'nothing') return ABSENT;
    return found.in === 'base' ? base.stat(found.path) : found.shown.entry;
  };

  /** The entries of a directory, by name: `below` gives those of a directory of the base, `at` the one at a path. */
  const inside = <T>(path: AbsPath, top: number, { below: under, at }: Inside<T>): Map<string, T> => {
    const layer = layers[top];
    if (layer === undefined) return under(path);
    if (layer.kind === 'move') {
      const { from, to } = layer.move;
      const origin = rebase(path, to, from);
      if (origin !== undefined) return inside(origin, top - 1, { below: under, at });
      if (isWithin(path, from)) return new Map();
      const found = inside(path, top - 1, { below: under, at });
      if (parent(from) === path) found.delete(basename(from));
      if (parent(to) === path) found.set(basename(to), at(to, top));
      return found;
    }
    const found = inside(path, top - 1, { below: under, at });
    for (const name of layer.children.get(path) ?? []) {
      const child = below(path, name);
      if (layer.puts.get(child)?.entry.type === 'absent') found.delete(name);
      else found.set(name, at(child, top));
    }
    return found;
  };

  const names: Inside<true> = {
    below: (path) => new Map(base.list(path).map((name) => [name, true])),
    at: () => true,
  };
  const entries: Inside<Entry> = {
    below: (path) => new Map(base.entries(path).map(({ name, entry }) => [name, entry])),
    at: statAt,
  };

  /** The path at which the base has the same whole tree as is shown at `path`; undefined if an edit changed the tree. */
  const untouched = (path: AbsPath): AbsPath | undefined => {
    let at = path;
    for (const layer of layers.toReversed()) {
      if (layer.kind === 'puts') {
        for (const put of layer.puts.keys()) if (isWithin(put, at)) return undefined;
        continue;
      }
      const { from, to } = layer.move;
      const origin = rebase(at, to, from);
      // A move went out of the tree or into it, or took the tree itself away.
      if (origin === undefined && (isWithin(to, at) || isWithin(from, at) || isWithin(at, from))) return undefined;
      at = origin ?? at;
    }
    return at;
  };

  const topPuts = (): PutLayer => {
    const top = layers.at(-1);
    if (top?.kind === 'puts') return top;
    const fresh: PutLayer = { kind: 'puts', puts: new Map(), children: new Map() };
    layers.push(fresh);
    return fresh;
  };

  const shown: Overlay = {
    facts: base.facts,
    stat: (path) => (layers.length === 0 ? base.stat(path) : statAt(path, layers.length - 1)),
    read(path, most) {
      let found = find(path, layers.length - 1);
      while (found.in === 'layer' && found.shown.entry.type === 'file' && found.shown.bytes === undefined)
        found = find(found.path, found.depth - 1);
      if (found.in === 'nothing') return undefined;
      return found.in === 'base' ? base.read(found.path, most) : found.shown.bytes;
    },
    list: (path) =>
      layers.length === 0 ? base.list(path) : inByteOrder([...inside(path, layers.length - 1, names).keys()]),
    entries(path) {
      if (layers.length === 0) return base.entries(path);
      const found = inside(path, layers.length - 1, entries);
      return inByteOrder([...found.keys()]).map((name) => ({ name, entry: found.get(name)! }));
    },
    isOwned(path, owner) {
      const below = untouched(path);
      return below !== undefined && base.isOwned(below, owner);
    },
    writtenAt(path) {
      const found = find(path, layers.length - 1);
      return found.in === 'base' ? base.writtenAt(found.path) : undefined;
    },
    stamp(path) {
      const found = find(path, layers.length - 1);
      return found.in === 'base' ? base.stamp(found.path) : undefined;
    },
    treeHash(path) {
      const below = untouched(path);
      return below === undefined ? hashThrough(shown, path) : base.treeHash(below);
    },
    compute: (job) => base.compute({ ...job, from: job.from.map(shown.origin) }),
    mounts(path) {
      const origin = shown.origin(path);
      return base.mounts(origin).map((at) => rebase(at, origin, path)!);
    },
    hindrance: (path, changed) => base.hindrance(shown.origin(path), changed),
    // The later place of the path, not the one that it comes from.
    room: base.room,
    origin(path) {
      const found = find(path, layers.length - 1);
      if (found.in === 'base') return found.path;
      if (found.in === 'nothing') return path;
      // A put changes a path in place; the layers below tell where that path came from.
      let at: Found = found;
      while (at.in === 'layer') at = find(at.path, at.depth - 1);
      return at.in === 'base' ? at.path : path;
    },
    planned: (path) =>
      base.planned(path) ||
      layers.some((layer) =>
        layer.kind === 'move'
          ? [layer.move.from, layer.move.to].some((end) => isWithin(end, path) || isWithin(path, end))
          : [...layer.puts.keys()].some((put) => isWithin(put, path)),
      ),
    apply(edit, blobs) {
      if (edit.op === 'move') {
        layers.push({ kind: 'move', move: edit });
        return;
      }
      const { path, after } = edit;
      const { puts, children } = topPuts();
      const bytes = after.type !== 'file' ? undefined : after.content ? blobs[after.content] : puts.get(path)?.bytes;
      puts.set(path, { entry: withoutContent(after), bytes });
      children.set(parent(path), (children.get(parent(path)) ?? new Set()).add(basename(path)));
    },
  };
  return shown;
}

/** Readers show entries without content: `stat` does not read. */
function withoutContent(entry: Entry): Entry {
  if (entry.type !== 'file') return entry;
  const { content: _content, ...bare } = entry;
  return bare;
}
