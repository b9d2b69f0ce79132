// A transaction, and its form in a journal. There, the entries before and after stand once in a table, because
// thousands of edits share them.

import type { JsonPointer } from '../diagnostic.ts';
import { LARGEST_ID } from '../limits.ts';
import type { ActiveSystem, Digest, Edit, Entry, HostFacts, Party, Puttable } from '../model.ts';
import { type AbsPath, absolute } from '../path.ts';
import type { Proof } from '../proven.ts';

/** A transaction as it is recorded. Its `batches` run in order; within one, each path occurs once. */
export interface Transaction {
  /** The name of the transaction, which its staging directories and conflict names carry. */
  readonly tx: string;
  readonly kind: 'apply' | 'rollback';
  /** The plan that it carries out; for a rollback, the digest of its edits. */
  readonly plan: Digest;
  readonly host: HostFacts;
  /** The applies that it undoes. */
  readonly undoes: readonly number[];
  /** RFC 3339, UTC. For people only; no decision depends on it. */
  readonly startedAt: string;
  readonly by: string;
  /**
   * The effective uid of the process that began it: only root goes on with what root began. Earlier versions did not
   * write it.
   */
  readonly uid?: number;
  /**
   * The people in whose directories it may do what they could do themselves. Absent (a record of an earlier version):
   * everybody.
   */
  readonly parties?: readonly Party[];
  /** The present and future places of the configuration, which another process must not change meanwhile. */
  readonly dirs?: readonly AbsPath[];
  /** The file name of the spec, for people. */
  readonly spec?: string;
  /** What each wish asked for that held after it, by `keyOf`: digests of values. Earlier versions did not write it. */
  readonly wishes?: Readonly<Record<JsonPointer, Digest>>;
  /** The system that was active when it began. Earlier versions did not write it. */
  readonly active?: ActiveSystem;
  /** The proof that its plan carried. */
  readonly proof?: Proof;
  readonly batches: readonly (readonly Edit[])[];
}

/** The form in a journal: a put names its entries by their index in `entries`. */
interface Told extends Omit<Transaction, 'batches'> {
  readonly entries: readonly Entry[];
  readonly batches: readonly (readonly unknown[])[];
}

/** JSON; `transactionIn` is its inverse. */
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

/** Undefined if the text is not a valid transaction. Checked completely here, so that undo does not fail halfway. */
export function transactionIn(text: string): Transaction | undefined {
  try {
    const value: unknown = JSON.parse(text);
    // Spreading a string would give its characters, one by one.
    if (typeof value !== 'object' || value === null) return undefined;
    const { batches, tx, undoes, entries, uid, parties, wishes, ...rest } = value as Partial<Told>;
    if (typeof tx !== 'string' || !Array.isArray(undoes)) return undefined;
    if (!Array.isArray(batches) || !Array.isArray(entries) || !entries.every(isEntry)) return undefined;
    const edits = batches.map((batch) =>
      Array.isArray(batch) ? batch.map((edit) => editIn(edit, entries)) : [undefined],
    );
    if (edits.flat().includes(undefined)) return undefined;
    if (!(uid === undefined || isId(uid)) || !(parties === undefined || areParties(parties))) return undefined;
    if (!(wishes === undefined || areDigests(wishes))) return undefined;
    const who = { ...(uid !== undefined && { uid }), ...(parties && { parties }), ...(wishes && { wishes }) };
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

/** An owner for chown(2): 32 bits without the last number, which means "leave it". */
const isId = (value: unknown): boolean => Number.isInteger(value) && Number(value) >= 0 && Number(value) < 2 ** 32 - 1;

function editIn(value: unknown, entries: readonly Entry[]): Edit | undefined {
  const edit = (value ?? {}) as Partial<Record<string, unknown>>;
  switch (edit.op) {
    case 'put': {
      // The key must be an index: entries['length'] would be found, too.
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

const areDigests = (value: unknown): boolean =>
  isObject(value) && Object.values(value).every((one) => /^sha256:[0-9a-f]{64}$/.test(String(one)));

const isEntry = (value: unknown): boolean =>
  isObject(value) && typeof value.type === 'string' && (value.owner === undefined || isOwner(value.owner));

/** With a number out of range, chown(2) would leave the owner unchanged, or set another one. */
const isOwner = (value: unknown): boolean =>
  isObject(value) &&
  [value.uid, value.gid].every((id) => Number.isInteger(id) && Number(id) >= 0 && Number(id) <= LARGEST_ID);

const isObject = (value: unknown): value is Partial<Record<string, unknown>> =>
  typeof value === 'object' && value !== null;
