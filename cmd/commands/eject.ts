// reflake eject: says what reflake has left on this machine, and removes it after a question. Files of people stay: what was set
// aside, and what was kept beside.

import type { Diagnostic } from '../../core/diagnostic.ts';
import type { Left } from '../../core/event.ts';
import { type LeftHere, ownPlaces, type Removal, removeLeft, serviceCache, stateAt } from '../../core/host/left.ts';
import { callerOf } from '../../core/host/process/caller.ts';
import { isRoot } from '../../core/host/process/trusted.ts';
import { stateNames } from '../../core/host/state-directory.ts';
import { isDirectory, nameOfUser, rootsState, stateDir, systemUser } from '../../core/host/surroundings.ts';
import { unlessUnreadable } from '../../core/machine/reader.ts';
import type { StateReader } from '../../core/machine/state-store.ts';
import type { Person } from '../../core/model.ts';
import { type AbsPath, absolute, join, ROOT } from '../../core/path.ts';
import { past, type RecordedApply } from '../../core/transaction/history.ts';
import { keptBeside } from '../../core/transaction/kept-beside.ts';
import { type MutexOptions, underMutex } from '../applying/apply-mutex.ts';
import { now } from '../applying/transaction.ts';
import { type End, EXIT } from '../session/exit.ts';
import type { GlobalOptions, Io } from '../session/io.ts';
import { lookWithoutSpec } from '../session/looker.ts';
import type { Reporting } from '../session/run.ts';
import { aboutMachine, type Place, placeOf } from '../session/session.ts';
import { confirm } from './apply.ts';

export interface EjectOptions extends GlobalOptions, MutexOptions {
  readonly yes: boolean;
}

export async function ejectCommand(options: EjectOptions, io: Io, { report, learn }: Reporting): Promise<End> {
  const place = await placeOf(options, io);
  learn(aboutMachine(place));
  const state = place.store.where;
  const holder = `process ${process.pid} of ${callerOf(io.env).name} since ${now()}`;
  const tell = (diagnostic: Diagnostic): void => report({ type: 'diagnostic', diagnostic });
  const act = async (): Promise<End> => {
    const found = await leftOn(place, options, io, tell);
    for (const { of: _of, isOpen: _isOpen, ...left } of found) report({ type: 'left', ...left });
    if (rootsStateIsLeft(place, options)) tell(rootsPart(rootsState(place.root)));
    const open = found.filter(({ isOpen, stays }) => isOpen && stays === undefined);
    for (const { path } of open) tell(cutOff(path));
    if (open.length > 0) return { exit: EXIT.error };
    const going = found.filter(({ stays }) => stays === undefined);
    if (going.length === 0) return { exit: EXIT.ok };
    const lost = going.reduce((sum, { applies = 0 }) => sum + applies, 0);
    if (lost > 0) tell(noRollback(lost));
    const confirmed = options.yes || (await confirm('Remove it?', options, io));
    if (confirmed === undefined) {
      tell(UNCONFIRMED);
      return { exit: EXIT.usage };
    }
    if (confirmed !== true) return confirmed;
    // What is gone does not come back: a signal that comes now changes nothing.
    io.takeSignals(() => {});
    let exit: number = EXIT.ok;
    const ended = await removed(going, state, holder);
    for (const { what, path, owner, bytes } of going) {
      // What has no answer was gone before it could be removed.
      const why = ended.find((one) => one.path === path)?.why;
      if (why === undefined) report({ type: 'removed', what, path, owner, bytes });
      else {
        tell(notRemoved(path, why));
        exit = EXIT.error;
      }
    }
    return { exit };
  };
  // To take the mutex would make a directory that is gone, or write into one of somebody's.
  const { removable, foreign } = stateNames(state);
  if (removable.length === 0 || foreign.length > 0) return await act();
  return await underMutex(place, options, { io, report, dirs: () => [], act });
}

/** `of`: whose rights remove it; undefined: those of this process. */
type Found = Left & Pick<LeftHere, 'isOpen'> & { readonly of?: Person };

/** All that is left, as far as the machine, the caller and the history tell. */
async function leftOn(
  place: Place,
  { state }: Pick<GlobalOptions, 'state'>,
  io: Io,
  tell: (diagnostic: Diagnostic) => void,
): Promise<readonly Found[]> {
  const { host, root, store } = place;
  const caller = callerOf(io.env);
  if ('lookAs' in host) lookWithoutSpec(host, caller);
  const me = nameOfUser(process.geteuid?.() ?? 0);
  const here = [...stateAt(store.where), ...(root === ROOT ? [...ownPlaces(), ...serviceCache()] : [])];
  const history = appliesOf(store, tell);
  const own = here.map(
    (one): Found => ({ ...one, owner: me, ...(one.what === 'state' && { applies: undoable(history) }) }),
  );
  if (root !== ROOT || !isRoot()) return [...own, ...besides(history, place, me)];
  const { leftOf } = await import('../../core/host/border/left-of.ts');
  const theirs: Found[] = [];
  const records = [...history];
  for (const of of peopleIn(history, caller)) {
    const dir = absolute(stateDir(ROOT, {}, of));
    const read: StateReader = {
      list: (name) => host.list(join(dir, name)),
      read: (name) => host.read(join(dir, name)),
    };
    const left = leftOf(of);
    // Of the caller alone the records can be read here, with their rights.
    const applies = of.uid === caller.uid && left.some(({ what }) => what === 'state') ? appliesOf(read, tell) : [];
    records.push(...applies);
    for (const one of left)
      theirs.push({ ...one, owner: of.name, of, ...(one.what === 'state' && { applies: undoable(applies) }) });
  }
  // --state names one state directory, and the caller's own is another.
  const meant = state === undefined ? theirs : theirs.filter(({ what }) => what !== 'state');
  return [...own, ...meant, ...besides(records, place, me)];
}

/** What can't be read is told, and removed all the same. */
function appliesOf(store: StateReader, tell: (diagnostic: Diagnostic) => void): readonly RecordedApply[] {
  const history = unlessUnreadable(() => past(store));
  if (history?.ok) return history.applies;
  if (history !== undefined) tell({ ...history.problem, severity: 'warning' });
  return [];
}

const undoable = (applies: readonly RecordedApply[]): number =>
  applies.filter(({ undone, transaction }) => !undone && transaction.kind === 'apply').length;

/** Ordinary users in whose places root worked: who called, those whom the history names, and nobody, who evaluates for root. */
function peopleIn(history: readonly RecordedApply[], caller: Person): readonly Person[] {
  const parties = history.flatMap(({ transaction }) => (transaction.parties ?? []).map(({ uid }) => uid));
  const uids = new Set([caller.uid, ...parties, NOBODY]);
  uids.delete(0);
  return [...uids].map((uid) => (uid === caller.uid ? caller : systemUser(uid)));
}

const NOBODY = 65534;

function besides(applies: readonly RecordedApply[], { host, root }: Place, owner: string): readonly Found[] {
  const on = (path: AbsPath): AbsPath => (root === ROOT ? path : absolute(`${root}${path}`));
  return keptBeside(applies, host).map((path) => ({
    what: 'kept beside',
    path: on(path),
    owner,
    bytes: 0,
    entries: 1,
    stays: 'it is somebody’s work, which an apply met',
  }));
}

/** The state goes last: as long as something else is left, it tells where. */
async function removed(going: readonly Found[], state: string, holder: string): Promise<readonly Removal[]> {
  const pathsOf = (of: Person | undefined): readonly AbsPath[] =>
    going.filter((one) => one.of?.uid === of?.uid).map(({ path }) => path);
  const others = new Map(going.flatMap(({ of }) => (of === undefined ? [] : [[of.uid, of] as const])));
  const theirs: Removal[] = [];
  if (others.size > 0) {
    const { removeLeftOf } = await import('../../core/host/border/left-of.ts');
    for (const of of others.values()) theirs.push(...removeLeftOf(of, pathsOf(of), holder));
  }
  return [...theirs, ...removeLeft({ dir: state, isLocked: true }, pathsOf(undefined), holder)];
}

/** An ordinary user does not see how much it is. */
const rootsStateIsLeft = ({ root, store }: Place, { state }: Pick<GlobalOptions, 'state'>): boolean =>
  state === undefined && store.where !== rootsState(root) && isDirectory(rootsState(root));

const rootsPart = (where: string): Diagnostic => ({
  severity: 'note',
  code: 'RF3026',
  summary: `"${where}" is root's, and stays`,
  hint: 'run: sudo reflake eject',
});

const cutOff = (path: AbsPath): Diagnostic => ({
  severity: 'error',
  code: 'RF3033',
  summary: `an apply was cut off, and only "${path}" tells how to undo it: nothing is removed`,
  hint: 'undo it first: reflake recover',
});

const noRollback = (applies: number): Diagnostic => ({
  severity: 'warning',
  code: 'RF3034',
  summary: `${applies === 1 ? 'one apply' : `${applies} applies`} can be undone now, and not without the history`,
  hint: 'undo first what is not to stay: reflake rollback',
});

const UNCONFIRMED: Diagnostic = {
  severity: 'error',
  code: 'RF3008',
  summary: 'nobody can be asked here',
  hint: 'add --yes',
};

const notRemoved = (path: AbsPath, why: string): Diagnostic => ({
  severity: 'error',
  code: 'RF3033',
  summary: `"${path}" is not removed: ${why}`,
  hint: 'mend that, and run the command again',
});
