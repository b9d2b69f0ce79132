// doctor on a machine as an installer leaves it and on one that has been applied to, as its user and under sudo: each subject has
// a row, what is broken ends it with 1, and nothing that only root can read is told.

import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type Machine, makeMachine, type Ran } from '../fixtures/machine.ts';
import { expectCode, machineLines, toolsDir, withPath } from '../fixtures/scenario.ts';

const NIXPKGS = 'path:/opt/reflake/tests/fixtures/nixpkgs';

let machine: Machine;
beforeAll(async () => {
  machine = await makeMachine({ kind: 'plain' });
});
afterAll(async () => await machine.remove());

const asSrid = (...args: readonly string[]): Promise<Ran> => machine.enter(['reflake', ...args], { user: 'srid' });
const asRoot = (...args: readonly string[]): Promise<Ran> => machine.enter(['reflake', ...args], { sudo: 'srid' });

/** `doctor good node: 20.20.2`, by its subject. */
const rowsOf = ({ stdout }: Ran): Readonly<Record<string, string>> =>
  Object.fromEntries([...stdout.matchAll(/^doctor (\w+ ([^:]+): .*)$/gm)].map(([, row, subject]) => [subject!, row!]));

test('before there is a spec: every subject is told, nothing is bad, and nothing was changed', async () => {
  const before = machineLines(machine);
  const ran = await asSrid('doctor');
  expectCode(ran, 0);
  expect(machineLines(machine)).toEqual(before);
  const rows = rowsOf(ran);
  expect(Object.keys(rows)).toEqual([
    'node',
    'nix',
    'nix store',
    'features',
    'trusted users',
    'git',
    'channels',
    'NIX_PATH',
    'release',
    'spec',
    'configuration',
    'state',
    'room',
    'file systems',
    'clock',
    'ssh agent',
  ]);
  expect(rows['nix store']).toMatch(/^good .*it answers, and is of Nix \d/);
  expect(rows.spec).toMatch(/^doubtful .*reflake init/);
  expect(rows.configuration).toMatch(/^doubtful .*\/etc\/nixos/);
  expect(rows.channels).toMatch(/^unknown .*sudo$/);
  expect(ran.stdout).toMatch(/\n16 examined: /);
});

test('afterwards it finds spec, flake and root’s state; sudo tells no more than the caller may read', async () => {
  expectCode(await asRoot('init', '--yes', '--nixpkgs', NIXPKGS), 0);
  expectCode(await asRoot('apply', '--yes'), 0);
  writeFileSync(`${machine.dir}/root/.nix-channels`, 'https://user:hunter2@cache.example.org/private nixos\n', {
    mode: 0o600,
  });
  const [theirs, roots] = [await asSrid('doctor'), await asRoot('doctor')];
  for (const ran of [theirs, roots]) {
    expectCode(ran, 0);
    expect(ran.stdout).not.toMatch(/hunter2|cache\.example\.org/);
    expect(rowsOf(ran).spec).toBe('good spec: reflake.yaml, of host nixos');
    expect(rowsOf(ran).configuration).toBe('good configuration: /home/srid/nixos-config, a flake');
    expect(rowsOf(ran).features).toMatch(/^good features: flakes nix-command, from \/etc\/nix\/nix\.conf line \d+$/);
  }
  expect(rowsOf(roots).state).toContain('/var/lib/reflake: 1 in the history');
  expect(rowsOf(roots).channels).toContain('withheld: only root can read /root/.nix-channels');
  const quiet = await asRoot('doctor', '-q');
  expect(quiet.stdout).not.toMatch(/^doctor good|examined/m);
  expect(quiet.stdout).toMatch(/^doctor doubtful channels/m);
});

test('each thing that is broken is bad, is told with what to do, and ends it with 1', async () => {
  const spec = `${machine.dir}/home/srid/reflake.yaml`;
  const { stdout: text } = await machine.sh('cat ~/reflake.yaml', { sudo: 'srid' });
  writeFileSync(spec, 'version: 1\nhots: nixos\n');
  const wrong = await asSrid('doctor');
  expectCode(wrong, 1);
  expect(rowsOf(wrong).spec).toMatch(/^bad spec: reflake\.yaml:1: missing key host, and 2 more # add host$/);
  writeFileSync(spec, text);

  mkdirSync(`${machine.dir}/var/lib/reflake/journal`, { mode: 0o700 });
  const cut = await asSrid('doctor');
  expectCode(cut, 1);
  expect(rowsOf(cut).state).toMatch(/^bad state: an apply was cut off.*sudo reflake recover$/);
  rmSync(`${machine.dir}/var/lib/reflake/journal`, { recursive: true });

  const none = await withPath(machine, toolsDir(machine, 'without', []), ['doctor'], { user: 'srid' });
  expectCode(none, 1);
  expect(rowsOf(none)).toMatchObject({
    nix: expect.stringMatching(/^bad nix: nix is not found/),
    'nix store': expect.stringMatching(/^unknown /),
    git: expect.stringMatching(/^bad git: git is not found/),
  });

  const dead = await machine.enter(['reflake', 'doctor'], { user: 'srid', daemon: false });
  expectCode(dead, 1);
  expect(rowsOf(dead)['nix store']).toMatch(/^bad nix store: the store cannot be used: .* # /);
});
