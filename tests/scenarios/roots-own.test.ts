// A configuration that is root's and stays root's, on a machine as the real /: root itself applies it, and srid by sudo. The
// output of programs for it lies in no directory that the caller can change.

import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { type Machine, makeMachine } from '../fixtures/machine.ts';
import { expectCode } from '../fixtures/scenario.ts';

const SPEC = `version: 1
host: { name: nixos, system: x86_64-linux }
config: { path: /etc/nixos, modules: [./configuration.nix] }
inputs: { nixpkgs: "path:/opt/reflake/tests/fixtures/nixpkgs" }
features: [nix-command, flakes]
git: off
`;

let machine: Machine;
beforeEach(async () => {
  machine = await makeMachine({ kind: 'plain' });
  for (const dir of ['/etc/spec', '/opt/spy', '/spied']) mkdirSync(machine.dir + dir, { recursive: true });
  chmodSync(`${machine.dir}/spied`, 0o1777);
  writeFileSync(`${machine.dir}/etc/spec/s.yaml`, SPEC);
  const spy = '#!/bin/sh\n/usr/bin/id -u > /spied/$$\nexec /usr/bin/nix "$@"\n';
  writeFileSync(`${machine.dir}/opt/spy/nix`, spy, { mode: 0o755 });
});
afterEach(async () => await machine.remove());

test.each([
  ['root itself', {}, '0'],
  ['srid, by sudo', { sudo: 'srid' }, '65534'],
])('%s', async (_who, how, uid) => {
  const run = (words: string) =>
    machine.sh(`PATH=/opt/spy:$PATH exec reflake ${words} --spec /etc/spec/s.yaml 2>&1`, how);
  expectCode(await run('apply --yes'), 0);
  const uids = readdirSync(`${machine.dir}/spied`).map((name) => readFileSync(`${machine.dir}/spied/${name}`, 'utf8'));
  expect(new Set(uids.map((text) => text.trim()))).toEqual(new Set([uid]));
  expect(statSync(`${machine.dir}/etc/nixos/flake.lock`).uid).toBe(0);
  expectCode(await run('check'), 0);
});
