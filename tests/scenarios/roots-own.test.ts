// A configuration that is root's and stays root's, on a machine as the real /: root itself applies it, and srid by sudo. The
// output of programs for it lies in no directory that the caller can change.

import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
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
  ['root itself', {}, '65534'],
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

const MARK = 'roots-own-4711';
/** Nothing that only root may read lies in the store, where everybody may. */
const leaks = async (): Promise<string> =>
  (await machine.sh(`grep -rlF ${MARK} /nix/store 2> /dev/null || true`)).stdout;

test('a link of somebody on the way of a path input leads Nix nowhere that they could not go', async () => {
  expectCode(await machine.sh(`mkdir -m 700 /root/secret && echo ${MARK} > /root/secret/key`), 0);
  expectCode(await machine.sh('ln -s /root ~/inp', { user: 'srid' }), 0);
  const inputs = '  s: { url: "path:/home/srid/inp/secret", flake: false }\n';
  writeFileSync(
    `${machine.dir}/etc/spec/s.yaml`,
    SPEC.replace('inputs: { ', 'inputs:\n  ').replace(' }\nfeatures', `\n${inputs}features`),
  );
  expectCode(await machine.sh('reflake plan --spec /etc/spec/s.yaml'), 1);
  expect(await leaks()).toBe('');
});

test('where files of the configuration are somebody else’s, no Nix is started', async () => {
  expectCode(await machine.sh('reflake apply --yes --spec /etc/spec/s.yaml'), 0);
  writeFileSync(`${machine.dir}/etc/spec/s.yaml`, `${SPEC}activate: switch\n`);
  expectCode(await machine.sh('rm -f /spied/*; chown srid /etc/nixos/flake.nix'), 0);
  const ran = await machine.sh('PATH=/opt/spy:$PATH reflake check --spec /etc/spec/s.yaml');
  expectCode(ran, 1);
  expect(`${ran.stdout}${ran.stderr}`).toContain('RF2005');
  expect(readdirSync(`${machine.dir}/spied`)).toEqual([]);
});

test('a plan of root’s is written into nobody else’s place', async () => {
  expectCode(await machine.sh('mkdir ~/plans', { user: 'srid' }), 0);
  expectCode(await machine.sh('cd /home/srid/plans && reflake plan --spec /etc/spec/s.yaml --out p.json'), 1);
  expect(readdirSync(`${machine.dir}/home/srid/plans`)).toEqual([]);
  expectCode(await machine.sh('reflake plan --spec /etc/spec/s.yaml --out /root/p.json'), 0);
});

test('init takes up no flake that somebody else has put there', async () => {
  const flake = '{ outputs = _: { nixosConfigurations.nixos = throw ""; }; }';
  const plant = `mkdir -p ~/nixos-config && echo '${flake}' | tee ~/nixos-config/flake.nix > /tmp/flake.nix`;
  expectCode(await machine.sh(plant, { user: 'srid' }), 0);
  const ran = await machine.sh('mkdir /tmp/q && cd /tmp/q && reflake init --yes && cat reflake.yaml');
  expectCode(ran, 0);
  expect(ran.stdout).toContain('from: /etc/nixos');
  expect(ran.stderr).toMatch(/flake in "\/home\/srid\/nixos-config", which is somebody else's/);
});

test('of a channel whose url only root can read, init tells its caller nothing', async () => {
  const url = 'https://example.org/channels/own?token=';
  expectCode(
    await machine.sh(
      `echo '${url}${MARK} nixos' > /root/.nix-channels; chmod 600 /root/.nix-channels; chmod 700 /root`,
    ),
    0,
  );
  const ran = await machine.sh('cd ~ && reflake init --yes; cat reflake.yaml', { sudo: 'srid' });
  expect(`${ran.stdout}${ran.stderr}`).not.toContain(MARK);
  expect(`${ran.stdout}${ran.stderr}`).not.toContain('example.org');
  expect(ran.stderr).toContain('only root can read its url');
});

test('what init finds in a closed directory of root’s comes to nobody else', async () => {
  expectCode(await machine.sh(`sed -i 's/^{/{ # ${MARK}/' /etc/nixos/configuration.nix && chmod 700 /etc/nixos`), 0);
  const inTheirs = await machine.sh('cd /home/srid && reflake init --yes --release 25.11');
  expectCode(inTheirs, 1);
  expect(inTheirs.stderr).toContain('only root can');
  expect(existsSync(`${machine.dir}/home/srid/reflake.yaml`)).toBe(false);
  expectCode(await machine.sh('cd /opt && reflake init --yes --release 25.11'), 0);
  expect(statSync(`${machine.dir}/opt/reflake.yaml`).mode & 0o777).toBe(0o600);
});
