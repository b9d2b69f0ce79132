// Tests the law itself: each of its sentences, with a touch that is allowed and one that is not, on a small tree.
import { describe, expect, test } from '@jest/globals';
import { isRootsAlone, judge, type Touch, type Words } from './law.ts';
import { type Inode, inode, resolve } from './world.ts';

const U = 1000;

function tree(): Inode {
  const top = inode('dir', '', undefined);
  const add = (path: string, kind: Inode['kind'], more: Partial<Inode> = {}): Inode => {
    const cut = path.lastIndexOf('/');
    const dir = resolve(top, path.slice(0, cut) || '/', true).end!;
    const made = inode(kind, path.slice(cut + 1), dir, more);
    dir.children.set(made.name, made);
    return made;
  };
  for (const dir of ['/etc', '/etc/nix', '/home', '/srv', '/usr', '/nix', '/state'])
    add(dir, 'dir', dir === '/usr' ? { system: true } : {});
  add('/etc/passwd', 'file');
  add('/tmp', 'dir', { mode: 0o1777 });
  add('/tmp/roots', 'dir', { mode: 0o700, made: true });
  add('/tmp/theirs', 'file', { uid: U });
  add('/nix/store', 'dir', { mode: 0o1775, gid: 994 });
  add('/nix/store/x', 'file');
  add('/srv/secret', 'dir', { mode: 0o700 });
  add('/srv/secret/key', 'file', { mode: 0o600 });
  add('/etc/link', 'link', { target: 'passwd' });
  add('/home/u', 'dir', { uid: U });
  add('/home/u/cfg', 'dir', { uid: U });
  add('/home/u/cfg/flake.nix', 'file', { uid: U });
  add('/home/u/cfg/roots', 'file', { mode: 0o600 });
  add('/home/u/cfg/readable', 'file');
  add('/home/u/cfg/shared', 'file', { links: 2 });
  add('/home/u/cfg/fifo', 'other', { uid: U });
  add('/home/u/cfg/away', 'link', { uid: U, target: '/srv/secret' });
  return top;
}

const NAMED = ['flake.nix', 'roots', 'readable', 'shared', 'fifo'].map((name) => `/home/u/cfg/${name}`);
const WORDS: Words = {
  isNamed: (path) => NAMED.includes(path) || path === '/home/u/cfg',
  leadsToNamed: (path) => NAMED.some((name) => name.startsWith(path === '/' ? '/' : `${path}/`)),
  isKnown: (path) => ['/', '/etc', '/etc/passwd', '/nix/store/x', '/tmp', '/tmp/theirs'].includes(path),
  isOwn: (path, node) => path.startsWith('/state') || (path.startsWith('/tmp/roots') && node?.uid !== U),
  isMoved: () => false,
  trustedGroups: new Set([0, 994]),
  groupsOf: () => new Set([100]),
};

/** `dir` stands for a descriptor; without it, the path itself is asked for. */
function why(
  does: Touch['does'],
  path: string,
  more: { readonly dir?: string; readonly follows?: boolean; readonly givenTo?: number } = {},
  words = WORDS,
) {
  const top = tree();
  const { dir, follows = false, givenTo } = more;
  const base = dir === undefined ? top : resolve(top, dir, true).end!;
  return judge({ ...resolve(base, path, follows), does, byDescriptor: dir !== undefined, follows, givenTo }, words);
}

const CFG = '/home/u/cfg';

describe('allowed', () => {
  test.each<readonly [string, Parameters<typeof why>]>([
    ["a file of the system's", ['read', '/usr/lib/x']],
    ['a file that root alone controls', ['read', '/etc/passwd']],
    ["root's own link in a directory of root's", ['read', '/etc/link', { follows: true }]],
    ['a file in a sticky directory of a trusted group', ['read', '/nix/store/x']],
    ['a name in /tmp that nobody has', ['look', '/tmp/roots']],
    ['a file that the plan names, by its directory', ['write', 'flake.nix', { dir: CFG }]],
    ['a directory on the way, by its directory', ['look', 'cfg', { dir: '/home/u' }]],
    ["reflake's state", ['write', '/state/journal']],
    ["root's scratch", ['write', '/tmp/roots/x']],
    ['a file is given that its owner-to-be can read', ['write', 'readable', { dir: CFG, givenTo: U }]],
  ])('%s', (_name, args) => expect(why(...args)).toBeUndefined());

  test('what the plan moves from a place of root is given, readable or not', () => {
    const words = { ...WORDS, isMoved: (path: string) => path === `${CFG}/roots` };
    expect(why('write', 'roots', { dir: CFG, givenTo: U }, words)).toBeUndefined();
  });
});

describe('refused', () => {
  test.each<readonly [string, Parameters<typeof why>, RegExp]>([
    ['a file that the plan names, by its path', ['look', `${CFG}/flake.nix`], /by a path/],
    ['a name of the tree that no plan names', ['look', 'other.nix', { dir: CFG }], /no plan names/],
    ['a link would be followed in the last place', ['write', 'flake.nix', { dir: CFG, follows: true }], /would follow/],
    ["a link of the person's", ['read', `${CFG}/away/key`], /by a path/],
    ["a secret of root's, by a descriptor", ['look', 'key', { dir: '/srv/secret' }], /nothing that is trusted/],
    ["a change of a file of root's", ['write', '/etc/passwd'], /no plan names/],
    ["a change of the system's", ['write', '/usr/lib/x'], /part of the system/],
    ["somebody's file in /tmp", ['read', '/tmp/theirs'], /by a path/],
    ['a FIFO that the plan names', ['read', 'fifo', { dir: CFG }], /no file/],
    ["root's 0600 file is given", ['write', 'roots', { dir: CFG, givenTo: U }], /could not read/],
    ['a file with two names is given', ['write', 'shared', { dir: CFG, givenTo: U }], /other names/],
  ])('%s', (_name, args, words) => expect(why(...args)).toMatch(words));

  test('what was handed over is not root’s any more', () => {
    const top = tree();
    const scratch = resolve(top, '/tmp/roots', false).end!;
    expect(isRootsAlone(scratch, WORDS.trustedGroups)).toBe(true);
    scratch.uid = U;
    const way = resolve(top, '/tmp/roots/work', false);
    expect(judge({ ...way, does: 'look', byDescriptor: false, follows: false }, WORDS)).toMatch(/by a path/);
  });
});

test('a link is followed as the kernel does', () => {
  const top = tree();
  expect(resolve(top, `${CFG}/away/key`, false).path).toBe('/srv/secret/key');
  expect(resolve(top, `${CFG}/away`, false).path).toBe(`${CFG}/away`);
  expect(resolve(top, `${CFG}/../cfg/./away/`, false).path).toBe('/srv/secret');
  expect(resolve(top, '/etc/none/x', true)).toMatchObject({ path: '/etc/none/x', end: undefined });
});
