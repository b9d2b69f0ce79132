// config.link: the configuration moves away, and /etc/nixos/flake.nix stays as a link to it, through which nixos-rebuild finds the
// flake; a rollback brings the tree back to where the link was.

import { lstatSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { type Machine, makeMachine, type Ran } from '../fixtures/machine.ts';
import { expectCode, machineLines } from '../fixtures/scenario.ts';

const NIXPKGS = 'path:/opt/reflake/tests/fixtures/nixpkgs';
const FLAKE = '/home/srid/nixos-config/flake.nix';

let machine: Machine;
beforeEach(async () => {
  machine = await makeMachine();
});
afterEach(async () => await machine.remove());

const on = (path: string): string => `${machine.dir}${path}`;
const asRoot = (...args: readonly string[]): Promise<Ran> => machine.enter(['reflake', ...args], { sudo: 'srid' });
const edited = (change: (text: string) => string): void => {
  const spec = on('/home/srid/reflake.yaml');
  writeFileSync(spec, change(readFileSync(spec, 'utf8')));
};
/** But for the generations, of which a rollback removes none. */
const lines = (): readonly string[] =>
  machineLines(machine, { mtimes: false }).filter((line) => !/^boot\/|reflake\.yaml/.test(line));
const isLinked = (): void => {
  expect(readdirSync(on('/etc/nixos'))).toEqual(['flake.nix']);
  expect(readlinkSync(on('/etc/nixos/flake.nix'))).toBe(FLAKE);
  for (const path of ['/etc/nixos', '/etc/nixos/flake.nix']) expect(lstatSync(on(path)).uid).toBe(0);
};

test('the link takes the place of the tree, a system is built through it, and all comes back', async () => {
  expectCode(await asRoot('init', '--yes', '--nixpkgs', NIXPKGS), 0);
  edited((text) =>
    text.replace('config:\n', 'config:\n  link: true\n').replace(/^activate: none/m, 'activate: switch'),
  );
  const before = lines();
  expectCode(await asRoot('apply', '--yes'), 0);
  isLinked();
  expectCode(await asRoot('check'), 0);
  expectCode(await machine.sh('test -e "$(readlink -f /etc/nixos/flake.nix)"'), 0);

  // Somebody takes the link away, and the next apply makes it again.
  await machine.sh('rm /etc/nixos/flake.nix; rmdir /etc/nixos');
  expectCode(await asRoot('check'), 2);
  expectCode(await asRoot('apply', '--yes'), 0);
  isLinked();
  expectCode(await asRoot('rollback', '--to', '0', '--yes'), 0);
  expect(lines()).toEqual(before);
  // Undoing the rollback makes the link again.
  expectCode(await asRoot('rollback', '3', '--yes'), 0);
  isLinked();
});

test('an apply that fails after the link was made leaves the machine as it was', async () => {
  expectCode(await asRoot('init', '--yes', '--nixpkgs', NIXPKGS), 0);
  edited((text) =>
    text.replace('config:\n', 'config:\n  link: true\n').replace(/^activate: none/m, 'activate: switch'),
  );
  await machine.sh('echo "builtins.throw \\"on purpose\\"" > /etc/nixos/broken.nix');
  await machine.sh(
    'sed -i "s|./hardware-configuration.nix|./hardware-configuration.nix ./broken.nix|" /etc/nixos/configuration.nix',
  );
  edited((text) => `${text}proof: off\n`);
  const before = lines();
  expectCode(await asRoot('apply', '--yes'), 4);
  expect(lines()).toEqual(before);
});
