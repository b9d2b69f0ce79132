// While Nix downloads for a plan, what it says reaches the screen: through the process that runs Nix with the owner's rights too.

import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, statSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type Machine, makeMachine } from '../fixtures/machine.ts';
import { expectCode } from '../fixtures/scenario.ts';

const TARBALL = '/srv/source.tar.gz';

let machine: Machine;
beforeAll(async () => {
  machine = await makeMachine({ kind: 'plain' });
  const at = `${machine.dir}/srv`;
  mkdirSync(`${at}/source`, { recursive: true });
  writeFileSync(`${at}/source/flake.nix`, '{ outputs = _: { }; }');
  // Random, so that they do not compress: the download takes more than one piece.
  writeFileSync(`${at}/source/bytes`, randomBytes(1_000_000));
  execFileSync('tar', ['czf', `${machine.dir}${TARBALL}`, '-C', at, 'source']);
  writeFileSync(
    `${machine.dir}/home/srid/reflake.yaml`,
    `version: 1
host: { name: nixos, system: x86_64-linux }
config: { path: ~/nixos-config, from: /etc/nixos, owner: srid }
inputs: { nixpkgs: "file://${TARBALL}" }
`,
  );
});
afterAll(async () => machine.remove());

test.each([{ sudo: 'srid' }, { user: 'srid' }])('a download has its name and its bytes: %j', async (who) => {
  await machine.sh('rm -rf /tmp/reflake-cache-*');
  const ran = await machine.enter(['reflake', 'plan', '--format', 'json'], who);
  expectCode(ran, 0);
  const steps = ran.stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
    .filter(({ type }) => type === 'progress');
  const told = steps.filter(({ doing }) => doing !== undefined);
  expect(steps.map(({ text }) => text)).toContain('locking the inputs with Nix');
  const downloads = told.filter(({ doing }) => doing.what === `downloading 'file://${TARBALL}'`);
  expect(downloads).not.toEqual([]);
  for (const { doing } of downloads)
    expect(doing.bytes.done).toBeLessThanOrEqual(statSync(`${machine.dir}${TARBALL}`).size);
});
