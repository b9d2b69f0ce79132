// What a rollback takes from an owner into a place of root's, where all counts as root's own afterwards: what it says of that, and
// what it refuses to take.

import type { Diagnostic } from '../diagnostic.ts';
import { notOwned } from '../machine/owned.ts';
import type { Reader } from '../machine/reader.ts';
import { type Edit, kindOf, type Move } from '../model.ts';
import { type AbsPath, quoted, rebase, relativeTo } from '../path.ts';

/**
 * What a rollback brings to root unseen: files that become root's with bytes that nobody has compared, and what else lies in the
 * tree and stays somebody's. `reader`: looks with root's rights, and follows no link of theirs.
 */
export function comesBack(edits: readonly Edit[], reader: Reader): readonly Diagnostic[] {
  return [...withTheirBytes(edits), ...staysTheirs(edits, reader)];
}

function withTheirBytes(edits: readonly Edit[]): readonly Diagnostic[] {
  const { length } = edits.filter(
    (edit) =>
      edit.op === 'put' &&
      kindOf(edit) === 'metadata' &&
      edit.before.type === 'file' &&
      edit.after.type === 'file' &&
      edit.before.owner.uid !== 0 &&
      edit.after.owner.uid === 0,
  );
  if (length === 0) return [];
  const what =
    length === 1 ? '1 file comes back to root with what its' : `${length} files come back to root with what their`;
  return [
    {
      severity: 'warning',
      code: 'RF3023',
      summary: `${what} owner wrote since`,
      hint: 'compare before root builds a system from it',
    },
  ];
}

/** In a tree that comes to a place of root's: what no edit names, and is not root's. */
function staysTheirs(edits: readonly Edit[], reader: Reader): readonly Diagnostic[] {
  const named = new Set(edits.flatMap((edit) => (edit.op === 'put' ? [edit.path] : [])));
  return edits
    .filter((edit): edit is Move => edit.op === 'move')
    .flatMap(({ from, to }) => {
      const top = reader.stat(from);
      if (top.type !== 'dir' || top.owner.uid === 0) return [];
      const all = notOwned(from, ROOT_OWNER, { ...reader, isOwned: () => false });
      // Edits name a path where it is before the move, or after it.
      const isNamed = (path: AbsPath): boolean => named.has(path) || named.has(rebase(path, from, to) ?? path);
      const theirs = all.filter(({ path, entry }) => !isNamed(path) && entry.owner.uid !== 0).map(({ path }) => path);
      if (theirs.length === 0) return [];
      const some = theirs.slice(0, NAMED).map((path) => relativeTo(path, from));
      const more = theirs.length > NAMED ? ` and ${theirs.length - NAMED} more` : '';
      return [
        {
          severity: 'warning',
          code: 'RF3023',
          summary: `added since, and still its owner's in "${to}": ${some.join(', ')}${more}`,
          hint: `remove it, or take it: sudo chown -R root:root -- ${quoted(to)}`,
        } as const,
      ];
    });
}

const ROOT_OWNER = { uid: 0, gid: 0 };

/** Nobody reads more at once. */
const NAMED = 10;

/**
 * Something that the owner of a tree could not read, but has moved into it: taken along to a place of root's, the next apply
 * would give it to them as a part of the configuration. `reader`: looks with root's rights, and follows no link of theirs.
 */
export function foreignIn(edits: readonly Edit[], reader: Reader): Diagnostic | undefined {
  for (const { from } of edits.filter((edit): edit is Move => edit.op === 'move')) {
    const top = reader.stat(from);
    if (top.type !== 'dir' || top.owner.uid === 0) continue;
    const found = notOwned(from, top.owner, { ...reader, isOwned: () => false }).find(
      ({ withheld }) => withheld === 'closed',
    );
    if (found === undefined) continue;
    return {
      severity: 'error',
      code: 'RF2041',
      summary: `"${found.path}" is closed to the owner of "${from}", in whose tree it lies: it would count as the configuration's`,
      hint: `move it elsewhere, or look at it and run: sudo chown -h ${top.owner.uid}:${top.owner.gid} -- ${quoted(found.path)}`,
      path: found.path,
    };
  }
  return undefined;
}
