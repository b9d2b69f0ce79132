// After `sudo reflake apply` its user looks without root: plan, check and history say what they say to root, and nothing that
// root keeps is opened to them.

import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type Machine, makeMachine, type Ran } from '../fixtures/machine.ts';
import { expectCode } from '../fixtures/scenario.ts';

const NIXPKGS = 'path:/opt/reflake/tests/fixtures/nixpkgs';
const STATE = '/var/lib/reflake';

let machine: Machine;
beforeAll(async () => {
  machine = await makeMachine({ kind: 'plain' });
  expectCode(await machine.enter(['reflake', 'init', '--yes', '--nixpkgs', NIXPKGS], { sudo: 'srid' }), 0);
  writeFileSync(`${machine.dir}/etc/nixos/secret.nix`, '"hunter2"\n');
});
afterAll(async () => await machine.remove());

const asRoot = (...args: string[]): Promise<Ran> => machine.enter(['reflake', ...args], { sudo: 'srid' });
const asSrid = (...args: string[]): Promise<Ran> => machine.enter(['reflake', ...args], { user: 'srid' });

const modeOf = (path: string): string => (statSync(machine.dir + path).mode & 0o7777).toString(8);

test('before the first apply the plan of the user is that of root', async () => {
  const [theirs, roots] = [await asSrid('plan'), await asRoot('plan')];
  expectCode(theirs, 0);
  expect(theirs.stdout).toBe(roots.stdout);
  expect((await asSrid('history')).stdout).toBe('No apply yet.\n');
});

test('after it, plan, check and history go on without root', async () => {
  // Umask of a careful root: what anyone may read is open all the same.
  expectCode(await machine.sh('umask 077; reflake apply --yes', { sudo: 'srid' }), 0);
  for (const command of ['plan', 'check']) {
    const ran = await asSrid(command);
    expectCode(ran, 0);
    expect(ran.stderr).not.toMatch(/RF\d/);
  }
  const history = await asSrid('history');
  expectCode(history, 0);
  expect(history.stdout).toMatch(/^ {3}1 {2}\S+ {2}apply {4}plan [0-9a-f]{8} .* by srid/m);
  expect(history.stdout).toContain(STATE);
  const rows = (ran: Ran): readonly string[] => ran.stdout.split('\n').filter((line) => /^ +\d/.test(line));
  expect(rows(history)).toEqual(rows(await asRoot('history')));
});

test('JSON says whose history it is, by the schema', async () => {
  const ran = await asSrid('history', '--format', 'json');
  const events = ran.stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(events.filter(({ type }) => type === 'history')).toMatchObject([{ where: STATE, applies: 1, removed: 0 }]);
  expect(events.filter(({ type }) => type === 'apply')).toMatchObject([
    { number: 1, kind: 'apply', spec: 'reflake.yaml', undone: false },
  ]);
});

test('an apply of root is shown without its edits, and undone by root alone', async () => {
  const shown = await asSrid('show', '1');
  expectCode(shown, 0);
  expect(shown.stdout).not.toContain('flake.nix');
  expect(shown.stderr).toContain('sudo');
  const undone = await asSrid('rollback', '--yes');
  expect(undone.code).not.toBe(0);
  expect(undone.stderr).toContain('sudo');
});

test('the index alone is open', () => {
  expect(modeOf(STATE)).toBe('755');
  const modes = Object.fromEntries(readdirSync(machine.dir + STATE).map((name) => [name, modeOf(`${STATE}/${name}`)]));
  expect(modes).toEqual({ history: '700', index: '644', lock: '600' });
  const text = readFileSync(`${machine.dir}${STATE}/index`, 'utf8');
  expect(text).not.toMatch(/hunter2|inputs|nixpkgs|configuration\.nix/);
});

test('what is set aside is drift that the user may look at', async () => {
  await machine.sh('mkdir /etc/nixos && echo "{ }" > /etc/nixos/configuration.nix');
  const [theirs, roots] = [await asSrid('plan'), await asRoot('plan')];
  expectCode(theirs, 0);
  expect(theirs.stdout).toContain('set-aside');
  expect(theirs.stdout).toBe(roots.stdout);
  expectCode(await asSrid('check'), 2);
  expectCode(await asRoot('apply', '--yes'), 0);
  expect(modeOf(`${STATE}/set-aside`)).toBe('700');
  for (const command of ['plan', 'check']) expectCode(await asSrid(command), 0);
  // A second one needs a name that only root can look for.
  await machine.sh('mkdir /etc/nixos && echo "{ }" > /etc/nixos/configuration.nix');
  expectCode(await asSrid('check'), 2);
  expectCode(await asSrid('plan'), 0);
  expectCode(await asRoot('apply', '--yes'), 0);
});

test('a rollback stands in the index too', async () => {
  expectCode(await asRoot('rollback', '--to', '0', '--yes', '--force'), 0);
  expect((await asSrid('history')).stdout).toMatch(/rollback of 3, 2, 1/);
  expect((await asSrid('history')).stdout).toMatch(/^ {3}1 .*\(undone\)/m);
});

test('a state directory of an earlier version is opened by the next apply, and an index that was lost is written again', async () => {
  await machine.sh(`chmod 700 ${STATE}; rm ${STATE}/index`);
  const closed = await asSrid('history');
  expectCode(closed, 0);
  expect(closed.stderr + closed.stdout).toContain('only root');
  expectCode(await asRoot('apply', '--yes'), 0);
  expect((await asSrid('history')).stdout).toMatch(/^ {3}5 /m);
});

test('an index that is damaged is no history', async () => {
  writeFileSync(`${machine.dir}${STATE}/index`, '{"applies": [{"number": "1"}]}');
  const ran = await asSrid('history');
  expect(ran.code).toBe(5);
  expect(ran.stderr).toContain('RF3012');
});
