// eject on a machine that has been applied to: what reflake left is told and goes, under sudo, as an ordinary user and below --root;
// files of people stay, a link in the place of a cache leads nowhere, and an apply that was cut off comes first.

import {
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { type Machine, makeMachine, type Ran } from '../fixtures/machine.ts';
import { expectCode, machineLines } from '../fixtures/scenario.ts';
import { terminal } from '../support/terminal.ts';
import { temporary } from '../support/trees.ts';

const NIXPKGS = 'path:/opt/reflake/tests/fixtures/nixpkgs';
const STATE = '/var/lib/reflake';
const CACHE = '/home/srid/.cache/reflake';
const SRID = 1000;

let machine: Machine;
beforeEach(async () => {
  machine = await makeMachine({ kind: 'plain' });
});
afterEach(async () => await machine.remove());

const asSrid = (...args: readonly string[]): Promise<Ran> => machine.enter(['reflake', ...args], { user: 'srid' });
const asRoot = (...args: readonly string[]): Promise<Ran> => machine.enter(['reflake', ...args], { sudo: 'srid' });
const on = (path: string): string => `${machine.dir}${path}`;

/** As srid's process would leave them. */
function theirs(path: string, text?: string): void {
  if (text === undefined) mkdirSync(on(path), { mode: 0o700, recursive: true });
  else writeFileSync(on(path), text);
  chownSync(on(path), SRID, lstatSync(on('/home/srid')).gid);
}

async function applied(): Promise<void> {
  expectCode(await asRoot('init', '--yes', '--nixpkgs', NIXPKGS), 0);
  expectCode(await asRoot('apply', '--yes'), 0);
  for (const dir of ['/home/srid/.cache', CACHE, `${CACHE}/answers`, `${CACHE}/store`]) theirs(dir);
  theirs(`${CACHE}/answers/0123`, 'kept');
  theirs('/tmp/reflake-cache-1000');
  theirs('/tmp/reflake-cache-1000/nix', 'x'.repeat(5000));
}

test('under sudo all of it is told, asked about and removed; the machine stays as it is, and the second run finds nothing', async () => {
  await applied();
  // Nix closes the directories of a store.
  await machine.sh(
    `mkdir -p ${CACHE}/store/nix/store/a; echo b > ${CACHE}/store/nix/store/a/b; chmod 555 ${CACHE}/store/nix/store/a`,
    { user: 'srid' },
  );
  mkdirSync(on(`${STATE}/set-aside/nixos`), { recursive: true, mode: 0o700 });
  writeFileSync(on(`${STATE}/set-aside/nixos/configuration.nix`), '{ }\n');
  theirs('/home/srid/nixos-config/configuration.nix.reflake-conflict-0a1b2c', 'somebody’s');
  mkdirSync(on('/var/cache/reflake-check'), { recursive: true });
  const before = machineLines(machine);

  const asked = await asRoot('eject');
  expectCode(asked, 64);
  expect(asked.stderr).toMatch(/RF3034.*one apply can be undone now|one apply can be undone now.*RF3034/);
  expect(asked.stderr).toContain('add --yes');
  expect(existsSync(on(`${STATE}/history/1`))).toBe(true);

  const ran = await asRoot('eject', '--yes');
  expectCode(ran, 0);
  expect(ran.stdout).toMatch(/^left history \/var\/lib\/reflake of root: \d+\.\d KiB in \d+ entries$/m);
  expect(ran.stdout).toMatch(/^left cache \/home\/srid\/\.cache\/reflake of srid: .* in \d+ entries$/m);
  expect(ran.stdout).toMatch(/^left downloads \/tmp\/reflake-cache-1000 of srid: /m);
  expect(ran.stdout).toMatch(/^left set aside \/var\/lib\/reflake\/set-aside\/nixos of root: stays, /m);
  expect(ran.stdout).toMatch(
    /^left kept beside \/home\/srid\/nixos-config\/configuration\.nix\.reflake-conflict-0a1b2c of root: stays, /m,
  );
  expect(ran.stdout).toMatch(/^Removed: .* in \d places\. 3 things stay, as told above\.$/m);
  expect(ran.stdout).toMatch(/^left not ours \/var\/cache\/reflake-check .*: stays, .*systemctl clean/m);
  for (const path of [CACHE, '/tmp/reflake-cache-1000']) expect(existsSync(on(path))).toBe(false);
  expect(readdirSync(on(STATE))).toEqual(['set-aside']);
  expect(readFileSync(on(`${STATE}/set-aside/nixos/configuration.nix`), 'utf8')).toBe('{ }\n');
  expect(machineLines(machine)).toEqual(before);

  const again = await asRoot('eject');
  expectCode(again, 0);
  expect(again.stdout).toMatch(/^Nothing is left that reflake would remove\. 2 things stay, as told above\.$/m);
  expect(readdirSync(on(STATE))).toEqual(['set-aside']);
  const none = await asRoot('rollback', '--yes');
  expect(none.stdout).toContain('Nothing to undo.');
});

test('an ordinary user removes what is theirs, and is told of root’s', async () => {
  await applied();
  const ran = await asSrid('eject', '--yes');
  expectCode(ran, 0);
  expect(ran.stderr).toMatch(/"\/var\/lib\/reflake" is root's, and stays.*sudo reflake eject/);
  expect(existsSync(on(CACHE))).toBe(false);
  expect(existsSync(on(`${STATE}/history/1`))).toBe(true);
  const again = await asSrid('eject');
  expectCode(again, 0);
  expect(again.stdout).toContain('Nothing is left that reflake would remove.');
});

test('a link in the place of a cache leads root and its owner nowhere', async () => {
  await applied();
  rmSync(on(CACHE), { recursive: true });
  symlinkSync('/root', on(CACHE));
  rmSync(on('/tmp/reflake-cache-1000'), { recursive: true });
  symlinkSync('/home/srid/nixos-config', on('/tmp/reflake-cache-0'));
  // Root's own name, taken by somebody else.
  mkdirSync(on('/tmp/reflake-cache-65534'));
  writeFileSync(on('/root/kept'), 'kept');
  theirs('/home/srid/kept');
  symlinkSync('/etc', on('/home/srid/kept/etc'));
  renameSync(on('/home/srid/kept'), on('/home/srid/.cache/other'));
  const before = machineLines(machine);
  const ran = await asRoot('eject', '--yes');
  expectCode(ran, 0);
  expect(ran.stdout).toMatch(/^left not ours \/home\/srid\/\.cache\/reflake of srid: stays, it is a link/m);
  expect(ran.stdout).toMatch(/^left not ours \/tmp\/reflake-cache-0 of root: stays, it is a link/m);
  expect(ran.stdout).toMatch(/^left not ours \/tmp\/reflake-cache-65534 of \w+: stays, it belongs to root$/m);
  expect(machineLines(machine)).toEqual(before);
  expect(readFileSync(on('/root/kept'), 'utf8')).toBe('kept');
  expect(lstatSync(on(CACHE)).isSymbolicLink()).toBe(true);
  expect(existsSync(on(`${STATE}/history`))).toBe(false);
});

test('an apply that was cut off keeps all of it, until it is recovered', async () => {
  await applied();
  mkdirSync(on(`${STATE}/journal.new`), { mode: 0o700 });
  writeFileSync(on(`${STATE}/journal.new/begin`), 'cut', { mode: 0o600 });
  const ran = await asRoot('eject', '--yes');
  expectCode(ran, 1);
  expect(ran.stderr).toMatch(/RF3033.*reflake recover|reflake recover.*RF3033/);
  expect(existsSync(on(CACHE))).toBe(true);
  expect(existsSync(on(`${STATE}/history/1`))).toBe(true);
});

test('below --root only that machine’s state goes; a directory that is somebody’s is none', async () => {
  expectCode(await asRoot('init', '--yes', '--nixpkgs', NIXPKGS), 0);
  mkdirSync(on('/srv/other/etc/nixos'), { recursive: true });
  mkdirSync(on(`/srv/other${STATE}/history`), { recursive: true, mode: 0o700 });
  for (const dir of ['/home/srid/.cache', CACHE]) theirs(dir);
  const ran = await machine.enter(['reflake', 'eject', '--yes', '--root', '/srv/other']);
  expectCode(ran, 0);
  expect(existsSync(on(`/srv/other${STATE}`))).toBe(false);
  expect(existsSync(on(CACHE))).toBe(true);

  mkdirSync(on('/srv/books/history'), { recursive: true });
  writeFileSync(on('/srv/books/history/rome'), 'a book');
  writeFileSync(on('/srv/books/list'), 'rome');
  const mistaken = await machine.enter(['reflake', 'eject', '--yes', '--state', '/srv/books']);
  expectCode(mistaken, 0);
  expect(readdirSync(on('/srv/books'))).toEqual(['history', 'list']);
  expect(mistaken.stdout).toMatch(
    /^left history \/srv\/books of root: stays, it holds "list", which is none of reflake’s$/m,
  );
  expect(readFileSync(on('/srv/books/history/rome'), 'utf8')).toBe('a book');
});

test('it asks, and a no changes nothing', async () => {
  const { dir, remove } = temporary();
  try {
    const records = `${dir}/var/lib/reflake/history`;
    mkdirSync(records, { recursive: true, mode: 0o700 });
    for (const [answer, code, isThere] of [
      ['no\r', 1, true],
      ['yes\r', 0, false],
    ] as const) {
      const ran = await terminal(['eject', '--root', dir], [answer], dir);
      expect([ran.code, existsSync(records), ran.screen]).toEqual([
        code,
        isThere,
        expect.stringContaining('Remove it?'),
      ]);
    }
  } finally {
    remove();
  }
});
