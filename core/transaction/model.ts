// A transaction, and how it is told in a journal: what thousands of edits have in common, the entries before and after,
// stands once in a table.

import { LARGEST_ID } from '../limits.ts';
import type { ActiveSystem, Digest, Edit, Entry, HostFacts, Party, Puttable } from '../model.ts';
import { type AbsPath, absolute } from '../path.ts';

/** A transaction as it is recorded. `batches` run in order; within one, a path occurs once. */
export interface Transaction {
  /** Names it; temporary names on the machine carry it. */
  readonly tx: string;
  readonly kind: 'apply' | 'rollback';
  /** The plan it carries out; of a rollback, the digest of its edits. */
  readonly plan: Digest;
  readonly host: HostFacts;
  /** The applies that it undoes. */
  readonly undoes: readonly number[];
  /** RFC 3339, UTC; for people only, nothing is decided by it. */
  readonly startedAt: string;
  readonly by: string;
  /** The effective uid of who began it: what root began, only root goes on with. Earlier versions did not write it. */
  readonly uid?: number;
  /** In whose directories it may write, as they could themselves. Without it (a record of an earlier version): everybody's. */
  readonly parties?: readonly Party[];
  /** Where the configuration lies and where it will: what another process must not work on meanwhile. */
  readonly dirs?: readonly AbsPath[];
  /** The file name of the spec that it carries out; for people. */
  readonly spec?: string;
  /** What was active when it began. Earlier versions did not write it. */
  readonly active?: ActiveSystem;
  readonly batches: readonly (readonly Edit[])[];
}

/** A put names its entries by their places in `entries`. */
interface Told extends Omit<Transaction, 'batches'> {
  readonly entries: readonly Entry[];
  readonly batches: readonly (readonly unknown[])[];
}

/** JSON; the inverse of transactionIn. */
export function textOf({ batches, ...rest }: Transaction): string {
  const entries: Entry[] = [];
  const places = new Map<Entry, number>();
  const placeOf = (entry: Entry): number => {
    const known = places.get(entry);
    if (known !== undefined) return known;
    places.set(entry, entries.length);
    return entries.push(entry) - 1;
  };
  const tell = (edit: Edit): unknown =>
    edit.op === 'put' ? { ...edit, before: placeOf(edit.before), after: placeOf(edit.after) } : edit;
  const told: Told = { ...rest, batches: batches.map((batch) => batch.map(tell)), entries };
  return JSON.stringify(told);
}

/** Undefined: it is something else. Undo must not find that out half way. */
export function transactionIn(text: string): Transaction | undefined {
  try {
    const value: unknown = JSON.parse(text);
    // Of a text, the rest would be all its characters, one by one.
    if (typeof value !== 'object' || value === null) return undefined;
    const { batches, tx, undoes, entries, uid, parties, ...rest } = value as Partial<Told>;
    if (typeof tx !== 'string' || !Array.isArray(undoes)) return undefined;
    if (!Array.isArray(batches) || !Array.isArray(entries) || !entries.every(isEntry)) return undefined;
    const edits = batches.map((batch) =>
      Array.isArray(batch) ? batch.map((edit) => editIn(edit, entries)) : [undefined],
    );
    if (edits.flat().includes(undefined)) return undefined;
    if (!(uid === undefined || isId(uid)) || !(parties === undefined || areParties(parties))) return undefined;
    const who = { ...(uid !== undefined && { uid }), ...(parties && { parties }) };
    return { ...rest, ...who, tx, undoes, batches: edits } as Transaction;
  } catch {
    return undefined;
  }
}

const areParties = (value: unknown): boolean => Array.isArray(value) && value.every(isParty);

const isParty = (value: unknown): boolean => {
  const { uid, gids } = (value ?? {}) as Partial<Record<string, unknown>>;
  return isId(uid) && uid !== 0 && Array.isArray(gids) && gids.every(isId);
};

/** What chown(2) takes for an owner; the last number means "leave it". */
const isId = (value: unknown): boolean => Number.isInteger(value) && Number(value) >= 0 && Number(value) < 2 ** 32 - 1;

function editIn(value: unknown, entries: readonly Entry[]): Edit | undefined {
  const edit = (value ?? {}) as Partial<Record<string, unknown>>;
  switch (edit.op) {
    case 'put': {
      // `length` is no place in the table.
      const [before, after] = [edit.before, edit.after].map((at) =>
        Number.isInteger(at) ? entries[Number(at)] : undefined,
      );
      if (!isPath(edit.path) || before === undefined || after === undefined) return undefined;
      return { op: 'put', path: edit.path as AbsPath, before: before as Puttable, after: after as Puttable };
    }
    case 'move':
      return isPath(edit.from) && isPath(edit.to) ? (value as Edit) : undefined;
    case 'activate':
      return isObject(edit.target) && isOwner(edit.as) && isObject(edit.before) ? (value as Edit) : undefined;
    default:
      return undefined;
  }
}

const isPath = (value: unknown): boolean =>
  typeof value === 'string' && value.startsWith('/') && !value.includes('\0') && absolute(value) === value;

const isEntry = (value: unknown): boolean =>
  isObject(value) && typeof value.type === 'string' && (value.owner === undefined || isOwner(value.owner));

/** Of other numbers, chown(2) would leave an owner as it is, or take another one. */
const isOwner = (value: unknown): boolean =>
  isObject(value) &&
  [value.uid, value.gid].every((id) => Number.isInteger(id) && Number(id) >= 0 && Number(id) <= LARGEST_ID);

const isObject = (value: unknown): value is Partial<Record<string, unknown>> =>
  typeof value === 'object' && value !== null;
