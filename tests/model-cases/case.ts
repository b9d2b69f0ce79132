// Runs of the model as data: a machine, one or two applies with their faults, what somebody else does meanwhile. Reads
// and writes the case files beside it, and builds honest transactions out of wishes. Knows nothing of how they end.

import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { digestOf } from '../../core/canonical.ts';
import type { Blobs } from '../../core/machine/host.ts';
import type { Reader } from '../../core/machine/reader.ts';
import { ABSENT, type Edit, type Entry, type Owner, type Put, type Puttable } from '../../core/model.ts';
import { type AbsPath, absolute, basename, byteOrder, isWithin, join, parent, ROOT, rebase } from '../../core/path.ts';
import type { Paths } from '../support/memory-host.ts';
import type { Literal } from '../support/trees.ts';

export interface Case {
  /** The subject, for people. */
  readonly why?: string;
  readonly machine: Literal;
  readonly first: Apply;
  readonly second?: Apply;
  /** The recovery between them dies before this step of its own, and is then run again. */
  readonly recoveryDies?: number;
  /** At this step of the first, the second asks for the lock. */
  readonly asksForLock?: number;
  readonly actor?: readonly Act[];
}

export interface Apply {
  readonly wishes: readonly Wish[];
  /** Also where a path comes twice. */
  readonly inOneBatch?: boolean;
  readonly fault?: { readonly at: At; readonly how: 'before' | 'after' | 'death' };
}

/** A step by its number, or the first of that name: `publish /a`. */
export type At = number | string;

/** Granted where the machine lets it; parents that are missing are made. `remove` takes whole trees. */
export type Wish =
  | { readonly op: 'file'; readonly path: string; readonly body: string; readonly mode: number; readonly owner: Who }
  | { readonly op: 'dir'; readonly path: string; readonly mode: number; readonly owner: Who }
  | { readonly op: 'metadata'; readonly path: string; readonly mode: number; readonly owner: Who }
  | { readonly op: 'link'; readonly path: string; readonly target: string; readonly owner: Who }
  | { readonly op: 'remove'; readonly path: string }
  | { readonly op: 'move'; readonly from: string; readonly to: string };

type Who = readonly [number, number];

/** An act of another user before a step of the first apply, or `between` the two. */
export interface Act {
  readonly when: At;
  readonly act: 'replace' | 'edit' | 'delete' | 'chmod' | 'file' | 'tree';
  readonly path: string;
}

const HERE = new URL('./', import.meta.url);

export const savedCases = (): readonly (readonly [name: string, one: Case])[] =>
  readdirSync(HERE)
    .filter((name) => name.endsWith('.json'))
    .sort()
    .map((name) => [name.slice(0, -'.json'.length), JSON.parse(readFileSync(new URL(name, HERE), 'utf8')) as Case]);

/** Writes a counterexample beside the others, so that it is tried from now on. Returns its name. */
export function save(one: Case, why: string): string {
  const name = `found-${digestOf(JSON.stringify(one)).slice(7, 15)}`;
  writeFileSync(new URL(`${name}.json`, HERE), `${JSON.stringify({ why, ...one }, null, 2)}\n`);
  return name;
}

/** The machine as a process sees it, in the shape of one in memory. */
export function worldOf(reader: Reader): Paths {
  const world: Paths = new Map();
  const visit = (dir: AbsPath): void => {
    for (const name of reader.list(dir)) {
      const path = join(dir, `./${name}`);
      const entry = reader.stat(path);
      const bytes = entry.type === 'file' ? reader.read(path) : undefined;
      world.set(path, bytes === undefined ? { entry } : { entry, bytes });
      if (entry.type === 'dir') visit(path);
    }
  };
  visit(ROOT);
  return world;
}

export interface Built {
  readonly batches: readonly (readonly Edit[])[];
  readonly blobs: Blobs;
  /** The world when all is done. */
  readonly after: Paths;
}

/**
 * Edits whose `before`s hold, each where the ones before it have led. A path that comes again begins a new batch, but for what
 * a move has put there.
 */
export function build(world: Paths, { wishes, inOneBatch = false }: Apply): Built {
  const after: Paths = new Map(world);
  const blobs: Record<string, Uint8Array> = {};
  const batches: Edit[][] = [[]];
  const named = { now: new Set<string>(), movedTo: new Set<string>() };

  const add = (edit: Edit): void => {
    const paths = edit.op === 'put' ? [edit.path] : edit.op === 'move' ? [edit.from, edit.to] : [];
    const isAgain = (path: AbsPath): boolean => {
      if (named.now.has(path)) return true;
      if (edit.op === 'move') return [...named.movedTo].some((other) => overlap(other, path));
      return edit.op === 'put' && edit.after.type === 'absent' && named.movedTo.has(path);
    };
    if (!inOneBatch && paths.some(isAgain)) {
      batches.push([]);
      named.now.clear();
      named.movedTo.clear();
    }
    batches.at(-1)!.push(edit);
    if (edit.op === 'move') {
      // The tree that has moved may be given another owner at its new place, in the same batch.
      named.now.add(edit.from);
      named.movedTo.add(edit.to).add(edit.from);
    } else for (const path of paths) named.now.add(path);
  };
  const put = (path: AbsPath, next: Puttable, bytes?: Uint8Array): void => {
    const there = after.get(path);
    const now = there === undefined ? ABSENT : (there.entry as Puttable);
    const keeps = next.type === 'file' && bytes === undefined;
    const before = now.type === 'file' && !keeps ? { ...now, content: digestOf(there!.bytes!) } : now;
    const full = next.type === 'file' && bytes !== undefined ? { ...next, content: digestOf(bytes) } : next;
    if (bytes !== undefined) blobs[digestOf(bytes)] = bytes;
    add({ op: 'put', path, before, after: full } satisfies Put);
    const kept = bytes ?? there?.bytes;
    if (next.type === 'absent') after.delete(path);
    else after.set(path, next.type === 'file' ? { entry: next, bytes: kept! } : { entry: next });
  };
  /** False where something that is no directory is in the way. */
  const madeParents = (path: AbsPath): boolean => {
    const above = parent(path);
    if (above === ROOT) return true;
    const type = after.get(above)?.entry.type;
    if (type === 'dir') return true;
    if (type !== undefined || !madeParents(above)) return false;
    put(above, { type: 'dir', mode: 0o755, owner: { uid: 0, gid: 0 } });
    return true;
  };
  for (const wish of wishes) grant(wish, after, put, madeParents, add);
  return { batches: batches.filter((batch) => batch.length > 0), blobs: blobs as Blobs, after };
}

function grant(
  wish: Wish,
  after: Paths,
  put: (path: AbsPath, next: Puttable, bytes?: Uint8Array) => void,
  madeParents: (path: AbsPath) => boolean,
  add: (edit: Edit) => void,
): void {
  if (wish.op === 'move') {
    const [from, to] = [absolute(wish.from), absolute(wish.to)];
    const inTheWay = [...after.keys()].some((path) => path === to);
    if (!after.has(from) || inTheWay || overlap(from, to) || !madeParents(to)) return;
    add({ op: 'move', from, to });
    for (const [path, what] of [...after]) {
      const moved = rebase(path, from, to);
      if (moved === undefined) continue;
      after.delete(path);
      after.set(moved, what);
    }
    return;
  }
  const path = absolute(wish.path);
  const type = after.get(path)?.entry.type ?? 'absent';
  if (wish.op === 'remove') {
    const tree = [...after.keys()].filter((one) => isWithin(one, path)).sort(byteOrder);
    for (const one of tree.reverse()) put(one, ABSENT);
    return;
  }
  const owner: Owner = { uid: wish.owner[0], gid: wish.owner[1] };
  if (wish.op === 'metadata') {
    const entry = after.get(path)?.entry as Exclude<Entry, { type: 'absent' | 'other' }> | undefined;
    if (entry !== undefined)
      put(path, entry.type === 'link' ? { ...entry, owner } : { ...entry, mode: wish.mode, owner });
    return;
  }
  if (wish.op === 'dir') {
    if ((type === 'absent' && madeParents(path)) || type === 'dir') put(path, { type: 'dir', mode: wish.mode, owner });
    return;
  }
  if (type === 'dir' || !madeParents(path)) return;
  if (wish.op === 'link') put(path, { type: 'link', target: wish.target, owner });
  else put(path, { type: 'file', mode: wish.mode, owner }, Buffer.from(wish.body));
}

const overlap = (a: string, b: string): boolean =>
  isWithin(a as AbsPath, b as AbsPath) || isWithin(b as AbsPath, a as AbsPath);

/** Every place that what is done at `paths` may show at, as the moves carry it there or back. */
export function carried(paths: readonly string[], edits: readonly Edit[]): readonly AbsPath[] {
  const moves = edits.flatMap((edit) => (edit.op === 'move' ? [[edit.from, edit.to] as const] : []));
  const back = moves.map(([from, to]) => [to, from] as const).reverse();
  const found = new Set(paths as readonly AbsPath[]);
  for (const [one, other] of [...moves, ...back])
    for (const path of [...found]) {
      const moved = rebase(path, one, other);
      if (moved !== undefined) found.add(moved);
      else if (isWithin(one, path)) found.add(other);
    }
  return [...found];
}

/** `/d/x` of `/d/x.reflake-conflict-cafe/y`: what had that name before it was kept beside. */
export const isKeptBeside = (path: string): boolean =>
  path.split('/').some((part) => basename(absolute(`/${part}`)).includes('.reflake-conflict'));
