// Activation for real, on a small NixOS: build as the user, switch, record; and what a build or an activation that fails
// leaves behind: files, lock and running system as they were.
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { treeLines } from '../fixtures/digest.ts';
import { type Machine, makeMachine, type Ran } from '../fixtures/machine.ts';
import { expectCode } from '../fixtures/scenario.ts';

const NIXPKGS = 'path:/opt/reflake/tests/fixtures/nixpkgs';

let machine: Machine;

const reflake = (...args: string[]): Promise<Ran> => machine.enter(['reflake', ...args], { sudo: 'srid' });

/** Files, and what runs and what boots. What an activation that failed may leave in /run is the system's own business. */
const state = (): readonly string[] => [
  ...treeLines(machine.dir, {
    without: [
      'nix',
      'tmp',
      'proc',
      'dev',
      'sys',
      'usr',
      'opt',
      'run',
      'var/lib/reflake',
      'var/log',
      'home/srid/.cache',
      'root/.cache',
      'root/.nix-defexpr',
    ],
  }),
  ...treeLines(`${machine.dir}/nix/var/nix/profiles`).filter((line) => /^system\t/.test(line)),
  ...treeLines(`${machine.dir}/run`).filter((line) => /^current-system\t/.test(line)),
];

/** Sets a line of the configuration at `path`, where all lines about tests are. */
const configure = (path: string, line: string): Promise<Ran> =>
  machine.sh(`sed -i '/^  test\\./d; s/^}$/  ${line}\\n}/' ${path}/configuration.nix`);

beforeAll(async () => {
  machine = await makeMachine({ kind: 'nixos' });
  expectCode(await reflake('init', '--yes', '--nixpkgs', NIXPKGS, '--activate', 'switch'), 0);
});
afterAll(async () => machine.remove());

test.each([
  ['does not build', 'test.failBuild = true;', 'RF4006'],
  ['builds and does not activate', 'test.failActivation = true;', 'RF4007'],
])('a configuration that %s leaves everything as it was', async (_what, line, code) => {
  await configure('/etc/nixos', line);
  const before = state();
  const ran = await reflake('apply', '--yes');
  expectCode(ran, 4);
  expect(ran.stdout + ran.stderr).toContain(code);
  // What the build itself said, which Nix leaves out of its log as data.
  if (code === 'RF4006') expect(ran.stderr).toMatch(/last (\d+ )?log lines:[\s|]+> /);
  expect(state()).toEqual(before);
  expect((await reflake('history')).stdout).toMatch(/No apply yet/);
});

test('a good one is built as the user, switched to and recorded', async () => {
  await configure('/etc/nixos', '');
  const applied = await reflake('apply', '--yes');
  expectCode(applied, 0);
  expect(applied.stdout).toContain('Your configuration is now a flake in ~/nixos-config. It is running.\n');
  expect(applied.stdout).toContain('  Go back:  sudo reflake rollback\n');
  expect(applied.stdout).not.toContain('not enabled yet');
  const { stdout } = await machine.sh(
    'readlink -f /run/current-system /nix/var/nix/profiles/system; cat /etc/nix/nix.conf',
  );
  const [running, booted] = stdout.split('\n');
  expect(running).toBe(booted);
  expect(stdout).toMatch(/^experimental-features = .*flakes/m);
  expectCode(await reflake('check'), 0);
  // Nobody but its owner has ever touched the tree: nothing in it is root's.
  expect((await machine.sh('find /home/srid/nixos-config -user root')).stdout).toBe('');
});

test('the tree that is edited by hand is what the machine no longer runs: drift, and apply switches', async () => {
  await configure('/home/srid/nixos-config', 'environment.etc."motd".text = "hello";');
  const check = await reflake('check');
  expectCode(check, 2);
  expect(check.stdout).toMatch(/activate/);
  expectCode(await reflake('apply', '--yes'), 0);
  expectCode(await reflake('check'), 0);
});

test.each([
  ['does not build', 'test.failBuild = true;'],
  ['does not activate', 'test.failActivation = true;'],
])('on a machine that is a flake already, one that %s changes nothing either', async (_what, line) => {
  await configure('/home/srid/nixos-config', line);
  const before = state();
  expectCode(await reflake('apply', '--yes'), 4);
  expect(state()).toEqual(before);
});

test('rollback activates what ran before, back to the channel system', async () => {
  // The configuration holds lines that no apply has seen: they are overwritten only when that is said.
  const refused = await reflake('rollback', '--to', '0', '--yes');
  expectCode(refused, 3);
  expect(refused.stderr).toMatch(/configuration\.nix.*--force/s);
  expectCode(await reflake('rollback', '--to', '0', '--yes', '--force'), 0);
  const { stdout } = await machine.sh('readlink /nix/var/nix/profiles/system; ls /etc/nixos; cat /etc/nix/nix.conf');
  expect(stdout).toMatch(/^system-1-link$/m);
  expect(stdout).toMatch(/^configuration\.nix$/m);
  expect(stdout).not.toMatch(/^experimental-features = .*flakes/m);
});
