// Walks a tree as a Reader shows it, directory by directory. Of a large one somebody else may walk the second half meanwhile.

import type { Named, Reader, Visit } from './host/host.ts';
import { below } from './links.ts';
import type { Entry } from './model.ts';
import type { AbsPath } from './path.ts';

/** Begins to walk these directories elsewhere. Gives what came of it, by and by packed; undefined: it came to nothing. */
export type Help = (dirs: readonly AbsPath[]) => () => readonly Packed[] | undefined;

/** Visits `top` and every directory below it, parents first, in the order of their names. Throws what `entries` throws. */
export function walkThrough(entries: Reader['entries'], top: AbsPath, visit: Visit, help?: Help): void {
  const pending = [top];
  let seen = 0;
  let theirs: readonly AbsPath[] = [];
  let helped: ReturnType<Help> | undefined;
  for (let dir = pending.pop(); dir !== undefined; dir = pending.pop()) {
    const found = entries(dir);
    visit(dir, found);
    seen += found.length;
    for (const { name, entry } of found.toReversed()) if (entry.type === 'dir') pending.push(below(dir, name));
    if (helped !== undefined || help === undefined || seen < MANY || pending.length < 2) continue;
    // What would come last.
    theirs = pending.splice(0, pending.length >> 1).reverse();
    helped = help(theirs);
  }
  const walked = helped?.();
  if (walked === undefined) for (const dir of theirs) walkThrough(entries, dir, visit);
  else for (const one of walked) visit(one.dir, unpack(one));
}

/** Entries after which help is worth its start: some tens of milliseconds of both. */
const MANY = 10_000;

/** What is in a directory, to be handed from thread to thread: hardly more than its names. */
export interface Packed {
  readonly dir: AbsPath;
  /** Joined by `/`, which no name has. */
  readonly names: string;
  /** Of how many names in a row what is true. */
  readonly runs: readonly (readonly [count: number, entry: Entry])[];
}

export function pack(dir: AbsPath, found: readonly Named[]): Packed {
  const runs: [number, Entry][] = [];
  for (const { entry } of found) {
    const last = runs.at(-1);
    // What is alike in a row is the same object already.
    if (last?.[1] === entry) last[0]++;
    else runs.push([1, entry]);
  }
  return { dir, names: found.map(({ name }) => name).join('/'), runs };
}

export function unpack({ names, runs }: Packed): readonly Named[] {
  const list = names.split('/');
  let at = 0;
  return runs.flatMap(([count, entry]) => {
    const alike = list.slice(at, at + count);
    at += count;
    return alike.map((name): Named => ({ name, entry }));
  });
}
