// ack through the real program: today's differences become acknowledgements in the spec's text, and nothing else of it changes.

import { spawnSync } from 'node:child_process';
import { chmodSync, lstatSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { BASES } from '../support/plan-cases.ts';
import { layOut, rowsOfDisk, temporary } from '../support/trees.ts';

const PROGRAM = fileURLToPath(new URL('../../dist/reflake.cjs', import.meta.url));
const SPEC = `# ours
version: 1
host: { name: nixos, system: x86_64-linux }   # the laptop
config: { path: /home/srid/nixos-config, owner: srid, modules: [./configuration.nix] }
inputs: { nixpkgs: github:NixOS/nixpkgs/nixos-24.05 }
features: [nix-command, flakes, ca-derivations, recursive-nix]
`;

let dir: string;
let remove: () => void;
beforeEach(() => {
  ({ dir, remove } = temporary());
  chmodSync(dir, 0o755);
  mkdirSync(`${dir}/machine`);
  layOut(`${dir}/machine`, BASES.machines.settled);
  writeFileSync(`${dir}/reflake.yaml`, SPEC, { mode: 0o640 });
});
afterEach(() => remove());

interface Ran {
  readonly code: number | null;
  readonly said: string;
}

function reflake(...words: readonly string[]): Ran {
  const argv = [PROGRAM, ...words, '--root', `${dir}/machine`, '--evaluate', 'never'];
  const { status, stdout, stderr } = spawnSync(process.execPath, argv, { cwd: dir, encoding: 'utf8' });
  return { code: status, said: stdout + stderr };
}
const spec = (): string => readFileSync(`${dir}/reflake.yaml`, 'utf8');

test('a baseline: drift today, none afterwards, and the text is only longer; a new difference is drift again', () => {
  const machine = rowsOfDisk(`${dir}/machine`);
  expect(reflake('check').code).toBe(2);
  const ran = reflake('ack', '--all', '--reason', 'baseline', '--until', '2999-01-01');
  expect([ran.code, ran.said]).toEqual([0, expect.stringMatching(/Acknowledged in reflake.yaml until 2999-01-01: \d/)]);
  expect(spec().startsWith(SPEC)).toBe(true);
  expect(lstatSync(`${dir}/reflake.yaml`).mode & 0o777).toBe(0o640);
  expect(rowsOfDisk(`${dir}/machine`)).toEqual(machine);
  const after = reflake('check');
  expect([after.code, after.said]).toEqual([0, expect.stringContaining('acknowledged until 2999-01-01: features')]);
  expect(reflake('ack', '--all', '--reason', 'x').said).toContain('Nothing is found that could be acknowledged.');
  writeFileSync(`${dir}/reflake.yaml`, spec().replace('ca-derivations, recursive-nix', 'ca-derivations'));
  expect(reflake('check')).toEqual({ code: 2, said: expect.stringMatching(/RF1016.*|about nothing that is found/s) });
});

test('one finding, by the first digits of its id', () => {
  const id = /\bsha256:[0-9a-f]{12,}/.exec(reflake('check', '-v').said)?.[0] ?? '';
  expect(reflake('ack', id.slice('sha256:'.length, 19), '--reason', 'x', '--by', 'srid').code).toBe(0);
  expect(spec()).toMatch(/^ack:\n {2}- \{ finding: "sha256:[0-9a-f]{64}", reason: "x", by: "srid" \}\n$/m);
});

test.each([
  [['ack', '--reason', 'x'], /name a finding by its id, or say --all/],
  [['ack', '--all'], /--reason TEXT/],
  [['ack', 'abc', '--all', '--reason', 'x'], /or say --all/],
  [['ack', 'ffff', '--reason', 'x'], /no finding has the id "ffff"; there (are|is) sha256:/],
  [['ack', '--all', '--reason', 'x', '--until', '2027-02-31'], /is no day/],
  [['ack', '--all', '--reason', 'x', '--until', '2020-01-01'], /is over/],
])('%j is a usage error, and writes nothing', (words, said) => {
  expect(reflake(...words)).toEqual({ code: 64, said: expect.stringMatching(said) });
  expect(spec()).toBe(SPEC);
});

test('a text that cannot be extended safely is left alone, and the lines are shown; a link is not replaced', () => {
  const flow = `{ version: 1, host: { name: nixos, system: x86_64-linux }, inputs: {}, features: [ca-derivations] }\n`;
  writeFileSync(`${dir}/reflake.yaml`, flow);
  const ran = reflake('ack', '--all', '--reason', 'x');
  expect(ran).toEqual({ code: 1, said: expect.stringMatching(/RF1017.*- \{ finding: "sha256:/s) });
  expect(spec()).toBe(flow);
  writeFileSync(`${dir}/real.yaml`, SPEC);
  symlinkSync('real.yaml', `${dir}/link.yaml`);
  expect(reflake('ack', '--all', '--reason', 'x', '--spec', 'link.yaml').code).toBe(1);
  expect(lstatSync(`${dir}/link.yaml`).isSymbolicLink()).toBe(true);
});
