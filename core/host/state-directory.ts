// The state directory on this disk: durable files by relative name, for the journal and the history, and the mutex.

import {
  chmodSync,
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  statSync,
  unlinkSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { MOST } from '../limits.ts';
import type { Held, Mutex, StateStore } from '../machine/state-store.ts';
import { syncAt } from './disk/durable.ts';
import { lockFile } from './disk/flock.ts';
import { writeAll } from './disk/write-all.ts';
import { isRoot } from './process/trusted.ts';

/**
 * A store below `dir`, which the first write creates. The umask has no effect on the modes: root's directory is 0755,
 * because anybody may read the index in it; everything else is 0700 and 0600.
 */
export function diskStore(dir: string): StateStore {
  const at = (name: string): string => `${dir}/${name}`;
  const ensureParent = (name: string): void => {
    makeDirs(dir, TOP_MODE());
    makeDirs(dirname(at(name)), 0o700);
  };
  const writeAs = (name: string, bytes: Uint8Array, mode: number): void => {
    ensureParent(name);
    const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_NOFOLLOW;
    const fd = openSync(`${at(name)}.tmp`, flags, 0o600);
    try {
      writeAll(fd, bytes);
      fchmodSync(fd, mode);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    renameSync(`${at(name)}.tmp`, at(name));
    syncAt(dirname(at(name)));
  };
  const tidy = (): void => rmSync(at(REMOVED), { recursive: true, force: true });
  return {
    where: dir,
    read(name) {
      mustBeOurs(dir);
      return missingIs(undefined, () => readRecord(at(name)));
    },
    list(name) {
      mustBeOurs(dir);
      return missingIs([], () => readdirSync(at(name)).sort());
    },
    write: (name, bytes) => writeAs(name, bytes, 0o600),
    publish: (name, bytes) => writeAs(name, bytes, 0o644),
    rename(from, to) {
      ensureParent(to);
      renameSync(at(from), at(to));
      syncAt(dirname(at(to)));
      if (dirname(at(from)) !== dirname(at(to))) syncAt(dirname(at(from)));
    },
    remove(name) {
      if (!lstatSync(at(name), { throwIfNoEntry: false })?.isDirectory()) {
        rmSync(at(name), { force: true });
        return;
      }
      tidy();
      renameSync(at(name), at(REMOVED));
      syncAt(dir);
      if (dirname(at(name)) !== dir) syncAt(dirname(at(name)));
      try {
        tidy();
      } catch {
        // Renamed, so it no longer counts. If it can't be removed later either, the next `remove` throws.
      }
    },
    tidy,
    takeMutex(holder) {
      return takeLock(dir, holder);
    },
    size(name) {
      return missingIs(0, () => sizeOf(at(name)));
    },
  };
}

/** The name that a directory has while it is being removed. Nobody reads it. */
const REMOVED = 'removed';

/**
 * Root acts with its own rights on what it reads here, so nobody else may be able to write these directories. Checked
 * for root only; a missing directory passes, since we will create it. Throws `Error & { why }`.
 */
function mustBeOurs(dir: string): void {
  if (!isRoot()) return;
  for (const one of [dir, ...['journal.new', 'journal', 'history'].map((name) => `${dir}/${name}`)]) {
    const stat = statSync(one, { throwIfNoEntry: false });
    if (stat === undefined) continue;
    const why =
      stat.uid !== 0 ? `"${one}" belongs to user ${stat.uid}, not to root` : `others than root can write "${one}"`;
    if (stat.uid !== 0 || (stat.mode & 0o022) !== 0)
      throw Object.assign(new Error(`the state directory cannot be trusted: ${why}`), { why });
  }
}

/**
 * Refuses to use a directory of somebody else's as the state directory, because we would overwrite a file named `lock`
 * in it. A state directory is empty, or has at least one name of ours. Throws `Error & { why }`.
 */
function mustBeState(dir: string): void {
  const names = readdirSync(dir);
  const refuse = (what: string): never => {
    throw Object.assign(new Error(`no state directory: ${dir}`), { why: `it is not one of reflake's: ${what}` });
  };
  if (names.length > 0 && !names.some((name) => OURS.has(name))) refuse(`it holds ${JSON.stringify(names[0])}`);
  if (!names.includes('lock')) return;
  const stat = lstatSync(`${dir}/lock`, { throwIfNoEntry: false });
  if (stat === undefined) return;
  if (!stat.isFile()) refuse('"lock" is no regular file');
  if (!/^(process \d+ |$)/.test(Buffer.from(readRecord(`${dir}/lock`)).toString('latin1')))
    refuse('"lock" says something else than who holds it');
}

/** The name of the directory with trees that were in the way. */
const ASIDE = 'set-aside';

/** The names that journal, history, index and mutex have in a state directory. */
const OURS: ReadonlySet<string> = new Set([
  'lock',
  'journal',
  'journal.new',
  'history',
  'index',
  'index.tmp',
  ASIDE,
  REMOVED,
]);

/** The mode of the state directory itself. Nobody but an ordinary user has to look into theirs. */
const TOP_MODE = (): number => (isRoot() ? 0o755 : 0o700);

/**
 * An earlier version made root's directory 0700. Makes it 0755 if it holds only names of ours, and first takes the
 * rights of group and others from everything in it but the index.
 */
function openTop(dir: string): void {
  const { uid, mode } = lstatSync(dir);
  const names = readdirSync(dir);
  if (!isRoot() || uid !== 0 || (mode & 0o777) !== 0o700 || !names.every((name) => OURS.has(name))) return;
  for (const name of names) {
    const stat = lstatSync(`${dir}/${name}`);
    if (stat.isSymbolicLink()) return;
    if (name !== 'index' && (stat.mode & 0o077) !== 0) chmodSync(`${dir}/${name}`, stat.mode & 0o700);
  }
  chmodSync(dir, 0o755);
}

/**
 * Makes the directory and takes the mutex in it. If the directory was made for the mutex alone, release removes it
 * again: a command that is refused leaves no state behind.
 */
function takeLock(dir: string, holder: string): Mutex | Held {
  for (let tries = 1; ; tries++) {
    try {
      const made = makeDirs(dir, TOP_MODE());
      mustBeOurs(dir);
      mustBeState(dir);
      openTop(dir);
      const lock = lockFile(`${dir}/lock`, holder);
      if ('heldBy' in lock || made.length === 0) return lock;
      return {
        ...lock,
        release() {
          removeUnused(dir, made);
          lock.release();
        },
      };
    } catch (thrown) {
      // Another process removed the directory, or a parent of it, since we made it. The same error comes for a dangling
      // link, which further tries do not mend.
      if ((thrown as NodeJS.ErrnoException).code !== 'ENOENT' || tries === MOST_TRIES) throw thrown;
    }
  }
}

const MOST_TRIES = 20;

/** Called with the mutex held. A process that waits for the file finds another inode at its name and starts over. */
function removeUnused(dir: string, made: readonly string[]): void {
  try {
    if (readdirSync(dir).join() !== 'lock') return;
    unlinkSync(`${dir}/lock`);
    for (const one of made.toReversed()) rmdirSync(one);
  } catch {
    // Somebody put something into the directory: it stays.
  }
}

/** What is in a state directory, by whose it is. All empty: there is no such directory. */
export interface StateNames {
  /** What reflake needs no more once nothing is to be undone. */
  readonly removable: readonly string[];
  /** The trees that were set aside, which are somebody's configuration. */
  readonly aside: readonly string[];
  readonly foreign: readonly string[];
}

export function stateNames(dir: string): StateNames {
  const names = missingIs([], () => readdirSync(dir));
  return {
    removable: names.filter((name) => OURS.has(name) && name !== ASIDE),
    aside: names.includes(ASIDE) ? missingIs([], () => readdirSync(`${dir}/${ASIDE}`)) : [],
    foreign: names.filter((name) => !OURS.has(name)),
  };
}

/** True where a crash left what `recover` has to undo or to sweep. */
export function hasOpenEnds(dir: string): boolean {
  const namesOf = (name: string): readonly string[] =>
    lstatSync(`${dir}/${name}`, { throwIfNoEntry: false })?.isDirectory() ? readdirSync(`${dir}/${name}`) : [];
  return (
    ['journal', 'journal.new'].some((name) => namesOf(name).length > 0) ||
    namesOf('history').some((number) => namesOf(`history/${number}`).includes('unswept'))
  );
}

/**
 * Removes the history and all else of ours, but not what was set aside; and the directory, if nothing else is in it. Needs the
 * mutex, whose file goes last: a process that waits for it starts over. May be cut off at any time, and repeated.
 */
export function removeState(dir: string): void {
  const store = diskStore(dir);
  const { removable, aside } = stateNames(dir);
  for (const name of removable.filter((name) => name !== 'lock' && name !== REMOVED)) store.remove(name);
  store.tidy();
  if (aside.length === 0) missingIs(undefined, () => rmdirSync(`${dir}/${ASIDE}`));
  missingIs(undefined, () => unlinkSync(`${dir}/lock`));
  if (readdirSync(dir).length === 0) rmdirSync(dir);
}

/**
 * Makes `dir` and its parents with this mode, durably. Returns those it made, the uppermost first. Node's recursive
 * mkdir never returns where a parent can't be made (/proc).
 */
function makeDirs(dir: string, mode: number): readonly string[] {
  if (statSync(dir, { throwIfNoEntry: false })?.isDirectory()) return [];
  const above = dir === dirname(dir) ? [] : makeDirs(dirname(dir), mode);
  try {
    mkdirSync(dir, { mode: 0o700 });
    if (mode !== 0o700) chmodSync(dir, mode);
  } catch (thrown) {
    // Another reflake made it since our stat(2).
    if ((thrown as NodeJS.ErrnoException).code !== 'EEXIST' || !statSync(dir).isDirectory()) throw thrown;
    return above;
  }
  syncAt(dirname(dir));
  return [...above, dir];
}

/** Reads a regular file. Refuses a FIFO, for which open(2) would wait, and a device or a file that is too large. */
function readRecord(file: string): Uint8Array {
  const fd = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const stat = fstatSync(fd);
    if (stat.isFile() && stat.size <= MOST.fileBytes) return readFileSync(fd);
    const what = stat.isFile() ? `too large (${stat.size} bytes)` : 'no regular file';
    throw Object.assign(new Error(`${what}: ${file}`), { code: 'EINVAL', syscall: 'read' });
  } finally {
    closeSync(fd);
  }
}

function missingIs<T>(otherwise: T, look: () => T): T {
  try {
    return look();
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return otherwise;
    throw thrown;
  }
}

function sizeOf(path: string): number {
  const stat = lstatSync(path);
  if (!stat.isDirectory()) return stat.size;
  return readdirSync(path).reduce((sum, name) => sum + sizeOf(`${path}/${name}`), 0);
}

/** Reads the index of another user's state directory. `closed`: only its owner may look into it. */
export function readIndexOf(dir: string, name: string): Uint8Array | 'closed' | undefined {
  try {
    return missingIs(undefined, () => readRecord(`${dir}/${name}`));
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'EACCES') return 'closed';
    throw thrown;
  }
}
