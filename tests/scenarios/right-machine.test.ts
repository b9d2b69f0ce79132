// The guards of the right machine, through the real program: a copied disk, a rename as a plan of its own, an older nixpkgs, an
// attribute that is not the host's name. A mismatch is exit 6, with both values.

import { writeFileSync } from 'node:fs';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { type Machine, makeMachine, type Ran } from '../fixtures/machine.ts';
import { expectCode, machineLines } from '../fixtures/scenario.ts';

const NIXPKGS = 'path:/opt/reflake/tests/fixtures/nixpkgs';
const TREE = '/home/srid/nixos-config';

let machine: Machine;
beforeEach(async () => {
  machine = await makeMachine({ kind: 'nixos' });
  await machine.sh('echo 0123456789abcdef0123456789abcdef > /etc/machine-id');
  expectCode(await reflake('init', '--yes', '--nixpkgs', NIXPKGS, '--activate', 'switch'), 0);
});
afterEach(async () => await machine.remove());

const reflake = (...args: string[]): Promise<Ran> => machine.enter(['reflake', ...args], { sudo: 'srid' });
const asSrid = (...args: string[]): Promise<Ran> => machine.enter(['reflake', ...args], { user: 'srid' });

test('a copied disk is another machine, to its user too', async () => {
  expectCode(await reflake('apply', '--yes'), 0);
  expectCode(await reflake('check'), 0);
  await machine.sh('echo ffffffffffffffffffffffffffffffff > /etc/machine-id');
  const before = machineLines(machine);
  for (const ran of [await reflake('check'), await asSrid('check'), await reflake('apply', '--yes')]) {
    expectCode(ran, 6);
    expect(ran.stderr).toMatch(
      /history here was made on the machine [0-9a-f]{16}, and this one is [0-9a-f]{16}.*RF2002/s,
    );
  }
  expect(machineLines(machine)).toEqual(before);
  // Somebody says that it is the same one.
  await machine.sh('rm /var/lib/reflake/index');
  expectCode(await reflake('check'), 0);
});

test('a rename is a plan of its own', async () => {
  expectCode(await reflake('apply', '--yes'), 0);
  await machine.sh(`sed -i 's/hostName = "nixos"/hostName = "desk"/' ${TREE}/configuration.nix`);
  const aside = await reflake('check');
  expectCode(aside, 6);
  expect(aside.stderr).toMatch(/names the machine "desk", and the spec is for "nixos"/);
  await machine.sh(`sed -i 's/name: nixos/name: desk/; s/^host:/host:\\n  attribute: nixos/' /home/srid/reflake.yaml`);
  const refused = await reflake('apply', '--yes');
  expectCode(refused, 6);
  expect(refused.stderr).toMatch(/this machine is "nixos", and the spec is for "desk".*--allow-rename/s);
  // Not beside another edit of the configuration.
  await machine.sh(`chown root:root ${TREE}/hardware-configuration.nix`);
  const beside = await reflake('apply', '--yes', '--allow-rename');
  expectCode(beside, 6);
  expect(beside.stderr).toContain('RF2045');
  await machine.sh(`chown srid:users ${TREE}/hardware-configuration.nix`);
  expectCode(await reflake('apply', '--yes', '--allow-rename'), 0);
  const { stdout } = await machine.sh('cat /etc/hostname');
  expect(stdout.trim()).toBe('desk');
  expectCode(await reflake('check'), 0);
});

test('a nixpkgs that goes back is refused, with both releases', async () => {
  const spec = (await machine.sh('cat /home/srid/reflake.yaml')).stdout;
  writeFileSync(`${machine.dir}/home/srid/reflake.yaml`, spec.replace(NIXPKGS, 'github:NixOS/nixpkgs/nixos-20.09'));
  const before = machineLines(machine);
  for (const command of [['plan'], ['check'], ['apply', '--yes']]) {
    const ran = await reflake(...command);
    expectCode(ran, 6);
    expect(ran.stderr).toMatch(
      /wishes nixpkgs 20\.09, and the running system is \d\d\.\d\d.*--allow-downgrade.*RF2044/s,
    );
  }
  expect(machineLines(machine)).toEqual(before);
  expect((await reflake('check', '--allow-downgrade')).stderr).not.toContain('RF2044');
});

test('an attribute with a domain is built and activated', async () => {
  await machine.sh(`sed -i 's/^host:/host:\\n  attribute: nixos.example.org/' /home/srid/reflake.yaml`);
  expectCode(await reflake('apply', '--yes'), 0);
  expect((await machine.sh(`cat ${TREE}/flake.nix`)).stdout).toContain('"nixos.example.org" = ');
  expectCode(await reflake('check'), 0);
});
