// Contents that differ in bytes and mean the same: git rewrites its index whenever it looks at the work tree.

import { type GitIndex, readIndex } from '../formats/git/index.ts';
import type { AbsPath } from '../path.ts';

/** Whether two contents of a path say the same. Bytes that are not understood must be equal. */
export function sameMeaning(path: AbsPath, a: Uint8Array, b: Uint8Array): boolean {
  if (Buffer.compare(a, b) === 0) return true;
  if (!path.endsWith('/index')) return false;
  const [left, right] = [a, b].map((bytes) => readIndex(bytes));
  return left?.ok === true && right?.ok === true && meaningOf(left.index) === meaningOf(right.index);
}

/** What is tracked and how; not what git remembers of file times and sizes. */
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
