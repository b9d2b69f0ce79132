// What this process has around it, outside the machine that is reconciled: who called, where the spec is, where state is kept.

import {
  closeSync,
  constants,
  fchownSync,
  fstatSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  statSync,
  writeSync,
} from 'node:fs';
import { userInfo } from 'node:os';
import { dirname, resolve } from 'node:path';
import { parseGroup, parsePasswd, type User } from '../formats/passwd.ts';
import { MOST } from '../limits.ts';
import type { Owner, Person } from '../model.ts';
import { isClosed, type Trusted, type Waypoint } from '../spec-trust.ts';
import { isRoot } from './run.ts';
import { waypoint } from './way.ts';

/** Whether there is such a directory (or a link to one) on this disk. */
export const isDirectory = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;

type Env = Readonly<Record<string, string | undefined>>;

/** Under sudo the one who called it, else whoever runs this. */
export function callerOf(env: Env): Person {
  const { SUDO_UID, SUDO_GID, SUDO_USER } = env;
  if (isRoot() && SUDO_UID !== undefined && SUDO_GID !== undefined && SUDO_UID !== '0') {
    const name = SUDO_USER ?? SUDO_UID;
    return { name, uid: Number(SUDO_UID), gid: Number(SUDO_GID), home: systemUser(Number(SUDO_UID)).home };
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

/** Somebody of this very system, by number. */
export function systemUser(uid: number): Person {
  const found = usersHere().find((one) => one.uid === uid);
  return found === undefined
    ? { name: String(uid), uid, gid: uid, home: '/' }
    : { name: found.name, uid, gid: found.gid, home: found.home };
}

/** For root the machine's own place, else the user's; below `root` where that is not `/`. */
export function stateDir(root: string, env: Env, caller: Person): string {
  if (root !== '/') return `${root}/var/lib/reflake`;
  if (isRoot()) return '/var/lib/reflake';
  return `${env.XDG_STATE_HOME?.startsWith('/') ? env.XDG_STATE_HOME : `${caller.home}/.local/state`}/reflake`;
}

const NAMES = ['reflake.yaml', 'reflake.yml', 'reflake.json'];

/** `open`: the directory where the search upwards ended, because others can make a spec there. */
export type FoundSpec =
  | { readonly ok: true; readonly file: string }
  | { readonly ok: false; readonly open: string | undefined };

/** `--spec`, $REFLAKE_SPEC, here, upwards to the top of the repository or to where others can write, then /etc/nixos. */
export function findSpec(
  flag: string | undefined,
  env: Env,
  cwd: string,
  trusted: Trusted,
  files: UserFiles,
): FoundSpec {
  const named = flag ?? env.REFLAKE_SPEC;
  if (named) return { ok: true, file: named };
  const isThere = (file: string): boolean => files.waypoint(file).type !== 'absent';
  let open: string | undefined;
  for (let dir = cwd; ; dir = dirname(dir)) {
    if (!isClosed(files.waypoint(dir), trusted)) {
      open = dir;
      break;
    }
    const found = NAMES.find((name) => isThere(resolve(dir, name)));
    if (found !== undefined) return { ok: true, file: dir === cwd ? found : resolve(dir, found) };
    if (dir === dirname(dir) || isThere(resolve(dir, '.git'))) break;
  }
  const installed = NAMES.map((name) => `/etc/nixos/${name}`).find(isThere);
  return installed === undefined ? { ok: false, open } : { ok: true, file: installed };
}

/** The files that somebody names: read as text, or written whole; why not, in words. Paths are absolute. */
export interface UserFiles {
  read(file: string): ReturnType<typeof readUserFile>;
  write(file: string, text: string, how: Parameters<typeof writeUserFile>[2]): ReturnType<typeof writeUserFile>;
  /** What lies at the path itself. */
  waypoint(path: string): Waypoint;
}

/** With the rights of this very process. */
export const ownFiles: UserFiles = { read: readUserFile, write: writeUserFile, waypoint };
/** Users of the system that we run on, whatever --root says. */
export const usersHere = (): readonly User[] => parsePasswd(read('/etc/passwd') ?? '');

export const nameOfUser = (uid: number): string => usersHere().find((user) => user.uid === uid)?.name ?? String(uid);

export const nameOfGroup = (gid: number): string =>
  groupsHere().find((group) => group.gid === gid)?.name ?? String(gid);

const groupsHere = (): ReturnType<typeof parseGroup> => parseGroup(read('/etc/group') ?? '');

/**
 * Whose word we act on. A group of an ordinary user counts as theirs alone where it has their number, as distributions make
 * one for each user; root goes by no such habit.
 */
export const trustedBy = (caller: Owner, author?: number): Trusted => ({
  caller: caller.uid,
  ...(author !== undefined && { author }),
  isSafe: (gid) =>
    gid === 0 ||
    (!isRoot() && gid === caller.gid && gid === caller.uid) ||
    groupsHere().some((group) => group.gid === gid && group.name === 'nixbld'),
});

/** The text of a file that the user named; an error in words where it can't be had. */
export function readUserFile(
  file: string,
): { readonly ok: true; readonly text: string } | { readonly ok: false; readonly why: string } {
  try {
    // To open a device may already do something; a FIFO would be waited for.
    if (!statSync(file).isFile()) return { ok: false, why: 'it is not a regular file' };
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
