// From what providers want to what is written: one edit per path, in an order that always works.

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

/** Two edits of one path in a row, as one. What one of them did not look into, the other may have. */
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

/** Both ways, since an entry without content matches one with any. */
const isNothing = (before: Puttable, after: Puttable): boolean => matches(before, after) && matches(after, before);

/**
 * What is made or opened first, parents before children. Then what is given to somebody else, and last what goes away, both
 * children before parents: while a directory is not theirs yet, nobody can turn a name in it to something else.
 */
function inOrder(puts: readonly Put[]): readonly Put[] {
  const keyed = puts.map((put) => {
    const turn = turnOf(put);
    // Asked once for each, not once for each comparison.
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
