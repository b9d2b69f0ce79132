// The attacks as data: the attacker's position, his actions, and what root is about to do there. main.ts runs them.

import { lchownSync, mkdirSync, rmdirSync } from 'node:fs';
import { digestOf } from '../../core/canonical.ts';
import type { Blobs } from '../../core/machine/host.ts';
import type { Digest, Edit, Owner, Puttable } from '../../core/model.ts';
import { absolute, join } from '../../core/path.ts';
import { editsOf } from '../../core/plan/edits.ts';
import { type Arena, HOME, HOSTS, hosts, PUBLIC, put, SECRET, TRAPS, TREE } from './arena.ts';
import { OWNER } from './attacker.ts';

export interface Attack {
  /** A few words, by which the attack is selected. */
  readonly name: string;
  readonly describe: string;
  /**
   * The mount point of a second file system: above the owner's home, or the home itself, so that all of it is in his
   * hands.
   */
  readonly mount?: '/home' | typeof HOME;
  /** The attacker only moves things away and back: the tree must end exactly old or exactly new. */
  readonly exact?: true;
  /**
   * The attacker carries off staging directories and puts them back at any time, so some may be left; all else must be
   * old or new.
   */
  readonly steals?: true;
  /** A file that is opened may never answer; a victim that waits for it has fallen. */
  readonly waits?: true;
  /** Somebody else's work may be in the way of undo, and is kept: then `stuck` is right. */
  readonly conflicts?: true;
  /** A text that must not lie in this directory of root's afterwards. */
  readonly shuns?: { readonly dir: string; readonly text: string };
  /** A text that the scene lays into a file that is only moved: it must be somewhere afterwards. */
  readonly laid?: string;
  /** The mode and the arguments of attacker.pl. */
  readonly words: (root: string) => readonly string[];
  /** Prepares try `n`. The owner's home and an empty tree exist. */
  readonly scene: (arena: Arena, n: number) => void;
  readonly edits: readonly Edit[];
}

const ROOTS: Owner = { uid: 0, gid: 0 };
const OWNERS: Owner = { uid: OWNER, gid: OWNER };
const NEW = '{ new = true; }\n';
const TOOL = '#!/bin/sh\n# planned\n';
const LAID = 'token-laid-end';
const FAKE = '{ fake = true; }\n';

/** The contents that the edits put. */
export const BLOBS: Blobs = Object.fromEntries([PUBLIC, NEW, TOOL].map((text) => [digestOf(text), Buffer.from(text)]));

const file = (owner: Owner, mode: number, content?: Digest): Puttable =>
  content === undefined ? { type: 'file', mode, owner } : { type: 'file', mode, owner, content };
const directory = (mode: number, owner = OWNERS): Puttable => ({ type: 'dir', mode, owner });
const nothing: Puttable = { type: 'absent' };
const edit = (dir: string, name: string, before: Puttable, after: Puttable): Edit => ({
  op: 'put',
  path: join(absolute(dir), name),
  before,
  after,
});
const move = (from: string, to: string): Edit => ({ op: 'move', from: absolute(from), to: absolute(to) });
const given = (dir: string, name: string): Edit => edit(dir, name, file(ROOTS, 0o644), file(OWNERS, 0o644));
const edited = (dir: string, name: string): Edit =>
  edit(dir, name, file(ROOTS, 0o644, digestOf(PUBLIC)), file(OWNERS, 0o644, digestOf(NEW)));
const born = (dir: string, name: string): Edit => edit(dir, name, nothing, file(OWNERS, 0o644, digestOf(NEW)));

/** One edit of each kind in `hosts`; root's own directory would allow them as well. */
const EVERYTHING: readonly Edit[] = [
  move(`${HOSTS}/m`, `${HOSTS}/n`),
  edit(TREE, 'hosts', directory(0o755), directory(0o750)),
  given(HOSTS, 'a'),
  edited(HOSTS, 'b'),
  edit(HOSTS, 'c', file(ROOTS, 0o644), nothing),
  edit(HOSTS, 'd', nothing, directory(0o755)),
  born(HOSTS, 'd/inner'),
  born(HOSTS, 'new'),
  edit(HOSTS, 'l', nothing, { type: 'link', target: 'new', owner: OWNERS }),
];

/** Gives root's own directory in the tree away, in the order of an apply. */
const GIVEN_AWAY: readonly Edit[] = editsOf([
  {
    edits: [
      edit(TREE, 'hosts', directory(0o755, ROOTS), directory(0o755)),
      edit(HOSTS, 'sub', directory(0o755, ROOTS), directory(0o755)),
      given(HOSTS, 'a'),
      edited(HOSTS, 'b'),
      given(HOSTS, 'c'),
      given(HOSTS, 'sub/a'),
    ],
  },
]);

/** Moves a tree of root's to the home, where it belongs to the owner at once, while root still works in it. */
const ARRIVES: readonly Edit[] = [
  move('/etc/nixos', TREE),
  edit(HOME, 'cfg', directory(0o755, ROOTS), directory(0o755)),
  edit(TREE, 'hosts', directory(0o755, ROOTS), directory(0o755)),
  ...['a', 'c'].map((name) => given(HOSTS, name)),
  edited(HOSTS, 'b'),
  born(HOSTS, 'new'),
];

/** The files `names` of the tree, each with a trap beside it as `NAME.trap`. */
const withTraps = (names: readonly string[]) => (root: string) => [
  'swap',
  `${root}:${root}${TREE}`,
  ...names.flatMap((name) => [`${root}${TREE}/${name}`, `${root}${TREE}/${name}.trap`]),
];

const trapped = (lay: (path: string, name: string, arena: Arena, n: number) => void) => (arena: Arena, n: number) => {
  const dir = arena.root + TREE;
  put(`${dir}/a`, '{ name = "a"; }\n', 0o644);
  put(`${dir}/b`, PUBLIC, 0o644);
  for (const name of ['a', 'b']) lay(`${dir}/${name}.trap`, name, arena, n);
};

const FILES: readonly Edit[] = [edited(TREE, 'b'), given(TREE, 'a'), born(TREE, 'new')];
const OTHERS = [TRAPS.fifo, TRAPS.device, TRAPS.dir];

export const ATTACKS: readonly Attack[] = [
  {
    name: 'a directory for a link',
    describe: 'a directory of the tree is swapped for a link to a directory of root with the same names',
    exact: true,
    words: (root) => ['swap', `${root}:${root}${HOSTS}`, `${root}${HOSTS}`, `${root}${TREE}/trap`],
    scene({ root }) {
      hosts(root + HOSTS);
      TRAPS.link(`${root}${TREE}/trap`, '../../../etc/secret/hosts');
    },
    edits: EVERYTHING,
  },
  {
    name: 'a parent for a link',
    describe: 'the tree itself is swapped for a link to a directory of root with the same names',
    exact: true,
    words: (root) => ['swap', `${root}:${root}${HOSTS}`, `${root}${TREE}`, `${root}${HOME}/trap`],
    scene({ root }) {
      hosts(root + HOSTS);
      TRAPS.link(`${root}${HOME}/trap`, '../../etc/secret');
    },
    edits: EVERYTHING,
  },
  {
    name: 'a tree that is given away',
    describe:
      "the tree, root's so far, is swapped for a link, and what is in it, as soon as it is his, for names of root's files",
    words: (root) => [
      'swap',
      `${root}:${root}${TREE}`,
      ...[`${TREE}/hosts`, `${HOSTS}/a`, `${HOSTS}/c`, `${HOSTS}/sub`].flatMap((path) => [
        root + path,
        `${root}${path}.trap`,
      ]),
    ],
    scene({ root, secret }) {
      const dir = root + HOSTS;
      hosts(dir);
      lchownSync(dir, 0, 0);
      mkdirSync(`${dir}/sub`, { mode: 0o755 });
      put(`${dir}/sub/a`, 'a\n', 0o644);
      for (const name of ['a', 'c']) TRAPS.hardLink(`${dir}/${name}.trap`, `${secret}/hosts/${name}`);
      TRAPS.link(`${dir}/sub.trap`, '../../../../etc/secret/hosts');
      TRAPS.link(`${dir}.trap`, '../../../etc/secret/hosts');
    },
    edits: GIVEN_AWAY,
  },
  {
    name: 'what is given becomes a link',
    describe: "a directory of a tree that is given becomes a link to a directory of root's as soon as the tree is his",
    conflicts: true,
    words: (root) => ['turn', root + TREE, 'hosts', '../../../etc/secret/hosts'],
    scene: ({ root }) => nixos(root, 0),
    edits: ARRIVES,
  },
  {
    name: 'what arrives becomes a link',
    describe: 'the same where the tree comes from another file system',
    mount: '/home',
    conflicts: true,
    words: (root) => ['turn', root + TREE, 'hosts', '../../../etc/secret/hosts'],
    scene: ({ root }) => nixos(root, 0),
    edits: ARRIVES,
  },
  {
    name: 'the tree that arrived is exchanged',
    describe: "the tree that was moved to the home is exchanged for one of the owner's, which looks the same",
    conflicts: true,
    words: (root) => ['fake', root + TREE, `${root}${HOME}/fake`],
    scene({ root }) {
      nixos(root, 0);
      for (const dir of [`${root}${HOME}/fake`, `${root}${HOME}/fake/hosts`]) {
        mkdirSync(dir, { mode: 0o755 });
        lchownSync(dir, OWNER, OWNER);
        for (const name of ['a', 'b', 'c', 'm']) put(`${dir}/${name}`, FAKE, 0o644, OWNER);
      }
    },
    shuns: { dir: '/etc/nixos', text: FAKE },
    edits: ARRIVES,
  },
  {
    name: 'a file for a hard link',
    describe: "a file of the tree is swapped for a second name of root's file",
    words: withTraps(['a', 'b']),
    scene: trapped((path, name, { secret }) => TRAPS.hardLink(path, `${secret}/hosts/${name}`)),
    edits: FILES,
  },
  {
    name: 'a file for a link',
    describe: "a file of the tree is swapped for a link to root's file",
    words: withTraps(['a', 'b']),
    scene: trapped((path, name) => TRAPS.link(path, `../../..${SECRET}/hosts/${name}`)),
    edits: FILES,
  },
  {
    name: 'a file for a FIFO, a device or a directory',
    describe: 'a file of the tree is swapped for something that waits, acts or is full when it is opened',
    waits: true,
    words: withTraps(['a', 'b']),
    scene: trapped((path, name, _arena, n) => OTHERS[(n + (name === 'a' ? 1 : 0)) % OTHERS.length]!(path)),
    edits: FILES,
  },
  {
    name: 'an edited file is written',
    describe:
      'the owner appends to, truncates or replaces the very file that is edited: what he was told is written is kept',
    conflicts: true,
    words: (root) => ['write', `${root}:${root}${TREE}`, `${root}${TREE}/b`],
    scene: ({ root }) => put(`${root}${TREE}/b`, PUBLIC, 0o644, OWNER),
    edits: [
      edit(TREE, 'b', file(OWNERS, 0o644, digestOf(PUBLIC)), file(OWNERS, 0o644, digestOf(NEW))),
      born(TREE, 'new'),
    ],
  },
  {
    name: 'a removed file is written',
    describe: 'the owner writes to a file while it is removed: what he was told is written is kept',
    conflicts: true,
    words: (root) => ['write', `${root}:${root}${TREE}`, `${root}${TREE}/b`],
    scene: ({ root }) => put(`${root}${TREE}/b`, PUBLIC, 0o644, OWNER),
    edits: [edit(TREE, 'b', file(OWNERS, 0o644, digestOf(PUBLIC)), nothing), born(TREE, 'new')],
  },
  {
    name: 'a name is taken at the very moment',
    describe:
      'the owner puts another file under a name in the microseconds in which it is replaced, removed, moved or undone: it is kept',
    conflicts: true,
    laid: LAID,
    words: (root) => [
      'pounce',
      ...['draft', 'first', 'last', 'b', 'c', 'm', 'n', 'd', 'e', 'new'].map((name) => `${root}${TREE}/${name}`),
    ],
    scene({ root }) {
      const tree = root + TREE;
      for (const name of ['b', 'c']) put(`${tree}/${name}`, PUBLIC, 0o644, OWNER);
      put(`${tree}/m`, LAID, 0o644, OWNER);
      TRAPS.dir(`${tree}/d`);
    },
    edits: [
      born(TREE, 'first'),
      edit(TREE, 'b', file(OWNERS, 0o644, digestOf(PUBLIC)), file(OWNERS, 0o644, digestOf(NEW))),
      edit(TREE, 'c', file(OWNERS, 0o644, digestOf(PUBLIC)), nothing),
      born(TREE, 'new'),
      move(`${TREE}/m`, `${TREE}/n`),
      move(`${TREE}/d`, `${TREE}/e`),
      born(TREE, 'last'),
    ],
  },
  {
    name: 'a tree is written while it is copied',
    describe: 'the owner writes to a log in a tree that goes to another file system: no line is lost',
    mount: '/home',
    conflicts: true,
    laid: LAID,
    words: (root) => ['log', `${root}:${root}/home`, `${root}/etc/nixos/log`, `${root}${TREE}/log`],
    scene: ({ root }) => nixos(root),
    edits: [move('/etc/nixos', TREE), given(TREE, 'hosts/a')],
  },
  {
    name: 'a directory for a link while it is copied',
    describe: 'a directory of a tree that goes to another file system is swapped for a link to a directory of root',
    mount: '/home',
    words: (root) => ['swap', `${root}:${root}/home`, `${root}/etc/nixos/hosts`, `${root}/etc/nixos/trap`],
    scene({ root }) {
      nixos(root);
      TRAPS.link(`${root}/etc/nixos/trap`, '../secret/hosts');
    },
    edits: [move('/etc/nixos', TREE), ...['a', 'c', 'm'].map((name) => given(TREE, `hosts/${name}`))],
  },
  {
    name: 'the name is taken',
    describe: 'where something is to be made, the owner makes a file, a directory or a link of the same name first',
    conflicts: true,
    words: (root) => [
      'take',
      `${root}:${root}${TREE}`,
      `../../..${SECRET}/hosts/planted`,
      ...['new', 'dir', 'link', 'n'].map((name) => `${root}${TREE}/${name}`),
    ],
    scene: ({ root }) => put(`${root}${TREE}/m`, PUBLIC, 0o644, OWNER),
    edits: [
      move(`${TREE}/m`, `${TREE}/n`),
      born(TREE, 'new'),
      edit(TREE, 'dir', nothing, directory(0o755)),
      edit(TREE, 'link', nothing, { type: 'link', target: 'new', owner: OWNERS }),
    ],
  },
  {
    name: 'the name is taken while a tree is copied to it',
    describe: 'where a tree from another file system is to be, or was, its owner makes a file, a directory or a link',
    mount: '/home',
    conflicts: true,
    laid: LAID,
    words: (root) => [
      'take',
      `${root}:${root}/home`,
      `../..${SECRET}/hosts/planted`,
      root + TREE,
      `${root}${HOME}/log`,
    ],
    scene: ({ root }) => nixos(root),
    edits: [move('/etc/nixos', TREE), move(`${TREE}/log`, `${HOME}/log`)],
  },
  {
    name: 'work in progress is wrecked',
    describe: 'the hidden work of a transaction is renamed, removed, or replaced by a link or by planted files',
    exact: true,
    steals: true,
    mount: HOME,
    conflicts: true,
    words: (root) => ['wreck', `../..${SECRET}/hosts`, root + HOME, root + TREE],
    scene({ root }) {
      put(`${root}${TREE}/b`, PUBLIC, 0o644);
      put(`${root}${TREE}/c`, PUBLIC, 0o644);
    },
    edits: [
      edited(TREE, 'b'),
      edit(TREE, 'c', file(ROOTS, 0o644, digestOf(PUBLIC)), nothing),
      edit(TREE, 'tool', nothing, file(ROOTS, 0o4755, digestOf(TOOL))),
      edit(TREE, 'd', nothing, directory(0o755)),
      born(TREE, 'd/inner'),
      born(TREE, 'new'),
    ],
  },
];

/** A tree outside the home, to be moved into it. */
function nixos(root: string, owner: number = OWNER): void {
  for (const dir of [`${root}/etc/nixos`, `${root}/etc/nixos/hosts`]) {
    hosts(dir);
    lchownSync(dir, owner, owner);
  }
  put(`${root}/etc/nixos/log`, 'first\n', 0o644, OWNER);
  put(`${root}/etc/nixos/laid`, LAID, 0o644, OWNER);
  rmdirSync(root + TREE);
}
