// Shows files that were made anew with their inode numbers and times from before a power cut: a real cut keeps them,
// but no file system lets us choose them. Patches node:fs in this process or, with node --require, in a program.

import type { Stats } from 'node:fs';

export interface Seen {
  readonly ino: number;
  readonly mtimeMs?: number;
  readonly ctimeMs?: number;
}

/** By the present `device:inode`. */
export type Pretence = ReadonlyMap<string, Seen>;

/** The variable that names a file with the entries of the map. */
const FILE = 'REFLAKE_TEST_INODES';

let known: Pretence = new Map();
let isPatched = false;

/** Replaces the present pretence; an empty map ends it. */
export function pretend(pretence: Pretence): void {
  known = pretence;
  if (isPatched) return;
  isPatched = true;
  const fs = process.getBuiltinModule('node:fs');
  for (const name of ['statSync', 'lstatSync', 'fstatSync'] as const) {
    const real = fs[name] as (...args: readonly unknown[]) => Stats | undefined;
    const asBefore = (...args: readonly unknown[]): Stats | undefined => {
      const stat = real(...args);
      const seen = stat && known.get(`${stat.dev}:${stat.ino}`);
      return seen === undefined ? stat : Object.assign(stat!, seen);
    };
    Object.assign(fs, { [name]: asBefore });
  }
}

const file = process.env[FILE];
if (file !== undefined) {
  const text = process.getBuiltinModule('node:fs').readFileSync(file, 'utf8');
  pretend(new Map(JSON.parse(text) as (readonly [string, Seen])[]));
}
