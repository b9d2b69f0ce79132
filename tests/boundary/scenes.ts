// Hostile trees as data: what the person has laid out, which commands root runs over it, and which program runs beside
// it. Each belongs to one of eight kinds, S1 to S8, or is a neighbour of one.

import { BASES, CONFIGURATION, HOME, OTHER, type SpecPatch, SRID, specWith, TREE } from './ground.ts';
import type { Layout } from './lay.ts';

export interface Scene {
  readonly kind: 'S1' | 'S2' | 'S3' | 'S4' | 'S5' | 'S6' | 'S7' | 'S8';
  readonly name: string;
  readonly base: keyof typeof BASES;
  readonly more: Layout;
  readonly spec?: SpecPatch;
  /** By default a plan, then an apply. */
  readonly words?: readonly (readonly string[])[];
  readonly caller?: 'sudo' | 'root';
  readonly attacker?: string;
  /** The spec is found from this directory, and nothing that it wishes for may be believed. */
  readonly found?: string;
  /** The path at which a copy of the program is started. */
  readonly program?: string;
}

/** True of a scene that needs the machine as the real /. */
export const isReal = ({ found, program }: Scene): boolean => found !== undefined || program !== undefined;

const link = (to: string) => ({ link: to, by: SRID }) as const;
const text = (text: string, mode = 0o644) => ({ text, mode, by: SRID }) as const;
const dir = (mode = 0o755) => ({ dir: mode, by: SRID }) as const;
const fifo = { nod: 'fifo', by: SRID } as const;

/** Targets of a link of the person's, from a directory `up` levels below the top. */
const targets = (to: string, up: number): Readonly<Record<string, string>> => ({
  absolute: to,
  relative: `${'../'.repeat(up)}${to.slice(1)}`,
  'with a detour': `/home/../${to.slice(1)}/.`,
});

const scenes = (
  kind: Scene['kind'],
  base: Scene['base'],
  all: Readonly<Record<string, Layout | Partial<Scene>>>,
): readonly Scene[] =>
  Object.entries(all).map(([name, one]) =>
    'more' in one ? { kind, base, name, ...(one as { more: Layout }) } : { kind, base, name, more: one as Layout },
  );

const named = <T>(
  from: Readonly<Record<string, string>>,
  make: (to: string, name: string) => T,
  title: string,
): Readonly<Record<string, T>> =>
  Object.fromEntries(Object.entries(from).map(([name, to]) => [`${title}, ${name}`, make(to, name)]));

/** S1: the tree, or a directory on the way to it, is the person's link; or root's things lie in it. */
const S1 = scenes('S1', 'own', {
  ...named(targets('/srv/rootconf', 2), (to) => ({ [TREE]: link(to) }), "the tree is a link to root's directory"),
  'the tree is a link to a third user’s directory': { [TREE]: link('/home/other/conf') },
  'the tree is a link to a link': { [TREE]: link('alias'), [`${HOME}/alias`]: link('/srv/rootconf') },
  'the tree is a link to his own link farm': {
    [TREE]: link('real'),
    [`${HOME}/real`]: dir(),
    [`${HOME}/real/configuration.nix`]: link('/srv/rootconf/configuration.nix'),
  },
  'the tree is a link to itself': { [TREE]: link('nixos-config') },
  'the tree is a link to a file': { [TREE]: link('/root/.ssh/id') },
  'a directory on the way is a link': {
    more: { [TREE]: null, [`${HOME}/way`]: link('/srv') },
    spec: { config: { path: '~/way/rootconf' } },
  },
  'what is moved is a link': {
    more: { [TREE]: null, [`${HOME}/old`]: link('/srv/rootconf') },
    spec: { config: { from: '~/old' } },
  },
  'what is moved lies behind a link': {
    more: { [TREE]: null, [`${HOME}/old`]: link('/srv') },
    spec: { config: { from: '~/old/rootconf' } },
  },
  'a directory of root, 0700, was moved into it': {
    [`${TREE}/private`]: { dir: 0o700 },
    [`${TREE}/private/key`]: { text: 'SECRET-MARK\n', mode: 0o600 },
  },
  'a file of root, 0600, was moved into it': { [`${TREE}/key.nix`]: { text: '"SECRET-MARK"\n', mode: 0o600 } },
  'a file of the third user, 0600, lies in it': {
    [`${TREE}/key.nix`]: { text: '"SECRET-MARK"\n', mode: 0o600, by: OTHER },
  },
  "a second name of root's file": { [`${TREE}/key.nix`]: { hard: '/srv/readable' } },
  "a second name of root's 0600 file": { [`${TREE}/key.nix`]: { hard: '/root/.ssh/id' } },
  'things that are no files': {
    [`${TREE}/fifo`]: { nod: 'fifo' },
    [`${TREE}/socket`]: { nod: 'socket' },
    [`${TREE}/device`]: { nod: 'device', mode: 0o600 },
  },
});

/** S2: inputs and modules that lead out of the tree. */
const secretInput = (url: string, more: Layout): Partial<Scene> & { more: Layout } => ({
  more,
  spec: { inputs: { secret: { url, flake: false } } },
});
const S2 = scenes('S2', 'own', {
  ...named(
    targets('/root', 3),
    (to) => secretInput('path:./a/.ssh', { [`${TREE}/a`]: link(to) }),
    'an input below a link',
  ),
  'an input is a link': secretInput('path:./a', { [`${TREE}/a`]: link('/root/.ssh') }),
  'an input is a link to a file': secretInput('path:./a', { [`${TREE}/a`]: link('/root/.ssh/id') }),
  'an input below two links': secretInput('path:./a/c/.ssh', {
    [`${TREE}/a`]: link('b'),
    [`${TREE}/b`]: dir(),
    [`${TREE}/b/c`]: link('/root'),
  }),
  'an input of the third user': secretInput('path:./a/conf', { [`${TREE}/a`]: link('/home/other') }),
  'an input above the tree, below a link': secretInput('path:../a/.ssh', { [`${HOME}/a`]: link('/root') }),
  'an input by its whole path': secretInput(`path:${TREE}/a/.ssh`, { [`${TREE}/a`]: link('/root') }),
  'an input with a FIFO in it': secretInput('path:./a', { [`${TREE}/a`]: dir(), [`${TREE}/a/fifo`]: fifo }),
  "an input with a file of root's in it": secretInput('path:./a', {
    [`${TREE}/a`]: dir(),
    [`${TREE}/a/key`]: { text: 'SECRET-MARK\n', mode: 0o600 },
  }),
  'a module is a link': { [`${TREE}/hardware-configuration.nix`]: link('/srv/rootconf/secret.nix') },
  'a module lies behind a link': {
    [`${TREE}/configuration.nix`]: text(CONFIGURATION.replace('./hardware', './a/secret')),
    [`${TREE}/a`]: link('/srv/rootconf'),
  },
  'a module is a FIFO': { [`${TREE}/hardware-configuration.nix`]: fifo },
  'a module is a link to a FIFO': { [`${TREE}/hardware-configuration.nix`]: link('../fifo'), [`${HOME}/fifo`]: fifo },
  'a module is a device': { [`${TREE}/hardware-configuration.nix`]: { nod: 'device', mode: 0o600 } },
  'the configuration is a link': { [`${TREE}/configuration.nix`]: link('/etc/shadow') },
  'flake.nix is a link': { [`${TREE}/flake.nix`]: link('/srv/rootconf/secret.nix') },
  'flake.lock is a link': { [`${TREE}/flake.lock`]: link('/etc/shadow') },
  "a module is root's 0600 file": {
    [`${TREE}/hardware-configuration.nix`]: { text: '{ x = "SECRET-MARK" }\n', mode: 0o600 },
  },
});

/** S3: scratch directories, and what programs read in them. */
const SWAPPER = `use strict; use POSIX ();
# As soon as git has made the repository in a scratch directory, it and a link to root's vault take turns.
my $n = (POSIX::uname())[4] eq "x86_64" ? 316 : 276;
while (1) {
  opendir(my $tmp, "/tmp") or die; my @works = map { "/tmp/$_/work" } grep { /^reflake-/ } readdir $tmp; closedir $tmp;
  for my $work (@works) {
    my ($git, $trap) = ("$work/.git", "$work/trap");
    next unless -d "$git/objects/info" && symlink("/srv/vault", $trap);
    for (1 .. 200000) { my ($a, $b) = ($git, $trap); last if syscall($n, -100, $a, -100, $b, 2) != 0 }
  }
}
`;
const S3 = scenes('S3', 'own', {
  'a directory of scratch takes turns with a link': {
    more: {
      [`${HOME}/.gitconfig`]: text(`[init]\n\ttemplateDir = ${HOME}/template\n`),
      ...Object.fromEntries(Array.from({ length: 300 }, (_, n) => [`${HOME}/template/d${n}/x`, text('x\n')])),
    },
    attacker: SWAPPER,
  },
  '.gitconfig is a FIFO': { [`${HOME}/.gitconfig`]: fifo },
  '.gitconfig is a link to a FIFO': { [`${HOME}/.gitconfig`]: link('fifo'), [`${HOME}/fifo`]: fifo },
  '.config/git/config is a FIFO': { [`${HOME}/.config/git/config`]: fifo },
  "git's template is root's": { [`${HOME}/.gitconfig`]: text('[init]\n\ttemplateDir = /srv/vault\n') },
  "git's template has links": {
    [`${HOME}/.gitconfig`]: text(`[init]\n\ttemplateDir = ${HOME}/template\n`),
    [`${HOME}/template/id`]: link('/root/.ssh/id'),
    [`${HOME}/template/objects`]: link('/srv/vault'),
  },
  "git's template has a FIFO": {
    [`${HOME}/.gitconfig`]: text(`[init]\n\ttemplateDir = ${HOME}/template\n`),
    [`${HOME}/template/fifo`]: fifo,
  },
  '.config/nix/registry.json is a FIFO': { [`${HOME}/.config/nix/registry.json`]: fifo },
});

/** S4: repositories that lead elsewhere. */
const repo = (more: Layout = {}, config = ''): Layout => ({
  [`${TREE}/.git`]: dir(),
  [`${TREE}/.git/HEAD`]: text('ref: refs/heads/main\n'),
  [`${TREE}/.git/config`]: text(`[core]\n\trepositoryformatversion = 0\n\tbare = false\n${config}`),
  [`${TREE}/.git/objects/info`]: dir(),
  [`${TREE}/.git/objects/pack`]: dir(),
  [`${TREE}/.git/refs/heads`]: dir(),
  ...more,
});
const S4 = scenes('S4', 'own', {
  '.git is a file that leads to /etc/cron.d': { [`${TREE}/.git`]: text('gitdir: /etc/cron.d\n') },
  ".git is a file that leads to root's repository": { [`${TREE}/.git`]: text('gitdir: /srv/repo\n') },
  ".git is a file that leads to root's repository, relative": { [`${TREE}/.git`]: text('gitdir: ../../../srv/repo\n') },
  '.git is a file that leads through a link': {
    [`${TREE}/.git`]: text('gitdir: a/repo\n'),
    [`${TREE}/a`]: link('/srv'),
  },
  ".git is a link to root's repository": { [`${TREE}/.git`]: link('/srv/repo') },
  '.git is a link to a third user’s directory': { [`${TREE}/.git`]: link('/home/other/conf') },
  '.git is a file that leads to itself': { [`${TREE}/.git`]: text('gitdir: .git\n') },
  '.git is a FIFO': { [`${TREE}/.git`]: fifo },
  "commondir is root's": repo({ [`${TREE}/.git/commondir`]: text('/srv/repo\n') }),
  'the index is a link': repo({ [`${TREE}/.git/index`]: link('/srv/vault/index') }),
  'the index is a link to nothing in /etc/cron.d': repo({ [`${TREE}/.git/index`]: link('/etc/cron.d/index') }),
  'the index is a FIFO': repo({ [`${TREE}/.git/index`]: fifo }),
  "the index is root's 0600 file": repo({ [`${TREE}/.git/index`]: { text: 'SECRET-MARK', mode: 0o600 } }),
  'objects is a link': repo({ [`${TREE}/.git/objects`]: link('/srv/vault/objects') }),
  'an alternate that is closed': repo({
    [`${TREE}/.git/objects/info/alternates`]: text('/root/.ssh\n/srv/rootconf\n'),
  }),
  'HEAD is a FIFO': repo({ [`${TREE}/.git/HEAD`]: fifo }),
  'config is a link': repo({ [`${TREE}/.git/config`]: link('/etc/shadow') }),
  'config includes a secret': repo({}, '[include]\n\tpath = /etc/shadow\n\tpath = /srv/vault/config\n'),
  'config includes a FIFO': repo({ [`${HOME}/fifo`]: fifo }, `[include]\n\tpath = ${HOME}/fifo\n`),
  'excludesFile is a secret': repo({}, '\texcludesFile = /etc/shadow\n'),
  'excludesFile is a FIFO': repo({ [`${HOME}/fifo`]: fifo }, `\texcludesFile = ${HOME}/fifo\n`),
  "worktree is root's": repo({}, '\tworktree = /srv/rootconf\n'),
  'hooks and fsmonitor': repo(
    { [`${HOME}/hook`]: text('#!/bin/sh\nid -u >> /tmp/ran\n', 0o755) },
    `\tfsmonitor = ${HOME}/hook\n\thooksPath = ${HOME}\n`,
  ),
  '.gitignore is a link': repo({ [`${TREE}/.gitignore`]: link('/etc/shadow') }),
  '.gitignore is a FIFO': repo({ [`${TREE}/.gitignore`]: fifo }),
  'info/exclude is a link': repo({ [`${TREE}/.git/info/exclude`]: link('/etc/shadow') }),
});

/** S5: what apply gives him, he changes at once. */
const POUNCER = `use strict;
# As soon as the directory is mine, NAME in it is root's vault.
my ($dir, $name) = ("${TREE}", "NAME");
while (1) {
  my @s = lstat($dir); next unless @s && $s[4] == $>;
  my @g = lstat("$dir/$name"); next unless @g;
  rename("$dir/$name", "$dir/away") or next;
  symlink("/srv/vault", "$dir/$name");
  exit 0;
}
`;
const S5 = scenes('S5', 'moving', {
  '.git becomes a link as soon as it is his': {
    more: {},
    attacker: POUNCER.replaceAll('NAME', '.git'),
    words: [['apply', '--yes']],
  },
  'a directory of the tree becomes a link as soon as it is his': {
    more: {
      '/etc/nixos/vault': { dir: 0o755 },
      ...Object.fromEntries(['HEAD', 'config', 'index'].map((name) => [`/etc/nixos/vault/${name}`, { text: 'x\n' }])),
    },
    attacker: POUNCER.replaceAll('NAME', 'vault'),
    words: [['apply', '--yes']],
  },
});

/** S6: files beside the program. */
const BESIDE = '/opt/open/reflake.cache';
const S6 = scenes('S6', 'own', {
  "a cache of another user's, in a sticky directory": {
    more: { '/opt/open': { dir: 0o1777 }, [BESIDE]: text('x') },
    program: '/opt/open/reflake.cjs',
  },
  "a cache that is another user's link": {
    more: { '/opt/open': { dir: 0o1777 }, [BESIDE]: link('/etc/shadow') },
    program: '/opt/open/reflake.cjs',
  },
  'a cache that others can write': {
    more: { [BESIDE]: { text: 'x', mode: 0o666 } },
    program: '/opt/open/reflake.cjs',
  },
  'a cache that is a FIFO': {
    more: { '/opt/open': { dir: 0o1777 }, [BESIDE]: fifo },
    program: '/opt/open/reflake.cjs',
  },
  'package.json in the current directory is a FIFO': { [`${HOME}/package.json`]: fifo },
  'package.json in the current directory is rubbish': { [`${HOME}/package.json`]: text('{"type":') },
  'package.json in the current directory makes modules of scripts': {
    [`${HOME}/package.json`]: text('{"type":"module"}'),
  },
});

/** S7: specs of others, found upwards. */
const GREEDY = specWith({ config: { path: '~/loot', from: '/root/.ssh', owner: 'srid', modules: ['./id'] } });
const S7 = scenes('S7', 'own', {
  "the person's spec, found upwards by root": {
    more: { [`${HOME}/reflake.json`]: text(GREEDY), [`${HOME}/sub`]: dir() },
    caller: 'root',
    found: `${HOME}/sub`,
  },
  "the third user's spec, found upwards by sudo": {
    more: { '/srv/theirs': { dir: 0o755, by: OTHER }, '/srv/theirs/reflake.json': { text: GREEDY, by: OTHER } },
    found: '/srv/theirs',
  },
  'a spec that is a link to a secret': { more: { [`${HOME}/reflake.yaml`]: link('/etc/shadow') }, found: HOME },
  'a spec that is a FIFO': { more: { [`${HOME}/reflake.yaml`]: fifo }, found: HOME },
});

/** S8: nix.conf, and the files that it includes. */
const CONF = `${HOME}/.config/nix/nix.conf`;
const S8 = scenes('S8', 'own', {
  "nix.conf is a link to root's": { [CONF]: link('/root/.config/nix/nix.conf') },
  "nix.conf is a relative link to root's": { [CONF]: link('../../../../root/.config/nix/nix.conf') },
  '.config/nix is a link': { [`${HOME}/.config`]: dir(), [`${HOME}/.config/nix`]: link('/root/.config/nix') },
  '.config is a link': { [`${HOME}/.config`]: link('/root/.config') },
  'it includes a secret': { [CONF]: text('include /etc/shadow\n') },
  'it includes a secret, if it is there': { [CONF]: text('!include /etc/shadow\n!include /root/.ssh/id\n') },
  "it includes root's nix.conf": { [CONF]: text('include /root/.config/nix/nix.conf\n') },
  'it includes through a link': { [CONF]: text('include a/id\n'), [`${HOME}/.config/nix/a`]: link('/root/.ssh') },
  'it includes a FIFO': { [CONF]: text(`include ${HOME}/fifo\n`), [`${HOME}/fifo`]: fifo },
  'it is a FIFO': { [CONF]: fifo },
  'it is a link to a device': { [CONF]: link('/dev/zero') },
  'it includes itself': { [CONF]: text(`include ${CONF}\n`) },
  'its includes fan out': {
    [CONF]: text(`include ${HOME}/inc0\n`),
    ...Object.fromEntries(
      Array.from({ length: 25 }, (_, n) => [`${HOME}/inc${n}`, text(`include inc${n + 1}\n!include inc${n + 1}\n`)]),
    ),
    [`${HOME}/inc25`]: text('keep-going = true\n'),
  },
  'the registry is a FIFO': { [`${HOME}/.config/nix/registry.json`]: fifo },
  'the registry is a link to a device': { [`${HOME}/.config/nix/registry.json`]: link('/dev/zero') },
  "it is root's 0600 file": { [CONF]: { text: 'experimental-features = SECRET-MARK\n', mode: 0o600 } },
  'it is a link to a secret': { [CONF]: link('/etc/shadow') },
});

/** Trees without any trick: what is lawful must pass. */
export const PLAIN: readonly Scene[] = (['moving', 'own'] as const).map((base) => ({
  kind: 'S1',
  name: `no trick, ${base}`,
  base,
  more: {},
}));

export const SCENES: readonly Scene[] = [...PLAIN, ...S1, ...S2, ...S3, ...S4, ...S5, ...S6, ...S7, ...S8];

/** The tree and home of a scene, without what would lie below something that is no directory. */
export function layoutOf({ base, more }: Pick<Scene, 'base' | 'more'>): Layout {
  const all: Layout = { ...BASES[base], ...more };
  const isHidden = (path: string): boolean => {
    for (let at = above(path); at !== ''; at = above(at)) {
      const leaf = all[at];
      if (leaf !== undefined && (leaf === null || !('dir' in leaf))) return true;
    }
    return false;
  };
  return Object.fromEntries(Object.entries(all).filter(([path]) => !isHidden(path)));
}

const above = (path: string): string => path.slice(0, path.lastIndexOf('/'));
