// Hindrances to a write are in the plan, and apply reports the same words: mounts, read-only and immutable places, a directory
// that its owner has shut, git at work, no room. Nothing is written; and once the hindrance is gone, the apply goes through.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { BASES, specOf } from '../support/plan-cases.ts';
import { layOut, rowsOfDisk, temporary } from '../support/trees.ts';

const PROGRAM = fileURLToPath(new URL('../../dist/reflake.cjs', import.meta.url));

let dir: string;
let remove: () => void;
let root: string;
let undo: (readonly string[])[] = [];
beforeEach(() => {
  ({ dir, remove } = temporary());
  root = `${dir}/machine`;
  mkdirSync(root);
  undo = [];
});
afterEach(() => {
  mend();
  remove();
});

function sh(script: string, after?: string): void {
  const ran = spawnSync('sh', ['-euc', script], { cwd: root, encoding: 'utf8' });
  if (ran.status !== 0) throw new Error(ran.stderr);
  if (after !== undefined) undo.push(['sh', '-c', after]);
}
function mend(): void {
  for (const [program, ...words] of undo.reverse()) spawnSync(program!, words, { cwd: root });
  undo = [];
}
function reflake(...words: readonly string[]): { readonly code: number | null; readonly out: string } {
  const argv = [PROGRAM, ...words, '--spec', `${dir}/spec.json`, '--root', root];
  const ran = spawnSync(process.execPath, argv, { encoding: 'utf8', env: { PATH: process.env.PATH, HOME: '/root' } });
  return { code: ran.status, out: ran.stdout + ran.stderr };
}

function lay(machine: keyof typeof BASES.machines, spec: unknown = {}): void {
  layOut(root, BASES.machines[machine]);
  writeFileSync(`${dir}/spec.json`, specOf({ spec }));
}

/** Lines that say what is wrong. */
const errors = (out: string): readonly string[] =>
  out
    .split('\n')
    .filter((line) => /error: .*\[RF\d+\]/.test(line))
    .sort();

const CASES: readonly (readonly [string, keyof typeof BASES.machines, string, string, RegExp])[] = [
  [
    'a mount at what moves',
    'fresh',
    'mount --bind etc/nixos etc/nixos',
    'umount etc/nixos',
    /mounted at "\/etc\/nixos".*RF2042/,
  ],
  [
    'a mount below what moves',
    'fresh',
    'mkdir etc/nixos/m; mount -t tmpfs none etc/nixos/m',
    'umount etc/nixos/m',
    /mounted at "\/etc\/nixos\/m".*RF2042/,
  ],
  [
    'a read-only place to go to',
    'fresh',
    'mount --bind home home; mount -o remount,ro,bind home',
    'umount home',
    /"\/home[^"]*" is on a read-only file system.*RF2043/,
  ],
  ['an immutable directory', 'fresh', 'chattr +i etc', 'chattr -i etc', /"\/etc" is immutable.*chattr -i.*RF2043/],
  [
    'a tree that is immutable',
    'fresh',
    'chattr +i etc/nixos',
    'chattr -i etc/nixos',
    /"\/etc\/nixos" is immutable.*RF2043/,
  ],
  [
    'an immutable file in it',
    'fresh',
    'chattr +i etc/nixos/configuration.nix',
    'chattr -i etc/nixos/configuration.nix',
    /configuration\.nix" is immutable.*RF2043/,
  ],
  [
    'an immutable nix.conf',
    'fresh',
    'chattr +i etc/nix/nix.conf',
    'chattr -i etc/nix/nix.conf',
    /nix\.conf" is immutable.*RF2043/,
  ],
  [
    'a nix.conf that is mounted',
    'fresh',
    'cp etc/nix/nix.conf kept; mount --bind kept etc/nix/nix.conf',
    'umount etc/nix/nix.conf',
    /mounted at "\/etc\/nix\/nix\.conf".*RF2042/,
  ],
];

test.each(CASES)('%s', (_what, base, make, after, words) => {
  lay(base);
  sh(make, after);
  const before = rowsOfDisk(root);
  const skip = ['--skip', 'lock'];
  const planned = reflake('plan', ...skip);
  expect(planned.out).toMatch(words);
  expect(planned.code).toBe(1);
  const applied = reflake('apply', '--yes', ...skip);
  expect([applied.code, errors(applied.out)]).toEqual([1, errors(planned.out)]);
  expect(rowsOfDisk(root)).toEqual(before);
  mend();
  expect(reflake('apply', '--yes', ...skip)).toMatchObject({ code: 0 });
});

test('git at work', () => {
  lay('settled', { git: 'track' });
  sh(
    `printf '{ imports = [ ./new.nix ]; }' > home/srid/nixos-config/configuration.nix; printf '{ }' > home/srid/nixos-config/new.nix`,
  );
  sh('git init -q home/srid/nixos-config; chown -R 1000:100 home/srid/nixos-config');
  const lock = `${root}/home/srid/nixos-config/.git/index.lock`;
  writeFileSync(lock, '');
  const planned = reflake('plan', '--only', 'git');
  expect(planned.out).toMatch(/a git command is at work.*RF2054/);
  expect(planned.code).toBe(7);
  const applied = reflake('apply', '--yes', '--only', 'git');
  expect([applied.code, errors(applied.out)]).toEqual([7, errors(planned.out)]);
  expect(existsSync(lock)).toBe(true);
  // A git that ends while apply waits for it.
  sh(`(sleep 1; rm ${lock}) > /dev/null 2>&1 &`);
  expect(reflake('apply', '--yes', '--only', 'git')).toMatchObject({ code: 0 });
});

test('no room', () => {
  lay('fresh', { git: 'track' });
  sh('mount -t tmpfs -o size=8k,mode=755 none home; mkdir home/srid; chown 1000:100 home/srid', 'umount home');
  const planned = reflake('plan', '--skip', 'lock');
  expect(planned.out).toMatch(/the file system of "[^"]*" has room for \d+ bytes more.*RF2043/);
  const applied = reflake('apply', '--yes', '--skip', 'lock');
  expect([applied.code, errors(applied.out)]).toEqual([1, errors(planned.out)]);
});

test('a saved plan meets what came since, in the same words', () => {
  lay('fresh');
  const skip = ['--skip', 'lock'];
  expect(reflake('plan', '--out', `${dir}/p.json`, ...skip)).toMatchObject({ code: 0 });
  sh('chattr +i etc/nix/nix.conf', 'chattr -i etc/nix/nix.conf');
  const before = readFileSync(`${root}/etc/nix/nix.conf`, 'utf8');
  const applied = reflake('apply', `${dir}/p.json`, '--yes');
  expect(applied.out).toMatch(/nix\.conf" is immutable.*RF2043/);
  expect(applied.code).not.toBe(0);
  expect(readFileSync(`${root}/etc/nix/nix.conf`, 'utf8')).toBe(before);
});

test('a rollback asks the same before its question', () => {
  lay('fresh');
  expect(reflake('apply', '--yes', '--skip', 'lock')).toMatchObject({ code: 0 });
  sh('chattr +i etc/nix/nix.conf', 'chattr -i etc/nix/nix.conf');
  const refused = reflake('rollback');
  expect(refused.out).toMatch(/nix\.conf" is immutable.*RF2043/);
  expect(refused.out).not.toContain('RF3008');
  mend();
  expect(reflake('rollback', '--yes')).toMatchObject({ code: 0 });
});
