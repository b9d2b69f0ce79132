// The state directory: durable files by relative name, for the journal and the history, and the one-at-a-time lock.

import { spawnSync } from 'node:child_process';
import {
  closeSync,
  constants,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import type { Lock, Store } from '../store.ts';
import { syncAt } from './durable.ts';
import { findTool } from './run.ts';

/** A store below `dir`, which is made (0700) at the first write. */
export function diskStore(dir: string): Store {
  const at = (name: string): string => `${dir}/${name}`;
  const ensureParent = (name: string): void => {
    makeDirs(dirname(at(name)));
  };
  return {
    where: dir,
    read(name) {
      return missingIs(undefined, () => readFileSync(at(name)));
    },
    list(name) {
      return missingIs([], () => readdirSync(at(name)).sort());
    },
    write(name, bytes) {
      ensureParent(name);
      const fd = openSync(
        `${at(name)}.tmp`,
        constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_NOFOLLOW,
        0o600,
      );
      try {
        for (let done = 0; done < bytes.length; ) done += writeSync(fd, bytes, done);
        fsyncSync(fd);
      } finally {
        closeSync(fd);
      }
      renameSync(`${at(name)}.tmp`, at(name));
      syncAt(dirname(at(name)));
    },
    rename(from, to) {
      ensureParent(to);
      renameSync(at(from), at(to));
      syncAt(dirname(at(to)));
      if (dirname(at(from)) !== dirname(at(to))) syncAt(dirname(at(from)));
    },
    remove(name) {
      rmSync(at(name), { recursive: true, force: true });
    },
    lock(holder) {
      ensureParent('lock');
      return takeLock(at('lock'), holder);
    },
  };
}

/** flock on a descriptor of ours: the lock dies with the process, and there is no stale file to delete by hand. */
function takeLock(file: string, holder: string): Lock | { readonly heldBy: string } {
  const fd = openSync(file, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o600);
  const flock = findTool('flock');
  if (flock === undefined) throw new Error('flock (of util-linux) is not installed');
  const { status, error } = spawnSync(flock, ['-xnE75', '3'], { stdio: ['ignore', 'ignore', 'ignore', fd] });
  if (status !== 0) {
    const heldBy = readFileSync(file, 'utf8').trim();
    closeSync(fd);
    if (status !== 75) throw new Error(`flock failed: ${error?.message ?? `exit ${status}`}`);
    return { heldBy };
  }
  ftruncateSync(fd);
  writeSync(fd, `${holder}\n`, 0);
  return { release: () => closeSync(fd) };
}

/** Durable, and each with mode 0700. Node's own recursive mkdir never ends where a parent can't be made (/proc). */
function makeDirs(dir: string): void {
  if (statSync(dir, { throwIfNoEntry: false })?.isDirectory()) return;
  if (dir !== dirname(dir)) makeDirs(dirname(dir));
  try {
    mkdirSync(dir, { mode: 0o700 });
  } catch (thrown) {
    // Another reflake that starts at the same moment.
    if ((thrown as NodeJS.ErrnoException).code !== 'EEXIST' || !statSync(dir).isDirectory()) throw thrown;
  }
  syncAt(dirname(dir));
}

function missingIs<T>(otherwise: T, look: () => T): T {
  try {
    return look();
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return otherwise;
    throw thrown;
  }
}
