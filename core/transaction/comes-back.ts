// Trees that leave an owner's hands for a place of root's, where everything counts as root's own. Decides which of
// their entries are taken along, which are refused, and what is reported.

import type { Diagnostic } from '../diagnostic.ts';
import { isNarProblem } from '../formats/nar/nar.ts';
import { MOST } from '../limits.ts';
import { below } from '../machine/follow-links.ts';
import { notOwned } from '../machine/owned.ts';
import { isUnreadable, type Reader, tooDeep } from '../machine/reader.ts';
import { hashThrough } from '../machine/tree-hash.ts';
import { type Edit, type Entry, kindOf, type Move, type Owner, type Put } from '../model.ts';
import { type AbsPath, depth, quoted, rebase } from '../path.ts';

const ROOT_OWNER: Owner = { uid: 0, gid: 0 };

/** A tree that somebody owns and that will become root's. `known`: its entries, by their paths at the new place. */
export interface Arrival extends Pick<Move, 'from' | 'to'> {
  readonly known: ReadonlyMap<AbsPath, Entry>;
}

/**
 * Mode bits that are removed from what becomes root's, so that others can neither write it nor run it as root: set-id
 * bits, and write for group and others.
 */
const FOR_OTHERS = 0o6022;

/** `reader` looks with root's rights, and follows no link of somebody else's. */
export function arrivalsIn(edits: readonly Edit[], reader: Reader): readonly Arrival[] {
  return movedTrees(edits, reader)
    .filter(({ from, to }) => becomesRoots(edits, [from, to]))
    .map(({ from, to }) => ({ from, to, known: entriesBelow(from, to, reader) }));
}

/** Trees that a move takes elsewhere and that belong to somebody other than root. */
const movedTrees = (edits: readonly Edit[], reader: Reader): readonly (Move & { readonly owner: Owner })[] =>
  edits.flatMap((edit) => {
    const top = edit.op === 'move' ? reader.stat(edit.from) : undefined;
    return edit.op === 'move' && top?.type === 'dir' && top.owner.uid !== 0 ? [{ ...edit, owner: top.owner }] : [];
  });

const becomesRoots = (edits: readonly Edit[], tops: readonly AbsPath[]): boolean =>
  edits.some(
    (edit) => edit.op === 'put' && tops.includes(edit.path) && edit.after.type === 'dir' && edit.after.owner.uid === 0,
  );

function entriesBelow(top: AbsPath, as: AbsPath, reader: Reader): Map<AbsPath, Entry> {
  const found = new Map<AbsPath, Entry>([[as, reader.stat(top)]]);
  const deepest = depth(top) + MOST.treeDepth;
  const visit = (dir: AbsPath, at: AbsPath): void => {
    if (depth(dir) > deepest) throw tooDeep(dir);
    for (const { name, entry } of reader.entries(dir)) {
      found.set(below(at, name), entry);
      if (entry.type === 'dir') visit(below(dir, name), below(at, name));
    }
  };
  visit(top, as);
  return found;
}

/**
 * Puts that give root what the owner added since, parents first: in a place of root's, the owner could otherwise change
 * it for ever. Entries that no edit can take are left out here; `strangersIn` finds them.
 */
export function takenAlong(edits: readonly Edit[], arrivals: readonly Arrival[]): readonly Put[] {
  return arrivals.flatMap(({ from, to, known }) => {
    const named = new Set(
      edits.flatMap((edit) => (edit.op === 'put' ? [rebase(edit.path, from, to) ?? edit.path] : [])),
    );
    return [...known].flatMap(([path, entry]): readonly Put[] => {
      if (named.has(path) || entry.type === 'absent' || entry.type === 'other' || entry.owner.uid === 0) return [];
      if (entry.type === 'file' && entry.hardLinked) return [];
      const after =
        entry.type === 'link'
          ? { ...entry, owner: ROOT_OWNER }
          : { ...entry, owner: ROOT_OWNER, mode: entry.mode & ~FOR_OTHERS };
      return [{ op: 'put', path, before: entry, after }];
    });
  });
}

/** After the last write: reports entries of such a tree that came after the first look, or that are not root's. */
export function strangersIn(
  arrivals: readonly Arrival[],
  reader: Reader,
  edits: readonly Edit[],
): readonly Diagnostic[] {
  const puts = new Map(edits.flatMap((edit) => (edit.op === 'put' ? [[edit.path, edit.after] as const] : [])));
  return arrivals.flatMap(({ from, to, known }) =>
    [...entriesBelow(to, to, reader)].flatMap(([path, entry]): readonly Diagnostic[] => {
      const after = puts.get(path) ?? puts.get(rebase(path, to, from) ?? path);
      const isExpected = known.has(path) || after !== undefined;
      // The rollback gives back to somebody what was theirs in root's place before the apply.
      const isAsPut =
        after !== undefined && 'owner' in after && 'owner' in entry && after.owner.uid === entry.owner.uid;
      const isRoots = entry.type === 'absent' || entry.owner.uid === 0 || isAsPut;
      if (isExpected && isRoots) return [];
      const why = isExpected
        ? "would still be its owner's in a place of root's"
        : 'came into the tree while it was taken';
      const hint = isExpected
        ? 'move it elsewhere (special files and hard links are not taken)'
        : 'run the command again';
      return [{ severity: 'error', code: 'RF2041', summary: `"${path}" ${why}`, hint, path }];
    }),
  );
}

/**
 * A digest of the names and bytes of each such tree, to see if its owner changed it while a question was open: edits of
 * an owner or a mode compare no bytes. A tree that cannot be read whole has none.
 */
export const digestsOf = (arrivals: readonly Arrival[], reader: Pick<Reader, 'stat' | 'read' | 'list'>) =>
  new Map(
    arrivals.map(({ from }) => {
      try {
        return [from, hashThrough(reader, from)] as const;
      } catch (thrown) {
        if (isUnreadable(thrown) || isNarProblem(thrown)) return [from, undefined] as const;
        throw thrown;
      }
    }),
  );

/** The first tree that is not as it was. */
export function changedSince(
  before: ReadonlyMap<AbsPath, string | undefined>,
  now: typeof before,
): Diagnostic | undefined {
  const path = [...before.keys()].find((from) => before.get(from) !== now.get(from));
  if (path === undefined) return undefined;
  return {
    severity: 'error',
    code: 'RF3011',
    summary: `something in "${path}" was changed while the question was open`,
    hint: 'run the command again, and look at what it shows',
    path,
  };
}

/** Warns of files that become root's with bytes that nobody has compared. */
export function comesBack(edits: readonly Edit[]): readonly Diagnostic[] {
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
      summary: `${what} owner wrote`,
      hint: 'compare before root builds a system from it',
    },
  ];
}

/**
 * Finds something that the owner of a tree cannot read but has moved into it: taken along to a place of root's, it
 * would count as part of the configuration, and the next apply would give it to them. `reader` looks with root's
 * rights, and follows no link of somebody else's.
 */
export function foreignIn(edits: readonly Edit[], reader: Reader): Diagnostic | undefined {
  for (const { from, owner } of movedTrees(edits, reader)) {
    const found = notOwned(from, owner, { ...reader, isOwned: () => false }).find(
      ({ withheld }) => withheld === 'closed',
    );
    if (found === undefined) continue;
    return {
      severity: 'error',
      code: 'RF2041',
      summary: `"${found.path}" is closed to the owner of "${from}", in whose tree it lies: it would count as the configuration's`,
      hint: `move it elsewhere, or look at it and run: sudo chown -h ${owner.uid}:${owner.gid} -- ${quoted(found.path)}`,
      path: found.path,
    };
  }
  return undefined;
}
