// The only caller of Host.write. Executes a transaction or leaves the machine as it was: rehearse, journal, write,
// verify, commit; undo on any failure. Recovery after a crash is the same undo.

import type { Diagnostic } from './diagnostic.ts';
import { activeSystem, type Blobs, type Host } from './host/host.ts';
import {
  activationBegun,
  batchReached,
  begin,
  commit,
  discard,
  load,
  noteActivation,
  noteBatch,
  type Transaction,
} from './journal.ts';
import {
  type Activate,
  type Edit,
  invert,
  type Move,
  matches,
  type Outcome,
  type Put,
  type Reporter,
} from './model.ts';
import { type AbsPath, isWithin } from './path.ts';
import { lookAt, looksInside, rehearse, sameSystem } from './rehearse.ts';
import type { Store } from './store.ts';

export type Signal = 'SIGINT' | 'SIGTERM' | 'SIGHUP';

export interface Surroundings {
  readonly host: Host;
  readonly store: Store;
  readonly report: Reporter;
  /** Polled between two writes. */
  readonly stopped: () => Signal | undefined;
  /** Looks again after the last write: what still differs. None: the wishes are granted. */
  readonly verify: () => Promise<readonly Diagnostic[]>;
  /** RFC 3339; only for records that people read. */
  readonly now: () => string;
}

/** `blobs`: the contents that the edits put. Needs the lock, and no unfinished journal. */
export async function execute(transaction: Transaction, blobs: Blobs, around: Surroundings): Promise<Outcome> {
  const { host, store, report, stopped } = around;
  const edits = transaction.batches.flat();
  if (edits.length === 0) return { status: 'unchanged' };
  const code = transaction.kind === 'rollback' ? 'RF3011' : 'RF3001';
  const { stale, replaced } = rehearse(host, transaction.batches, blobs, code);
  if (stale.length > 0) return { status: 'refused', cause: stale, exit: 3 };
  const before = stopped();
  if (before !== undefined)
    return { status: 'refused', cause: [interrupted(before)], exit: before === 'SIGINT' ? 130 : 143 };
  const generation = nextGeneration(store);
  try {
    begin(store, transaction, { ...blobs, ...replaced });
  } catch (thrown) {
    store.remove('journal.new');
    return { status: 'refused', cause: [failure('the journal cannot be written', thrown)], exit: 1 };
  }
  try {
    const failed = await writeAll(transaction, { ...replaced, ...blobs }, around);
    if (failed.length > 0) return await undo(transaction, { ...blobs, ...replaced }, failed, around);
    commit(store, generation, around.now());
  } catch (thrown) {
    return await undo(transaction, { ...blobs, ...replaced }, [failure('an edit failed', thrown)], around);
  }
  sweep(host, store, transaction, generation);
  report({ type: 'progress', text: 'committed' });
  return { status: 'applied', generation, edits: edits.length };
}

/** Plays an unfinished journal back. Returns undefined where there is none. */
export async function recover(around: Surroundings): Promise<Outcome | undefined> {
  const { host, store } = around;
  store.remove('journal.new');
  store.remove('journal.undone');
  sweepLast(host, store);
  const loaded = load(store, 'journal');
  if (loaded.status === 'none') return undefined;
  if (loaded.status === 'damaged') {
    const summary = `the journal in "${store.where}" is damaged: ${loaded.what}`;
    const hint = 'look at the files that its begin record names, then move the journal directory away';
    return { status: 'stuck', cause: [{ severity: 'error', code: 'RF3012', summary, hint }], conflicts: [] };
  }
  const { transaction, blobs } = loaded;
  const cause: Diagnostic = {
    severity: 'warning',
    code: 'RF3014',
    summary: `the ${transaction.kind} of ${transaction.startedAt} was cut off; it has been undone`,
  };
  return await undo(transaction, blobs, [cause], around);
}

/** The number that the next apply gets. */
export const nextGeneration = (store: Store): number => Math.max(0, ...generations(store)) + 1;

export const generations = (store: Store): readonly number[] =>
  store
    .list('history')
    .map(Number)
    .filter(Number.isInteger)
    .sort((a, b) => a - b);

async function writeAll(
  { batches, tx }: Transaction,
  blobs: Blobs,
  around: Surroundings,
): Promise<readonly Diagnostic[]> {
  const { host, store, report, stopped, verify } = around;
  const edits = batches.flat();
  let index = 0;
  for (const [number, batch] of batches.entries()) {
    if (number > 0) noteBatch(store, number);
    for (const edit of batch) {
      // Lets signal handlers run; writes are synchronous.
      await new Promise((resume) => setImmediate(resume));
      const signal = stopped();
      if (signal !== undefined) return [interrupted(signal)];
      if (edit.op === 'activate') {
        host.flush(filesOf(edits));
        noteActivation(store);
        const failed = await activation(edit, around);
        if (failed !== undefined) return [failed];
      } else {
        host.write(edit, blobs, tx);
      }
      report({ type: 'edited', edit, index: index++, total: edits.length });
    }
  }
  host.flush(filesOf(edits));
  report({ type: 'progress', text: 'verifying' });
  return await verify();
}

async function activation(edit: Activate, { host, report }: Surroundings): Promise<Diagnostic | undefined> {
  const result = await host.activate(edit, (text) => report({ type: 'progress', text }));
  if (result.status === 'done') return undefined;
  return {
    severity: 'error',
    code: result.phase === 'build' ? 'RF4006' : 'RF4007',
    summary: result.phase === 'build' ? 'the configuration does not build' : 'the new system did not activate',
    hint: 'mend the configuration; the last lines of the log say why',
    snippet: lastLines(result.log, 20),
  };
}

/** Takes every edit back that was done, in reverse, from whatever point the transaction reached. */
async function undo(
  transaction: Transaction,
  blobs: Blobs,
  cause: readonly Diagnostic[],
  around: Surroundings,
): Promise<Outcome> {
  const { host, store, report } = around;
  const conflicts: AbsPath[] = [];
  const problems: Diagnostic[] = [];
  const edits = transaction.batches.flat();
  const total = edits.length;
  for (const batch of transaction.batches.slice(0, batchReached(store) + 1).toReversed()) {
    // A tree that was not moved yet has nothing at its new place that is ours to undo.
    const unmoved = batch.filter((edit): edit is Move => edit.op === 'move' && !isMoved(host, edit));
    for (const edit of batch.toReversed()) {
      try {
        const done = await undoOne(edit, unmoved, blobs, transaction.tx, around);
        if (done === 'conflict') conflicts.push((edit as Put).path);
        if (done === 'undone') report({ type: 'undone', edit, index: edits.indexOf(edit), total });
      } catch (thrown) {
        if (edit.op !== 'activate') conflicts.push(edit.op === 'put' ? edit.path : edit.from);
        problems.push(failure('undo failed', thrown));
      }
    }
  }
  const files = filesOf(edits);
  try {
    host.flush(files.map((edit) => invert(edit) as Put | Move));
    if (conflicts.length === 0 && problems.length === 0) host.sweep(files, transaction.tx);
  } catch (thrown) {
    problems.push(failure('undo failed', thrown));
  }
  if (conflicts.length > 0 || problems.length > 0) {
    const foreign = conflicts.map(
      (path): Diagnostic => ({
        severity: 'error',
        code: 'RF3005',
        summary: `"${path}" holds neither what was there before nor what was written`,
        hint: `put "${path}" right by hand, then run: reflake recover`,
        path,
      }),
    );
    return { status: 'stuck', cause: [...cause, ...problems, ...foreign], conflicts };
  }
  discard(store);
  return { status: 'rolled-back', cause };
}

async function undoOne(
  edit: Edit,
  unmoved: readonly Move[],
  blobs: Blobs,
  tx: string,
  { host, store, report }: Surroundings,
): Promise<'undone' | 'untouched' | 'conflict'> {
  if (edit.op === 'move') return host.undoMove(edit, tx) ? 'undone' : 'untouched';
  if (edit.op === 'activate') {
    const now = activeSystem(host);
    if (!activationBegun(store) || sameSystem(edit.before, now)) return 'untouched';
    const result = await host.activate(invert(edit, now) as Activate, (text) => report({ type: 'progress', text }));
    if (result.status === 'failed')
      throw new Error(`the previous system did not activate: ${lastLines(result.log, 5)}`);
    return 'undone';
  }
  if (unmoved.some(({ to }) => isWithin(edit.path, to) && edit.path !== to)) return 'untouched';
  const { entry } = lookAt(host, edit.path, looksInside(edit));
  if (matches(edit.before, entry)) return 'untouched';
  if (!matches(edit.after, entry)) return 'conflict';
  host.write(invert(edit) as Put, blobs, tx);
  return 'undone';
}

const filesOf = (edits: readonly Edit[]): (Put | Move)[] => edits.filter((edit) => edit.op !== 'activate');

const isMoved = (host: Host, { from, to }: Move): boolean =>
  host.stat(to).type !== 'absent' && host.stat(from).type === 'absent';

function sweep(host: Host, store: Store, transaction: Transaction, generation: number): void {
  host.sweep(filesOf(transaction.batches.flat()), transaction.tx);
  store.remove(`history/${generation}/unswept`);
}

/** A crash between commit and sweep leaves the set-aside original of a move across file systems, and temporary names. */
function sweepLast(host: Host, store: Store): void {
  const last = generations(store).at(-1);
  if (last === undefined || store.read(`history/${last}/unswept`) === undefined) return;
  const loaded = load(store, `history/${last}`);
  if (loaded.status === 'loaded') sweep(host, store, loaded.transaction, last);
}

const interrupted = (signal: Signal): Diagnostic => ({
  severity: 'error',
  code: 'RF3009',
  summary: `stopped by ${signal}`,
});

function failure(what: string, thrown: unknown): Diagnostic {
  const { code, message, syscall } = thrown as NodeJS.ErrnoException;
  // Without an errno it is a bug of ours, and shall look like one.
  if (code === undefined && !(thrown instanceof Error)) throw thrown;
  const summary = `${what}: ${code ? `${ERRNO[code] ?? code}${syscall ? ` (${syscall})` : ''}: ${message}` : message}`;
  return { severity: 'error', code: 'RF3004', summary, ...(HINT[code ?? ''] && { hint: HINT[code ?? '']! }) };
}

const ERRNO: Readonly<Record<string, string>> = {
  ENOSPC: 'the disk is full',
  EDQUOT: 'the quota is used up',
  EROFS: 'the file system is read-only',
  EACCES: 'permission denied',
  EPERM: 'permission denied',
};
const HINT: Readonly<Record<string, string>> = {
  ENOSPC: 'free some space and run the command again',
  EDQUOT: 'free some space and run the command again',
  EROFS: 'make the file system writable, or choose another config.path',
  EACCES: 'run the command with sudo',
  EPERM: 'run the command with sudo; if that does not help, look for an immutable attribute (lsattr)',
};

const lastLines = (log: string, count: number): string => log.trimEnd().split('\n').slice(-count).join('\n');
