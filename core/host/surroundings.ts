// The surroundings of this process outside the machine that it reconciles: users, the spec file, the place of the state
// directory, and the files that the user names.

import { randomBytes } from 'node:crypto';
import {
  closeSync,
  constants,
  fchownSync,
  fstatSync,
  fsyncSync,
  linkSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { basename, dirname, resolve } from 'node:path';
import { parseGroup, parsePasswd, type User } from '../formats/passwd.ts';
import { MOST } from '../limits.ts';
import { wordsOf } from '../machine/failure.ts';
import { isClosed, type Trusted, type Waypoint } from '../machine/file-trust.ts';
import type { Owner, Person } from '../model.ts';
import { waypoint } from './disk/way.ts';
import { writeAll } from './disk/write-all.ts';
import { isRoot } from './process/trusted.ts';

/** Bytes that programs can still take, without swapping; undefined: the kernel does not say. */
export function availableMemory(): number | undefined {
  const kib = /^MemAvailable: *(\d+) kB$/m.exec(textOf('/proc/meminfo'))?.[1];
  return kib === undefined ? undefined : Number(kib) * 1024;
}

/** True if the path is a directory of this disk, or a link to one. */
export const isDirectory = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;

type Env = Readonly<Record<string, string | undefined>>;

/** The user of this system with that number. */
export function systemUser(uid: number): Person {
  const found = usersHere().find((one) => one.uid === uid);
  return found === undefined
    ? { name: String(uid), uid, gid: uid, home: '/' }
    : { name: found.name, uid, gid: found.gid, home: found.home };
}

/** Root's state directory, on the machine below `root`. */
export const rootsState = (root: string): string => `${root === '/' ? '' : root}/var/lib/reflake`;

/** The machine's own state directory for root, or with --root; otherwise the user's. */
export function stateDir(root: string, env: Env, caller: Person): string {
  if (root !== '/' || isRoot()) return rootsState(root);
  return `${env.XDG_STATE_HOME?.startsWith('/') ? env.XDG_STATE_HOME : `${caller.home}/.local/state`}/reflake`;
}

const NAMES = ['reflake.yaml', 'reflake.yml', 'reflake.json'];

/** `open`: the directory at which the search upwards stopped, because others can create a spec in it. */
export type FoundSpec =
  | { readonly ok: true; readonly file: string }
  | { readonly ok: false; readonly open: string | undefined };

/**
 * Looks at `--spec`, then $REFLAKE_SPEC, then upwards from `cwd` to the top of the repository or to the first directory
 * that others can write, then in /etc/nixos.
 */
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

/** Access to the files that a user names: reads one as text, or writes one whole; a failure says why. Paths are absolute. */
export interface UserFiles {
  read(file: string): ReturnType<typeof readUserFile>;
  write(file: string, text: string, how: Written): ReturnType<typeof writeUserFile>;
  /** The file at the path itself; links are not followed. */
  waypoint(path: string): Waypoint;
}

/** Access with the rights of this process. */
export const ownFiles: UserFiles = { read: readUserFile, write: writeUserFile, waypoint };
/** The users of the system that this process runs on, whatever --root says. */
export const usersHere = (): readonly User[] => parsePasswd(textOf('/etc/passwd'));

export const nameOfUser = (uid: number): string => usersHere().find((user) => user.uid === uid)?.name ?? String(uid);

export const nameOfGroup = (gid: number): string =>
  groupsHere().find((group) => group.gid === gid)?.name ?? String(gid);

const groupsHere = (): ReturnType<typeof parseGroup> => parseGroup(textOf('/etc/group'));

/**
 * The users whose files we act on. A group of an ordinary user counts as theirs alone if it has their number, because
 * distributions make such a group for each user; root does not rely on that.
 */
export const trustedBy = (caller: Owner, author?: number): Trusted => ({
  caller: caller.uid,
  ...(author !== undefined && { author }),
  isSafe: (gid) =>
    gid === 0 ||
    (!isRoot() && gid === caller.gid && gid === caller.uid) ||
    groupsHere().some((group) => group.gid === gid && group.name === 'nixbld'),
});

/** Reads a file that the user named; a failure says why in words. */
export function readUserFile(
  file: string,
): { readonly ok: true; readonly text: string } | { readonly ok: false; readonly why: string } {
  try {
    // open(2) of a device may have effects, and open(2) of a FIFO would wait for a writer.
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

export interface Written {
  readonly mode: number;
  /** Fail if the file exists. */
  readonly fresh: boolean;
  readonly owner: Owner;
  /** True: it may hold what only `owner` can read, whatever its mode. */
  readonly isPrivate?: boolean;
}

/**
 * Writes a file that the user asked for, whole or not at all. Under sudo it gets the caller as its owner.
 */
export function writeUserFile(
  file: string,
  text: string,
  { mode, fresh, owner }: Written,
): { readonly ok: boolean; readonly why?: string } {
  const temp = `${dirname(file)}/.${basename(file).slice(0, 50)}.${randomBytes(6).toString('hex')}.tmp`;
  let isTemp = false;
  try {
    // rename(2) would put a regular file in the place of /dev/null.
    if (statSync(file, { throwIfNoEntry: false })?.isFile() === false)
      return { ok: false, why: 'it is not a regular file' };
    const fd = openSync(temp, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, mode);
    isTemp = true;
    try {
      writeAll(fd, Buffer.from(text));
      if (isRoot()) fchownSync(fd, owner.uid, owner.gid);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    if (fresh) nameFresh(temp, file);
    else renameSync(temp, file);
    isTemp = fresh;
    return { ok: true };
  } catch (thrown) {
    const isThere = (thrown as NodeJS.ErrnoException).code === 'EEXIST';
    return { ok: false, why: isThere ? 'it is there already' : wordsOf(thrown) };
  } finally {
    if (isTemp) rmSync(temp, { force: true });
  }
}

/** Gives `temp` a second name, which must be free: link(2) replaces nothing. Throws EEXIST. */
function nameFresh(temp: string, file: string): void {
  try {
    linkSync(temp, file);
  } catch (thrown) {
    if (!['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK'].includes((thrown as NodeJS.ErrnoException).code ?? ''))
      throw thrown;
    // A file system without hard links: O_EXCL takes the name with an empty file of ours, and rename(2) replaces that.
    closeSync(openSync(file, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600));
    try {
      renameSync(temp, file);
    } catch (failed) {
      rmSync(file, { force: true });
      throw failed;
    }
  }
}

function textOf(file: string): string {
  const found = readUserFile(file);
  return found.ok ? found.text : '';
}
