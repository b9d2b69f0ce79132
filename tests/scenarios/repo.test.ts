// check --repo through the real program: a checkout without a machine, as a pull request has it. There is no Nix and no git on the
// way, the home is empty, and what only a machine could tell is counted apart.

import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { layOut, rowsOfDisk, temporary } from '../support/trees.ts';

const PROGRAM = fileURLToPath(new URL('../../dist/reflake.cjs', import.meta.url));
const FLAKE = `{
  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-24.05";

  outputs =
    { self, nixpkgs, ... }:
    {
      nixosConfigurations = {
        web = nixpkgs.lib.nixosSystem {
          system = "x86_64-linux";
          modules = [ ./web.nix ];
        };
      };
    };
}
`;
const LOCK = {
  nodes: {
    nixpkgs: {
      locked: {
        lastModified: 1_735_563_628,
        narHash: 'sha256-OnSAY7XDSx7CtDoqNh8jwVwh4xNL/2HaJxGjryLWzX8=',
        owner: 'NixOS',
        repo: 'nixpkgs',
        rev: 'b134951a4c9f3c995fd7be05f3243f8ecd65d798',
        type: 'github',
      },
      original: { owner: 'NixOS', ref: 'nixos-24.05', repo: 'nixpkgs', type: 'github' },
    },
    root: { inputs: { nixpkgs: 'nixpkgs' } },
  },
  root: 'root',
  version: 7,
};
const WEB = { host: { system: 'x86_64-linux' }, config: { modules: ['./web.nix'] } };
const SPEC = {
  version: 1,
  hosts: { web: WEB as object },
  config: { path: '/srv/config', owner: 'nobody-here' },
  features: ['flakes'],
  activate: 'switch',
  inputs: { nixpkgs: 'github:NixOS/nixpkgs/nixos-24.05' },
};

let dir: string;
let remove: () => void;
beforeEach(() => {
  ({ dir, remove } = temporary());
  layOut(dir, {});
  writeFileSync(`${dir}/flake.nix`, FLAKE);
  writeFileSync(`${dir}/flake.lock`, `${JSON.stringify(LOCK, null, 2)}\n`);
  writeFileSync(`${dir}/web.nix`, '{ networking.hostName = "web"; }\n');
  writeSpec(SPEC);
});
afterEach(() => remove());

const writeSpec = (spec: object): void => writeFileSync(`${dir}/reflake.json`, JSON.stringify(spec));

interface Ran {
  readonly code: number | null;
  readonly said: string;
}

function check(...words: readonly string[]): Ran {
  const named = words.includes('--spec') ? [] : ['--spec', 'reflake.json'];
  const ran = spawnSync(process.execPath, [PROGRAM, 'check', '--repo', ...named, ...words], {
    cwd: dir,
    encoding: 'utf8',
    env: { PATH: '/nonexistent', HOME: '/nonexistent' },
  });
  return { code: ran.status, said: ran.stdout + ran.stderr };
}

test('in sync: the repository holds, and each wish of the machine is told as not checked, by name', () => {
  const before = rowsOfDisk(dir);
  const { code, said } = check();
  expect([code, said]).toEqual([0, expect.stringMatching(/: 5 hold; 4 not checked\n$/)]);
  expect(said).toContain('hosts.web.config.path, hosts.web.config.owner, hosts.web.features, hosts.web.activate');
  expect(rowsOfDisk(dir)).toEqual(before);
});

test('as events: counts and wishes that were not checked; no id, since nothing could be applied', () => {
  const events = check('--format', 'json')
    .said.trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  const { plan } = events.find(({ type }) => type === 'planned');
  expect(plan).toMatchObject({
    host: { name: 'web', system: 'x86_64-linux', machineId: '' },
    notChecked: ['path', 'owner']
      .map((key) => `/hosts/web/config/${key}`)
      .concat('/hosts/web/features', '/hosts/web/activate'),
  });
  expect(plan.id).toBeUndefined();
  expect(events.at(-1)).toMatchObject({ type: 'ended', exit: 0, verdicts: { wishes: 5, hold: 5, notChecked: 4 } });
});

test('drift of files, of the lock and of git is found without a program', () => {
  writeFileSync(`${dir}/flake.nix`, FLAKE.replace('24.05', '23.11'));
  expect(check()).toEqual({ code: 2, said: expect.stringMatching(/inputs\.nixpkgs.*23\.11.*24\.05/) });
  writeFileSync(`${dir}/flake.nix`, FLAKE);
  rmSync(`${dir}/flake.lock`);
  expect(check()).toEqual({ code: 2, said: expect.stringContaining('there is no flake.lock') });
  writeSpec({ ...SPEC, git: 'track' });
  expect(check()).toEqual({ code: 2, said: expect.stringMatching(/not in a git repository.*RF2107/) });
  const git = spawnSync('git', ['init', '-q', '.'], { cwd: dir });
  expect(git.status).toBe(0);
  expect(check()).toEqual({ code: 2, said: expect.stringMatching(/flake\.nix.*not in git's index/) });
});

test('all hosts, or one: what is asked about, and what is not there', () => {
  writeSpec({ ...SPEC, hosts: { ...SPEC.hosts, db: { ...WEB, host: { system: 'aarch64-linux' } }, old: null } });
  const all = check();
  expect(all).toEqual({ code: 2, said: expect.stringMatching(/nixosConfigurations\.db.*8 not checked/s) });
  expect(check('--host', 'all')).toEqual({
    ...all,
    said: expect.stringMatching(/nixosConfigurations\.db.*8 not checked/s),
  });
  expect(check('--host', 'web')).toEqual({ code: 0, said: expect.stringMatching(/4 not checked/) });
  expect(check('--host', 'db')).toEqual({ code: 2, said: expect.stringMatching(/4 not checked/) });
  expect(check('--host', 'weeb')).toEqual({ code: 64, said: expect.stringContaining('did you mean "web"?') });
});

test('the formats say that it is a checkout', () => {
  expect(check('--format', 'markdown').said).toMatch(
    /web matches reflake.json, as far as a checkout tells.*\| 4 \| 0 \|/s,
  );
  expect(check('--format', 'junit').said).toMatch(
    /classname="web.not checked" name="\/hosts\/web\/features".*\n.*<skipped>not checked/,
  );
  expect(check('--format', 'prometheus').said).toMatch(/not_checked.* 4\n/);
});

test('the configuration is the flake above the spec, in the same repository; else where the spec lies', () => {
  expect(spawnSync('git', ['init', '-q', '.'], { cwd: dir }).status).toBe(0);
  expect(spawnSync('git', ['add', '-N', '.'], { cwd: dir }).status).toBe(0);
  mkdirSync(`${dir}/specs`);
  writeFileSync(`${dir}/specs/reflake.json`, readFileSync(`${dir}/reflake.json`));
  expect(check('--spec', 'specs/reflake.json')).toMatchObject({ code: 0 });
  rmSync(`${dir}/.git`, { recursive: true });
  expect(check('--spec', 'specs/reflake.json')).toEqual({
    code: 1,
    said: expect.stringMatching(
      /there is no flake\.nix.*specs\/reflake\.json.*the module "web\.nix" is not there.*RF2004/s,
    ),
  });
});

test('rules about the lock: dates of a file take the place of those built in, and a wrong one is told with its place', () => {
  writeSpec({ ...SPEC, lock: { eol: 'error', duplicates: 'error', conditions: [{ input: '**', maxAge: '9y' }] } });
  expect(check()).toEqual({ code: 2, said: expect.stringMatching(/no updates since 2024-12-31.*RF2072/) });
  writeFileSync(`${dir}/ends.yaml`, 'asOf: "2999-01-01"\nreleases:\n  "24.05": "2999-12-31"\n');
  expect(check('--eol', 'ends.yaml')).toMatchObject({ code: 0 });
  writeFileSync(`${dir}/ends.yaml`, 'asOf: "2999-01-01"\nreleases:\n  "24.05": "2999-02-31"\n');
  expect(check('--eol', 'ends.yaml')).toEqual({
    code: 65,
    said: expect.stringMatching(/^ends\.yaml:3:12: error: the end of 24\.05 is no day.*\[RF1018\]\n$/),
  });
  expect(check('--eol', 'none.yaml')).toEqual({ code: 65, said: expect.stringMatching(/none\.yaml.*RF1018/) });
});

test.each([
  [['--root', '/srv'], /--repo looks at no machine/],
  [['--only', 'features'], /no wish of the spec falls under "features"/],
  [['--only', 'ownership'], /no wish of the spec falls under "ownership"/],
])('%j is a usage error', (words, said) => {
  expect(check(...words)).toEqual({ code: 64, said: expect.stringMatching(said) });
});

test('an acknowledgement that may be about the machine is no warning; one that is over and still needed is', () => {
  const ack = (until?: string): object => ({
    finding: `sha256:${'0'.repeat(64)}`,
    reason: 'theirs',
    ...(until && { until }),
  });
  writeSpec({ ...SPEC, ack: [ack(), ack('2020-01-01')] });
  expect(check()).toMatchObject({ code: 0, said: expect.not.stringContaining('RF1016') });
});
