// Merges the edits of the providers into one per path, in an order that always works.

import { type Edit, kindOf, type Move, matches, type Put, type Puttable, type Step, sameOwner } from '../model.ts';
import { type AbsPath, byteOrder, depth, isWithin } from '../path.ts';

/** All edits of a plan, merged by path and ordered: new parents of moves, moves, puts, activation. */
export function editsOf(steps: readonly Pick<Step, 'edits'>[]): readonly Edit[] {
  const puts = new Map<AbsPath, Put>();
  const moves: Move[] = [];
  const rest: Edit[] = [];
  for (const edit of steps.flatMap((step) => step.edits)) {
    if (edit.op === 'move') moves.push(edit);
    else if (edit.op === 'activate') rest.push(edit);
    else {
      const earlier = puts.get(edit.path);
      puts.set(edit.path, earlier === undefined ? edit : merge(earlier, edit));
    }
  }
  const isParentOfMove = ({ path }: Put): boolean => moves.some(({ to }) => to !== path && isWithin(to, path));
  const ordered = inOrder([...puts.values()].filter(({ before, after }) => !isNothing(before, after)));
  return [...ordered.filter(isParentOfMove), ...moves, ...ordered.filter((put) => !isParentOfMove(put)), ...rest];
}

/**
 * The edits of a plan as batches of a transaction. What is put at the place that a tree has left is a batch of its own: undo asks of
 * each move whether its old place is still free. An activation comes last.
 */
export function inBatches(edits: readonly Edit[]): readonly (readonly Edit[])[] {
  const left = edits.flatMap((edit) => (edit.op === 'move' ? [edit.from] : []));
  const isLeft = (edit: Edit): boolean => edit.op === 'put' && left.some((from) => isWithin(edit.path, from));
  if (!edits.some(isLeft)) return [edits];
  const isLater = (edit: Edit): boolean => isLeft(edit) || edit.op === 'activate';
  return [edits.filter((edit) => !isLater(edit)), edits.filter(isLater)];
}

/** Two successive edits of one path as one. A content that one of them left out comes from the other. */
function merge(first: Put, second: Put): Put {
  return {
    op: 'put',
    path: first.path,
    before: withContentOf(first.before, second.before),
    after: withContentOf(second.after, first.after),
  };
}

function withContentOf(entry: Puttable, other: Puttable): Puttable {
  if (entry.type !== 'file' || entry.content !== undefined) return entry;
  return other.type === 'file' && other.content !== undefined ? { ...entry, content: other.content } : entry;
}

/** True if nothing changes. Compared both ways, since an entry without content matches one with any. */
const isNothing = (before: Puttable, after: Puttable): boolean => matches(before, after) && matches(after, before);

/**
 * First puts that make or open a path, parents before children. Then those that give it to another owner, last removals, both
 * children before parents: while a directory is not the new owner's yet, they can't replace a name in it.
 */
function inOrder(puts: readonly Put[]): readonly Put[] {
  const keyed = puts.map((put) => {
    const turn = turnOf(put);
    // Computed once for each put, not in each comparison.
    return { put, turn, level: turn === 0 ? depth(put.path) : -depth(put.path) };
  });
  keyed.sort((a, b) => a.turn - b.turn || a.level - b.level || byteOrder(a.put.path, b.put.path));
  return keyed.map(({ put }) => put);
}

function turnOf(put: Put): 0 | 1 | 2 {
  const { before, after } = put;
  if (after.type === 'absent') return 2;
  return kindOf(put) === 'metadata' && 'owner' in before && !sameOwner(before.owner, after.owner) ? 1 : 0;
}
