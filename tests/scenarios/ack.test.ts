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

test('after its day an acknowledgement fails; a day that there is not is a mistake of the spec', () => {
  reflake('ack', '--all', '--reason', 'baseline', '--until', '2999-01-01');
  expect(reflake('check').code).toBe(0);
  const acknowledged = spec();
  writeFileSync(`${dir}/reflake.yaml`, acknowledged.replaceAll('2999-01-01', '2020-01-01'));
  expect(reflake('check')).toEqual({ code: 2, said: expect.stringMatching(/error: .*ended on 2020-01-01.*RF1019/) });
  expect(reflake('plan').said).toMatch(/warning: .*ended on 2020-01-01.*RF1019/);
  writeFileSync(`${dir}/reflake.yaml`, acknowledged.replaceAll('2999-01-01', '2999-02-31'));
  expect(reflake('check')).toEqual({ code: 65, said: expect.stringMatching(/no such day: "2999-02-31"/) });
});

test('after its day it fails even where the finding alone would not: what is undecided', () => {
  const lock = { eol: 'error' };
  const inputs = { nixpkgs: `github:NixOS/nixpkgs/${'0123456789abcdef'.repeat(2)}01234567` };
  const host = { name: 'nixos', system: 'x86_64-linux' };
  const config = { path: '/home/srid/nixos-config' };
  const write = (ack: readonly object[]): void =>
    writeFileSync(`${dir}/reflake.yaml`, JSON.stringify({ version: 1, host, config, inputs, lock, ack }));
  const flake = `${dir}/machine/home/srid/nixos-config`;
  for (const name of ['flake.nix', 'flake.lock'])
    writeFileSync(
      `${flake}/${name}`,
      readFileSync(`${flake}/${name}`, 'utf8')
        .replace('nixpkgs/nixos-24.05', inputs.nixpkgs.slice('github:NixOS/'.length))
        .replace(/"ref": "nixos-24\.05"/, `"rev": "${inputs.nixpkgs.split('/')[2]}"`),
    );
  write([]);
  const found = reflake('check', '-v');
  expect([found.code, found.said]).toEqual([0, expect.stringMatching(/RF2073/)]);
  const [id] = /\bsha256:[0-9a-f]{64}(?= \[RF2073\])/.exec(found.said)!;
  write([{ finding: id, reason: 'x', until: '2020-01-01' }]);
  expect(reflake('check')).toEqual({ code: 2, said: expect.stringMatching(/RF1019/) });
});

test('a window in which a wish may differ: counted apart, applied as ever, and over afterwards', () => {
  const expecting = (wish: string, from: string, to: string): void =>
    writeFileSync(`${dir}/reflake.yaml`, `${SPEC}expect:\n  - { wish: ${wish}, from: ${from}, to: ${to} }\n`);
  expecting('/features', '2020-01-01T00:00Z', '2999-01-01T00:00Z');
  const during = reflake('check');
  expect(during.code).toBe(0);
  expect(during.said).toContain('expected to differ until 2999-01-01T00:00Z: features');
  expect(during.said).toContain('; 1 expected to differ');
  expect(reflake('plan', '--detailed-exitcode')).toMatchObject({ code: 2 });
  expect(reflake('check', '--format', 'junit').said).toMatch(
    /name="\/features">\s*<skipped>expected to differ until 2999/,
  );
  expect(reflake('check', '--format', 'github').said).not.toMatch(/^::(error|warning)/m);
  expecting('/inputs', '2020-01-01T00:00Z', '2999-01-01T00:00Z');
  expect(reflake('check').code).toBe(2);
  expecting('/features', '2020-01-01T00:00Z', '2020-01-01T04:00+02:00');
  expect(reflake('check')).toEqual({
    code: 2,
    said: expect.stringMatching(/is over since 2020-01-01T04:00\+02:00.*RF1020/),
  });
  expecting('/featurs', '2020-01-01T00:00Z', '2999-01-01T00:00Z');
  expect(reflake('check')).toEqual({
    code: 2,
    said: expect.stringMatching(/no wish of the spec is at "\/featurs".*RF1020/),
  });
  expecting('/features', '2020-01-01T04:00Z', '2020-01-01T02:00Z');
  expect(reflake('check')).toEqual({ code: 65, said: expect.stringContaining('it ends before it begins') });
  expecting('/features', '2020-02-30T04:00Z', '2020-03-01T02:00Z');
  expect(reflake('check')).toEqual({ code: 65, said: expect.stringContaining('no such moment') });
});
