// Inode numbers and times as they were before a power cut, for files that had to be made anew: a real cut leaves them,
// and no file system lets them be chosen. Shown to whoever looks through node:fs in this process; or, required before a
// program (node --require), in that one.

import type { Stats } from 'node:fs';

export interface Seen {
  readonly ino: number;
  readonly mtimeMs?: number;
  readonly ctimeMs?: number;
}

/** By `device:inode` as they are now. */
export type Pretence = ReadonlyMap<string, Seen>;

/** The file of a pretence, as the entries of the map. */
const FILE = 'REFLAKE_TEST_INODES';

let known: Pretence = new Map();
let isPatched = false;

/** Replaces what was pretended before; an empty map ends it. */
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
