// why through the real program: each state of a wish with its reason, each kind of word that names one, and words that name none.

import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { BASES } from '../support/plan-cases.ts';
import { layOut, rowsOfDisk, temporary } from '../support/trees.ts';

const PROGRAM = fileURLToPath(new URL('../../dist/reflake.cjs', import.meta.url));
const DIR = '/home/srid/nixos-config';
const SPEC = `version: 1
host: { name: nixos, system: x86_64-linux }
config: { path: ${DIR}, owner: srid, modules: [./configuration.nix] }
inputs: { nixpkgs: github:NixOS/nixpkgs/nixos-24.05 }
features: [nix-command, flakes, ca-derivations]
git: off
`;

let dir: string;
let remove: () => void;
beforeEach(() => {
  ({ dir, remove } = temporary());
  chmodSync(dir, 0o755);
  mkdirSync(`${dir}/machine`);
  layOut(`${dir}/machine`, BASES.machines.settled);
  spec('');
});
afterEach(() => remove());

const spec = (more: string): void => writeFileSync(`${dir}/reflake.yaml`, SPEC + more);

function reflake(...words: readonly string[]): { readonly code: number | null; readonly said: string } {
  const machine = words.includes('--repo') ? [] : ['--root', `${dir}/machine`];
  const argv = [PROGRAM, ...words, ...machine, '--evaluate', 'never'];
  const { status, stdout, stderr } = spawnSync(process.execPath, argv, { cwd: dir, encoding: 'utf8' });
  return { code: status, said: stdout + stderr };
}

interface Why {
  readonly type: string;
  readonly wish: string;
  readonly state: string;
  readonly findings: readonly { readonly id?: string; readonly code: string; readonly path?: string }[];
}
const whys = (...words: readonly string[]): readonly Why[] =>
  reflake('why', ...words, '--format', 'json')
    .said.split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Why)
    .filter(({ type }) => type === 'why');
const statesOf = (...words: readonly string[]): readonly (readonly [wish: string, state: string])[] =>
  whys(...words).map(({ wish, state }) => [wish, state]);

test('a wish that differs: its place, what was observed, the rule, the remedy; nothing is changed', () => {
  const before = rowsOfDisk(`${dir}/machine`);
  const { code, said } = reflake('why', 'features');
  expect(code).toBe(0);
  expect(said).toMatch(/^why features state: differs$/m);
  expect(said).toMatch(/^why features in the spec: reflake\.yaml:5:\d+$/m);
  expect(said).toMatch(/^why features in the spec: features: \[nix-command, flakes, ca-derivations\]$/m);
  expect(said).toMatch(/^why features observed: experimental-features: .*ca-derivations.* \[RF2\d{3}\]$/m);
  expect(said).toMatch(/^why features rule: RF2\d{3}: \S/m);
  expect(said).toMatch(/^why features remedy: reflake apply does it/m);
  expect(rowsOfDisk(`${dir}/machine`)).toEqual(before);
});

test('a wish that holds says so, and who looked; an implied one says what implies it', () => {
  expect(reflake('why', 'inputs.nixpkgs').said).toMatch(
    /state: holds; .*so nothing happens\n(.*\n)*.*looked at by: flake/,
  );
  spec('');
  writeFileSync(
    `${dir}/reflake.yaml`,
    SPEC.replace('path: /home/srid/nixos-config, owner: srid, modules: [./configuration.nix]', 'owner: srid'),
  );
  expect(reflake('why', 'config.path').said).toMatch(/in the spec: implied by host$/m);
});

test('acknowledged, expected, left out, not checked, not wished', () => {
  const [found] = whys('features');
  const id = found?.findings[0]?.id;
  expect(id).toMatch(/^sha256:/);
  expect(statesOf('features', '--skip', 'features')).toEqual([['/features', 'left out']]);
  expect(statesOf('git')).toEqual([['/git', 'not wished']]);
  expect(statesOf('activate')).toEqual([['/activate', 'not wished']]);
  spec(`expect: [{ wish: /features, from: 2020-01-01T00:00Z, to: 2999-01-01T00:00Z }]\n`);
  expect(statesOf('features')).toEqual([['/features', 'expected']]);
  spec(`ack: [{ finding: "${id}", reason: a vendor pin, until: 2999-01-01 }]\n`);
  expect(statesOf('features')).toEqual([['/features', 'acknowledged']]);
  expect(reflake('why', 'features').said).toContain('acknowledged until 2999-01-01 (a vendor pin)');
  expect(statesOf('features', '--repo')).toEqual([['/features', 'not checked']]);
});

test('what bars a wish is told, though it is the finding of another', () => {
  writeFileSync(`${dir}/machine${DIR}/flake.nix`, '{ outputs = ');
  for (const why of whys('inputs'))
    expect(why).toMatchObject({ state: 'blocked', findings: [{ path: `${DIR}/flake.nix` }] });
  expect(whys('inputs')).not.toEqual([]);
});

test('a path: what is found there, and the wishes behind a file where all hold', () => {
  const [found] = whys('features');
  const file = found?.findings[0]?.path ?? '';
  expect(statesOf(file)).toContainEqual(['/features', 'differs']);
  expect(statesOf('flake.nix')).toContainEqual(['/inputs/nixpkgs', 'holds']);
  expect(statesOf(`${DIR}/flake.nix`)).toEqual(statesOf('flake.nix'));
});

test('a file that a wish is answered from, where the wish holds and nothing is to be written', () => {
  writeFileSync(`${dir}/reflake.yaml`, SPEC.replace(', ca-derivations', ''));
  expect(statesOf('/etc/nix/nix.conf')).toEqual([['/features', 'holds']]);
});

test.each([
  [['why', 'featurs'], /no wish is "featurs".*did you mean features\?/],
  [['why', 'inputs.nixpgks'], /did you mean inputs\.nixpkgs\?/],
  [['why', '/etc/nothing'], /nothing that is found lies there; the words of the spec are /],
  [['why'], /name a wish or a path/],
])('%j is a usage error', (words, said) => {
  expect(reflake(...words)).toEqual({ code: 64, said: expect.stringMatching(said) });
});
