// The paths that trusted words name: the spec's places, the plan's edits within them, and the short list of what the
// program itself looks at on any machine. Written from the law's text; only the list at the end was read off a run.

import { isRootsAlone, type Words } from './law.ts';
import { type Inode, resolve } from './world.ts';

/** Edits as a plan and a journal have them. */
export interface EditWords {
  readonly op: string;
  readonly path?: string;
  readonly from?: string;
  readonly to?: string;
}

export interface Trusted {
  /** The machine's `/`: '' or DIR of `--root`. */
  readonly prefix: string;
  /** The places of the spec, if it may be believed, with `~` resolved. */
  readonly path?: string | undefined;
  readonly from?: string | undefined;
  readonly edits: readonly EditWords[];
  readonly person: { readonly uid: number; readonly gid: number; readonly home: string };
  /** If root itself called, root's own files may be read and written. */
  readonly callerIsRoot: boolean;
  /** The paths of the program and the spec, and the current directory with all above it. */
  readonly given: readonly string[];
}

/** Capitals too, because reflake tries whether the file system folds case. */
const WORK = /\/\.reflake-[0-9a-f]+(\/|$)/i;
/** The conflict name of somebody's change that was in the way of undo. */
const CONFLICT = /\.reflake-conflict-[0-9a-f]+$/;
const within = (path: string, dir: string): boolean => path === dir || path.startsWith(dir === '/' ? '/' : `${dir}/`);

/** The words as they hold for the tree before the command. */
export function wordsOf(world: Inode, trusted: Trusted): Words {
  const { prefix, person } = trusted;
  const groups = new Set([0, 994, 30000]);
  const machine = prefix === '' ? world : resolve(world, prefix, false).end!;
  /** Undefined if the way there is somebody's word, and leads out of their hands. */
  const canonical = (path: string | undefined): string | undefined => {
    if (path === undefined) return undefined;
    const way = resolve(machine, path, true, machine);
    const end = way.end ?? way.lookups.at(-1)?.dir;
    const isTheirs = way.links.some((link) => !isRootsAlone(link, groups));
    return isTheirs && end?.uid !== person.uid ? undefined : way.path;
  };
  const [path, from] = [canonical(trusted.path), canonical(trusted.from)];
  const conf = `${prefix}/etc/nix/nix.conf`;
  const theirConf = canonical(`${person.home}/.config/nix/nix.conf`);
  const parents = new Set<string>();
  if (path !== undefined)
    for (let at = path; at !== ''; at = at.slice(0, at.lastIndexOf('/')))
      if (resolve(world, at, false).end === undefined) parents.add(at);
  const holds = (one: string): boolean =>
    (path !== undefined && within(one, path)) ||
    (from !== undefined && within(one, from)) ||
    (trusted.path !== undefined && (one === conf || one === theirConf)) ||
    parents.has(one);
  const named = new Set<string>();
  const moved: string[] = [];
  const trees: string[] = [];
  const onWay = new Set<string>();
  const way = (one: string): void => {
    for (let at = one; at !== ''; at = at.slice(0, at.lastIndexOf('/'))) onWay.add(at);
    onWay.add('/');
  };
  for (const edit of trusted.edits) {
    const [one, two] = edit.op === 'move' ? [prefix + edit.from, prefix + edit.to] : [prefix + edit.path, undefined];
    if (edit.op === 'activate') continue;
    if (!holds(one) || (two !== undefined && !holds(two) && !within(two, `${prefix}/var/lib/reflake`))) continue;
    way(one);
    if (two === undefined) named.add(one);
    else {
      way(two);
      trees.push(one, two);
      const node = resolve(world, one, false).end;
      if (node !== undefined && isRootsAlone(node, groups)) moved.push(one, two);
    }
  }
  for (const one of [path, from]) if (one !== undefined) way(one);
  // The spec names them, so their links may be followed.
  for (const one of [trusted.path, trusted.from]) if (one !== undefined) way(prefix + one);
  const state = `${prefix}/var/lib/reflake`;
  const known = new Set([
    ...KNOWN.flatMap((one) => (prefix === '' ? [one] : [one, prefix + one])),
    state,
    ...trusted.given,
  ]);
  for (const one of [...known])
    for (let at = one; at !== ''; at = at.slice(0, at.lastIndexOf('/'))) known.add(at || '/');
  known.add('/');
  // A pipe in a directory that is root's alone is open to the process that root talks with.
  const isAlone = (node: Inode): boolean =>
    isRootsAlone(node.kind === 'other' && node.parent !== undefined ? node.parent : node, groups);
  const isScratch = (one: string, node: Inode | undefined): boolean =>
    /^\/(tmp|run)\/reflake-/.test(one) && (node === undefined || node.made || isAlone(node));
  /** Files that root, calling itself, asked to be written in root's home, and their temporary names. */
  const isRootsFile = (one: string): boolean =>
    trusted.callerIsRoot && /^\/root\/(plan\.json|new\.yaml|\.(plan\.json|new\.yaml)\.[0-9a-f]+\.tmp$)/.test(one);
  const isNamed = (one: string): boolean =>
    named.has(one) || one === path || one === from || trees.some((tree) => within(one, tree));
  return {
    isNamed,
    leadsToNamed: (one) => onWay.has(one),
    isKnown: (one) =>
      known.has(one) ||
      KNOWN_BELOW.some((dir) => within(one, dir) || within(one, prefix + dir)) ||
      (trusted.callerIsRoot && within(one, `${prefix}/root`)),
    isOwn: (one, node) =>
      within(one, state) ||
      (within(state, one) && (node === undefined || node.made)) ||
      isRootsFile(one) ||
      WORK.test(one) ||
      (CONFLICT.test(one) && isNamed(one.replace(CONFLICT, ''))) ||
      isScratch(one, node),
    isMoved: (one) => moved.some((tree) => within(one, tree)),
    trustedGroups: groups,
    groupsOf: (uid) => new Set(uid === person.uid ? [person.gid] : []),
  };
}

/** Files of root's with fixed names that are looked at on any machine. */
const KNOWN = [
  '/etc/passwd',
  '/etc/group',
  '/etc/hostname',
  '/etc/machine-id',
  '/etc/os-release',
  '/etc/NIXOS',
  '/etc/nix/nix.conf',
  '/etc/nixos',
  '/root/.nix-channels',
  '/run/current-system',
  '/run/current-system/nixos-version',
  '/run/current-system/system',
  '/tmp',
  // Where Node starts a thread, it looks for a package.json; root does so in `/`. The files after it are for the C
  // library, OpenSSL and the search for programs.
  '/package.json',
  '/etc/ld.so.cache',
  '/etc/ld.so.preload',
  '/etc/localtime',
  '/etc/nsswitch.conf',
  '/etc/ssl/openssl.cnf',
  '/selinux',
  '/etc/selinux/config',
  // yargs looks for these beside the program.
  '/locales',
  '/locales/C.json',
  '/bin',
  '/sbin',
  '/lib',
  '/lib64',
];

/** Trees of root's that programs read: the name service, system-wide settings, the kernel's file systems. */
const KNOWN_BELOW = ['/etc/nixos', '/run/nscd', '/etc/xdg', '/sys', '/proc', '/dev'];
