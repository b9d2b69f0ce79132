// Mutexes that the kernel releases when their process dies: flock(2) on a descriptor of ours. So there is no stale file
// to delete by hand; and a child that inherits the descriptor keeps the mutex after our death.

import { closeSync, constants, fstatSync, ftruncateSync, openSync, readFileSync, type Stats, statSync } from 'node:fs';
import type { Held, Mutex } from '../../machine/state-store.ts';
import type { AbsPath } from '../../path.ts';
import { runTool } from '../process/run.ts';
import { isRoot } from '../process/trusted.ts';
import { anchors, childOf } from './anchor.ts';
import { othersDescriptors } from './descriptors.ts';
import type { DiskPath } from './disk-paths.ts';
import { writeAll } from './write-all.ts';

/**
 * Takes the mutex on a file, which is created (0600) if it is missing. `holder` becomes its content, which the next
 * process is told. Throws errno errors.
 */
export function lockFile(file: string, holder: string): Mutex | Held {
  for (;;) {
    const fd = openSync(file, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o600);
    if (!isTaken(fd)) {
      const heldBy = whoHolds(readFileSync(file, 'utf8').trim(), fstatSync(fd));
      closeSync(fd);
      return { heldBy };
    }
    // Somebody deleted or replaced the file between open(2) and flock(2): others would lock another inode than we did.
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
 * Takes the mutex on directories of the machine below `root`, following root's own links. A command with another state
 * directory (root's, a user's) meets us there, and the lock moves with the directory. Directories that are missing or
 * that we may not open are left out; `lacking` names those whose file system has no flock(2). Anybody who may open a
 * directory may lock it, so root gives way only to root; `passed` says in words which locks of others it passed by.
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
 * Takes the mutex on a directory of ours that will become the configuration, before anybody can see it: so others meet
 * us there as on the directory that it replaces. Undefined if its file system has no flock(2).
 */
export function lockNew(place: string): Mutex | undefined {
  const lock = lockDirectory(() => openedDirectory(place), []);
  return typeof lock === 'object' && 'release' in lock ? lock : undefined;
}

/** Undefined if there is no such directory, we may not open it, or it is already one of `ours`. */
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
    // The directory may have moved away between open(2) and flock(2), perhaps by the very apply that we met: what has
    // the name now counts.
    if (taken === true && isStillThere(opened, stat)) return mutexOn(fd);
    closeSync(fd);
    if (taken === false) return heldAt(stat);
    if (taken !== true) return taken;
  }
}

/** As root: `isOfOthers` if all visible holders are other users. An invisible holder may be root, in another namespace. */
function heldAt(stat: Stats): Held & { readonly isOfOthers: boolean } {
  const holders = holdersOf(stat);
  const isOfOthers = isRoot() && holders.length > 0 && holders.every(({ uid }) => uid !== undefined && uid !== 0);
  return { heldBy: holders[0]?.words ?? '', isOfOthers };
}

/** Opens the name once more in the same way, and compares inodes. */
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
      // A close(2) alone is not enough: a process that the activation left in the background may have inherited the
      // descriptor.
      if (isLent) spawnFlock(fd, '-u');
      closeSync(fd);
    },
  };
}

/**
 * Opens through anchored directories, so no link of somebody else's leads root anywhere; a directory behind such a link
 * is left out.
 */
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

/**
 * Runs flock(1) on our descriptor. The lock belongs to the open file description, which is ours as well, and stays when
 * the child ends.
 */
function spawnFlock(fd: number, how: string): { readonly status: number | null; readonly error?: Error } {
  const ran = runTool('flock', [how, '3'], { stdio: ['ignore', 'ignore', 'ignore', fd], limit: 30 });
  if (ran === undefined) throw Object.assign(new Error('flock (of util-linux) is not installed'), { tool: 'flock' });
  return ran;
}

const sameInode = (a: Stats | undefined, b: Stats): boolean => a?.ino === b.ino && a.dev === b.dev;

/** The holder's own words; if that process has died, also a process that it left behind and that still runs. */
function whoHolds(said: string, stat: Stats): string {
  const pid = /^process (\d+)\b/.exec(said)?.[1];
  if (pid === undefined) return said;
  const holders = holdersOf(stat);
  if (holders.length === 0 || holders.some(({ words }) => words.startsWith(`process ${pid} `))) return said;
  return `${said}; kept by ${holders[0]!.words}`;
}

/**
 * Other processes with a lock on this inode, as far as we may look. /proc/locks names only the process that took the
 * lock.
 */
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

/** `uid`: the user of the process; undefined if it has ended. */
interface Holder {
  readonly words: string;
  readonly uid: number | undefined;
}

function describe(pid: string): string {
  const name = quietly(() => readFileSync(`/proc/${pid}/comm`, 'utf8').trim()) ?? '';
  const started = quietly(() => startOf(pid));
  return `process ${pid} (${name})${started === undefined ? '' : ` since ${started}`}`;
}

/** The start of a process, by the machine's present clock. */
function startOf(pid: string): string {
  // Field 22 of proc_pid_stat(5), counted from behind the process name, which may hold any character. Ticks are
  // hundredths of a second on Linux.
  const ticks = Number(readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)!.split(' ')[19]);
  const boot = Number(/^btime (\d+)$/m.exec(readFileSync('/proc/stat', 'utf8'))?.[1]);
  return new Date((boot + ticks / 100) * 1000).toISOString().replace(/\.\d+Z$/, 'Z');
}

function quietly<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch {
    // It has ended meanwhile, or we may not look at it.
    return undefined;
  }
}
