// init, through the program, on machines of many layouts: what it writes states what is there, passes validate and the guard, and
// the first plan is empty; or it says why not, and writes nothing.

import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { Spec } from '../../core/spec/hosts-over-defaults.ts';
import { loadSpec } from '../../core/spec/load.ts';
import { BASES } from '../support/plan-cases.ts';
import { type Leaf, type Literal, layOut, rowsOfDisk, temporary } from '../support/trees.ts';

const PROGRAM = fileURLToPath(new URL('../../dist/reflake.cjs', import.meta.url));

let dir: string;
let remove: () => void;
beforeEach(() => {
  ({ dir, remove } = temporary());
  chmodSync(dir, 0o755);
});
afterEach(() => remove());

interface Ran {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** In `cwd` of the machine, or beside it. */
function reflake(words: readonly string[], cwd?: string): Ran {
  const argv = [PROGRAM, ...words, '--root', `${dir}/machine`, '--spec', `${dir}/reflake.yaml`];
  const env = { PATH: process.env.PATH, HOME: '/root' };
  const where = cwd === undefined ? dir : `${dir}/machine${cwd}`;
  const { status, stdout, stderr } = spawnSync(process.execPath, argv, { cwd: where, encoding: 'utf8', env });
  return { code: status, out: stdout, err: stderr };
}

function machine(literal: Literal): void {
  mkdirSync(`${dir}/machine`);
  layOut(`${dir}/machine`, literal);
}

const SETTLED = BASES.machines.settled;
const TREE = '/home/srid/nixos-config';
const OWN = { owner: [1000, 100] } as const;
const SRID = (file: string): Leaf => ({ file, ...OWN });
const ofSrid = (): Leaf => ({ dir: true, ...OWN });
const FLAKE = (SETTLED[`${TREE}/flake.nix`] as { file: readonly string[] }).file.join('\n');
/** The settled tree at another place; `change`: of its flake.nix. */
function settledAt(
  place: string,
  owner: readonly [number, number] = [1000, 100],
  change = (text: string): string => text,
): Literal {
  return Object.fromEntries(
    Object.entries(SETTLED).map(([path, leaf]) => {
      if (!path.startsWith(TREE)) return [path, leaf];
      const own = { ...(leaf as object), owner } as Leaf;
      const file = path.endsWith('/flake.nix') ? ({ ...(own as object), file: change(FLAKE) } as Leaf) : own;
      return [path.replace(TREE, place), file];
    }),
  );
}
const without = (literal: Literal, path: string): Literal =>
  Object.fromEntries(Object.entries(literal).filter(([one]) => one !== path));

const STATED = {
  version: 1,
  host: { name: 'nixos', system: 'x86_64-linux' },
  config: { path: '~/nixos-config', owner: 'srid', modules: ['./configuration.nix'] },
  inputs: { nixpkgs: 'github:NixOS/nixpkgs/nixos-24.05' },
  features: ['nix-command', 'flakes'],
};
const at = (path: string): unknown => ({ ...STATED, config: { ...STATED.config, path } });

/** `spec`: what is written; a merge of what differs from STATED. */
interface Layout {
  readonly machine: Literal;
  readonly spec: unknown;
  readonly cwd?: string;
  readonly words?: readonly string[];
  readonly says?: readonly RegExp[];
}

const HOME_LINK = { '/etc/nixos': { link: '/home/srid/dots' } } as const;
const LAYOUTS: Readonly<Record<string, Layout>> = {
  'a flake in the home': { machine: SETTLED, spec: STATED, says: [/host +nixos/, /inputs +nixpkgs/, /owner +srid/] },
  'beside a configuration of a channel': {
    machine: { ...SETTLED, '/etc/nixos/configuration.nix': '{ }\n' },
    spec: STATED,
  },
  'a flake in /etc/nixos, root’s': {
    machine: settledAt('/etc/nixos', [0, 0]),
    spec: { ...STATED, config: { path: '/etc/nixos', owner: 'root', modules: ['./configuration.nix'] } },
  },
  'a flake in /etc/nixos, a user’s': { machine: settledAt('/etc/nixos'), spec: at('/etc/nixos') },
  '/etc/nixos a link to it': {
    machine: { ...settledAt('/home/srid/dots'), ...HOME_LINK },
    spec: at('~/dots'),
    says: [/flake +\/home\/srid\/dots, from \/etc\/nixos/],
  },
  '/etc/nixos a link to what leads there': {
    machine: {
      ...settledAt('/home/srid/dots'),
      '/etc/nixos': { link: '/srv/nixos' },
      '/srv/nixos': { link: '../home/srid/dots' },
    },
    spec: at('~/dots'),
  },
  '/etc/nixos/flake.nix a link to it': {
    machine: { ...SETTLED, '/etc/nixos/flake.nix': { link: '/home/srid/nixos-config/flake.nix' } },
    spec: STATED,
  },
  '~/nixos': { machine: settledAt('/home/srid/nixos'), spec: at('~/nixos') },
  '~/.config/nixos': {
    machine: { ...settledAt('/home/srid/.config/nixos'), '/home/srid/.config': ofSrid() },
    spec: at('~/.config/nixos'),
  },
  'a name that says nothing': { machine: settledAt('/home/srid/stuff'), spec: at('~/stuff') },
  'below dotfiles': {
    machine: { ...settledAt('/home/srid/dotfiles/nixos'), '/home/srid/dotfiles': ofSrid() },
    spec: at('~/dotfiles/nixos'),
  },
  'the working directory': {
    machine: { ...settledAt('/srv/machines/flakes', [0, 0]), '/srv/machines/flakes/hosts/x/y.nix': '{ }\n' },
    cwd: '/srv/machines/flakes/hosts/x',
    spec: { ...STATED, config: { path: '/srv/machines/flakes', owner: 'root', modules: ['./configuration.nix'] } },
  },
  'a place that was said': {
    machine: settledAt('/opt/config', [0, 0]),
    words: ['--path', '/opt/config'],
    spec: { ...STATED, config: { path: '/opt/config', owner: 'root', modules: ['./configuration.nix'] } },
  },
  'of several hosts the one with the name of the machine': {
    machine: settledAt(TREE, [1000, 100], (text) =>
      text.replace(/(\n *nixosConfigurations\.)nixos( = [\s\S]*?\};)/, '$1nixos$2$1alpha$2$1beta$2'),
    ),
    spec: STATED,
  },
  'a host whose name YAML would read as a number': {
    machine: {
      ...settledAt(TREE, [1000, 100], (text) => text.replace('nixosConfigurations.nixos', 'nixosConfigurations."1e3"')),
      [`${TREE}/configuration.nix`]: SRID('{ networking.hostName = "1e3"; }\n'),
      '/etc/hostname': '1e3\n',
    },
    spec: { ...STATED, host: { ...STATED.host, name: '1e3' } },
  },
  'modules that are directories': {
    machine: {
      ...settledAt(TREE, [1000, 100], (text) =>
        text.replace('[ ./configuration.nix ]', '[ ./hosts/nixos ./configuration.nix ]'),
      ),
      [`${TREE}/hosts`]: ofSrid(),
      [`${TREE}/hosts/nixos`]: ofSrid(),
      [`${TREE}/hosts/nixos/default.nix`]: SRID('{ }\n'),
    },
    spec: { ...STATED, config: { ...STATED.config, modules: ['./hosts/nixos/default.nix', './configuration.nix'] } },
  },
  'an attribute with a domain': {
    machine: settledAt(TREE, [1000, 100], (text) =>
      text.replace('Configurations.nixos', 'Configurations."nixos.example.org"'),
    ),
    spec: { ...STATED, host: { ...STATED.host, attribute: 'nixos.example.org' } },
  },
  'an attribute of another name than the host’s': {
    machine: settledAt(TREE, [1000, 100], (text) =>
      text
        .replace(/(\n *nixosConfigurations\.)nixos( = [\s\S]*?\};)/, '$1desktop$2$1x$2')
        .replace(/(\.x = [\s\S]*?)\.\/configuration/, '$1./x'),
    ),
    spec: { ...STATED, host: { ...STATED.host, attribute: 'desktop' } },
    says: [/host +desktop, from its networking\.hostName/],
  },
  'a machine with a domain': { machine: { ...SETTLED, '/etc/hostname': 'nixos.example.org\n' }, spec: STATED },
  'inputs of every form': {
    machine: {
      ...SETTLED,
      [`${TREE}/flake.nix`]: SRID(
        FLAKE.replace(
          'inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-24.05";',
          `inputs = {
    nixpkgs.url = "github:NixOS/nixpkgs/nixos-24.05";
    hm = { url = "github:nix-community/home-manager"; inputs.nixpkgs.follows = "nixpkgs"; };
    on = { type = "github"; owner = "a"; repo = "b"; flake = false; };
    dots.url = "path:./dots";
    dots.flake = false;
    reg = { };
    same.follows = "hm/nixpkgs";
    "hls-2.8" = { url = "github:a/d"; };
    deep = { url = "github:a/c"; inputs.x.inputs.nixpkgs.follows = "nixpkgs"; };
  };`,
        ),
      ),
      [`${TREE}/flake.lock`]: null as unknown as Leaf,
    },
    spec: undefined,
  },
};

async function specNow(): Promise<Spec> {
  const loaded = await loadSpec('reflake.yaml', readFileSync(`${dir}/reflake.yaml`, 'utf8'));
  expect(loaded.diagnostics).toEqual([]);
  return (loaded as Extract<typeof loaded, { ok: true }>).hosts.views[0].spec;
}

describe('what is there is stated, and the first plan is empty', () => {
  const { 'inputs of every form': forms, ...settled } = LAYOUTS;
  test.each(Object.entries(settled))('%s', async (_name, { machine: literal, spec, cwd, words = [], says = [] }) => {
    machine(literal);
    const before = rowsOfDisk(`${dir}/machine`);
    const ran = reflake(['init', '--yes', ...words], cwd);
    expect([ran.code, ran.err, ran.out]).toEqual([
      0,
      expect.any(String),
      expect.stringContaining('first plan is empty'),
    ]);
    for (const pattern of says) expect(ran.err).toMatch(pattern);
    expect(await specNow()).toEqual(spec);
    expect(reflake(['validate']).code).toBe(0);
    const plan = reflake(['plan', '--detailed-exitcode']);
    expect([plan.code, plan.err, plan.out]).toEqual([0, '', expect.stringContaining('No changes')]);
    expect(rowsOfDisk(`${dir}/machine`)).toEqual(before);
  });

  test('inputs of every form', async () => {
    machine(without(forms!.machine, `${TREE}/flake.lock`));
    const ran = reflake(['init', '--yes']);
    expect([ran.code, ran.err]).toEqual([0, expect.stringMatching(/inputs\."hls-2\.8" is left to flake\.nix/)]);
    const { inputs, follows } = await specNow();
    expect(follows).toEqual({ same: 'hm/nixpkgs' });
    expect(inputs).toEqual({
      nixpkgs: 'github:NixOS/nixpkgs/nixos-24.05',
      hm: { url: 'github:nix-community/home-manager', follows: { nixpkgs: 'nixpkgs' } },
      on: { url: 'github:a/b', flake: false },
      dots: { url: 'path:./dots', flake: false },
      deep: { url: 'github:a/c', inputs: { x: { inputs: { nixpkgs: { follows: 'nixpkgs' } } } } },
    });
    expect(readFileSync(`${dir}/reflake.yaml`, 'utf8')).toContain('  "on":');
    expect(reflake(['check', '--only', 'flake']).code).toBe(0);
  });
});

describe('hosts that cannot be read', () => {
  const outputs = (text: string) =>
    settledAt(TREE, [1000, 100], (flake) => flake.replace(/outputs = [\s\S]*/, `${text}\n}\n`));
  test.each([
    [
      'of one that a helper of another file makes',
      'outputs = { self, nixpkgs, ... }@inputs: { nixosConfigurations.nixos = (import ./lib inputs).mkHost "nixos"; };',
    ],
    [
      'of flake-parts',
      'outputs = inputs: inputs.flake-parts.lib.mkFlake { inherit inputs; } { imports = [ ./hosts.nix ]; };',
    ],
  ])('%s: what can be read is stated, and nothing is changed', async (_what, text) => {
    machine({
      ...outputs(text),
      [`${TREE}/lib/default.nix`]: SRID('inputs: { mkHost = name: inputs.nixpkgs.lib.nixosSystem { }; }\n'),
      [`${TREE}/hosts.nix`]: SRID(
        '{ inputs, ... }: { flake.nixosConfigurations.nixos = inputs.nixpkgs.lib.nixosSystem { }; }\n',
      ),
      [`${TREE}/lib`]: ofSrid(),
    });
    const ran = reflake(['init', '--yes']);
    expect([ran.code, ran.err]).toEqual([0, expect.stringMatching(/host +nixos/)]);
    const { host, inputs, config } = await specNow();
    expect([host, inputs, config?.modules]).toEqual([STATED.host, STATED.inputs, undefined]);
    const plan = reflake(['plan', '--detailed-exitcode', '--evaluate', 'never']);
    expect([plan.code, plan.err]).toEqual([0, expect.stringContaining('RF2029')]);
  });
});

describe('what is not so is left out, and told', () => {
  test('features that nobody enabled, an owner that not all has', async () => {
    machine({ ...SETTLED, '/etc/nix/nix.conf': '', [`${TREE}/configuration.nix`]: { file: '{ }\n', owner: [0, 0] } });
    const ran = reflake(['init', '--yes']);
    expect([ran.code, ran.out]).toEqual([0, expect.stringContaining('first plan is empty')]);
    const { features, config } = await specNow();
    expect([features, config?.owner]).toEqual([undefined, undefined]);
    const text = readFileSync(`${dir}/reflake.yaml`, 'utf8');
    expect(text).toMatch(/^# features: \[nix-command, flakes\] {2}# /m);
    expect(text).toMatch(/^# config\.owner: srid {2}# /m);
    expect(reflake(['plan', '--detailed-exitcode']).code).toBe(0);
  });

  test('but what was asked for is wished', async () => {
    machine(SETTLED);
    const ran = reflake(['init', '--yes', '--release', 'unstable-small', '--activate', 'build']);
    expect([ran.code, ran.out]).toEqual([0, expect.stringContaining('reflake plan')]);
    const { inputs, activate } = await specNow();
    expect([inputs, activate]).toEqual([{ nixpkgs: 'github:NixOS/nixpkgs/nixos-unstable-small' }, 'build']);
  });

  test('a flake in /etc/nixos that is to be moved', async () => {
    machine(settledAt('/etc/nixos'));
    expect(reflake(['init', '--yes', '--path', '~/conf']).code).toBe(0);
    expect((await specNow()).config).toEqual({
      path: '~/conf',
      from: '/etc/nixos',
      owner: 'srid',
      modules: ['./configuration.nix'],
    });
  });
});

describe('nothing is written, and why', () => {
  const REFUSED: Readonly<
    Record<
      string,
      {
        readonly machine: Literal;
        readonly words?: readonly string[];
        readonly exit?: number;
        readonly says: readonly RegExp[];
      }
    >
  > = {
    'several flakes of this machine': {
      machine: { ...SETTLED, ...settledAt('/home/srid/old') },
      says: [/several flakes.*\/home\/srid\/nixos-config.*--path/s],
    },
    'several hosts, and none of the name': {
      machine: {
        ...settledAt('/etc/nixos', [1000, 100], (text) =>
          text.replace(/(\n *nixosConfigurations\.)nixos( = [\s\S]*?\};)/, '$1alpha$2$1beta$2'),
        ),
        '/etc/nixos/configuration.nix': SRID('{ }\n'),
      },
      says: [/no host is called "nixos".*alpha, beta.*--name alpha/s],
    },
    'a flake that cannot be read': {
      machine: { ...SETTLED, '/etc/nixos/flake.nix': '{ inputs = ' },
      says: [/\/etc\/nixos.*cannot be adopted/],
    },
    'a name that no host can have': {
      machine: SETTLED,
      words: ['--name', 'my box'],
      exit: 64,
      says: [/--name: .*my box/],
    },
    'a system that there is not': {
      machine: SETTLED,
      words: ['--system', 'amd64'],
      exit: 64,
      says: [/--system: .*x86_64-linux/],
    },
    'a release that is none': {
      machine: SETTLED,
      words: ['--release', 'tapir'],
      exit: 64,
      says: [/--release: .*tapir/],
    },
    'a user who is not there': {
      machine: SETTLED,
      words: ['--user', 'sird'],
      exit: 64,
      says: [/--user: .*sird.*srid/],
    },
    'a path that is relative': { machine: SETTLED, words: ['--path', 'conf'], exit: 64, says: [/--path: .*conf/] },
  };
  test.each(Object.entries(REFUSED))('%s', (_name, { machine: literal, words = [], exit = 1, says }) => {
    machine(literal);
    const ran = reflake(['init', '--yes', ...words]);
    expect([ran.code, ran.err]).toEqual([exit, expect.any(String)]);
    for (const pattern of says) expect(ran.err).toMatch(pattern);
    // No complaint is about a text that was never written.
    expect(ran.err).not.toContain('reflake.yaml:');
    expect(existsSync(`${dir}/reflake.yaml`)).toBe(false);
  });

  test('a spec that is there already, which --force overwrites', () => {
    machine(SETTLED);
    expect(reflake(['init', '--yes']).code).toBe(0);
    const again = reflake(['init', '--yes', '--name', 'my box']);
    expect([again.code, again.err]).toEqual([1, expect.stringMatching(/there already.*--force/s)]);
    expect(again.err).not.toMatch(/host +nixos/);
    expect(reflake(['init', '--yes', '--force']).code).toBe(0);
  });

  test('a spec that commands find from elsewhere is told, and the new one counts here', () => {
    machine(SETTLED);
    mkdirSync(`${dir}/machine/srv`);
    writeFileSync(`${dir}/machine/reflake.yaml`, 'version: 1\n');
    const argv = [PROGRAM, 'init', '--yes', '--root', `${dir}/machine`];
    const ran = spawnSync(process.execPath, argv, { cwd: `${dir}/machine/srv`, encoding: 'utf8' });
    expect([ran.status, ran.stderr]).toEqual([0, expect.stringMatching(/machine\/reflake\.yaml.*RF3025/)]);
  });
});

describe('a configuration of a channel', () => {
  const FRESH = BASES.machines.fresh;
  test('behind a link: the directory itself becomes the flake', async () => {
    const literal = Object.fromEntries(
      Object.entries(FRESH).map(([path, leaf]) => [path.replace('/etc/nixos', '/home/srid/dots'), leaf]),
    );
    machine({ ...literal, '/home/srid/dots': ofSrid(), ...HOME_LINK });
    expect(reflake(['init', '--yes']).code).toBe(0);
    expect((await specNow()).config).toEqual({ path: '~/dots', owner: 'srid', modules: ['./configuration.nix'] });
  });

  test('unstable stays unstable, and the first plan goes on from there', async () => {
    machine({
      ...FRESH,
      '/root/.nix-channels': 'https://channels.nixos.org/nixos-unstable-small nixos\n',
      '/etc/os-release': 'ID=nixos\nVERSION_ID="26.11"\n',
    });
    const ran = reflake(['init', '--yes']);
    expect([ran.code, ran.err]).toEqual([0, expect.stringContaining('nixos-unstable-small, from the root channel')]);
    expect((await specNow()).inputs).toEqual({ nixpkgs: 'github:NixOS/nixpkgs/nixos-unstable-small' });
  });

  test.each([
    ['with a domain', 'nixos.example.org\n', 'nixos', /name +nixos/],
    ['that YAML would read as a number', '1e3\n', '1e3', /name +1e3/],
    ['that YAML would read as a truth value', 'on\n', 'on', /name +on/],
    ['that YAML would read as nothing', 'null\n', 'null', /name +null/],
  ])('a machine %s: the guard lets the spec through', async (_what, hostname, name, says) => {
    machine({
      ...FRESH,
      '/etc/hostname': hostname,
      '/etc/nixos/configuration.nix': `{ networking.hostName = "${name}"; system.stateVersion = "24.05"; }\n`,
    });
    const ran = reflake(['init', '--yes']);
    expect([ran.code, ran.err]).toEqual([0, expect.stringMatching(says)]);
    expect((await specNow()).host.name).toBe(name);
    expect(reflake(['check', '--only', 'machine']).code).toBe(0);
  });
});

test.each([
  ['a channel configuration', BASES.machines.fresh],
  ['a flake', settledAt(TREE)],
])(
  'a name that the machine was not switched to yet, in %s: told, with what the guard will say and the way on',
  async (_what, literal) => {
    machine({ ...literal, '/etc/hostname': 'box\n' });
    const ran = reflake(['init', '--yes']);
    expect([ran.code, ran.err]).toEqual([
      0,
      expect.stringMatching(/called "box".*configuration\.nix calls it "nixos".*guard will say.*RF2002/s),
    ]);
    expect((await specNow()).host).toEqual(STATED.host);
    expect(reflake(['check', '--only', 'machine']).code).toBe(6);
    expect(reflake(['check', '--only', 'machine', '--allow-rename']).code).toBe(0);
  },
);

test('what the guard will say of a name that was given stands in the file that was written', () => {
  machine(BASES.machines.fresh);
  const ran = reflake(['init', '--yes', '--name', 'laptop']);
  expect([ran.code, ran.err]).toEqual([
    0,
    expect.stringMatching(/reflake\.yaml:6:9: warning: the guard will say: .*RF2002/),
  ]);
  expect(ran.out).toContain('to be mended');
});

test('what a flake cannot evaluate is told with its place, below the first file too, by init and by every plan', () => {
  const main = '{ imports = [ ./modules ]; networking.hostName = "nixos"; system.stateVersion = "24.05"; }\n';
  machine({
    ...BASES.machines.fresh,
    '/etc/nixos/configuration.nix': main,
    '/etc/nixos/modules/default.nix': '{ ... }:\n{ imports = [ <home-manager/nixos> ]; }\n',
  });
  const said = /\/etc\/nixos\/modules\/default\.nix:2:\d+: warning: .*<home-manager\/nixos>.*RF2055/;
  const ran = reflake(['init', '--yes']);
  expect([ran.code, ran.err]).toEqual([0, expect.stringMatching(said)]);
  expect(reflake(['check']).err).toMatch(said);
});
