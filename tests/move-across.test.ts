// A move across file systems: what it takes along, what it refuses, and that it can be undone from every state that a
// crash may leave, whatever others did meanwhile. Needs the right to mount, and says so if it is missing.

import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { afterEach, describe, expect, test } from '@jest/globals';
import { realHost } from '../core/host/real-host.ts';
import type { Host } from '../core/machine/host.ts';
import { ABSENT, type Move } from '../core/model.ts';
import { absolute } from '../core/path.ts';
import { carryOut } from './support/carry-out.ts';
import { type Literal, layOut, type Rows, rowsOfDisk, temporary } from './support/trees.ts';

const TREE: Literal = {
  '/etc/nixos/a.nix': { file: 'a', mode: '0640', owner: [1000, 100] },
  '/etc/nixos/sub/b': { file: 'b'.repeat(3_000_000), mode: '4711' },
  '/etc/nixos/sub/l': { link: '../a.nix', owner: [1000, 100] },
  '/etc/nixos/odd\nname': '',
  '/etc/nixos/empty': { dir: true, mode: '3770' },
  '/home': { dir: true },
};
const TX = 'f00d';
const MOVE: Move = { op: 'move', from: absolute('/etc/nixos'), to: absolute('/home/c') };

interface Machine {
  readonly host: Host;
  readonly root: string;
  readonly rows: () => Rows;
  readonly sh: (command: string) => string;
}

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const clean of cleanups.splice(0).reverse()) clean();
});

/** Undefined if nothing can be mounted, as in a container without that right. */
function machineWithMount(): Machine | undefined {
  const { dir, remove } = temporary();
  cleanups.push(remove);
  layOut(dir, TREE);
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'mode=755', 'none', `${dir}/home`], { stdio: 'pipe' });
  } catch (thrown) {
    // Said and not hidden, because without a mount the test proves nothing.
    process.stderr.write(`not tried across file systems: nothing can be mounted here (${String(thrown)})\n`);
    return undefined;
  }
  cleanups.push(() => void execFileSync('umount', [`${dir}/home`]));
  const sh = (command: string): string =>
    execFileSync('sh', ['-euc', command], { encoding: 'utf8', env: { ...process.env, R: dir } });
  return { host: realHost(absolute(dir)), root: dir, rows: () => rowsOfDisk(dir), sh };
}

test('copies names, bytes, modes, owners, times, attributes and holes, and sweeps the original', () => {
  const machine = machineWithMount();
  if (machine === undefined) return;
  const { host, rows, root, sh } = machine;
  sh('setfattr -n user.note -v kept "$R/etc/nixos/a.nix"; setfacl -m u:7:r "$R/etc/nixos/a.nix"');
  sh('truncate -s 64M "$R/etc/nixos/holes"');
  const acl = sh('getfacl -cp "$R/etc/nixos/a.nix"');
  const started = rows();
  const written = host.writtenAt(absolute('/etc/nixos/a.nix'));
  carryOut(host, MOVE, {}, TX);
  expect(readFileSync(`${root}/home/c/a.nix`, 'utf8')).toBe('a');
  expect(host.writtenAt(absolute('/home/c/a.nix'))).toBe(written);
  expect(sh('getfacl -cp "$R/home/c/a.nix"')).toBe(acl);
  expect(sh('getfattr --only-values -n user.note "$R/home/c/a.nix"')).toBe('kept');
  expect(Number(sh('stat -c %b "$R/home/c/holes"'))).toBe(0);
  expect(new Set(rows())).toEqual(new Set(started.map((row) => row.replace(/^\/etc\/nixos/, '/home/c'))));
});

test('is locked at its new place too, from before it can be seen there until all is done', () => {
  const machine = machineWithMount();
  if (machine === undefined) return;
  const { host, sh } = machine;
  const isFree = (): boolean => sh('flock -xn "$R/home/c" echo free || true') === 'free\n';
  const work = host.work([MOVE], TX);
  work.prepare({});
  work.publish(0);
  work.flush();
  expect(isFree()).toBe(false);
  work.sweep();
  expect(isFree()).toBe(true);
});

describe('is undone', () => {
  const STATES: readonly (readonly [string, boolean, string])[] = [
    ['nothing is visible yet', false, ''],
    ['the original is set aside', true, 'mv "$R/home/c" "$R/home/.reflake-f00d/new/0"'],
    ['the copy is in place', true, ''],
    ['the copy is taken away again', true, 'mv "$R/home/c" "$R/home/.reflake-f00d/undo/0"'],
    [
      'the original is back',
      true,
      'mv "$R/home/c" "$R/home/.reflake-f00d/undo/0"; mv "$R/.reflake-f00d/away/0" "$R/etc/nixos"',
    ],
    ['a staging directory is half removed', false, 'rm -r "$R/home/.reflake-f00d/new/0/sub"'],
  ];
  test.each(STATES)('where %s', (_what, isPublished, commands) => {
    const machine = machineWithMount();
    if (machine === undefined) return;
    const { host, rows, sh } = machine;
    const started = rows();
    const dying = host.work([MOVE], TX);
    dying.prepare({});
    if (isPublished) dying.publish(0);
    dying.close();
    sh(commands);
    for (const _time of [1, 2]) {
      const work = host.work([MOVE], TX);
      expect(work.undo(0, {}).kept).toEqual([]);
      work.flush();
      expect(work.sweep()).toEqual([]);
      expect(rows()).toEqual(started);
    }
  });
});

describe('what others did meanwhile is kept', () => {
  const FOREIGN: readonly (readonly [string, string, string])[] = [
    ['work on the copy', 'echo mine >> "$R/home/c/sub/b"', '/home/c.reflake-conflict-f00d/sub/b'],
    [
      'a new tree at the old place',
      'mkdir "$R/etc/nixos"; echo mine > "$R/etc/nixos/n"',
      '/etc/nixos.reflake-conflict-f00d/n',
    ],
  ];
  test.each(FOREIGN)('%s', (_what, commands, place) => {
    const machine = machineWithMount();
    if (machine === undefined) return;
    const { host, root, rows, sh } = machine;
    const started = rows();
    const dying = host.work([MOVE], TX);
    dying.prepare({});
    dying.publish(0);
    dying.close();
    sh(commands);
    const work = host.work([MOVE], TX);
    expect(work.undo(0, {})).toMatchObject({ changed: true, kept: [expect.stringContaining('reflake-conflict')] });
    work.sweep();
    expect(readFileSync(`${root}${place}`, 'utf8')).toMatch(/mine\n$/);
    expect(rows().filter((row) => !row.includes('reflake-conflict'))).toEqual(started);
  });

  test('what is written to the original after it was set aside, through a descriptor from before', () => {
    const machine = machineWithMount();
    if (machine === undefined) return;
    const { host, root, sh } = machine;
    const work = host.work([MOVE], TX);
    work.prepare({});
    work.publish(0);
    sh('echo late >> "$R/.reflake-f00d/away/0/a.nix"');
    expect(work.sweep()).toEqual(['/etc/nixos.reflake-conflict-f00d']);
    expect(readFileSync(`${root}/etc/nixos.reflake-conflict-f00d/a.nix`, 'utf8')).toBe('alate\n');
  });

  test('what was written while it was copied: nothing is moved', () => {
    const machine = machineWithMount();
    if (machine === undefined) return;
    const { host, root, sh } = machine;
    const work = host.work([MOVE], TX);
    work.prepare({});
    sh('echo more >> "$R/etc/nixos/a.nix"');
    expect(() => work.publish(0)).toThrow(/changed while it was copied/);
    work.sweep();
    expect(readFileSync(`${root}/etc/nixos/a.nix`, 'utf8')).toBe('amore\n');
    expect(host.stat(MOVE.to)).toEqual(ABSENT);
  });

  test('a tree that somebody put at the new place before us: it stays, and ours goes back', () => {
    const machine = machineWithMount();
    if (machine === undefined) return;
    const { host, root, sh } = machine;
    const work = host.work([MOVE], TX);
    work.prepare({});
    sh('mkdir "$R/home/c"; echo mine > "$R/home/c/n"');
    expect(() => work.publish(0)).toThrow();
    expect(work.isOurs(0)).toBe(false);
    work.undo(0, {});
    work.sweep();
    expect(readFileSync(`${root}/home/c/n`, 'utf8')).toBe('mine\n');
    expect(readFileSync(`${root}/etc/nixos/a.nix`, 'utf8')).toBe('a');
    expect(readdirSync(`${root}/home`)).toEqual(['c']);
  });
});

test.each([
  ['a FIFO', 'mkfifo "$R/etc/nixos/z/p"'],
  ['a file with several names', 'ln "$R/etc/nixos/a.nix" "$R/etc/nixos/z/hard"'],
  ['a file that is nearly all hole', 'truncate -s 8T "$R/etc/nixos/z/sparse"'],
])('refuses %s, before anything shows', (_what, command) => {
  const machine = machineWithMount();
  if (machine === undefined) return;
  const { host, root, rows, sh } = machine;
  mkdirSync(`${root}/etc/nixos/z`);
  sh(command);
  const names = (): string => sh('cd "$R"; find . | sort');
  const started = names();
  expect(() => carryOut(host, MOVE, {}, TX)).toThrow();
  expect(names()).toBe(started);
  expect(rows).toBeDefined();
});

test('refuses a tree on which a file system is mounted', () => {
  const machine = machineWithMount();
  if (machine === undefined) return;
  const { host, rows } = machine;
  const started = rows();
  expect(() => carryOut(host, { op: 'move', from: MOVE.to, to: absolute('/x') }, {}, TX)).toThrow();
  expect(() => carryOut(host, { op: 'move', from: absolute('/home'), to: absolute('/x') }, {}, TX)).toThrow(/mounted/);
  expect(rows()).toEqual(started);
});
