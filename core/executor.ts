// The only caller of Host.write. Executes a transaction or leaves the machine as it was: rehearse, journal, write,
// verify, commit; undo on any failure. Recovery after a crash is the same undo.

import type { Diagnostic } from './diagnostic.ts';
import { filesOf, type Reached, type Surroundings } from './execution.ts';
import { failure, interrupted, lastLines } from './failure.ts';
import type { Blobs, Host } from './host/host.ts';
import { begin, commit, discard, load, noteActivation, noteBatch, type Transaction } from './journal.ts';
import { type Activate, matches, type Outcome, type Put, type Witness } from './model.ts';
import { lookAt, looksInside, rehearse, staleWitnesses } from './rehearse.ts';
import type { Store } from './store.ts';
import { undo } from './undo.ts';

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
        // Ctrl-C reaches the build as well: it failed because of that. Its end may be heard of before the signal is.
        if (failed !== undefined) await new Promise((resume) => setTimeout(resume, SIGNAL_LAG));
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

/** A put is never made over something else than what was rehearsed: it would be lost. */
function changedSince(host: Host, edit: Put, kind: Transaction['kind']): Diagnostic | undefined {
  if (matches(edit.before, lookAt(host, edit.path, looksInside(edit)).entry)) return undefined;
  const code = kind === 'rollback' ? 'RF3011' : 'RF3001';
  return { severity: 'error', code, summary: `"${edit.path}" was changed at this moment`, path: edit.path };
}

/** Milliseconds in which a signal to the whole process group reaches us too. */
const SIGNAL_LAG = 50;

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
