// Two machines that share one repository and one spec, through the real program: each finds itself, reconciles what is of the
// repository for both, and what is of a machine for itself alone. Directories are the machines (--root), a clone of the repository
// is what they share.

import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { temporary } from '../support/trees.ts';

const PROGRAM = fileURLToPath(new URL('../../dist/reflake.cjs', import.meta.url));
const FLAKE = `{
  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-24.05";

  outputs =
    { self, nixpkgs, ... }@inputs:
    {
      nixosConfigurations = {
        # the first one
        web = nixpkgs.lib.nixosSystem {
          system = "x86_64-linux";
          specialArgs = { inherit inputs; };
          modules = [ ./web.nix ];
        };

        old = nixpkgs.lib.nixosSystem {
          system = "x86_64-linux";
          modules = [ ./web.nix ];
        };
      };
    };
}
`;
const SPEC = {
  version: 1,
  hosts: {
    web: { host: { system: 'x86_64-linux' }, config: { modules: ['./web.nix'] } },
    db: { host: { system: 'x86_64-linux' }, config: { modules: ['./db.nix'] }, features: ['nix-command', 'flakes'] },
    old: null as object | null,
  },
  config: { path: '/srv/config' },
  features: ['flakes'],
  inputs: { nixpkgs: 'github:NixOS/nixpkgs/nixos-24.05' },
};

let dir: string;
let remove: () => void;
beforeEach(() => {
  ({ dir, remove } = temporary());
  for (const name of ['web', 'db', 'laptop']) {
    const root = `${dir}/${name}`;
    for (const place of ['etc/nix', 'srv/config']) mkdirSync(`${root}/${place}`, { recursive: true });
    const uid = process.getuid?.() ?? 0;
    writeFileSync(`${root}/etc/passwd`, `root:x:${uid}:0::/root:/bin/sh\n`);
    writeFileSync(`${root}/etc/group`, 'root:x:0:\n');
    writeFileSync(`${root}/etc/hostname`, `${name}\n`);
    writeFileSync(`${root}/etc/nix/nix.conf`, '# mine\n');
  }
  writeFileSync(`${dir}/web/srv/config/flake.nix`, FLAKE);
  for (const name of ['web', 'db'])
    writeFileSync(`${dir}/web/srv/config/${name}.nix`, `{ networking.hostName = "${name}"; }\n`);
  writeSpec(SPEC);
  share('web', 'db');
});
afterEach(() => remove());

const writeSpec = (spec: object): void => writeFileSync(`${dir}/reflake.json`, JSON.stringify(spec));

/** The repository of the one is that of the other, as after a push and a pull. */
function share(from: string, to: string): void {
  rmSync(`${dir}/${to}/srv/config`, { recursive: true, force: true });
  cpSync(`${dir}/${from}/srv/config`, `${dir}/${to}/srv/config`, { recursive: true });
}

interface Ran {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** On a machine, without the lock, which asks Nix. */
function on(machine: string, ...words: readonly string[]): Ran {
  const at = ['--root', `${dir}/${machine}`, '--state', `${dir}/state-${machine}`, '--skip', 'lock'];
  const ran = spawnSync(process.execPath, [PROGRAM, ...words, '--spec', 'reflake.json', ...at], {
    cwd: dir,
    encoding: 'utf8',
    env: { PATH: process.env.PATH, HOME: '/root' },
  });
  return { code: ran.status, out: ran.stdout, err: ran.stderr };
}
const read = (path: string): string => readFileSync(`${dir}/${path}`, 'utf8');

test('each applies in turn: the repository once for both, each machine for itself', () => {
  const first = on('web', 'apply', '--yes');
  expect([first.code, first.err]).toEqual([0, expect.not.stringContaining('error')]);
  const flake = read('web/srv/config/flake.nix');
  expect(flake).toContain('# the first one');
  expect(flake).toMatch(/\n\n {8}db = nixpkgs\.lib\.nixosSystem \{\n/);
  expect(flake).not.toContain('old');
  expect(read('web/etc/nix/nix.conf')).toMatch(/experimental-features = flakes\n/);
  expect(on('web', 'check')).toMatchObject({ code: 0 });
  // The other one still has the repository of before, and finds the same edit.
  expect(on('db', 'check')).toMatchObject({ code: 2 });
  share('web', 'db');
  const second = on('db', 'plan');
  expect(second.out).not.toContain('flake.nix');
  expect(second.out).toContain('nix.conf');
  expect(on('db', 'apply', '--yes')).toMatchObject({ code: 0 });
  expect(read('db/srv/config/flake.nix')).toBe(flake);
  expect(read('db/etc/nix/nix.conf')).toMatch(/nix-command/);
  for (const name of ['web', 'db']) expect(on(name, 'check')).toMatchObject({ code: 0 });
  // Back on the first, the other stays as it is.
  expect(on('web', 'rollback', '--yes')).toMatchObject({ code: 0 });
  expect(read('web/srv/config/flake.nix')).toBe(FLAKE);
  expect(on('db', 'check')).toMatchObject({ code: 0 });
});

test('which machine this is: none of them, one that is named, all', () => {
  share('web', 'laptop');
  const none = on('laptop', 'check');
  expect([none.code, none.err]).toEqual([
    64,
    expect.stringMatching(/this machine, "laptop" .*none of the hosts of the spec: web, db/),
  ]);
  const other = on('web', 'check', '--host', 'db');
  expect([other.code, other.err]).toEqual([
    6,
    expect.stringMatching(/this machine is "web", and the spec is for "db".*RF2002/s),
  ]);
  const slip = on('web', 'check', '--host', 'weeb');
  expect([slip.code, slip.err]).toEqual([64, expect.stringContaining('did you mean "web"?')]);
  const all = on('laptop', 'check', '--host', 'all');
  expect([all.code, all.out]).toEqual([2, expect.not.stringContaining('nix.conf')]);
  writeSpec({
    ...SPEC,
    hosts: { ...SPEC.hosts, web2: { host: { name: 'web', attribute: 'web2', system: 'x86_64-linux' } } },
  });
  const two = on('web', 'check');
  expect([two.code, two.err]).toEqual([64, expect.stringMatching(/may be any of web, web2; say which: --host NAME/)]);
});

test('what two hosts share and is broken is told once, with its place and both names; the others are answered', () => {
  const shared = { host: { system: 'x86_64-linux' } };
  writeSpec({
    ...SPEC,
    hosts: { web: SPEC.hosts.web, a: shared, b: shared },
    config: { path: '/srv/config', modules: ['./gone.nix'] },
  });
  const { code, out, err } = on('web', 'check', '--format', 'json');
  expect([code, err]).toEqual([1, '']);
  const lines = out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  const { plan } = lines.find(({ type }) => type === 'planned');
  const told = plan.steps
    .flatMap(({ findings }: never) => findings)
    .filter(({ code: one }: { code: string }) => one === 'RF2004');
  expect(told).toMatchObject([{ wish: '/config/modules', hosts: ['a', 'b'], at: { file: 'reflake.json', line: 1 } }]);
  const answers = plan.steps.flatMap(({ verdicts }: never) => verdicts);
  const of = (host: string): unknown =>
    answers.find((one: { wish: string; host?: string }) => one.wish === '/config/modules' && one.host === host).verdict;
  expect(['web', 'a', 'b'].map(of)).toEqual(['holds', 'blocked', 'blocked']);
});

test('a broken host keeps no other machine from applying, and check still tells it', () => {
  const broken = { host: { system: 'x86_64-linux' }, config: { modules: ['./gone.nix'] } };
  writeSpec({ ...SPEC, hosts: { ...SPEC.hosts, broken } });
  const planned = on('web', 'plan', '--out', 'web.plan');
  expect([planned.code, planned.err]).toEqual([0, expect.stringContaining('gone.nix')]);
  expect(on('web', 'apply', 'web.plan', '--yes')).toMatchObject({ code: 0 });
  expect(read('web/srv/config/flake.nix')).toMatch(/\n {8}db = nixpkgs/);
  const again = on('web', 'apply', '--yes');
  expect([again.code, again.out]).toEqual([
    0,
    expect.stringMatching(
      /Nothing to do on this machine: \d+ of \d+ wishes hold .*; blocked: hosts\.broken\.config\.modules/,
    ),
  ]);
  expect(on('web', 'check')).toMatchObject({ code: 1 });
  // The broken one itself is refused.
  writeFileSync(`${dir}/laptop/etc/hostname`, 'broken\n');
  share('web', 'laptop');
  expect(on('laptop', 'apply', '--yes')).toMatchObject({ code: 1 });
});

test('init --add adds this machine as its siblings are, and what bars it is told', () => {
  share('web', 'laptop');
  const yaml = (): string => readFileSync(`${dir}/reflake.yaml`, 'utf8');
  const SPEC_TEXT = `version: 1
hosts:
  web: { host: { system: x86_64-linux }, config: { modules: [./web.nix] } } # the first
  db: { host: { system: x86_64-linux }, config: { modules: [./db.nix] } }

config: { path: /srv/config }
inputs: { nixpkgs: github:NixOS/nixpkgs/nixos-24.05 }
`;
  writeFileSync(`${dir}/reflake.yaml`, SPEC_TEXT);
  const add = (...words: readonly string[]): Ran => {
    const at = ['--root', `${dir}/laptop`, '--state', `${dir}/state-laptop`, '--skip', 'lock'];
    const ran = spawnSync(process.execPath, [PROGRAM, 'init', '--add', ...words, ...at], {
      cwd: dir,
      encoding: 'utf8',
      env: { PATH: process.env.PATH, HOME: '/root' },
    });
    return { code: ran.status, out: ran.stdout, err: ran.stderr };
  };
  const nobody = add();
  expect([nobody.code, nobody.err, yaml()]).toEqual([1, expect.stringContaining('--yes'), SPEC_TEXT]);
  const added = add('--yes', '--system', 'x86_64-linux');
  expect([added.code, added.out]).toEqual([0, expect.stringContaining('Wrote reflake.yaml')]);
  // Its module is not there yet, and the spec says where it is to be.
  expect(added.err).toMatch(/laptop\.nix" is not there/);
  expect(yaml()).toBe(
    SPEC_TEXT.replace(
      '[./db.nix] } }\n',
      '[./db.nix] } }\n  laptop: { host: { system: "x86_64-linux" }, config: { modules: ["./laptop.nix"] } }\n',
    ),
  );
  const twice = add('--yes');
  expect([twice.code, twice.err]).toEqual([1, expect.stringMatching(/"laptop" is one of its hosts already/)]);
  expect(add('--yes', '--force')).toMatchObject({ code: 64 });
  writeFileSync(`${dir}/laptop/srv/config/laptop.nix`, '{ networking.hostName = "laptop"; }\n');
  const listed = spawnSync(
    process.execPath,
    [PROGRAM, 'apply', '--yes', '--root', `${dir}/laptop`, '--state', `${dir}/st`, '--skip', 'lock'],
    { cwd: dir, encoding: 'utf8' },
  );
  expect([listed.status, read('laptop/srv/config/flake.nix')]).toEqual([
    0,
    expect.stringMatching(/\n {8}laptop = nixpkgs/),
  ]);
  writeFileSync(
    `${dir}/reflake.yaml`,
    'version: 1\nhost: { name: a, system: x86_64-linux }\ninputs: { nixpkgs: github:a/b }\n',
  );
  const single = add('--yes');
  expect([single.code, single.err]).toEqual([1, expect.stringMatching(/is about one machine.*hosts:/s)]);
});

test('hosts lists them, on every machine', () => {
  share('web', 'laptop');
  const listed = on('laptop', 'hosts');
  expect([listed.code, listed.out.split('\n').map((line) => line.replace(/ +/g, ' '))]).toEqual([
    0,
    ['web x86_64-linux ./web.nix 3 wishes: 3 hold', 'db x86_64-linux ./db.nix 3 wishes: 3 differ', ''],
  ]);
  const lines = on('laptop', 'hosts', '--format', 'json')
    .out.trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(lines.filter(({ type }) => type === 'host').map(({ name, attribute }) => [name, attribute])).toEqual([
    ['web', 'web'],
    ['db', 'db'],
  ]);
});
