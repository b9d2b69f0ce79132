// Finds what earlier transactions have kept beside of other people's work: a file with a conflict name where the history says that
// something was edited. Of an apply that was undone only the history of others tells where.

import { below } from '../machine/follow-links.ts';
import { type Reader, unlessUnreadable } from '../machine/reader.ts';
import type { Edit } from '../model.ts';
import { type AbsPath, parent } from '../path.ts';
import type { RecordedApply } from './history.ts';

/** Those that are still there, each once. A directory that can't be looked at has none. */
export function keptBeside(applies: readonly RecordedApply[], reader: Pick<Reader, 'list'>): readonly AbsPath[] {
  const dirs = new Set(applies.flatMap(({ transaction }) => transaction.batches.flat().flatMap(dirsOf)));
  return [...dirs].flatMap((dir) =>
    (unlessUnreadable(() => reader.list(dir)) ?? [])
      .filter((name) => CONFLICT.test(name))
      .map((name) => below(dir, name)),
  );
}

const dirsOf = (edit: Edit): readonly AbsPath[] => {
  if (edit.op === 'put') return [parent(edit.path)];
  return edit.op === 'move' ? [parent(edit.from), parent(edit.to)] : [];
};

/** core/host/work/taking.ts gives these names. */
const CONFLICT = /\.reflake-conflict-[0-9a-f]+(?:-\d+)?$/;
