// Follows a log of strace call by call: each thread's rights, what its descriptors are open on, and what its calls did
// to the tree. Hands each call with effective uid 0 to the judge. Knows Linux, and nothing of reflake.

import { type Call, callsOf, descriptorOf, nameOf } from '../power/strace-log.ts';
import type { Touch } from './law.ts';
import { type Inode, inode, put, resolve, topOf, type Way } from './world.ts';

/** `?`: strace ignores a call that the architecture does not have. */
const CALLS = (
  'open openat openat2 creat stat lstat newfstatat fstatat64 statx access faccessat faccessat2 readlink readlinkat getdents64 ' +
  'rename renameat renameat2 link linkat unlink unlinkat rmdir mkdir mkdirat symlink symlinkat mknod mknodat chmod fchmod ' +
  'fchmodat fchmodat2 chown lchown fchown fchownat truncate ftruncate setxattr lsetxattr fsetxattr removexattr lremovexattr ' +
  'fremovexattr getxattr lgetxattr listxattr llistxattr utimensat utime utimes futimesat mount umount2 chdir fchdir chroot ' +
  'execve execveat statfs inotify_add_watch dup dup2 dup3 fcntl clone clone3 fork vfork setuid setreuid setresuid setfsuid'
).split(' ');

/** The words that go before a command; the log goes to `file`. */
export const tracing = (file: string): readonly string[] => [
  ...['strace', '-f', '-y', '-xx', '--seccomp-bpf', '-qq', '-o', file],
  ...['-e', `trace=${CALLS.map((name) => `?${name}`).join(',')}`],
];

/** A call with effective uid 0, and what it touched. */
export interface Deed {
  readonly call: Call;
  readonly touch: Touch;
}

/** Pinned inodes by descriptor; undefined for one that is not in the tree (a pipe, a socket). */
type Table = Map<number, Inode | undefined>;

interface Thread {
  uid: number;
  files: Table;
  /** An object, because threads share the directory. */
  at: { cwd: string };
}

type Asked = Way & { readonly byDescriptor: boolean };

/**
 * Follows the log, starting from the tree before the command, and changes the tree as the calls did. Calls `seen`
 * before a call's effect.
 */
export function follow(log: string, world: Inode, seen: (deed: Deed) => void): void {
  const calls = callsOf(log);
  const parents = new Map<number, { readonly pid: number; readonly flags: string }>();
  for (const { name, pid, result, args } of calls)
    if (/^(clone3?|v?fork)$/.test(name) && result > 0) parents.set(result, { pid, flags: args.join() });
  const threads = new Map<number, Thread>();
  const threadOf = (pid: number): Thread => {
    const known = threads.get(pid);
    if (known !== undefined) return known;
    const born = parents.get(pid);
    const above = born === undefined || born.pid === pid ? undefined : threadOf(born.pid);
    const shares = born?.flags.includes('CLONE_FILES') === true;
    const made: Thread = {
      uid: above?.uid ?? 0,
      files: above === undefined ? new Map() : shares ? above.files : new Map(above.files),
      at: above === undefined ? { cwd: '/' } : born?.flags.includes('CLONE_FS') ? above.at : { ...above.at },
    };
    threads.set(pid, made);
    return made;
  };
  // In the order of births: a child is known before its parent changes a descriptor that the child got.
  for (const call of calls) {
    const thread = threadOf(call.pid);
    if (/^(clone3?|v?fork)$/.test(call.name) && call.result > 0) threadOf(call.result);
    step(call, thread, world, seen);
  }
}

function step(call: Call, thread: Thread, world: Inode, seen: (deed: Deed) => void): void {
  const { name, args, result } = call;
  if (name.startsWith('set') && name.endsWith('uid')) {
    const wanted = Number(args[name === 'setuid' || name === 'setfsuid' ? 0 : 1]);
    if ((result === 0 || name === 'setfsuid') && wanted >= 0) thread.uid = wanted;
    return;
  }
  if (/^dup/.test(name) || (name === 'fcntl' && args[1]?.startsWith('F_DUPFD'))) {
    if (result >= 0) thread.files.set(result, thread.files.get(numberOf(args[0])));
    return;
  }
  if (name === 'fcntl' || /^(clone3?|v?fork)$/.test(name)) return;
  const verb = VERBS[name];
  if (verb === undefined) throw new Error(`the oracle does not know the call ${name}`);
  const asked = verb(args, (dir, path, follows) => ask(call, thread, world, dir, path, follows));
  if (thread.uid === 0)
    for (const { way, does, follows, givenTo } of asked.touches)
      if (way !== undefined) seen({ call, touch: { ...way, does, follows, givenTo } });
  if (result >= 0) asked.effect?.(call, thread, world);
}

interface Asks {
  readonly way: Asked | undefined;
  readonly does: Touch['does'];
  readonly follows: boolean;
  readonly givenTo?: number | undefined;
}

interface Verb {
  readonly touches: readonly Asks[];
  readonly effect?: (call: Call, thread: Thread, world: Inode) => void;
}

/**
 * `dir`: the argument that is a descriptor; undefined for the current directory. If `path` is undefined, the descriptor
 * itself is meant.
 */
type Ask = (dir: string | undefined, path: string | undefined, follows: boolean) => Asked | undefined;

const numberOf = (arg: string | undefined): number => descriptorOf(arg).number ?? -1;

const FD = /^\/(?:proc\/(?:self|thread-self|\d+)|dev)\/fd\/(\d+)(?:\/(.*))?$/s;

/** Undefined if it is outside of the tree, or unknown. */
function ask(
  _call: Call,
  thread: Thread,
  world: Inode,
  dir: string | undefined,
  path: string | undefined,
  follows: boolean,
): Asked | undefined {
  const text = path === undefined ? '' : nameOf(path);
  const magic = FD.exec(text);
  if (magic !== null) {
    const base = thread.files.get(Number(magic[1]));
    const rest = magic[2] ?? '';
    // The kernel's own link in /proc, whose name nobody owns.
    if (base === undefined || (rest === '' && !follows)) return undefined;
    return from(base, rest, follows);
  }
  if (text.startsWith('/')) return { ...resolve(world, text, follows), byDescriptor: false };
  const known = dir === undefined ? undefined : descriptorOf(dir);
  if (known?.number === undefined) {
    const cwd = resolve(world, known?.path ?? thread.at.cwd, true).end;
    return cwd === undefined || path === undefined
      ? undefined
      : { ...resolve(cwd, text, follows), byDescriptor: false };
  }
  const base = thread.files.get(known.number);
  return base === undefined ? undefined : from(base, text, follows);
}

function from(base: Inode, rest: string, follows: boolean): Asked {
  const way = resolve(base, rest, follows, topOf(base));
  return { ...way, byDescriptor: rest.split('/').filter((part) => part !== '').length <= 1 };
}

const has = (flags: string | undefined, word: string): boolean => (flags ?? '').split('|').includes(word);

const made = (way: Asked | undefined, kind: Inode['kind'], thread: Thread, mode: number, target = ''): void => {
  const last = way?.lookups.at(-1);
  if (way === undefined || last === undefined || way.end !== undefined || last.dir.kind !== 'dir') return;
  const isRoots = thread.uid === 0;
  last.dir.children.set(
    last.name,
    inode(kind, last.name, last.dir, { uid: thread.uid, gid: isRoots ? 0 : -1, mode, target, made: isRoots }),
  );
};

const octal = (text: string | undefined, otherwise: number): number =>
  /^0[0-7]*$/.test(text ?? '') ? Number.parseInt(text!, 8) & ~0o022 : otherwise;

/** Numbers as chown(2) takes them: -1 leaves the owner unchanged. */
const owned = (way: Asked | undefined, uid: string | undefined, gid: string | undefined) => () => {
  if (way?.end === undefined || way.end.system) return;
  const [to, group] = [Number(uid), Number(gid)];
  if (to >= 0 && to < 2 ** 32 - 1) way.end.uid = to;
  if (group >= 0 && group < 2 ** 32 - 1) way.end.gid = group;
};

const moded = (way: Asked | undefined, mode: string | undefined) => () => {
  if (way?.end !== undefined && !way.end.system && /^0[0-7]*$/.test(mode ?? ''))
    way.end.mode = Number.parseInt(mode!, 8);
};

const gone = (way: Asked | undefined) => () => {
  const last = way?.lookups.at(-1);
  if (last !== undefined) last.dir.children.delete(last.name);
};

function renamed(old: Asked | undefined, next: Asked | undefined, exchanges: boolean): void {
  const [from, to] = [old?.lookups.at(-1), next?.lookups.at(-1)];
  if (to === undefined || old?.end === undefined || from === undefined) return;
  const other = next?.end;
  put(old.end, to.dir, to.name);
  if (exchanges && other !== undefined) put(other, from.dir, from.name);
}

/** A second name is a second node with the same facts. */
function linked(old: Asked | undefined, next: Asked | undefined): void {
  const to = next?.lookups.at(-1);
  if (to === undefined || old?.end === undefined) return;
  const { name: _, parent: __, children: ___, ...facts } = old.end;
  to.dir.children.set(to.name, inode(old.end.kind, to.name, to.dir, facts));
}

const opening = (flags: string | undefined): Pick<Asks, 'does' | 'follows'> => ({
  does: has(flags, 'O_PATH') ? 'look' : /O_(WRONLY|RDWR|CREAT|TRUNC|TMPFILE)/.test(flags ?? '') ? 'write' : 'read',
  follows: !has(flags, 'O_NOFOLLOW') && !(has(flags, 'O_CREAT') && has(flags, 'O_EXCL')),
});

function opens(way: Asked | undefined, flags: string | undefined, mode: string | undefined): Verb {
  const { does, follows } = opening(flags);
  // open(2) of a directory is only a look: getdents(2) reads its names, and it may be opened to be flushed or locked.
  const isDir = does === 'read' && way?.end?.kind === 'dir';
  return {
    touches: [{ way, does: isDir ? 'look' : does, follows }],
    effect({ result, made: path }, thread, world) {
      if (has(flags, 'O_CREAT')) made(way, 'file', thread, octal(mode, 0o644));
      // The path that strace saw, even if the model of the tree leads elsewhere.
      thread.files.set(result, path?.startsWith('/') ? known(world, path, has(flags, 'O_DIRECTORY')) : undefined);
    },
  };
}

/** The inode at a path without links. An inode whose making was not seen belongs to nobody who is trusted. */
function known(world: Inode, path: string, isDir: boolean): Inode {
  const way = resolve(world, path.replace(/ \(deleted\)$/, ''), false);
  if (way.end !== undefined) return way.end;
  const last = way.lookups.at(-1)!;
  const phantom = inode(isDir ? 'dir' : 'file', path.slice(path.lastIndexOf('/') + 1), last.dir, { uid: -1 });
  return phantom;
}

const look =
  (follows: boolean) =>
  ([path]: readonly string[], ask: Ask): Verb => ({
    touches: [{ way: ask(undefined, path, follows), does: 'look', follows }],
  });
const change =
  (follows: boolean, effect?: (way: Asked | undefined, args: readonly string[]) => () => void) =>
  (args: readonly string[], ask: Ask): Verb => {
    const way = ask(undefined, args[0], follows);
    return { touches: [{ way, does: 'write', follows }], ...(effect && { effect: effect(way, args) }) };
  };
/** A descriptor that is changed was judged when it was opened, and is judged again for the change. */
const changeOpen =
  (effect?: (way: Asked | undefined, args: readonly string[]) => () => void, gives = false) =>
  (args: readonly string[], ask: Ask): Verb => {
    const way = ask(args[0], undefined, true);
    const givenTo = gives ? givenOf(args[1]) : undefined;
    return { touches: [{ way, does: 'write', follows: false, givenTo }], ...(effect && { effect: effect(way, args) }) };
  };
const givenOf = (uid: string | undefined): number | undefined => {
  const to = Number(uid);
  return to >= 0 && to < 2 ** 32 - 1 ? to : undefined;
};

const lookAt =
  (flags: number, follow = true) =>
  (args: readonly string[], ask: Ask): Verb => {
    const isEmpty = args[1] === '""' || args[1] === 'NULL';
    const follows = follow && !has(args[flags], 'AT_SYMLINK_NOFOLLOW');
    const way = isEmpty ? ask(args[0], undefined, true) : ask(args[0], args[1], follows);
    return { touches: [{ way, does: 'look', follows: !isEmpty && follows }] };
  };

const makes =
  (kind: Inode['kind'], at: boolean) =>
  (args: readonly string[], ask: Ask): Verb => {
    const way = at ? ask(args[0], args[1], false) : ask(undefined, args[0], false);
    const mode = octal(args[at ? 2 : 1], kind === 'dir' ? 0o755 : 0o644);
    return { touches: [{ way, does: 'write', follows: false }], effect: (_, thread) => made(way, kind, thread, mode) };
  };

const renames =
  (at: boolean) =>
  (args: readonly string[], ask: Ask): Verb => {
    const [a, b] = at
      ? [ask(args[0], args[1], false), ask(args[2], args[3], false)]
      : [ask(undefined, args[0], false), ask(undefined, args[1], false)];
    const does = 'write' as const;
    return {
      touches: [a, b].map((way) => ({ way, does, follows: false })),
      effect: () => renamed(a, b, has(args[4], 'RENAME_EXCHANGE')),
    };
  };

/** link(2) only looks at the old name: the inode gets one more name, which changes the directory of the new name. */
const links =
  (at: boolean) =>
  (args: readonly string[], ask: Ask): Verb => {
    const follows = at && has(args[4], 'AT_SYMLINK_FOLLOW');
    const [a, b] = at
      ? [ask(args[0], args[1], follows), ask(args[2], args[3], false)]
      : [ask(undefined, args[0], false), ask(undefined, args[1], false)];
    return {
      touches: [
        { way: a, does: 'look', follows },
        { way: b, does: 'write', follows: false },
      ],
      effect: () => linked(a, b),
    };
  };

const owns =
  (follows: boolean) =>
  (args: readonly string[], ask: Ask): Verb => {
    const way = ask(undefined, args[0], follows);
    return {
      touches: [{ way, does: 'write', follows, givenTo: givenOf(args[1]) }],
      effect: owned(way, args[1], args[2]),
    };
  };

const nothing = (): Verb => ({ touches: [] });

const VERBS: Readonly<Record<string, (args: readonly string[], ask: Ask) => Verb>> = {
  open: (args, ask) => opens(ask(undefined, args[0], opening(args[1]).follows), args[1], args[2]),
  creat: (args, ask) => opens(ask(undefined, args[0], true), 'O_WRONLY|O_CREAT|O_TRUNC', args[1]),
  openat: (args, ask) => opens(ask(args[0], args[1], opening(args[2]).follows), args[2], args[3]),
  openat2: (args, ask) => opens(ask(args[0], args[1], true), args[2], undefined),
  stat: look(true),
  lstat: look(false),
  newfstatat: lookAt(3),
  fstatat64: lookAt(3),
  statx: lookAt(2),
  access: look(true),
  faccessat: lookAt(9),
  faccessat2: lookAt(3),
  statfs: look(true),
  getxattr: look(true),
  lgetxattr: look(false),
  listxattr: look(true),
  llistxattr: look(false),
  inotify_add_watch: (args, ask) => look(true)([args[1]!], ask),
  readlink: ([path], ask) => ({ touches: [{ way: ask(undefined, path, false), does: 'read', follows: false }] }),
  readlinkat: ([dir, path], ask) => ({
    touches: [{ way: path === '""' ? ask(dir, undefined, true) : ask(dir, path, false), does: 'read', follows: false }],
  }),
  getdents64: ([dir], ask) => ({ touches: [{ way: ask(dir, undefined, true), does: 'read', follows: false }] }),
  rename: renames(false),
  renameat: renames(true),
  renameat2: renames(true),
  link: links(false),
  linkat: links(true),
  unlink: change(false, gone),
  rmdir: change(false, gone),
  unlinkat: ([dir, path], ask) => {
    const way = ask(dir, path, false);
    return { touches: [{ way, does: 'write', follows: false }], effect: gone(way) };
  },
  mkdir: makes('dir', false),
  mkdirat: makes('dir', true),
  mknod: makes('other', false),
  mknodat: makes('other', true),
  symlink: ([target, path], ask) => symlinked(ask(undefined, path, false), target),
  symlinkat: ([target, dir, path], ask) => symlinked(ask(dir, path, false), target),
  chmod: change(true, (way, args) => moded(way, args[1])),
  fchmod: changeOpen((way, args) => moded(way, args[1])),
  fchmodat: (args, ask) => {
    const way = ask(args[0], args[1], true);
    return { touches: [{ way, does: 'write', follows: true }], effect: moded(way, args[2]) };
  },
  fchmodat2: (args, ask) => {
    const follows = !has(args[3], 'AT_SYMLINK_NOFOLLOW');
    const way = ask(args[0], args[1], follows);
    return { touches: [{ way, does: 'write', follows }], effect: moded(way, args[2]) };
  },
  chown: owns(true),
  lchown: owns(false),
  fchown: changeOpen((way, args) => owned(way, args[1], args[2]), true),
  fchownat: (args, ask) => {
    const isEmpty = args[1] === '""';
    const follows = !has(args[4], 'AT_SYMLINK_NOFOLLOW') && !isEmpty;
    const way = isEmpty ? ask(args[0], undefined, true) : ask(args[0], args[1], follows);
    return {
      touches: [{ way, does: 'write', follows, givenTo: givenOf(args[2]) }],
      effect: owned(way, args[2], args[3]),
    };
  },
  truncate: change(true),
  ftruncate: changeOpen(),
  setxattr: change(true),
  lsetxattr: change(false),
  fsetxattr: changeOpen(),
  removexattr: change(true),
  lremovexattr: change(false),
  fremovexattr: changeOpen(),
  utimensat: (args, ask) => {
    const isOpen = args[1] === 'NULL';
    const follows = !isOpen && !has(args[3], 'AT_SYMLINK_NOFOLLOW');
    const way = isOpen ? ask(args[0], undefined, true) : ask(args[0], args[1], follows);
    return { touches: [{ way, does: 'write', follows }] };
  },
  utime: change(true),
  utimes: change(true),
  futimesat: (args, ask) => ({ touches: [{ way: ask(args[0], args[1], true), does: 'write', follows: true }] }),
  mount: ([, at], ask) => ({ touches: [{ way: ask(undefined, at, true), does: 'write', follows: true }] }),
  umount2: change(true),
  chroot: change(true),
  chdir: ([path], ask) => {
    const way = ask(undefined, path, true);
    return {
      touches: [{ way, does: 'look', follows: true }],
      effect: (_, thread) => {
        if (way !== undefined) thread.at.cwd = way.path;
      },
    };
  },
  fchdir: nothing,
  execve: ([path], ask) => ({ touches: [{ way: ask(undefined, path, true), does: 'run', follows: true }] }),
  execveat: ([dir, path], ask) => ({ touches: [{ way: ask(dir, path, true), does: 'run', follows: true }] }),
};

function symlinked(way: Asked | undefined, target: string | undefined): Verb {
  return {
    touches: [{ way, does: 'write', follows: false }],
    effect: (_, thread) => made(way, 'link', thread, 0o777, nameOf(target)),
  };
}
