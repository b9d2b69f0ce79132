// Locks that die with their process: flock on a descriptor of ours. There is no stale lock to delete by hand, and a child
// that is given the descriptor keeps the lock when we are gone.

import { closeSync, constants, fstatSync, ftruncateSync, openSync, readFileSync, type Stats, statSync } from 'node:fs';
import type { Held, Mutex } from '../../machine/state-store.ts';
import type { AbsPath } from '../../path.ts';
import { runTool } from '../process/run.ts';
import { isRoot } from '../process/trusted.ts';
import { anchors, childOf } from './anchor.ts';
import { othersDescriptors } from './descriptors.ts';
import type { DiskPath } from './disk-paths.ts';
import { writeAll } from './write-all.ts';

/** Locks a file, which is made (0600) if need be; what is told to whoever comes second is its content. Throws errno errors. */
export function lockFile(file: string, holder: string): Mutex | Held {
  for (;;) {
    const fd = openSync(file, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o600);
    if (!isTaken(fd)) {
      const heldBy = whoHolds(readFileSync(file, 'utf8').trim(), fstatSync(fd));
      closeSync(fd);
      return { heldBy };
    }
    // Deleted, or replaced, between the two calls: whoever comes next would lock another inode.
    if (!sameInode(statSync(file, { throwIfNoEntry: false }), fstatSync(fd))) {
      closeSync(fd);
      continue;
    }
    ftruncateSync(fd);
    writeAll(fd, Buffer.from(`${holder}\n`));
    return mutexOn(fd);
  }
}

/**
 * Locks directories of the machine below `root`, wherever root's own links lead: whoever has another state directory (root, a user)
 * meets us there, and they stay locked when they are moved. One that is not there, or that we may not open, is left out;
 * `lacking` names those whose file system knows no such locks. Whoever may open a directory may lock it: root waits there for
 * nobody but root. `passed`: what others hold, in words.
 */
export function lockDirectories(
  root: AbsPath,
  paths: readonly AbsPath[],
): (Mutex & { readonly lacking: readonly AbsPath[]; readonly passed: readonly string[] }) | Held {
  const locks: FileMutex[] = [];
  const lacking: AbsPath[] = [];
  const passed: string[] = [];
  const release = (): void => {
    for (const lock of locks) lock.release();
  };
  for (const path of paths) {
    const lock = lockDirectory(() => openedAt(root, path), locks);
    if (lock === 'lacking') lacking.push(path);
    else if (lock !== undefined && 'heldBy' in lock) {
      const words = `${lock.heldBy || 'a process of somebody else'} holds "${path}"`;
      if (lock.isOfOthers) {
        passed.push(words);
        continue;
      }
      release();
      return { heldBy: words };
    } else if (lock !== undefined) locks.push(lock);
  }
  return { lend: () => locks.flatMap((lock) => lock.lend()), lacking, passed, release };
}

/**
 * Locks a directory of ours that will be the configuration, before anybody can see it: who comes by then meets us there as at
 * the one it takes the place of. Undefined where there are no such locks.
 */
export function lockNew(place: string): Mutex | undefined {
  const lock = lockDirectory(() => openedDirectory(place), []);
  return typeof lock === 'object' && 'release' in lock ? lock : undefined;
}

/** Undefined: there is none that we could change, or it is one of `ours`. */
function lockDirectory(
  opened: () => number | undefined,
  ours: readonly FileMutex[],
): FileMutex | (Held & { readonly isOfOthers: boolean }) | 'lacking' | undefined {
  for (;;) {
    const fd = opened();
    if (fd === undefined) return undefined;
    const stat = fstatSync(fd);
    const isOurs = ours.some(({ fd: one }) => sameInode(fstatSync(one), stat));
    const taken = isOurs ? undefined : (quietly(() => isTaken(fd)) ?? 'lacking');
    // Moved away between the two calls, perhaps by the very apply that we waited for: what is at its name now counts.
    if (taken === true && isStillThere(opened, stat)) return mutexOn(fd);
    closeSync(fd);
    if (taken === false) return heldAt(stat);
    if (taken !== true) return taken;
  }
}

/** As root: whether all who are seen to hold it are others. Who is not seen may be root, in another namespace. */
function heldAt(stat: Stats): Held & { readonly isOfOthers: boolean } {
  const holders = holdersOf(stat);
  const isOfOthers = isRoot() && holders.length > 0 && holders.every(({ uid }) => uid !== undefined && uid !== 0);
  return { heldBy: holders[0]?.words ?? '', isOfOthers };
}

/** A second look at the name, by the same way. */
function isStillThere(opened: () => number | undefined, stat: Stats): boolean {
  const fd = opened();
  if (fd === undefined) return false;
  try {
    return sameInode(fstatSync(fd), stat);
  } finally {
    closeSync(fd);
  }
}

interface FileMutex extends Mutex {
  readonly fd: number;
}

function mutexOn(fd: number): FileMutex {
  let isLent = false;
  return {
    fd,
    lend() {
      isLent = true;
      return [fd];
    },
    release() {
      // Not only closed: what an activation started in the background may have inherited it.
      if (isLent) spawnFlock(fd, '-u');
      closeSync(fd);
    },
  };
}

/** Through directories that are held, so root is led nowhere by a link of somebody's: what is behind one is left out. */
function openedAt(root: AbsPath, path: AbsPath): number | undefined {
  const held = anchors(root);
  try {
    return openedDirectory(childOf(held.dir(path), '.'));
  } catch {
    return undefined;
  } finally {
    held.release();
  }
}

function openedDirectory(place: DiskPath | string): number | undefined {
  try {
    return openSync(place, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  } catch {
    return undefined;
  }
}

function isTaken(fd: number): boolean {
  const { status, error } = spawnFlock(fd, '-xnE75');
  if (status === 0 || status === 75) return status === 0;
  throw Object.assign(new Error(`flock failed: ${error?.message ?? `exit ${status}`}`), { code: 'ENOLCK' });
}

/** The child locks what the descriptor is open on, which is ours as well, and ends. */
function spawnFlock(fd: number, how: string): { readonly status: number | null; readonly error?: Error } {
  const ran = runTool('flock', [how, '3'], { stdio: ['ignore', 'ignore', 'ignore', fd], limit: 30 });
  if (ran === undefined) throw Object.assign(new Error('flock (of util-linux) is not installed'), { tool: 'flock' });
  return ran;
}

const sameInode = (a: Stats | undefined, b: Stats): boolean => a?.ino === b.ino && a.dev === b.dev;

/** What the holder said; and where it has died, what it left behind that still runs. */
function whoHolds(said: string, stat: Stats): string {
  const pid = /^process (\d+)\b/.exec(said)?.[1];
  if (pid === undefined) return said;
  const holders = holdersOf(stat);
  if (holders.length === 0 || holders.some(({ words }) => words.startsWith(`process ${pid} `))) return said;
  return `${said}; kept by ${holders[0]!.words}`;
}

/** Other processes that have a lock on this inode, as far as we may look; /proc/locks names only who once asked for it. */
function holdersOf(stat: Stats): readonly Holder[] {
  const holding = (quietly(() => [...othersDescriptors()]) ?? []).filter(
    ({ opened, info }) =>
      sameInode(
        quietly(() => statSync(opened)),
        stat,
      ) && quietly(() => /^lock:.*FLOCK/m.test(readFileSync(info, 'utf8'))),
  );
  return [...new Set(holding.map(({ pid }) => pid))].map((pid) => ({
    words: describe(pid),
    uid: quietly(() => statSync(`/proc/${pid}`).uid),
  }));
}

/** `uid`: of the process; undefined where it has ended. */
interface Holder {
  readonly words: string;
  readonly uid: number | undefined;
}

function describe(pid: string): string {
  const name = quietly(() => readFileSync(`/proc/${pid}/comm`, 'utf8').trim()) ?? '';
  const started = quietly(() => startOf(pid));
  return `process ${pid} (${name})${started === undefined ? '' : ` since ${started}`}`;
}

/** When a process began, by the machine's clock of now. */
function startOf(pid: string): string {
  // The 22nd field, counted from behind the name, which may hold anything; in hundredths of a second on every Linux.
  const ticks = Number(readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)!.split(' ')[19]);
  const boot = Number(/^btime (\d+)$/m.exec(readFileSync('/proc/stat', 'utf8'))?.[1]);
  return new Date((boot + ticks / 100) * 1000).toISOString().replace(/\.\d+Z$/, 'Z');
}

function quietly<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch {
    // It has ended meanwhile, or is not ours to look at.
    return undefined;
  }
}
