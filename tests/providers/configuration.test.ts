// What the modules of a configuration say, and the edit that one of them gets: however they lie in the tree, and whatever bytes
// they hold. On machines in memory, in which NixOS makes nix.conf.

import { describe, expect, test } from '@jest/globals';
import { toBytes } from '../../core/path.ts';
import { editsOf } from '../../core/plan/edits.ts';
import { memoryScene } from '../support/faults.ts';
import { BASES, planFor, summaryOf } from '../support/plan-cases.ts';
import type { Leaf, Literal } from '../support/trees.ts';

const DIR = '/home/srid/nixos-config';
const MODULE = '{ config, ... }:\n{\n  networking.hostName = "nixos";\n}\n';
const ENABLED = '{ nix.settings.experimental-features = [ "nix-command" "flakes" ]; }\n';

/** Files below the configuration by their name, `-> target` for a link; the base has a configuration.nix and a flake.nix. */
async function planned(files: Readonly<Record<string, string | null>>, spec: object = {}, etc: Literal = {}) {
  const tree = Object.fromEntries(
    Object.entries(files).flatMap(([name, text]): [string, Leaf][] => {
      if (text === null) return [];
      const target = /^-> (.*)$/.exec(text)?.[1];
      const owner = [1000, 100] as const;
      return [[`${DIR}/${name}`, target === undefined ? { file: text, owner } : { link: target, owner }]];
    }),
  );
  const base = Object.fromEntries(
    Object.entries(BASES.machines.settled).filter(([path]) => !(path.slice(DIR.length + 1) in files)),
  );
  const dirs = Object.keys(tree).flatMap((path) => {
    const parts = path.slice(DIR.length + 1).split('/');
    return parts
      .slice(1)
      .map((_, at): [string, Leaf] => [
        `${DIR}/${parts.slice(0, at + 1).join('/')}`,
        { dir: true, owner: [1000, 100] },
      ]);
  });
  const machine: Literal = {
    ...base,
    '/etc/nix/nix.conf': { link: '/etc/static/nix/nix.conf' },
    '/etc/static': { link: '/nix/store/aaa-etc/etc' },
    '/nix/store/aaa-etc/etc/nix/nix.conf': 'sandbox = true\n',
    ...Object.fromEntries(dirs),
    ...tree,
    ...etc,
  };
  const { host } = memoryScene(machine).open();
  const made = await planFor({ spec: { features: ['nix-command', 'flakes'], ...spec } }, host);
  const put = editsOf(made.plan?.steps ?? []).find((edit) => edit.op === 'put' && edit.path.startsWith(DIR));
  const content = put?.op === 'put' && put.after.type === 'file' ? put.after.content : undefined;
  return {
    ...summaryOf(made),
    words: made.diagnostics.map(({ summary }) => summary).join('\n'),
    path: put?.op === 'put' ? put.path.slice(DIR.length + 1) : undefined,
    before: put?.op === 'put' ? put.before : undefined,
    bytes: content === undefined ? undefined : Buffer.from(made.plan!.blobs[content]!),
  };
}

const modules = (...names: string[]) => ({ config: { modules: names } });
const FLAKE = (list: string) => `{
  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-24.05";
  outputs = { self, nixpkgs, ... }: {
    nixosConfigurations.nixos = nixpkgs.lib.nixosSystem {
      system = "x86_64-linux";
      modules = [ ${list} ];
    };
  };
}
`;

describe('a wished module', () => {
  test.each([
    ['a directory', './hosts/nixos', { 'hosts/nixos/default.nix': MODULE }, 'hosts/nixos/default.nix'],
    ['a link', './machine.nix', { 'machine.nix': '-> hosts/a.nix', 'hosts/a.nix': MODULE }, 'hosts/a.nix'],
    ['a link up', './m/a.nix', { 'm/a.nix': '-> ../hosts/a.nix', 'hosts/a.nix': MODULE }, 'hosts/a.nix'],
    [
      'a linked directory',
      './hosts/me',
      { 'hosts/me': '-> box', 'hosts/box/default.nix': MODULE },
      'hosts/box/default.nix',
    ],
    ['below a linked directory', './me/a.nix', { me: '-> hosts/box', 'hosts/box/a.nix': MODULE }, 'hosts/box/a.nix'],
    ['a directory with a linked default.nix', './h', { 'h/default.nix': '-> main', 'h/main': MODULE }, 'h/main'],
    ['links in a row', './a.nix', { 'a.nix': '-> b.nix', 'b.nix': '-> c.nix', 'c.nix': MODULE }, 'c.nix'],
    ['a file without .nix in its name', './hosts/box', { 'hosts/box': MODULE }, 'hosts/box'],
  ] as const)('that is %s is read and edited', async (_, name, files, edited) => {
    const plan = await planned({ ...files, 'flake.nix': FLAKE(name) }, modules(name));
    expect([plan.verdicts, plan.diagnostics, plan.path]).toEqual([['/features differs RF2104'], [], edited]);
    expect(plan.bytes?.toString()).toContain('nix.settings.experimental-features = [ "nix-command" "flakes" ];');
    const enabled = Object.fromEntries(
      Object.entries(files).map(([at, text]) => [at, text === MODULE ? ENABLED : text]),
    );
    expect((await planned({ ...enabled, 'flake.nix': FLAKE(name) }, modules(name))).verdicts).toEqual([]);
  });

  test.each([
    ['an absolute link', { 'a.nix': `-> ${DIR}/configuration.nix` }, 'RF2057', 'an absolute link'],
    ['a link out of the flake', { 'a.nix': '-> ../a.nix' }, 'RF2057', 'a link out of the flake'],
    ['a link to the store', { 'a.nix': '-> /nix/store/aaa-etc/etc/nix/nix.conf' }, 'RF2057', 'an absolute link'],
    ['below a link out of the flake', { 'a.nix': '-> b/c.nix', b: '-> /srv' }, 'RF2057', '"b" is an absolute link'],
    ['a link to nothing', { 'a.nix': '-> b.nix' }, 'RF2004', '"b.nix" is not there'],
    ['a link to itself', { 'a.nix': '-> a.nix' }, 'RF2008', 'leads to itself'],
    ['a directory without default.nix', { 'a.nix/b.nix': MODULE }, 'RF2004', 'a directory without a default.nix'],
    ['a directory of directories', { 'a.nix/default.nix/b': MODULE }, 'RF2008', 'is a directory'],
    ['UTF-16', { 'a.nix': '\udcff\udcfe{\0}\0' }, 'RF2009', 'NUL'],
    ['UTF-8 with a mark', { 'a.nix': `\ufeff${MODULE}` }, 'RF2009', 'byte order mark'],
    ['Latin-1 outside of strings and comments', { 'a.nix': '{ caf\udce9 = 1; }' }, 'RF2009', 'unexpected character'],
  ] as const)('that is %s bars with words', async (_, files, code, words) => {
    const plan = await planned({ ...files, 'flake.nix': FLAKE('./a.nix') }, modules('./a.nix'));
    // A text that speaks of the name and has no meaning leaves the name open as well.
    const isName = (line: string): boolean => line.startsWith('/host/name undecided');
    expect(plan.verdicts.filter((line) => !isName(line))).toEqual([
      expect.stringMatching(`/config/modules .* ${code}`),
      `/features blocked ${code}`,
    ]);
    expect(plan.words).toContain(words);
    expect(plan.edits).toEqual([]);
  });

  test('in Latin-1 keeps every byte that no edit is about', async () => {
    const text = `# Gr\udcfc\udcdfe, caf\udce9\n${MODULE.replace('"nixos"', '"nixos"; # \udce9\n  a = "\udcff"')}`;
    const plan = await planned({ 'configuration.nix': text });
    expect([plan.verdicts, plan.path]).toEqual([['/features differs RF2104'], 'configuration.nix']);
    const line = '\n  nix.settings.experimental-features = [ "nix-command" "flakes" ];\n';
    const at = plan.bytes!.indexOf(line);
    expect(Buffer.concat([plan.bytes!.subarray(0, at), plan.bytes!.subarray(at + line.length)])).toEqual(toBytes(text));
    expect(
      (await planned({ 'configuration.nix': text.replace('{\n', `{\n${ENABLED.slice(1, -2)}\n`) })).verdicts,
    ).toEqual([]);
  });

  test('in a Latin-1 flake.nix is found, and another one put beside it', async () => {
    const flake = `# \udce9\n${FLAKE('./configuration.nix').replace('{\n', '{\n  description = "\udcdc";\n')}`;
    const found = await planned(
      { 'flake.nix': flake, 'configuration.nix': ENABLED },
      { config: { modules: ['./configuration.nix'] } },
    );
    expect([found.verdicts, found.edits]).toEqual([[], []]);
    const added = await planned(
      { 'flake.nix': flake, 'configuration.nix': ENABLED, 'h/m\u00e9.nix': '{ }' },
      modules('./configuration.nix', './h/m\u00e9.nix'),
    );
    expect(added.verdicts).toEqual(['/config/modules differs RF2103']);
    // A path has the bytes of the name on the disk, whatever the rest of the file is written in.
    expect(added.bytes).toEqual(
      toBytes(flake.replace('[ ./configuration.nix ]', '[ ./configuration.nix (./. + "/h/m\u00e9.nix") ]')),
    );
  });

  test('of half Latin-1 and half UTF-8 keeps both', async () => {
    const text = `# \udce9 \u00e9 \u{1f600} \ufffd\n${MODULE}`;
    const plan = await planned({ 'configuration.nix': text });
    expect(plan.bytes!.subarray(0, toBytes(text).indexOf('\n'))).toEqual(toBytes(text.split('\n')[0]!));
  });
});

describe('an imported module', () => {
  test.each([
    ['a directory', './users', { 'users/default.nix': ENABLED }],
    ['a link', './users.nix', { 'users.nix': '-> real/users.nix', 'real/users.nix': ENABLED }],
    ['below a linked directory', './me/users.nix', { me: '-> real', 'real/users.nix': ENABLED }],
    ['without .nix in its name', './users', { users: ENABLED }],
    ['in Latin-1', './users.nix', { 'users.nix': `# \udce9\n${ENABLED}` }],
    ['imported by one without .nix in its name', './users', { users: '{ imports = [ ./more ]; }', more: ENABLED }],
  ] as const)('that is %s counts', async (_, name, files) => {
    const plan = await planned({ ...files, 'configuration.nix': `{ imports = [ ${name} ]; }` });
    expect([plan.verdicts, plan.edits]).toEqual([[], []]);
  });
});

describe('modules that the spec does not name', () => {
  const spec = { config: { modules: null } };

  test.each([
    ['other modules than the default', './hosts/a.nix', { 'hosts/a.nix': ENABLED, 'configuration.nix': '{ }' }],
    ['a directory', './hosts', { 'hosts/default.nix': ENABLED, 'configuration.nix': null }],
    [
      'inline modules alone',
      '{ nix.settings.experimental-features = [ "nix-command" "flakes" ]; }',
      { 'configuration.nix': null },
    ],
    [
      'an inline function',
      '({ lib, ... }: { nix = { settings = { experimental-features = "nix-command flakes"; }; }; })',
      {},
    ],
  ] as const)('are those of flake.nix: %s', async (_, list, files) => {
    const plan = await planned({ ...files, 'flake.nix': FLAKE(list) }, spec);
    expect([plan.verdicts, plan.edits]).toEqual([[], []]);
  });

  test('are edited where they lie', async () => {
    const plan = await planned({ 'hosts/a.nix': MODULE, 'flake.nix': FLAKE('./hosts/a.nix') }, spec);
    expect([plan.verdicts, plan.path]).toEqual([['/features differs RF2104'], 'hosts/a.nix']);
  });

  test('are missing where flake.nix names one that is not there', async () => {
    const plan = await planned({ 'flake.nix': FLAKE('./hosts/a.nix') }, spec);
    expect(plan.verdicts).toEqual(['/config/modules blocked RF2004', '/features blocked RF2004']);
  });

  test('may be none: the snippet is to be pasted', async () => {
    const plan = await planned({ 'flake.nix': FLAKE('{ networking.hostName = "nixos"; }') }, modules());
    expect([plan.verdicts, plan.edits]).toEqual([['/features differs RF2008'], []]);
  });

  test('a helper hides them: nothing is told of the features, and no file that may be no module is edited', async () => {
    const helper = (module: string) =>
      `{ inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-24.05"; outputs = { nixpkgs, ... }@inputs: { nixosConfigurations.nixos = (import ./lib.nix inputs) ${module}; }; }`;
    const lib = { 'lib.nix': 'inputs: module: throw ""' };
    const named = await planned({ ...lib, 'flake.nix': helper('./configuration.nix') }, spec);
    expect([named.path, named.verdicts.includes('/features undecided RF2031')]).toEqual([undefined, true]);
    const other = await planned({ ...lib, 'flake.nix': helper('./x.nix'), 'x.nix': ENABLED }, spec);
    expect([other.path, other.verdicts.includes('/features undecided RF2031')]).toEqual([undefined, true]);
  });

  test.each([
    ['modules of flake-parts', { 'parts/nix.nix': '{ flake.nixosModules.nix = { nix.settings.cores = 2; }; }' }],
    ['a module that no host has', { 'parts/nix.nix': ENABLED }],
  ])('of hosts that are found by a list of files, %s tell nothing', async (_, files) => {
    const flake = `{
  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-24.05";
  outputs = inputs@{ flake-parts, nixpkgs, ... }: let
    files = nixpkgs.lib.sort (a: b: toString a < toString b) (nixpkgs.lib.filesystem.listFilesRecursive ./parts);
  in flake-parts.lib.mkFlake { inherit inputs; } { imports = files; };
}
`;
    for (const named of [spec, modules('./parts/nix.nix')]) {
      const plan = await planned({ ...files, 'flake.nix': flake }, named);
      expect([plan.path, plan.verdicts.filter((one) => one.startsWith('/features'))]).toEqual([
        undefined,
        ['/features undecided RF2031'],
      ]);
    }
  });

  test('may hold one in a directory that a function lists: nothing is missing for certain', async () => {
    const listing = `{ lib, ... }: let
  top = ./.;
  scan = path: lib.flatten (lib.mapAttrsToList (name: _: path + "/\${name}") (builtins.readDir path));
in { imports = scan top; }
`;
    const files = { 'modules/default.nix': listing, 'modules/nix.nix': ENABLED };
    const plan = await planned({ ...files, 'flake.nix': FLAKE('./configuration.nix ./modules') }, spec);
    expect([plan.path, plan.verdicts]).toEqual([undefined, ['/features undecided RF2031']]);
  });

  test('may come from an inline module whose imports the text does not tell', async () => {
    const imports = '{ imports = builtins.attrValues (import ./all.nix); }';
    const files = { 'all.nix': 'throw ""', 'flake.nix': FLAKE(`./configuration.nix ${imports}`) };
    expect((await planned(files, spec)).verdicts).toEqual(['/features undecided RF2031']);
  });

  test('of another host count for it alone', async () => {
    const two = FLAKE('./configuration.nix').replace(
      'nixosConfigurations.nixos =',
      'nixosConfigurations.b = nixpkgs.lib.nixosSystem { modules = [ { nix.settings.experimental-features = [ "nix-command" "flakes" ]; } ]; };\n    nixosConfigurations.nixos =',
    );
    expect((await planned({ 'flake.nix': two }, spec)).verdicts).toEqual(['/features differs RF2104']);
  });

  test('a module in a variable of flake.nix, with two hosts, leaves it open', async () => {
    const shared = FLAKE('shared ./configuration.nix')
      .replace('}: {', '}: let shared = { nix.settings.experimental-features = [ "flakes" ]; }; in {')
      .replace(
        'nixosConfigurations.nixos =',
        'nixosConfigurations.b = nixpkgs.lib.nixosSystem { modules = [ ]; };\n    nixosConfigurations.nixos =',
      );
    expect((await planned({ 'flake.nix': shared }, spec)).verdicts).toEqual(['/features undecided RF2031']);
  });
});

describe('a nixpkgs without nix.settings', () => {
  const flake = (url: string) => FLAKE('./configuration.nix').replace('github:NixOS/nixpkgs/nixos-24.05', url);
  const spec = (url: string) => ({ inputs: { nixpkgs: url } });
  const LINE = 'nix.extraOptions = "experimental-features = nix-command flakes";';

  test.each([
    ['github:NixOS/nixpkgs/nixos-21.11', true],
    ['github:NixOS/nixpkgs?ref=release-20.09', true],
    ['https://nixos.org/channels/nixos-21.05/nixexprs.tar.xz', true],
    ['github:NixOS/nixpkgs/nixos-22.05', false],
    ['github:NixOS/nixpkgs/nixos-unstable', false],
  ])('%s: by its reference', async (url, isOld) => {
    const plan = await planned({ 'flake.nix': flake(url) }, spec(url), {
      // Without one the newest option is taken; the reference says more than the system that runs.
      ...(!isOld && { '/run/current-system/nixos-version': '21.11.1' }),
    });
    expect(plan.bytes?.toString().includes(LINE)).toBe(isOld);
    expect(plan.bytes?.toString().includes('nix.settings')).toBe(!isOld);
  });

  test('by the release that runs, where the reference does not tell', async () => {
    const url = 'github:me/nixpkgs/mine';
    const running = { '/run/current-system/nixos-version': '21.11.336020.2128d0aa28e (Porcupine)' };
    const plan = await planned({ 'flake.nix': flake(url) }, spec(url), running);
    expect(plan.bytes?.toString()).toContain(LINE);
    expect((await planned({ 'flake.nix': flake(url) }, spec(url))).bytes?.toString()).toContain('nix.settings');
  });

  test.each([
    [
      "''\n    keep-outputs = true\n  ''",
      "''\n    keep-outputs = true\n    experimental-features = nix-command flakes\n  ''",
    ],
    ["''keep-outputs = true''", "''keep-outputs = true\nexperimental-features = nix-command flakes''"],
    ['"keep-outputs = true"', '"keep-outputs = true\\nexperimental-features = nix-command flakes"'],
    ["''''", "''experimental-features = nix-command flakes''"],
  ])('a line of its own in extraOptions that is there: %s', async (value, expected) => {
    const url = 'github:NixOS/nixpkgs/nixos-21.11';
    const text = `{ ... }:\n{\n  nix.extraOptions = ${value};\n}\n`;
    const plan = await planned({ 'flake.nix': flake(url), 'configuration.nix': text }, spec(url));
    expect(plan.bytes?.toString()).toBe(text.replace(value, () => expected));
  });
});
