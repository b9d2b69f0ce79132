// Executes a transaction, or leaves the machine as it was: check preconditions, draft, prepare, begin, publish, verify,
// commit; on a failure, undo. Recovery after a crash is the same undo. With undo.ts it is the only caller of Host.work.

import type { Diagnostic } from '../diagnostic.ts';
import { failure, interrupted, lastLines, stoppedBy } from '../machine/failure.ts';
import { type Blobs, type Host, isStale, type Work } from '../machine/host.ts';
import type { StateReader, StateStore } from '../machine/state-store.ts';
import type { Activate, Kept, Outcome, Reading } from '../model.ts';
import type { AbsPath } from '../path.ts';
import { hindrancesTo } from '../plan/hindrances.ts';
import { overlay } from '../plan/overlay.ts';
import type { Reached, Surroundings } from './execution.ts';
import { begin, commit, discard, draft, drafted, forget, load, noteActivation, noteBatch } from './journal.ts';
import type { Transaction } from './model.ts';
import { checkPreconditions, staleReadings } from './preconditions.ts';
import { undo } from './undo.ts';

/**
 * `blobs`: the contents that the edits put. `readSet`: what else the plan relies on. Needs the mutex, and no unfinished
 * journal.
 */
export async function execute(
  asked: Transaction,
  blobs: Blobs,
  around: Surroundings,
  readSet: readonly Reading[] = [],
): Promise<Outcome> {
  const { host, store, report, stopped } = around;
  const edits = asked.batches.flat();
  // A rollback without edits is still recorded; otherwise the next one would select the same apply again.
  if (edits.length === 0 && asked.undoes.length === 0) return { status: 'unchanged' };
  const code = asked.kind === 'rollback' ? 'RF3011' : 'RF3001';
  host.refresh();
  const checked = look(() => {
    const unlike = staleReadings(host, readSet);
    if (unlike.length > 0) return { stale: unlike };
    const found = checkPreconditions({ ...host, ...host.held }, asked.batches, blobs, code);
    return found.stale.length > 0 ? found : { ...found, stale: barsOf(asked.batches, host, blobs) };
  });
  host.refresh();
  if ('status' in checked) return checked;
  if (checked.stale.length > 0 || !('batches' in checked)) return { status: 'refused', cause: checked.stale };
  const { replaced, batches } = checked;
  const transaction: Transaction = { ...asked, batches };
  const contents: Blobs = { ...blobs, ...replaced };
  const before = stopped();
  if (before !== undefined) return stoppedBy(before);
  const apply = nextApply(store);
  const work = host.work(batches.flat(), transaction.tx, transaction);
  try {
    const refused = prepare(transaction, contents, around, work);
    if (refused !== undefined) return refused;
    const reached: Reached = { begun: 0 };
    const applied: Outcome = { status: 'applied', apply, edits: edits.length };
    try {
      const failed = await publishAll(transaction, around, work, reached);
      if (failed.length > 0) return await undoOrStop(transaction, contents, failed, around, work, reached);
      around.settling(applied);
      commit(store, apply, around.now());
    } catch (thrown) {
      // The commit is one rename(2). If it succeeds and the fsync(2) after it fails, the apply is committed, though a
      // power cut may still revert that, and then it is undone. To undo it now, without a journal, would not be safe
      // against a crash.
      const cause = [failure('an edit failed', thrown)];
      const committed = isCommitted(store, apply);
      if (committed !== true) around.settling(undefined);
      if (committed === 'unknown') return { status: 'stuck', cause, conflicts: [] };
      if (!committed) return await undoOrStop(transaction, contents, cause, around, work, reached);
    }
    const kept = sweep(around, work, apply);
    report({ type: 'progress', text: 'committed' });
    return { ...applied, ...(kept.length > 0 && { kept }) };
  } finally {
    work.close();
  }
}

/** Finds what hinders the writes, before the first of them. */
export function barsOf(batches: Transaction['batches'], host: Host, blobs: Blobs): readonly Diagnostic[] {
  const stage = overlay({ ...host, ...host.held });
  return batches.flatMap((batch) => {
    const found = hindrancesTo(batch, stage, blobs).map(({ problem }) => problem);
    for (const edit of batch) if (edit.op === 'move') stage.apply(edit, blobs);
    return found;
  });
}

/** Refuses if the machine cannot be looked at. */
function look<T>(act: () => T): T | Extract<Outcome, { status: 'refused' }> {
  try {
    return act();
  } catch (thrown) {
    return { status: 'refused', cause: [failure('the machine cannot be looked at', thrown)] };
  }
}

/** Does everything that takes space or may be refused. If it fails, nothing visible has changed. */
function prepare(
  transaction: Transaction,
  contents: Blobs,
  { store, stopped }: Surroundings,
  work: Work,
): Outcome | undefined {
  let what = 'the journal cannot be written';
  try {
    draft(store, transaction, contents);
    what = 'it cannot be prepared';
    work.prepare(contents);
    const signal = stopped();
    if (signal !== undefined) {
      unprepare(store, work);
      return stoppedBy(signal);
    }
    begin(store);
    return undefined;
  } catch (thrown) {
    const cause = isStale(thrown) ? staleDiagnostic(thrown, transaction.kind) : failure(what, thrown);
    unprepare(store, work);
    return { status: 'refused', cause: [cause] };
  }
}

function unprepare(store: StateStore, work: Work): void {
  try {
    work.drop();
    // The rename of `begin` happened, but its fsync(2) failed: nothing is visible yet, so there is nothing to undo.
    if (store.read('journal/begin') !== undefined) discard(store);
    forget(store);
  } catch {
    // The draft stays, so the next run knows what to sweep.
  }
}

/** Undoes an unfinished journal. Returns undefined if there is none. */
export async function recover(around: Surroundings): Promise<Outcome | undefined> {
  try {
    return await undoUnfinished(around);
  } catch (thrown) {
    if (!isUnfinished(around.store)) return { status: 'refused', cause: [failure('nothing can be looked at', thrown)] };
    return { status: 'stuck', cause: [failure('what a crash left cannot be looked at', thrown)], conflicts: [] };
  }
}

/** True if a crash left something, or if that cannot be told. */
function isUnfinished(store: StateStore): boolean {
  try {
    return ['journal', 'journal.new'].some((dir) => store.list(dir).length > 0);
  } catch {
    return true;
  }
}

async function undoUnfinished(around: Surroundings): Promise<Outcome | undefined> {
  const { host, store } = around;
  host.refresh();
  store.tidy();
  const damage = sweepDraft(around);
  if (damage !== undefined) return damaged(store, damage);
  sweepCommitted(around);
  const loaded = load(store, 'journal');
  if (loaded.status === 'none') return undefined;
  if (loaded.status === 'damaged') return damaged(store, loaded.what);
  const { transaction, blobs } = loaded;
  const told = (end: string): Diagnostic => ({
    severity: 'warning',
    code: 'RF3014',
    summary: `the ${transaction.kind} of ${transaction.startedAt} was cut off${end}`,
  });
  const work = host.work(transaction.batches.flat(), transaction.tx, transaction);
  try {
    const outcome = await undo(transaction, blobs, [], around, work, { begun: Number.POSITIVE_INFINITY });
    if (!('cause' in outcome)) return outcome;
    return { ...outcome, cause: [told(outcome.status === 'stuck' ? '' : '; it has been undone'), ...outcome.cause] };
  } finally {
    work.close();
  }
}

function damaged(store: StateStore, what: string): Outcome {
  const summary = `the journal in "${store.where}" is damaged: ${what}`;
  const hint = 'look at the files that its begin record names, then move the journal directory away';
  return { status: 'stuck', cause: [{ severity: 'error', code: 'RF3012', summary, hint }], conflicts: [] };
}

/** The number that the next apply gets. */
const nextApply = (store: StateStore): number => Math.max(0, ...applies(store)) + 1;

export const applies = (store: StateReader): readonly number[] =>
  store
    .list('history')
    .map(Number)
    .filter(Number.isInteger)
    .sort((a, b) => a - b);

async function publishAll(
  { batches, kind }: Transaction,
  around: Surroundings,
  work: Work,
  reached: Reached,
): Promise<readonly Diagnostic[]> {
  const { store, report, stopped, verify } = around;
  const total = batches.flat().length;
  const breath = breather();
  let index = 0;
  for (const [number, batch] of batches.entries()) {
    if (number > 0) {
      work.flush();
      noteBatch(store, number);
    }
    for (const edit of batch) {
      await breath();
      const signal = stopped();
      if (signal !== undefined) return [interrupted(signal)];
      reached.begun++;
      if (edit.op === 'activate') {
        work.flush();
        const failed = await activation(edit, around);
        // Ctrl-C reaches the build too, and is why it failed. We may hear of its end before we hear of the signal.
        if (failed !== undefined) await new Promise((resume) => setTimeout(resume, SIGNAL_LAG));
        const during = stopped();
        if (failed !== undefined) return [during === undefined ? failed : interrupted(during)];
      } else {
        const unlike = publish(work, index, kind);
        if (unlike !== undefined) {
          // The edit did nothing, so undo must not touch what is there.
          reached.begun--;
          return [unlike];
        }
      }
      report({ type: 'edited', edit, index: index++, total });
    }
  }
  work.flush();
  report({ type: 'progress', text: 'verifying' });
  return await verify();
}

/** Yields to the event loop (signal handlers, the screen) now and then, because publishing is synchronous. */
function breather(): () => Promise<void> {
  let last = 0;
  return async () => {
    if (Date.now() - last < BREATH) return;
    await new Promise((resume) => setImmediate(resume));
    last = Date.now();
  };
}

/** Milliseconds. */
const BREATH = 5;

function publish(work: Work, at: number, kind: Transaction['kind']): Diagnostic | undefined {
  try {
    work.publish(at);
    return undefined;
  } catch (thrown) {
    if (!isStale(thrown)) throw thrown;
    return staleDiagnostic(thrown, kind);
  }
}

const staleDiagnostic = (
  { path, message }: Error & { readonly path: AbsPath },
  kind: Transaction['kind'],
): Diagnostic => ({
  severity: 'error',
  code: kind === 'rollback' ? 'RF3011' : 'RF3001',
  summary: message,
  path,
});

async function activation(edit: Activate, { host, store, report }: Surroundings): Promise<Diagnostic | undefined> {
  const result = await host.activate(edit, {
    progress: (text, doing) => report({ type: 'progress', text, ...(doing && { doing }) }),
    // Durable before anything touches the running system: from then on, undo activates the old system again.
    begins: () => noteActivation(store),
  });
  if (result.status === 'done') return undefined;
  if (result.phase === 'proof')
    return {
      severity: 'error',
      code: 'RF3032',
      summary: 'the flake that was written gives another system than the one that was proven',
      hint: 'make a new plan; what the configuration reads of the repository itself (self.rev) is not there before it is written',
      snippet: result.log,
    };
  return {
    severity: 'error',
    code: result.phase === 'build' ? 'RF4006' : 'RF4007',
    summary: result.phase === 'build' ? 'the configuration does not build' : 'the new system did not activate',
    hint: 'mend the configuration; the last lines of the log say why',
    snippet: lastLines(result.log, 20),
  };
}

/** Milliseconds that we wait for a signal that was sent to the whole process group. */
const SIGNAL_LAG = 50;

/** Unknown if the store can't be read any more: the next run finds out. */
function isCommitted(store: StateStore, apply: number): boolean | 'unknown' {
  try {
    return store.read('journal/begin') === undefined && store.read(`history/${apply}/begin`) !== undefined;
  } catch (thrown) {
    failure('the journal cannot be read', thrown);
    return 'unknown';
  }
}

/** If undo cannot even begin, the journal stays for the next run. */
async function undoOrStop(...all: Parameters<typeof undo>): Promise<Outcome> {
  try {
    return await undo(...all);
  } catch (thrown) {
    return { status: 'stuck', cause: [...all[2], failure('undo failed', thrown)], conflicts: [] };
  }
}

/** Removes the staging directories. If that fails, the apply stays committed, and the next run sweeps again. */
function sweep({ store, report }: Surroundings, work: Work, apply: number): readonly Kept[] {
  let kept: readonly Kept[] = [];
  try {
    try {
      work.sweep();
    } finally {
      kept = work.kept();
      for (const { beside } of kept)
        if (beside !== undefined) report({ type: 'diagnostic', diagnostic: writtenLate(beside) });
    }
    store.remove(`history/${apply}/unswept`);
  } catch (thrown) {
    const problem = failure('temporary files are left over', thrown);
    report({ type: 'diagnostic', diagnostic: { ...problem, severity: 'warning' } });
  }
  return kept;
}

const writtenLate = (path: AbsPath): Diagnostic => ({
  severity: 'warning',
  code: 'RF3005',
  summary: `somebody wrote to what was replaced, or still has it open to write: it is kept as "${path}"`,
  path,
});

/**
 * Sweeps after a crash between commit and sweep, which leaves staging directories with, for instance, the original of a
 * move across file systems.
 */
function sweepCommitted(around: Surroundings): void {
  const { host, store } = around;
  for (const number of applies(store)) {
    if (store.read(`history/${number}/unswept`) === undefined) continue;
    const loaded = load(store, `history/${number}`);
    if (loaded.status !== 'loaded') continue;
    const { batches, tx } = loaded.transaction;
    const work = host.work(batches.flat(), tx, loaded.transaction);
    try {
      sweep(around, work, number);
    } finally {
      work.close();
    }
  }
}

/** Sweeps after a crash during `prepare`, of which nothing was visible. Returns what is damaged of the draft. */
function sweepDraft({ host, store }: Surroundings): string | undefined {
  const found = drafted(store);
  if (found.status === 'damaged') return found.what;
  if (found.status === 'loaded') {
    const work = host.work(found.transaction.batches.flat(), found.transaction.tx, found.transaction);
    try {
      work.drop();
    } finally {
      work.close();
    }
  }
  forget(store);
  return undefined;
}
