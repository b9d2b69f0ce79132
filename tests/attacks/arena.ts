// The scene of the attacks: a machine with a tree that its owner may change at any moment, and files of root's beside
// it that nothing may change or show. Lays it out, and says what came to harm.

import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  lchownSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  type Stats,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { rowsOfDisk } from '../support/trees.ts';
import { OWNER, type Told } from './attacker.ts';

/** A file in the arena with its bytes, or another thing without any. */
export interface Node {
  readonly path: string;
  readonly stat: Stats;
  readonly bytes: Buffer;
}

export interface Arena {
  /** The machine, for `--root`. */
  readonly root: string;
  readonly state: string;
  /** A directory of root's, 0700. `hosts` in it has the same names and public contents as the tree's `hosts`. */
  readonly secret: string;
  /** Empties the owner's home and lays the tree out; `more` adds what the attack needs. */
  readonly layOut: (more: () => void) => void;
  /** Says in lines what happened to root's files, or what of them can be read; empty if all is well. */
  readonly harm: () => readonly string[];
  /** Writes that the owner was told are done, but that are nowhere now. */
  readonly lost: (told: readonly Told[]) => readonly string[];
  /** Names of unfinished work that are left. */
  readonly leftOver: () => readonly string[];
}

/** Paths of the machine that the attacks use. */
export const HOME = '/home/u';
export const TREE = `${HOME}/cfg`;
export const HOSTS = `${TREE}/hosts`;
export const SECRET = '/etc/secret';
/** A public text that stands both in the tree and in the secret directory, so that only the place tells the files apart. */
export const PUBLIC = '{ public = true; }\n';
const MARK = 'ROOT-ONLY';

export const machineIn = (dir: string): string => `${dir}/machine`;

/** `dir` must be empty, and everybody must be able to search the way to it. */
export function arena(dir: string): Arena {
  const root = machineIn(dir);
  const secret = root + SECRET;
  for (const made of [root, `${root}/etc`, `${root}/home`, root + HOME])
    mkdirSync(made, { mode: 0o755, recursive: true });
  chownSync(root + HOME, OWNER, OWNER);
  mkdirSync(secret, { mode: 0o700 });
  mkdirSync(`${secret}/hosts`, { mode: 0o755 });
  mkdirSync(`${dir}/state`, { mode: 0o700 });
  const rootsOwn = (): void => {
    for (const name of ['a', 'c', 'm', 'shadow']) put(`${secret}/hosts/${name}`, `${MARK} ${name}\n`, 0o644);
    put(`${secret}/hosts/b`, PUBLIC, 0o644);
  };
  rootsOwn();
  // An attack may give a file more names, which is no harm.
  const secretRows = (): readonly string[] => rowsOfDisk(secret).map((row) => row.replace(' shared', ''));
  const untouched = secretRows();
  const places = (): readonly Node[] => nodesBelow(root, secret);
  return {
    root,
    state: `${dir}/state`,
    secret,
    layOut(more) {
      // The home may be a mount point, so it is emptied and not removed.
      emptied(root + HOME);
      for (const above of [root, `${root}/home`])
        for (const name of readdirSync(above))
          if (name.startsWith('.')) rmSync(`${above}/${name}`, { recursive: true });
      emptied(`${root}/etc`, 'secret');
      if (secretRows().join() !== untouched.join()) {
        emptied(secret);
        mkdirSync(`${secret}/hosts`, { mode: 0o755 });
        rootsOwn();
      }
      mkdirSync(root + TREE, { mode: 0o755 });
      chownSync(root + TREE, OWNER, OWNER);
      more();
    },
    harm: () => [...differing(untouched, secretRows()), ...places().flatMap(exposure)],
    lost(told) {
      const all = [...places(), ...nodesBelow(`${dir}/state`)];
      const text = Buffer.concat(all.flatMap(({ bytes, path }) => [bytes, Buffer.from(`\n${path}\n`)])).toString(
        'latin1',
      );
      return told.filter(({ token }) => !text.includes(token)).map(({ kind, token }) => `${kind} ${token} is lost`);
    },
    leftOver: () =>
      places()
        .map(({ path }) => path)
        .filter((path) => /\/\.reflake-(?!conflict)[^/]*$/.test(path)),
  };
}

/** A directory of root's in the tree with files of root's, as `sudo` leaves them; their contents differ from the secret's. */
export function hosts(dir: string): void {
  mkdirSync(dir, { mode: 0o755 });
  chownSync(dir, OWNER, OWNER);
  for (const name of ['a', 'c', 'm']) put(`${dir}/${name}`, `{ name = "${name}"; }\n`, 0o644);
  put(`${dir}/b`, PUBLIC, 0o644);
}

/** Makes a file of root's, or of `owner`, with exactly this mode. */
export function put(path: string, text: string, mode: number, owner = 0): void {
  writeFileSync(path, text);
  lchownSync(path, owner, owner);
  chmodSync(path, mode);
}

/** Traps that may lie under another name of the owner's directory. */
export const TRAPS = {
  hardLink: (path: string, of: string): void => linkSync(of, path),
  link: (path: string, to: string): void => {
    symlinkSync(to, path);
    lchownSync(path, OWNER, OWNER);
  },
  fifo: (path: string): void => {
    execFileSync('mkfifo', [path]);
    chownSync(path, OWNER, OWNER);
  },
  device: (path: string): void => void execFileSync('mknod', ['-m', '600', path, 'c', '1', '5']),
  dir: (path: string): void => {
    mkdirSync(path);
    put(`${path}/mine`, 'mine\n', 0o644, OWNER);
    chownSync(path, OWNER, OWNER);
  },
};

function emptied(dir: string, but = ''): void {
  for (const name of readdirSync(dir, { encoding: 'buffer' }))
    if (name.toString() !== but)
      rmSync(Buffer.concat([Buffer.from(`${dir}/`), name]), { recursive: true, force: true });
}

function nodesBelow(dir: string, but = ''): readonly Node[] {
  if (lstatSync(dir, { throwIfNoEntry: false })?.isDirectory() !== true) return [];
  return readdirSync(dir).flatMap((name): readonly Node[] => {
    const path = `${dir}/${name}`;
    if (path === but) return [];
    const stat = lstatSync(path);
    const bytes = stat.isFile() ? readFileSync(path) : stat.isSymbolicLink() ? linkText(path) : Buffer.of();
    return [{ path, stat, bytes }, ...(stat.isDirectory() ? nodesBelow(path, but) : [])];
  });
}

const linkText = (path: string): Buffer => readlinkSync(path, { encoding: 'buffer' });

/**
 * Says if root's bytes are in a file that others can read, if others may open a device, or if a program of theirs runs
 * as root.
 */
function exposure({ path, stat, bytes }: Node): readonly string[] {
  // A trap is a second name of root's own file, which the attack laid: nobody can do more with it than before.
  const isTrap = stat.nlink > 1;
  const isClosed = stat.uid === 0 && stat.gid === 0 && (isTrap || (stat.mode & 0o077) === 0);
  if (stat.isFile() && !isClosed && bytes.includes(MARK)) return [`root's content shows in ${path}`];
  if ((stat.isCharacterDevice() || stat.isBlockDevice()) && !isClosed) return [`a device was given away: ${path}`];
  const runsAsRoot = stat.isFile() && stat.uid === 0 && (stat.mode & 0o4000) !== 0;
  return runsAsRoot && bytes.includes('planted') ? [`the attacker's bytes would run as root: ${path}`] : [];
}

const differing = (due: readonly string[], found: readonly string[]): readonly string[] => [
  ...due.filter((row) => !found.includes(row)).map((row) => `root's own: - ${row}`),
  ...found.filter((row) => !due.includes(row)).map((row) => `root's own: + ${row}`),
];
