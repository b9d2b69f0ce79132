// Lets one command write at a time. It takes the mutex (flock(2)) of the state directory, then those of the directories of the
// configuration; it says who holds one, and waits if asked to.

import type { Diagnostic } from '../../core/diagnostic.ts';
import type { Reporter } from '../../core/event.ts';
import { remotePlaces } from '../../core/host/disk/file-system.ts';
import { lockDirectories } from '../../core/host/disk/flock.ts';
import { callerOf } from '../../core/host/process/caller.ts';
import { isSaidBySystem, stoppedBy, wordsOf } from '../../core/machine/failure.ts';
import type { Held, Mutex, StateStore } from '../../core/machine/state-store.ts';
import { type AbsPath, absolute } from '../../core/path.ts';
import type { RecordedApply } from '../../core/transaction/history.ts';
import { load } from '../../core/transaction/journal.ts';
import { type End, EXIT } from '../session/exit.ts';
import type { Io, Usage } from '../session/io.ts';
import type { Place } from '../session/session.ts';
import { endOf, now } from './transaction.ts';

/** How long to wait for another apply, as typed: `60s`, `5m`. */
export interface MutexOptions {
  readonly wait?: string | undefined;
}

export interface UnderMutex {
  readonly io: Io;
  readonly report: Reporter;
  /** The directories of the configuration, now and after; those that exist are locked. Called under the state's mutex. */
  readonly dirs: () => readonly AbsPath[];
  readonly act: (mutex: Mutex) => Promise<End>;
}

/** Runs `act` under the mutexes, and always releases them. Gives the end of `act`, or the reason it did not run. */
export async function underMutex(
  place: Place,
  { wait = '0s' }: MutexOptions,
  { io, report, dirs, act }: UnderMutex,
): Promise<End> {
  const say = (diagnostic: Diagnostic): void => report({ type: 'diagnostic', diagnostic });
  const deadline = io.now() + millisecondsOf(wait);
  for (;;) {
    let mutex: ReturnType<typeof takeAll>;
    try {
      mutex = takeAll(place, dirs, `process ${process.pid} of ${callerOf(io.env).name} since ${now()}`);
    } catch (thrown) {
      if (!isSaidBySystem(thrown)) throw thrown;
      say(unusable(place.store.where, wordsOf(thrown)));
      return { exit: EXIT.error };
    }
    if ('release' in mutex) {
      try {
        for (const path of mutex.lacking) say(unlockable(path));
        for (const words of mutex.passed) say(passed(words));
        for (const { path, kind } of mutex.remote) say(remote(path, kind));
        return await act(mutex);
      } finally {
        mutex.release();
      }
    }
    const signal = io.stopped();
    if (signal !== undefined) return endOf(stoppedBy(signal));
    if (io.now() >= deadline) {
      say(locked(mutex.heldBy));
      return { exit: EXIT.locked };
    }
    report({ type: 'progress', text: `waiting for another apply: ${mutex.heldBy}` });
    await new Promise((resume) => setTimeout(resume, POLL));
  }
}

/** The directories of the configuration that an unfinished apply, or one of `past`, was about. */
export const dirsOf = (store: StateStore, past: readonly RecordedApply[] = []): readonly AbsPath[] => {
  const unfinished = load(store, 'journal');
  const transactions = past.map(({ transaction }) => transaction);
  if (unfinished.status === 'loaded') transactions.push(unfinished.transaction);
  return [...new Set(transactions.flatMap(({ dirs = [] }) => dirs))];
};

interface Taken extends Mutex {
  readonly lacking: readonly AbsPath[];
  readonly passed: readonly string[];
  readonly remote: ReturnType<typeof remotePlaces>;
}

/** Takes all or none, and waits for none while it holds another: so two commands can't wait for each other. */
function takeAll({ store, host, root }: Place, dirs: () => readonly AbsPath[], holder: string): Taken | Held {
  const state = store.takeMutex(holder);
  if ('heldBy' in state) return state;
  try {
    host.refresh();
    // Called once, since it reads the journal.
    const paths = dirs();
    const below = lockDirectories(absolute(root), paths);
    if ('heldBy' in below) {
      state.release();
      return below;
    }
    const release = (): void => {
      below.release();
      state.release();
    };
    const remote = remotePlaces(host.held, paths);
    const { lacking, passed: others } = below;
    return { lend: () => [...state.lend(), ...below.lend()], lacking, passed: others, remote, release };
  } catch (thrown) {
    state.release();
    throw thrown;
  }
}

function millisecondsOf(wait: string): number {
  const [, number, unit] = /^(\d+)([smh]?)$/.exec(wait) ?? [];
  if (number === undefined)
    throw { usage: `--wait ${JSON.stringify(wait)} is no time; write it as 60s or 5m` } satisfies Usage;
  return Number(number) * { s: 1000, m: 60_000, h: 3_600_000 }[(unit || 's') as 's' | 'm' | 'h'];
}

/** Milliseconds between two tries. */
const POLL = 200;

const locked = (heldBy: string): Diagnostic => ({
  severity: 'error',
  code: 'RF3007',
  summary: `another apply is running: ${heldBy || 'it has not said who it is'}`,
  hint: 'wait for it with --wait 60s; the lock frees itself when its process ends',
});

/** Root passes over a directory that another user has locked: flock(2) needs only an open file, and could block root. */
const passed = (words: string): Diagnostic => ({
  severity: 'warning',
  code: 'RF3007',
  summary: `${words}, and root does not wait for others there`,
  hint: 'an apply of theirs that runs at this moment may fail; what they change meanwhile is seen, and kept',
});

const unusable = (where: string, why: string): Diagnostic => ({
  severity: 'error',
  code: 'RF3015',
  summary: `the state directory "${where}" cannot be used: ${why}`,
  hint: 'run the command with sudo, or name another directory with --state',
});

const unlockable = (path: AbsPath): Diagnostic => ({
  severity: 'warning',
  code: 'RF3007',
  summary: `the file system of "${path}" has no locks: that nobody else applies there at this moment is not known`,
  path,
});

const remote = (path: AbsPath, kind: string): Diagnostic => ({
  severity: 'warning',
  code: 'RF3016',
  summary: `"${path}" is on a file system (${kind}) that this kernel does not keep by itself: what a loss of power leaves depends on it`,
  path,
});
