// While rollback waits for an answer, the owner of the tree may write to it: bytes that nobody has shown must not become
// root's.

import { spawnSync } from 'node:child_process';
import { appendFileSync, chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { BASES } from '../support/plan-cases.ts';
import { terminal } from '../support/terminal.ts';
import { layOut, rowsOfDisk, temporary } from '../support/trees.ts';

const PROGRAM = fileURLToPath(new URL('../../dist/reflake.cjs', import.meta.url));
const isRoot = process.getuid?.() === 0;
const SPEC = `version: 1
host: { name: nixos, system: x86_64-linux }
config: { from: /etc/nixos, path: /home/srid/nixos-config, owner: srid, modules: [./configuration.nix] }
inputs: { nixpkgs: github:NixOS/nixpkgs/nixos-24.05 }
features: [nix-command, flakes]
git: off
`;
const TREE = 'machine/home/srid/nixos-config';

let dir: string;
let remove: () => void;
beforeEach(() => {
  ({ dir, remove } = temporary());
  chmodSync(dir, 0o755);
  mkdirSync(`${dir}/machine`);
  layOut(`${dir}/machine`, BASES.machines.fresh);
  writeFileSync(`${dir}/reflake.yaml`, SPEC);
  const ran = spawnSync(process.execPath, [PROGRAM, 'apply', '--yes', '--offline', '--root', `${dir}/machine`], {
    cwd: dir,
    encoding: 'utf8',
  });
  expect([ran.status, ran.stdout + ran.stderr]).toEqual([0, expect.anything()]);
});
afterEach(() => remove());

test.each([
  ['is changed', (): void => appendFileSync(`${dir}/${TREE}/configuration.nix`, '# late\n')],
  ['is added', (): void => writeFileSync(`${dir}/${TREE}/late.nix`, '{ }\n')],
])('a file that %s while the question is open is not taken', async (_what, act) => {
  if (!isRoot) return;
  let before: unknown;
  const answer = (): string => {
    act();
    before = rowsOfDisk(`${dir}/machine`);
    return 'yes\r';
  };
  const ran = await terminal(['rollback', '--root', `${dir}/machine`], [answer], dir);
  expect([ran.code, ran.screen.replace(/\s+/g, ' ')]).toEqual([
    3,
    expect.stringMatching(/was changed while the.*question was open.*run the command again/),
  ]);
  expect(rowsOfDisk(`${dir}/machine`)).toEqual(before);
});

test('a tree that nobody changed is taken', async () => {
  if (!isRoot) return;
  const ran = await terminal(['rollback', '--root', `${dir}/machine`], ['yes\r'], dir);
  expect([ran.code, existsSync(`${dir}/${TREE}`)]).toEqual([0, false]);
  expect(readFileSync(`${dir}/machine/etc/nixos/configuration.nix`, 'utf8')).not.toBe('');
});
