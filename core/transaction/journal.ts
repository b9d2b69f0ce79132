// The write-ahead record of one transaction: its edits, and the bytes that they replace, durable before the first
// write. It is `journal/` while an apply is unfinished; the commit renames it to `history/N/`.

import { digestOf } from '../canonical.ts';
import type { Blobs } from '../machine/host.ts';
import type { StateReader, StateStore } from '../machine/state-store.ts';
import type { Digest } from '../model.ts';
import { type Transaction, textOf, transactionIn } from './model.ts';

export type Loaded =
  | { readonly status: 'none' }
  | { readonly status: 'damaged'; readonly what: string }
  | { readonly status: 'loaded'; readonly transaction: Transaction; readonly blobs: Blobs };

const MAGIC = 'RFJ1';

/** Writes the whole journal under another name. From then on, things may be prepared out of sight. */
export function draft(store: StateStore, transaction: Transaction, blobs: Blobs): void {
  store.remove('journal.new');
  for (const [digest, bytes] of Object.entries(blobs)) store.write(`journal.new/blobs/${digest.slice(7)}`, bytes);
  store.write('journal.new/progress', seal(JSON.stringify(START)));
  store.write('journal.new/begin', seal(textOf(transaction)));
  // Until this file is removed, staging directories may exist. It is written last: if it is there without `begin`, the
  // draft was damaged.
  store.write('journal.new/unswept', Buffer.from(transaction.tx));
}

/** Renames the draft to `journal`. From then on, edits may be visible. */
export const begin = (store: StateStore): void => store.rename('journal.new', 'journal');

/** The draft that was never begun, whose staging directories must be swept. */
export function drafted(store: StateStore): Drafted {
  const record = store.read('journal.new/begin');
  if (record === undefined) {
    // A crash before all of it was written: nothing was prepared yet.
    if (store.read('journal.new/unswept') === undefined) return { status: 'none' };
    return { status: 'damaged', what: 'journal.new/begin is missing' };
  }
  const opened = unseal(record);
  if (!opened.ok) return { status: 'damaged', what: `journal.new/begin ${opened.why}` };
  const transaction = transactionIn(opened.text);
  return transaction === undefined
    ? { status: 'damaged', what: 'journal.new/begin is no record of an apply' }
    : { status: 'loaded', transaction };
}

type Drafted = Exclude<Loaded, { status: 'loaded' }> | { readonly status: 'loaded'; readonly transaction: Transaction };

/** One rename as well, because a half-removed draft would look damaged. */
export const forget = (store: StateStore): void => store.remove('journal.new');

/** What a journal or a record (`history/N`) says, without the bytes that it keeps: for who only compares. */
export function loadWithoutBytes(store: StateReader, name: string): Drafted {
  const record = store.read(`${name}/begin`);
  if (record === undefined) {
    return store.list(name).length === 0 ? { status: 'none' } : { status: 'damaged', what: `${name}/begin is missing` };
  }
  const opened = unseal(record);
  if (!opened.ok) return { status: 'damaged', what: `${name}/begin ${opened.why}` };
  const transaction = transactionIn(opened.text);
  return transaction === undefined
    ? { status: 'damaged', what: `${name}/begin is no record of an apply` }
    : { status: 'loaded', transaction };
}

/** The journal of an unfinished apply, or the record of a finished one (`history/N`). */
export function load(store: StateReader, name: string): Loaded {
  const told = loadWithoutBytes(store, name);
  if (told.status !== 'loaded') return told;
  const { transaction } = told;
  const blobs: Record<Digest, Uint8Array> = {};
  for (const digest of digestsOf(transaction)) {
    const bytes = store.read(`${name}/blobs/${digest.slice(7)}`);
    if (bytes === undefined || digestOf(bytes) !== digest)
      return { status: 'damaged', what: `${name}/blobs/${digest.slice(7)}` };
    blobs[digest] = bytes;
  }
  // A finished apply does not need its progress any more.
  if (name === UNFINISHED && progressOf(store) === undefined) return { status: 'damaged', what: `${name}/progress` };
  return { status: 'loaded', transaction, blobs };
}

const UNFINISHED = 'journal';

/**
 * The progress of the unfinished transaction. `batch`: batches after this number have not been touched, or are undone
 * already, whatever their paths look like. `activating`: an activation may have begun, so undo must also look at the
 * running system. `activated`: it has ended; only shown to people.
 */
interface Progress {
  readonly batch: number;
  readonly activating: boolean;
  readonly activated?: boolean;
}

const START: Progress = { batch: 0, activating: false };

export const noteActivation = (store: StateStore): void => note(store, { activating: true });
export const noteActivated = (store: StateStore): void => note(store, { activated: true });
export const activationEnded = (store: StateStore): boolean => known(store).activated === true;
export const activationBegun = (store: StateStore): boolean => known(store).activating;

/** Call it before the first edit of batch `index`; while undoing, after the last edit of the next batch is undone. */
export const noteBatch = (store: StateStore, index: number): void => note(store, { batch: index });
export const batchReached = (store: StateStore): number => known(store).batch;

const note = (store: StateStore, news: Partial<Progress>): void =>
  store.write('journal/progress', seal(JSON.stringify({ ...known(store), ...news })));

function known(store: StateStore): Progress {
  const progress = progressOf(store);
  // load() has refused a journal without it.
  if (progress === undefined) throw new Error('journal/progress is damaged');
  return progress;
}

function progressOf(store: StateReader): Progress | undefined {
  const record = store.read('journal/progress');
  const opened = record && unseal(record);
  return opened?.ok ? (JSON.parse(opened.text) as Progress) : undefined;
}

/** The commit point: one rename. */
export function commit(store: StateStore, apply: number, finishedAt: string): void {
  store.write('journal/finished', Buffer.from(finishedAt));
  store.rename('journal', `history/${apply}`);
}

/** The end of an apply that was undone: one rename. */
export const discard = (store: StateStore): void => store.remove('journal');

/** The contents that the edits name. */
function digestsOf({ batches }: Pick<Transaction, 'batches'>): ReadonlySet<Digest> {
  const digests = new Set<Digest>();
  for (const edit of batches.flat()) {
    if (edit.op !== 'put') continue;
    for (const entry of [edit.before, edit.after]) {
      if (entry.type === 'file' && entry.content !== undefined) digests.add(entry.content);
    }
  }
  return digests;
}

const seal = (text: string): Buffer => Buffer.from(`${MAGIC} ${digestOf(text)} ${Buffer.byteLength(text)}\n${text}`);

type Unsealed = { readonly ok: true; readonly text: string } | { readonly ok: false; readonly why: string };

function unseal(record: Uint8Array): Unsealed {
  const all = Buffer.from(record).toString('utf8');
  const cut = all.indexOf('\n');
  const text = all.slice(cut + 1);
  if (all.slice(0, cut) === `${MAGIC} ${digestOf(text)} ${Buffer.byteLength(text)}`) return { ok: true, text };
  const [, version] = /^(RFJ\d+) /.exec(all) ?? [];
  if (version === undefined || version === MAGIC) return { ok: false, why: 'does not match its checksum' };
  return { ok: false, why: `is of another version of reflake (${version}; this one writes ${MAGIC}): run that one` };
}
