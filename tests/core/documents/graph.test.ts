// The module graph: the files that a flake refers to, by every way that a text can name one; and the doubts.

import { describe, expect, test } from '@jest/globals';
import { documentsOf } from '../../../core/documents/documents.ts';
import { absolute, relativeTo } from '../../../core/path.ts';
import { memoryScene } from '../../support/faults.ts';
import type { Leaf } from '../../support/trees.ts';

const DIR = absolute('/home/srid/nixos-config');

const documents = (files: Readonly<Record<string, Leaf>>, modules = ['./configuration.nix']) =>
  documentsOf(
    { dir: DIR, hosts: [{ attribute: 'nixos', modules }], home: '/home/srid' },
    memoryScene(Object.fromEntries(Object.entries(files).map(([name, leaf]) => [`${DIR}/${name}`, leaf]))).open().host,
  );

const FLAKE = '{ outputs = _: { }; }';
/** The tree of every case, beside configuration.nix. */
const TREE = {
  'flake.nix': FLAKE,
  'x.nix': '{ }',
  'y.txt': 'words',
  'plain/a.txt': '',
  'plain/deep/b.txt': '',
  'mods/default.nix': '{ }',
  'mods/ssh.nix': '{ }',
  'mods/sub/deep.nix': '{ }',
  'mods/notes.txt': '',
  'mods/repo/.git/HEAD': '',
  'mods/repo/private.nix': '{ }',
};
const MODS = ['mods/default.nix', 'mods/notes.txt', 'mods/ssh.nix', 'mods/sub/deep.nix'];
const PLAIN = ['plain/a.txt', 'plain/deep/b.txt'];
const OTHERS = [...MODS.slice(1)];

/** A text of configuration.nix; what it refers to besides; what else its doubts may mean. */
const CASES: readonly (readonly [string, readonly string[], (readonly string[])?])[] = [
  // Literal paths.
  ['{ imports = [ ./x.nix ]; }', ['x.nix']],
  ['{ imports = [ ./missing.nix ]; }', []],
  ['{ imports = [ ./mods ]; }', ['mods/default.nix']],
  ['{ imports = [ (import ./mods) ]; }', ['mods/default.nix']],
  ['{ a = builtins.readFile ./y.txt; }', ['y.txt']],
  ['{ environment.etc.a.source = ./plain; }', PLAIN],
  ['{ environment.etc.a.source = ./mods; }', MODS],
  ['{ a = { src = ./mods; }; }', MODS],
  ['{ a = "${./mods}"; }', MODS],
  ['{ a = "${./mods}/ssh.nix"; }', ['mods/ssh.nix']],
  ['{ # ./x.nix\n}', []],
  ['{ a = "./x.nix"; }', []],
  // Put together of constants.
  ['{ imports = [ (./. + "/x.nix") ]; }', ['x.nix']],
  ['{ imports = [ (./mods + "/ssh" + ".nix") ]; }', ['mods/ssh.nix']],
  ['{ imports = [ ./${"x"}.nix ]; }', ['x.nix']],
  ['let n = "x"; in { imports = [ ./${n}.nix ]; }', ['x.nix']],
  ['{ imports = [ "${./.}/x.nix" ]; }', ['x.nix']],
  ['{ imports = [ (toString ./. + "/x.nix") ]; }', ['x.nix']],
  ['{ imports = [ (builtins.toString ./mods + "/ssh.nix") ]; }', ['mods/ssh.nix']],
  ['{ lib, ... }: { imports = [ (lib.path.append ./mods "ssh.nix") ]; }', ['mods/ssh.nix']],
  ['let dir = ./mods; in { imports = [ (dir + "/ssh.nix") ]; }', ['mods/default.nix', 'mods/ssh.nix']],
  [
    'let inherit (rec { d = ./mods; e = d + "/ssh.nix"; }) e; in { imports = [ e ]; }',
    ['mods/default.nix', 'mods/ssh.nix'],
    OTHERS,
  ],
  // From the top of the flake.
  ['{ self, ... }: { imports = [ (self + /x.nix) ]; }', ['x.nix']],
  ['{ inputs, ... }: { imports = [ (inputs.self + /mods/ssh.nix) ]; }', ['mods/ssh.nix']],
  ['{ imports = [ (./mods + /ssh.nix) ]; }', ['mods/ssh.nix']],
  ['{ self, ... }: { imports = [ (self + "/x.nix") ]; }', ['x.nix']],
  ['{ self, ... }: { imports = [ "${self}/mods/ssh.nix" ]; }', ['mods/ssh.nix']],
  ['{ inputs, ... }: { imports = [ (inputs.self + "/x.nix") "${inputs.self}/mods" ]; }', ['x.nix', 'mods/default.nix']],
  [
    '{ self, ... }: { imports = [ (self.outPath + "/x.nix") "${self.sourceInfo.outPath}/mods/ssh.nix" ]; }',
    ['x.nix', 'mods/ssh.nix'],
  ],
  ['{ inputs, ... }: { a = inputs.self.rev; b = inputs.self; }', []],
  ['let self = ./mods; in { imports = [ (self + "/ssh.nix") ]; }', ['mods/default.nix', 'mods/ssh.nix']],
  // Directories that are listed.
  ['{ imports = map (n: ./mods + "/${n}") (builtins.attrNames (builtins.readDir ./mods)); }', MODS],
  ['{ lib, ... }: { imports = lib.filesystem.listFilesRecursive ./mods; }', MODS],
  ['{ inputs, ... }: { imports = [ (inputs.import-tree ./mods) ]; }', MODS],
  ['let d = ./mods; in { a = builtins.readDir d; }', MODS],
  ['{ lib, ... }: { a = lib.packagesFromDirectoryRecursive { directory = ./mods; }; }', ['mods/default.nix'], OTHERS],
  // Doubts.
  ['{ lib, ... }: { imports = lib.mine.all ./mods; }', ['mods/default.nix'], OTHERS],
  [
    '{ name, ... }: { imports = [ ./mods/${name}.nix ]; }',
    [],
    ['mods/default.nix', 'mods/ssh.nix', 'mods/sub/deep.nix'],
  ],
  ['{ name, ... }: { imports = [ (./mods + name) ]; }', [], MODS],
  ['{ name, ... }: { imports = [ (./. + "/mods/s${name}") ]; }', [], ['mods/ssh.nix', 'mods/sub/deep.nix']],
  ['{ self, name, ... }: { imports = [ (self + "/mods/${name}/deep.nix") ]; }', [], ['mods/sub/deep.nix']],
  ['{ pkgs, ... }: { a = pkgs.lib.cleanSource ./plain; }', PLAIN, PLAIN],
  // Behind a value that may be the flake, as it is handed to a function.
  ['{ root, ... }: { imports = [ "${root}/x.nix" ]; }', [], ['x.nix']],
  ['{ root, ... }: { imports = [ (root + "/mods/ssh.nix") ]; }', [], ['mods/ssh.nix']],
  ['{ root, ... }: { imports = [ (root + /mods/ssh.nix) ]; }', [], ['mods/ssh.nix']],
  ['args: { a = args.lib.mine.all "${args.root}/mods"; }', [], MODS],
  ['{ root, name, ... }: { imports = [ "${root}/mods/${name}/deep.nix" ]; }', [], ['mods/sub/deep.nix']],
  ['{ root, ... }: { a = "${root}/none"; b = "${root}/"; c = "${root}x.nix"; }', []],
  ['{ pkgs, ... }: { a = "${pkgs.hello}/mods"; }', []],
];

const named = (paths: Iterable<string>): readonly string[] =>
  [...paths]
    .map((path) => relativeTo(absolute(path), DIR))
    .filter((name) => name !== 'flake.nix' && name !== 'configuration.nix')
    .sort();

describe('a text refers to', () => {
  test.each(CASES)('%s', (text, files, open = []) => {
    const found = documents({ ...TREE, 'configuration.nix': text });
    const { files: reached, doubts } = found.modules();
    expect(named(reached.keys())).toEqual([...files].sort());
    const meant = new Set(doubts.flatMap((doubt) => found.meantBy(doubt)));
    expect(named(meant).filter((name) => !files.includes(name))).toEqual(
      [...open].filter((name) => !files.includes(name)).sort(),
    );
    // `mentioned` must be a superset of both, since it is used in their place.
    const mentioned = new Set(found.mentioned().keys());
    for (const path of [...reached.keys(), ...meant]) expect([path, mentioned.has(path)]).toEqual([path, true]);
  });
});

test('a module that is reached through a listing is read itself', () => {
  const found = documents({
    ...TREE,
    'configuration.nix': '{ imports = [ ./all ]; }',
    'all/default.nix': '{ imports = map (n: ./. + "/${n}") (builtins.attrNames (builtins.readDir ./.)); }',
    'all/one.nix': '{ a = ../y.txt; }',
  });
  expect(named(found.modules().files.keys())).toEqual(['all/default.nix', 'all/one.nix', 'y.txt']);
  const { by, isNamed } = found.modules().files.get(absolute(`${DIR}/all/one.nix`))!;
  expect([by?.file, isNamed]).toEqual([`${DIR}/all/default.nix`, false]);
});

test.each([
  ['a link', { 'a.nix': '-> x.nix' }, '[ ./a.nix ]', ['a.nix', 'x.nix']],
  ['below a linked directory', { m: '-> mods' }, '[ ./m/ssh.nix ]', ['m', 'mods/ssh.nix']],
  ['links in a row', { 'a.nix': '-> b', b: '-> x.nix' }, '[ ./a.nix ]', ['a.nix', 'b', 'x.nix']],
  ['a link to a directory', { m: '-> mods' }, '[ ./m ]', ['m', 'mods/default.nix']],
  ['a file without .nix in its name', { a: '{ b = ./y.txt; }' }, '[ ./a ]', ['a', 'y.txt']],
  ['what is only read', { a: '{ b = ./y.txt; }' }, '(builtins.readFile ./a)', ['a']],
  ['Latin-1', { 'a.nix': '{ b = ./y.txt; } # \udce9' }, '[ ./a.nix ]', ['a.nix', 'y.txt']],
  ['what is no Nix', { a: '\0\udcff' }, '[ ./a ]', ['a']],
])('%s is followed, and all that leads there is shown', (_, files, imports, expected) => {
  const all = Object.entries({ ...TREE, ...files, 'configuration.nix': `{ imports = ${imports}; }` });
  const leaves = all.map(([name, text]): [string, Leaf] => [
    name,
    text.startsWith('-> ') ? { link: text.slice(3) } : text,
  ]);
  const found = documents(Object.fromEntries(leaves));
  expect(named(found.modules().files.keys())).toEqual(expected);
  expect(found.modules().astray).toEqual([]);
  for (const path of found.modules().files.keys()) expect([path, found.mentioned().has(path)]).toEqual([path, true]);
});

test.each([
  ['[ ./a.nix ]', { 'a.nix': { link: '/srv/a.nix' } }, 'a.nix'],
  ['[ ./a.nix ]', { 'a.nix': { link: '../outside.nix' } }, 'a.nix'],
  ['[ ./b/a.nix ]', { b: { link: '/srv' } }, 'b'],
  ['[ ./b.nix ]', { 'b.nix': { link: 'a.nix' }, 'a.nix': { link: '/srv/a.nix' } }, 'a.nix'],
])(
  'imports = %s through a link out of the flake is told',
  (imports, links: Readonly<Record<string, Leaf>>, expected) => {
    const { astray } = documents({ ...TREE, ...links, 'configuration.nix': `{ imports = ${imports}; }` }).modules();
    expect(astray.map(({ path, by }) => [relativeTo(path, DIR), by?.span.start])).toEqual([[expected, 14]]);
  },
);

test.each([
  ['"path:./plain"', PLAIN],
  ['"./plain"', PLAIN],
  ['"path:plain?lastModified=1"', PLAIN],
  ['"path:/home/srid/nixos-config/plain"', []],
  ['"github:a/b"', []],
])('an input by the url %s', (url, files) => {
  const flake = `{ inputs.wallpapers = { url = ${url}; flake = false; }; outputs = _: { }; }`;
  const found = documents({ ...TREE, 'flake.nix': flake, 'configuration.nix': '{ }' });
  expect(named(found.modules().files.keys())).toEqual(files);
  for (const path of found.modules().files.keys()) expect(found.mentioned().has(path)).toBe(true);
});

test('a flake below the top of its repository refers to files above it', () => {
  const reader = memoryScene({
    [`${DIR}/.git/HEAD`]: 'ref: refs/heads/main\n',
    [`${DIR}/common.nix`]: '{ }',
    [`${DIR}/host/flake.nix`]: FLAKE,
    [`${DIR}/host/configuration.nix`]: '{ imports = [ ../common.nix ../../outside.nix ]; }',
    '/home/srid/outside.nix': '{ }',
  }).open().host;
  const found = documentsOf(
    {
      dir: absolute(`${DIR}/host`),
      hosts: [{ attribute: 'nixos', modules: ['./configuration.nix'] }],
      home: '/home/srid',
    },
    reader,
  );
  expect(named(found.modules().files.keys())).toEqual(['common.nix', 'host/configuration.nix', 'host/flake.nix']);
});

test('each document is parsed once, before and after a move', () => {
  const found = documents({ ...TREE, 'configuration.nix': '{ }' });
  const [one, other] = [found.flake(), found.nix(absolute(`${DIR}/flake.nix`))];
  expect(
    one.kind === 'text' && other.kind === 'text' && one.nix === other.nix && one.nix.parsed() === other.nix.parsed(),
  ).toBe(true);
});
