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
  type Entry,
  invert,
  type Move,
  matches,
  type Outcome,
  type Put,
  type Reporter,
  type Witness,
} from './model.ts';
import type { AbsPath } from './path.ts';
import { lookAt, looksInside, rehearse, staleWitnesses } from './rehearse.ts';
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

/** `blobs`: the contents that the edits put; `witnesses`: what the plan relies on besides. Needs the lock, and no unfinished journal. */
export async function execute(
  asked: Transaction,
  blobs: Blobs,
  around: Surroundings,
  witnesses: readonly Witness[] = [],
): Promise<Outcome> {
  const { host, store, report, stopped } = around;
  const edits = asked.batches.flat();
  // A rollback that finds everything as it was before still has to be recorded, or the next one would find it again.
  if (edits.length === 0 && asked.undoes.length === 0) return { status: 'unchanged' };
  const code = asked.kind === 'rollback' ? 'RF3011' : 'RF3001';
  host.refresh();
  const unlike = staleWitnesses(host, witnesses);
  if (unlike.length > 0) return { status: 'refused', cause: unlike, exit: 3 };
  const { stale, replaced, batches } = rehearse(host, asked.batches, blobs, code);
  if (stale.length > 0) return { status: 'refused', cause: stale, exit: 3 };
  const transaction: Transaction = { ...asked, batches };
  const contents: Blobs = { ...blobs, ...replaced };
  const before = stopped();
  if (before !== undefined)
    return { status: 'refused', cause: [interrupted(before)], exit: before === 'SIGINT' ? 130 : 143 };
  const generation = nextGeneration(store);
  try {
    begin(store, transaction, contents);
  } catch (thrown) {
    store.remove('journal.new');
    // Shown, but not flushed: nothing was written yet, so there is nothing to play back.
    if (store.read('journal/begin') !== undefined) discard(store);
    return { status: 'refused', cause: [failure('the journal cannot be written', thrown)], exit: 1 };
  }
  const reached: Reached = { begun: 0, threw: false };
  try {
    const failed = await writeAll(transaction, contents, around, reached);
    if (failed.length > 0) return await undo(transaction, contents, failed, around, reached);
    commit(store, generation, around.now());
  } catch (thrown) {
    // The commit is one rename: if its flush fails after it, the apply is committed, though perhaps not through a power
    // cut, after which it is undone. Undoing it now, without a journal, could not be recovered.
    if (!isCommitted(store, generation))
      return await undo(transaction, contents, [failure('an edit failed', thrown)], around, reached);
  }
  sweep(around, transaction, generation);
  report({ type: 'progress', text: 'committed' });
  return { status: 'applied', generation, edits: edits.length };
}

/** Plays an unfinished journal back. Returns undefined where there is none. */
export async function recover(around: Surroundings): Promise<Outcome | undefined> {
  const { host, store } = around;
  host.refresh();
  store.remove('journal.new');
  store.remove('journal.undone');
  sweepCommitted(around);
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
  return await undo(transaction, blobs, [cause], around, { begun: Number.POSITIVE_INFINITY, threw: false });
}

/** The number that the next apply gets. */
export const nextGeneration = (store: Store): number => Math.max(0, ...generations(store)) + 1;

export const generations = (store: Store): readonly number[] =>
  store
    .list('history')
    .map(Number)
    .filter(Number.isInteger)
    .sort((a, b) => a - b);

/** How many edits, counted through all batches, may have changed the machine. `threw`: the last of them did. */
interface Reached {
  begun: number;
  threw: boolean;
}

async function writeAll(
  { batches, tx, kind }: Transaction,
  blobs: Blobs,
  around: Surroundings,
  reached: Reached,
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
      if (edit.op === 'put') {
        const changed = changedSince(host, edit, kind);
        if (changed !== undefined) return [changed];
      }
      reached.begun++;
      reached.threw = true;
      if (edit.op === 'activate') {
        host.flush(filesOf(edits));
        const failed = await activation(edit, around);
        // Ctrl-C reaches the build as well: it failed because of that.
        const during = stopped();
        if (failed !== undefined) return [during === undefined ? failed : interrupted(during)];
      } else {
        host.write(edit, blobs, tx);
      }
      reached.threw = false;
      report({ type: 'edited', edit, index: index++, total: edits.length });
    }
  }
  host.flush(filesOf(edits));
  report({ type: 'progress', text: 'verifying' });
  return await verify();
}

async function activation(edit: Activate, { host, store, report }: Surroundings): Promise<Diagnostic | undefined> {
  const result = await host.activate(edit, {
    progress: (text) => report({ type: 'progress', text }),
    // Durable before the running system is touched: from then on, undo activates the old one again.
    begins: () => noteActivation(store),
  });
  if (result.status === 'done') return undefined;
  return {
    severity: 'error',
    code: result.phase === 'build' ? 'RF4006' : 'RF4007',
    summary: result.phase === 'build' ? 'the configuration does not build' : 'the new system did not activate',
    hint: 'mend the configuration; the last lines of the log say why',
    snippet: lastLines(result.log, 20),
  };
}

/**
 * Takes every edit back that was done, in reverse, from whatever point the transaction reached. Batch by batch: a path
 * that two batches write is where the earlier one left it only when the later one is wholly undone, so a conflict ends it.
 */
async function undo(
  transaction: Transaction,
  blobs: Blobs,
  cause: readonly Diagnostic[],
  around: Surroundings,
  { begun, threw }: Reached,
): Promise<Outcome> {
  const { host, store, report } = around;
  const conflicts: AbsPath[] = [];
  const problems: Diagnostic[] = [];
  const edits = transaction.batches.flat();
  const total = edits.length;
  const reached = transaction.batches.slice(0, batchReached(store) + 1);
  for (const [number, batch] of [...reached.entries()].toReversed()) {
    const first = reached.slice(0, number).flat().length;
    const begunHere = batch.slice(0, Math.max(0, begun - first));
    // Edits are done and undone in order: behind a move that did not happen, or is taken back, nothing is left to undo.
    const unmoved = begunHere.findIndex((edit) => edit.op === 'move' && !isMoved(host, edit));
    const open = unmoved === -1 ? begunHere : begunHere.slice(0, unmoved + 1);
    try {
      // What a death in the middle of a put left beside it would keep its directory from being removed.
      host.sweep(filesOf(open).filter(isPut), transaction.tx);
    } catch (thrown) {
      problems.push(failure('undo failed', thrown));
    }
    for (const [at, edit] of [...open.entries()].toReversed()) {
      // Below a tree that goes back nobody would find what is to be put right.
      if (edit.op === 'move' && conflicts.length + problems.length > 0) break;
      try {
        const failedHere = threw && first + at === begun - 1;
        const done = await undoOne(edit, { blobs, tx: transaction.tx, failedHere }, around);
        if (done === 'conflict') conflicts.push(...pathsOf(edit));
        if (done === 'undone') report({ type: 'undone', edit, index: first + at, total });
      } catch (thrown) {
        conflicts.push(...pathsOf(edit).slice(0, 1));
        problems.push(failure('undo failed', thrown));
      }
    }
    try {
      host.flush(filesOf(begunHere).map((edit) => invert(edit) as Put | Move));
      if (conflicts.length + problems.length > 0) break;
      if (number > 0) noteBatch(store, number - 1);
    } catch (thrown) {
      problems.push(failure('undo failed', thrown));
      break;
    }
  }
  if (conflicts.length + problems.length === 0) {
    try {
      host.sweep(filesOf(edits), transaction.tx);
      discard(store);
      return { status: 'rolled-back', cause };
    } catch (thrown) {
      problems.push(failure('undo failed', thrown));
    }
  }
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

async function undoOne(
  edit: Edit,
  { blobs, tx, failedHere }: UndoState,
  { host, store, report }: Surroundings,
): Promise<'undone' | 'untouched' | 'conflict'> {
  if (edit.op === 'move') {
    // Either somebody made a new tree at the old place after the move, or at the new place before it: which one is ours
    // cannot be told, but for a move that failed just now, which found the new place taken.
    if (isThere(host, edit.from) && isThere(host, edit.to)) return failedHere ? 'untouched' : 'conflict';
    return host.undoMove(edit, tx) ? 'undone' : 'untouched';
  }
  if (edit.op === 'activate') {
    const now = activeSystem(host);
    // Also where the links are as before: an activation that fails half way has changed what lies behind them.
    if (!activationBegun(store)) return 'untouched';
    const result = await host.activate(invert(edit, now) as Activate, {
      progress: (text) => report({ type: 'progress', text }),
      begins: () => {},
    });
    if (result.status === 'failed')
      throw new Error(`the previous system did not activate: ${lastLines(result.log, 5)}`);
    return 'undone';
  }
  const { entry } = lookAt(host, edit.path, looksInside(edit));
  if (matches(edit.before, entry)) return 'untouched';
  if (!matches(edit.after, entry) && !isUnderway(edit, entry)) return 'conflict';
  host.write(invert(edit) as Put, blobs, tx);
  return 'undone';
}

interface UndoState {
  readonly blobs: Blobs;
  readonly tx: string;
  /** This edit threw just now, in this process. */
  readonly failedHere: boolean;
}

/**
 * Between `before` and `after`: owner and mode are two calls, and the first clears set-id bits of a file. Only for what
 * keeps its bytes; everything else changes under another name.
 */
function isUnderway({ before, after }: Put, entry: Entry): boolean {
  if (before.type === 'absent' || after.type === 'absent' || before.type !== after.type) return false;
  if (before.type === 'link' && after.type === 'link' && before.target !== after.target) return false;
  if (before.type === 'file' && after.type === 'file' && (after.content ?? before.content) !== before.content)
    return false;
  const variants = [before, after].flatMap(({ owner }) =>
    [before, after].flatMap((one): Entry[] => {
      if (one.type === 'link') return [{ ...one, owner }];
      return [one.mode, one.type === 'file' ? one.mode & ~0o6000 : one.mode].map((mode) => ({ ...one, mode, owner }));
    }),
  );
  return variants.some((variant) => matches(variant, entry));
}

/** A put is never made over something else than what was rehearsed: it would be lost. */
function changedSince(host: Host, edit: Put, kind: Transaction['kind']): Diagnostic | undefined {
  if (matches(edit.before, lookAt(host, edit.path, looksInside(edit)).entry)) return undefined;
  const code = kind === 'rollback' ? 'RF3011' : 'RF3001';
  return { severity: 'error', code, summary: `"${edit.path}" was changed at this moment`, path: edit.path };
}

const isThere = (host: Host, path: AbsPath): boolean => host.stat(path).type !== 'absent';

const pathsOf = (edit: Edit): readonly AbsPath[] =>
  edit.op === 'put' ? [edit.path] : edit.op === 'move' ? [edit.from, edit.to] : [];

const filesOf = (edits: readonly Edit[]): (Put | Move)[] => edits.filter((edit) => edit.op !== 'activate');

const isPut = (edit: Edit): edit is Put => edit.op === 'put';

const isMoved = (host: Host, { from, to }: Move): boolean => isThere(host, to) && !isThere(host, from);

const isCommitted = (store: Store, generation: number): boolean =>
  store.read('journal/begin') === undefined && store.read(`history/${generation}/begin`) !== undefined;

/** What is left over does no harm: what was committed stays committed, and the next run sweeps again. */
function sweep({ host, store, report }: Surroundings, transaction: Transaction, generation: number): void {
  try {
    host.sweep(filesOf(transaction.batches.flat()), transaction.tx);
    store.remove(`history/${generation}/unswept`);
  } catch (thrown) {
    const { summary } = failure('temporary files are left over', thrown);
    report({ type: 'diagnostic', diagnostic: { severity: 'warning', code: 'RF3004', summary } });
  }
}

/** A crash between commit and sweep leaves the set-aside original of a move across file systems, and temporary names. */
function sweepCommitted(around: Surroundings): void {
  const { store } = around;
  for (const number of generations(store)) {
    if (store.read(`history/${number}/unswept`) === undefined) continue;
    const loaded = load(store, `history/${number}`);
    if (loaded.status === 'loaded') sweep(around, loaded.transaction, number);
  }
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
