// A rollback is planned, shown and asked about like an apply, through the real program: reasons against it are told before the
// question, and text that its caller can't read is not shown.

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { type Machine, makeMachine, type Ran } from '../fixtures/machine.ts';
import { expectCode, machineLines } from '../fixtures/scenario.ts';

const NIXPKGS = 'path:/opt/reflake/tests/fixtures/nixpkgs';
const TREE = '/home/srid/nixos-config';

let machine: Machine;
beforeEach(async () => {
  machine = await makeMachine({ kind: 'plain' });
  expectCode(await reflake('init', '--yes', '--nixpkgs', NIXPKGS), 0);
  expectCode(await reflake('apply', '--yes'), 0);
});
afterEach(async () => await machine.remove());

const reflake = (...args: string[]): Promise<Ran> => machine.enter(['reflake', ...args], { sudo: 'srid' });

test('it shows what it would do, with the bytes, and writes nothing before it is told to', async () => {
  const before = machineLines(machine);
  const asked = await reflake('rollback', '--diff');
  expectCode(asked, 64);
  expect(asked.stderr).toContain('RF3008');
  expect(asked.stdout).toMatch(/change rollback → \S+ config\.path "\/home\/srid\/nixos-config" → "\/etc\/nixos"/);
  expect(asked.stdout).toMatch(/deleted file/);
  expect(asked.stdout).toContain('-    nixpkgs.url = "path:/opt/reflake/tests/fixtures/nixpkgs";');
  // Of a repository that goes as a whole there is one line.
  expect(asked.stdout.match(/^change .*\.git/gm)).toHaveLength(1);
  expect(machineLines(machine)).toEqual(before);
  const events = (await reflake('rollback', '--yes', '--format', 'json')).stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  const planned = events.findIndex(({ type }) => type === 'planned');
  expect(planned).toBeGreaterThan(0);
  expect(planned).toBeLessThan(events.findIndex(({ type }) => type === 'edited'));
});

test('the caller is shown no bytes that only root could read before the apply', async () => {
  expectCode(await reflake('rollback', '--yes'), 0);
  await machine.sh('chmod 700 /etc/nixos; sed -i "s/}$/# hunter2\\n}/" /etc/nixos/configuration.nix');
  expectCode(await reflake('apply', '--yes'), 0);
  await machine.sh(`sed -i '/hunter2/d' ${TREE}/configuration.nix`, { user: 'srid' });
  const shown = await reflake('rollback', '--diff', '--force');
  expect(shown.stdout + shown.stderr).not.toContain('hunter2');
  expect((await machine.enter(['reflake', 'rollback', '--diff', '--force'])).stdout).toContain('rollback');
});

test('nor of a past apply that wrote a file which they can not read', async () => {
  await machine.sh('chmod 700 /etc/nix; echo "# hunter2" > /etc/nix/nix.conf');
  expectCode(await reflake('apply', '--yes', '--only', 'features'), 0);
  const [whole, past] = [await machine.enter(['reflake', 'show', '2', '--diff']), await reflake('show', '2', '--diff')];
  expect(whole.stdout).toMatch(/^ # hunter2\n\+experimental-features/m);
  expectCode(past, 0);
  expect(past.stdout + past.stderr).not.toContain('hunter2');
  expect(past.stdout).toContain('(withheld: only root can read /etc/nix/nix.conf)');
});

test('a past apply is shown with before and after of every byte, from its record alone', async () => {
  const [past, whole] = [await reflake('show', '1', '--diff'), await machine.enter(['reflake', 'show', '1', '--diff'])];
  expectCode(past, 0);
  expect(past.stdout).toContain('+    nixpkgs.url = "path:/opt/reflake/tests/fixtures/nixpkgs";');
  expect(past.stdout).toContain('rename from /etc/nixos');
  expect(whole.stdout).toBe(past.stdout);
  // What was changed by hand since, and a rollback, change nothing of what was.
  await machine.sh(`echo '# by hand' >> ${TREE}/flake.nix`, { user: 'srid' });
  expect((await reflake('show', '1', '--diff')).stdout).toBe(past.stdout);
  expectCode(await reflake('rollback', '--yes', '--force'), 0);
  const [first, undo] = [await reflake('show', '1', '--diff'), await reflake('show', '2', '--diff')];
  expect(first.stdout.replace('  (undone)', '')).toBe(past.stdout);
  expect(undo.stdout).toContain('-# by hand');
  expect(undo.stdout).toContain('rename to /etc/nixos');
});

test('out of order it is refused, and says which is to be undone first', async () => {
  writeFileSync(`${machine.dir}/etc/nix/nix.conf`, '');
  expectCode(await reflake('apply', '--yes'), 0);
  const before = machineLines(machine);
  for (const force of [[], ['--force']]) {
    const ran = await reflake('rollback', '1', '--yes', ...force);
    expectCode(ran, 3);
    expect(ran.stderr).toMatch(/apply 2 came later.*rollback 2.*RF3027/s);
  }
  expect(machineLines(machine)).toEqual(before);
  expectCode(await reflake('rollback', '--to', '0', '--yes'), 0);
});

test('a repository that was committed to is not halved', async () => {
  await machine.sh(`cd ${TREE}; git add .; git -c user.name=s -c user.email=s commit -qm one`, { user: 'srid' });
  const before = machineLines(machine);
  for (const force of [[], ['--force']]) {
    const ran = await reflake('rollback', '--yes', ...force);
    expectCode(ran, 3);
    expect(ran.stderr).toMatch(/\.git" is a repository.*mv '\/home\/srid\/nixos-config\/\.git'/s);
    expect(ran.stdout).toBe('');
  }
  expect(machineLines(machine)).toEqual(before);
  await machine.sh(`mv ${TREE}/.git /home/srid/kept.git`, { user: 'srid' });
  expectCode(await reflake('rollback', '--yes'), 0);
  expect(existsSync(`${machine.dir}/etc/nixos/configuration.nix`)).toBe(true);
  expect(existsSync(`${machine.dir}/etc/nixos/.git`)).toBe(false);
  expect(readFileSync(`${machine.dir}/home/srid/kept.git/HEAD`, 'utf8')).toContain('refs/heads');
});

test('what was changed since is said before the question', async () => {
  writeFileSync(`${machine.dir}/etc/nix/nix.conf`, 'cores = 1\n');
  const ran = await reflake('rollback');
  expectCode(ran, 3);
  expect(ran.stderr).toMatch(/nix\.conf" has other content by now.*RF3011/s);
  expect(ran.stdout).toBe('');
});
