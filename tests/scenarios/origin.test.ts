// Where a difference comes from, through the real program: check -v, why and json tell whether the spec or the machine changed, since
// when, and by whose hand; a check in sync starts no program, and no setting of a repository makes git start one.

import { spawnSync } from 'node:child_process';
import { appendFileSync, chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import type { Origin } from '../../core/model.ts';
import { BASES } from '../support/plan-cases.ts';
import { layOut, temporary } from '../support/trees.ts';

const PROGRAM = fileURLToPath(new URL('../../dist/reflake.cjs', import.meta.url));
const DIR = '/home/srid/nixos-config';
const SPEC = `version: 1
host: { name: nixos, system: x86_64-linux }
config: { path: ${DIR}, owner: srid, modules: [./configuration.nix] }
inputs: { nixpkgs: github:NixOS/nixpkgs/nixos-24.05 }
features: [nix-command, flakes, ca-derivations]
`;

let dir: string;
let remove: () => void;
beforeEach(() => {
  ({ dir, remove } = temporary());
  chmodSync(dir, 0o755);
  mkdirSync(`${dir}/machine`);
  layOut(`${dir}/machine`, BASES.machines.settled);
  spec(SPEC);
});
afterEach(() => remove());

const spec = (text: string): void => writeFileSync(`${dir}/reflake.yaml`, text);
const conf = (): string => `${dir}/machine/etc/nix/nix.conf`;

interface Ran {
  readonly code: number | null;
  readonly said: string;
}
function reflake(...words: readonly string[]): Ran {
  const argv = [PROGRAM, ...words, '--root', `${dir}/machine`];
  const { status, stdout, stderr } = spawnSync(process.execPath, argv, { cwd: dir, encoding: 'utf8' });
  return { code: status, said: stdout + stderr };
}
function sh(script: string): void {
  // The repository is another user's than the test's.
  const trusts = { GIT_CONFIG_COUNT: '1', GIT_CONFIG_KEY_0: 'safe.directory', GIT_CONFIG_VALUE_0: '*' };
  const { status, stderr } = spawnSync('sh', ['-euc', script], {
    cwd: `${dir}/machine${DIR}`,
    encoding: 'utf8',
    env: { ...process.env, ...trusts },
  });
  if (status !== 0) throw new Error(stderr);
}

interface Found {
  readonly wish?: string;
  readonly origin?: Origin;
}
/** The origin that check tells of the wish. */
function originOf(wish: string, ...words: readonly string[]): Origin | undefined {
  const lines = reflake('check', '--format', 'json', ...words)
    .said.trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  const steps: readonly { readonly findings: readonly Found[] }[] = lines.find(({ type }) => type === 'planned').plan
    .steps;
  return steps.flatMap(({ findings }) => findings).find((one) => one.wish === wish)?.origin;
}

test('never applied; then the spec changed, the machine was changed, and both', () => {
  expect(originOf('/features')).toMatchObject({
    cause: 'never applied',
    file: { path: '/etc/nix/nix.conf', owner: 'root' },
  });
  expect(reflake('apply', '--yes').code).toBe(0);
  const applied = readFileSync(conf(), 'utf8');
  spec(SPEC.replace('ca-derivations', 'ca-derivations, recursive-nix'));
  expect(originOf('/features')).toMatchObject({ cause: 'spec', apply: { number: 1 } });
  spec(SPEC);
  writeFileSync(conf(), 'experimental-features = nix-command flakes\n');
  expect(originOf('/features')).toMatchObject({ cause: 'machine', apply: { number: 1 } });
  spec(SPEC.replace('ca-derivations', 'recursive-nix'));
  expect(originOf('/features')).toMatchObject({ cause: 'both' });
  spec(SPEC);
  writeFileSync(conf(), applied);
  expect(reflake('check').code).toBe(0);
  const why = reflake('why', 'features').said;
  expect(why).not.toMatch(/cause/);
});

test('why and check -v say it in words; an undone apply granted nothing; a record that is gone is unknown', () => {
  expect(reflake('apply', '--yes').code).toBe(0);
  writeFileSync(conf(), '');
  expect(reflake('why', 'features').said).toMatch(/^why features cause: the machine was changed outside: .*apply 1/m);
  expect(reflake('check', '-v').said).toMatch(/^ {2}cause: the machine was changed outside/m);
  expect(reflake('check').said).not.toContain('cause:');
  writeFileSync(conf(), '');
  rmSync(`${dir}/machine/var/lib/reflake/history/1/begin`);
  expect(originOf('/features')).toMatchObject({ cause: 'unknown', because: expect.stringContaining('damaged') });
});

test('since: the record keeps when a check found it first, and why tells it', () => {
  expect(originOf('/features')?.since).toBeUndefined();
  const first = originOf('/features', '--record', 'record')?.since ?? '';
  expect(Date.parse(first)).not.toBeNaN();
  expect(reflake('check', '--record', 'record').code).toBe(2);
  const kept = JSON.parse(readFileSync(`${dir}/record`, 'utf8')).findings[0].firstSeen;
  expect(originOf('/features', '--record', 'record')?.since).toBe(kept);
  expect(reflake('why', 'features', '--record', 'record').said).toContain(`why features since: ${kept}`);
  writeFileSync(`${dir}/record`, 'hello');
  expect(reflake('why', 'features', '--record', 'record').said).toMatch(/RF3035/);
  expect(reflake('check', '--record', 'record').code).toBe(1);
  expect(readFileSync(`${dir}/record`, 'utf8')).toBe('hello');
});

test('the last commit and its author; git starts nothing that the repository names', () => {
  sh('git init -q . && git add -A && git -c user.name=Ada -c user.email=a@b commit -qm one');
  writeFileSync(`${dir}/evil`, `#!/bin/sh\ntouch ${dir}/started\n`, { mode: 0o755 });
  sh(`printf '*.nix diff=evil filter=evil\\n' > .gitattributes
    for key in core.fsmonitor diff.evil.textconv diff.evil.command diff.external filter.evil.clean core.pager gpg.program; do
      git config $key ${dir}/evil
    done
    git config log.showSignature true`);
  sh(`rm -f ${dir}/started; chown -R 1000:100 .`);
  spec(SPEC.replace('nixos-24.05', 'nixos-24.11').replace('config: {', 'git: off\nconfig: {'));
  const origin = originOf('/inputs/nixpkgs');
  expect(origin?.commit).toEqual({
    id: expect.stringMatching(/^[0-9a-f]{40}$/),
    author: 'Ada',
    at: expect.any(String),
  });
  expect(existsSync(`${dir}/started`)).toBe(false);
});

test('a check in sync starts no program, whoever reads it', () => {
  spec(SPEC.replace(', ca-derivations', ''));
  sh('git init -q . && git add -A && chown -R 1000:100 .');
  const [bin, open] = [`${dir}/bin`, `${dir}/open`];
  mkdirSync(bin);
  mkdirSync(open);
  // Root runs git as the owner of the tree.
  for (const one of [dir, bin]) chmodSync(one, 0o755);
  chmodSync(open, 0o777);
  writeFileSync(`${bin}/git`, `#!/bin/sh\n: > ${open}/started\n`, { mode: 0o755 });
  const argv = [PROGRAM, 'check', '-v', '--evaluate', 'never', '--root', `${dir}/machine`];
  const env = { PATH: `${bin}:${process.env.PATH}`, HOME: '/root' };
  const run = (): number | null => spawnSync(process.execPath, argv, { cwd: dir, env }).status;
  expect(run()).toBe(0);
  expect(existsSync(`${open}/started`)).toBe(false);
  appendFileSync(`${dir}/machine${DIR}/flake.nix`, '\n');
  spec(SPEC.replace('nixos-24.05', 'nixos-24.11'));
  expect(run()).toBe(2);
  expect(existsSync(`${open}/started`)).toBe(true);
});

test('the page has the evidence and the cause', () => {
  const page = reflake('check', '--format', 'html').said;
  expect(page).toMatch(/<details><summary>Evidence<\/summary><dl>.*<dt>cause<\/dt><dd><code>never applied: /);
});
