// The index of past applies that anybody may read: when, by whom and of which plan, but nothing of what is in a file.
// It is the only open file in root's state directory, so that `history` needs no root.

import type { PastApply } from '../event.ts';
import { failure } from '../machine/failure.ts';
import type { StateStore } from '../machine/state-store.ts';
import { applies } from './executor.ts';
import { load } from './journal.ts';
import type { Transaction } from './model.ts';

/** The name of the index in the state directory. */
export const INDEX = 'index';

const VERSION = 1;

/** The row of a record in the index. */
export const rowOf = (number: number, transaction: Transaction, finishedAt: string, undone: boolean): PastApply => {
  const { kind, plan, undoes, startedAt, by, spec, batches } = transaction;
  const said = { number, kind, plan, undoes, startedAt, finishedAt, by, undone, count: batches.flat().length };
  return spec === undefined ? said : { ...said, spec };
};

/** The numbers of those that a later rollback has undone, unless that rollback was itself undone. */
export function undoneBy(
  past: readonly { readonly number: number; readonly undoes: readonly number[] }[],
): ReadonlySet<number> {
  const undone = new Set<number>();
  for (const { number, undoes } of past.toReversed()) {
    if (!undone.has(number)) for (const target of undoes) undone.add(target);
  }
  return undone;
}

/**
 * Brings the index in line with the history. Needs the mutex. May be cut off at any time: the next command that writes
 * does it again. A damaged record gets no row. Throws the errors of the disk.
 */
export function publishIndex(store: StateStore): void {
  const there = store.read(INDEX);
  const old = there && indexIn(there);
  let machine = old?.machine;
  const known = new Map(old?.applies.map((row) => [row.number, row]));
  const rows = applies(store).flatMap((number): readonly PastApply[] => {
    const row = known.get(number);
    if (row !== undefined) return [row];
    const read = rowFrom(store, number);
    machine = read?.machine ?? machine;
    return read === undefined ? [] : [read.row];
  });
  const undone = undoneBy(rows);
  const told = rows.map((row) => ({ ...row, undone: undone.has(row.number) }));
  const index = { version: VERSION, ...(machine && { machine }), applies: told };
  const text = Buffer.from(`${JSON.stringify(index)}\n`);
  if (there !== undefined && Buffer.compare(there, text) === 0) return;
  if (told.length === 0 && there === undefined) return;
  store.publish(INDEX, text);
}

function rowFrom(
  store: StateStore,
  number: number,
): { readonly row: PastApply; readonly machine: string | undefined } | undefined {
  try {
    const loaded = load(store, `history/${number}`);
    if (loaded.status !== 'loaded') return undefined;
    const { transaction } = loaded;
    const finishedAt = Buffer.from(store.read(`history/${number}/finished`) ?? []).toString();
    return { row: rowOf(number, transaction, finishedAt, false), machine: transaction.host?.machineId };
  } catch (thrown) {
    // A record that can't be read has no row; its owner's `history` says why. `failure` throws what is no Error at all.
    failure('a record cannot be read', thrown);
    return undefined;
  }
}

/** `machine`: the machineId (HostFacts) of the newest record. */
export interface ApplyIndex {
  readonly machine?: string;
  /** The oldest is first. */
  readonly applies: readonly PastApply[];
}

/** Undefined if the bytes are not a valid index. */
export function indexIn(bytes: Uint8Array): ApplyIndex | undefined {
  try {
    const read = JSON.parse(Buffer.from(bytes).toString()) as Partial<Record<string, unknown>>;
    const { version, machine, applies: rows } = read;
    if (version !== VERSION || !Array.isArray(rows)) return undefined;
    const told = rows.map(rowIn);
    if (told.includes(undefined) || !(machine === undefined || typeof machine === 'string')) return undefined;
    return { ...(machine && { machine }), applies: told as readonly PastApply[] };
  } catch {
    return undefined;
  }
}

/** Takes only fields that the format of events has, because they are printed. */
function rowIn(value: unknown): PastApply | undefined {
  const row = (value ?? {}) as Partial<Record<keyof PastApply, unknown>>;
  const { number, kind, plan, undoes, startedAt, finishedAt, by, undone, count, spec } = row;
  const isNumber = (one: unknown, least: number): boolean => Number.isSafeInteger(one) && Number(one) >= least;
  const isGood =
    isNumber(number, 1) &&
    isNumber(count, 0) &&
    (kind === 'apply' || kind === 'rollback') &&
    /^sha256:[0-9a-f]{64}$/.test(String(plan)) &&
    Array.isArray(undoes) &&
    undoes.every((one) => isNumber(one, 1)) &&
    [startedAt, finishedAt, by].every((text) => typeof text === 'string') &&
    typeof undone === 'boolean' &&
    (spec === undefined || typeof spec === 'string');
  if (!isGood) return undefined;
  const said = { number, kind, plan, undoes, startedAt, finishedAt, by, undone, count };
  return (spec === undefined ? said : { ...said, spec }) as PastApply;
}
