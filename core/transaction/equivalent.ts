// Decides whether contents mean the same though their bytes differ: git rewrites its index whenever it looks at the
// work tree.

import { type GitIndex, readIndex } from '../formats/git/index.ts';
import type { AbsPath } from '../path.ts';

/** True if two contents of a path mean the same. If they can't be parsed, their bytes must be equal. */
export function sameMeaning(path: AbsPath, a: Uint8Array, b: Uint8Array): boolean {
  if (Buffer.compare(a, b) === 0) return true;
  if (!path.endsWith('/index')) return false;
  const [left, right] = [a, b].map((bytes) => readIndex(bytes));
  return left?.ok === true && right?.ok === true && meaningOf(left.index) === meaningOf(right.index);
}

/** The entries that are tracked, and how; without the file times and sizes that git caches. */
const meaningOf = ({ entries }: GitIndex): string =>
  JSON.stringify(
    entries.map(({ path, mode, id, stage, assumeValid, skipWorktree, intentToAdd }) => [
      path.toString('latin1'),
      mode,
      id.toString('hex'),
      stage,
      assumeValid,
      skipWorktree,
      intentToAdd,
    ]),
  );
