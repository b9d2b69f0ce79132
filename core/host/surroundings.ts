// What this process has around it, outside the machine that is reconciled: who called, where the spec is, where state is kept.

import {
  closeSync,
  constants,
  existsSync,
  fchownSync,
  fstatSync,
  fsyncSync,
  openSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { userInfo } from 'node:os';
import { dirname, resolve } from 'node:path';
import { parsePasswd } from '../formats/passwd.ts';
import { MOST } from '../limits.ts';
import type { Owner, Person } from '../model.ts';
import { isRoot } from './run.ts';

/** Whether there is such a directory (or a link to one) on this disk. */
export const isDirectory = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;

/** The path without links on the way; as it is where that cannot be seen. */
export function realPathOf(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}

/**
 * Makes an empty file where there is none, as writeUserFile will replace it. A plan that is saved in the directory that it is
 * about would else be stale once it is written. The function takes the file away again.
 */
export function reserveUserFile(file: string, mode: number, owner: Owner): () => void {
  const { ok } = writeUserFile(file, '', { mode, fresh: true, owner });
  return () => {
    if (ok) rmSync(file, { force: true });
  };
}

type Env = Readonly<Record<string, string | undefined>>;

/** Under sudo the one who called it, else whoever runs this. */
export function callerOf(env: Env): Person {
  const { SUDO_UID, SUDO_GID, SUDO_USER } = env;
  if (isRoot() && SUDO_UID !== undefined && SUDO_GID !== undefined && SUDO_UID !== '0') {
    const name = SUDO_USER ?? SUDO_UID;
    const home = parsePasswd(read('/etc/passwd') ?? '').find(({ uid }) => String(uid) === SUDO_UID)?.home ?? '/';
    return { name, uid: Number(SUDO_UID), gid: Number(SUDO_GID), home };
  }
  const uid = process.geteuid?.() ?? 0;
  const gid = process.getegid?.() ?? 0;
  try {
    const { username, homedir } = userInfo();
    return { name: username, uid, gid, home: homedir };
  } catch {
    // A number without a name, as in containers.
    return { name: String(uid), uid, gid, home: env.HOME ?? '/' };
  }
}

/** For root the machine's own place, else the user's; below `root` where that is not `/`. */
export function stateDir(root: string, env: Env, caller: Person): string {
  if (root !== '/') return `${root}/var/lib/reflake`;
  if (isRoot()) return '/var/lib/reflake';
  return `${env.XDG_STATE_HOME?.startsWith('/') ? env.XDG_STATE_HOME : `${caller.home}/.local/state`}/reflake`;
}

const NAMES = ['reflake.yaml', 'reflake.yml', 'reflake.json'];

/** `--spec`, $REFLAKE_SPEC, here, upwards to the top of the repository, then /etc/nixos. Undefined: there is none. */
export function findSpec(flag: string | undefined, env: Env, cwd: string): string | undefined {
  const named = flag ?? env.REFLAKE_SPEC;
  if (named) return named;
  for (let dir = cwd; ; dir = dirname(dir)) {
    const found = NAMES.find((name) => existsSync(resolve(dir, name)));
    if (found !== undefined) return dir === cwd ? found : resolve(dir, found);
    if (dir === dirname(dir) || existsSync(resolve(dir, '.git'))) break;
  }
  return NAMES.map((name) => `/etc/nixos/${name}`).find((file) => existsSync(file));
}

/** The text of a file that the user named; an error in words where it can't be had. */
export function readUserFile(
  file: string,
): { readonly ok: true; readonly text: string } | { readonly ok: false; readonly why: string } {
  try {
    // A FIFO would be waited for.
    const fd = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const stat = fstatSync(fd);
      if (!stat.isFile()) return { ok: false, why: 'it is not a regular file' };
      if (stat.size > MOST.userFileBytes)
        return { ok: false, why: `it has ${stat.size} bytes, more than a file of its kind` };
      return { ok: true, text: readFileSync(fd, 'utf8') };
    } finally {
      closeSync(fd);
    }
  } catch (thrown) {
    const { code } = thrown as NodeJS.ErrnoException;
    return {
      ok: false,
      why: code === 'ENOENT' ? 'there is no such file' : code === 'EACCES' ? 'permission denied' : String(code),
    };
  }
}

/**
 * Writes a file that the user asked for, whole or not at all; under sudo it belongs to the one who called.
 * `fresh`: it must not be there yet.
 */
export function writeUserFile(
  file: string,
  text: string,
  { mode, fresh, owner }: { mode: number; fresh: boolean; owner: Owner },
): { readonly ok: boolean; readonly why?: string } {
  const temp = fresh ? file : `${file}.${process.pid}.tmp`;
  try {
    const fd = openSync(temp, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, mode);
    try {
      writeSync(fd, text);
      if (isRoot()) fchownSync(fd, owner.uid, owner.gid);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    if (!fresh) renameSync(temp, file);
    return { ok: true };
  } catch (thrown) {
    const { code } = thrown as NodeJS.ErrnoException;
    return { ok: false, why: code === 'EEXIST' ? 'it is there already' : String(code) };
  }
}

function read(file: string): string | undefined {
  const found = readUserFile(file);
  return found.ok ? found.text : undefined;
}
