// The places that root alone controls: no directory or link on the way can be renamed or written by another user.
import { chmodSync, lchownSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { isClosed, isWrittenByRootAlone, territory } from '../../../../core/host/border/territory.ts';
import { absolute, ROOT } from '../../../../core/path.ts';

const SRID = 1000;
let root: string;

beforeEach(() => {
  root = mkdtempSync(`${tmpdir()}/reflake-territory-`);
  chmodSync(root, 0o755);
});
afterEach(() => rmSync(root, { recursive: true }));

const dir = (path: string, { uid = 0, gid = 0, mode = 0o755 } = {}): void => {
  mkdirSync(`${root}${path}`, { recursive: true });
  lchownSync(`${root}${path}`, uid, gid);
  chmodSync(`${root}${path}`, mode);
};
const link = (path: string, target: string, uid = 0): void => {
  symlinkSync(target, `${root}${path}`);
  lchownSync(`${root}${path}`, uid, uid);
};
const place = (path: string) => territory(absolute(root)).place(absolute(path));
const holder = (path: string) => territory(absolute(root)).holder(absolute(path));

test("a file in root's directories, there or not", () => {
  dir('/etc/nix');
  writeFileSync(`${root}/etc/nix/nix.conf`, '');
  expect(place('/etc/nix/nix.conf')).toBe('/etc/nix/nix.conf');
  expect(place('/etc/nix/none')).toBe('/etc/nix/none');
  expect(place('/var/lib/reflake/none')).toBe('/var/lib/reflake/none');
  expect(holder('/etc/nix/nix.conf')).toBeUndefined();
});

test.each([
  ["somebody's directory", { uid: SRID }],
  ['one that everybody may write', { mode: 0o777 }],
  ['one that a group may write', { gid: 100, mode: 0o775 }],
])('nothing below %s', (_what, how) => {
  dir('/srv');
  dir('/srv/x', how);
  dir('/srv/x/roots');
  expect(place('/srv/x')).toBe('/srv/x');
  expect(place('/srv/x/a')).toBeUndefined();
  expect(place('/srv/x/roots/a')).toBeUndefined();
  expect(holder('/srv/x/roots/a')).toBe('uid' in how ? SRID : 0);
});

test("a sticky directory of root's keeps root's names, and so does one that root's own group may write", () => {
  dir('/tmp', { mode: 0o1777 });
  dir('/tmp/roots');
  dir('/opt', { mode: 0o775 });
  expect(place('/tmp/roots/a')).toBe('/tmp/roots/a');
  expect(place('/opt/a')).toBe('/opt/a');
});

test("root's links are followed, as the machine would; anybody else's are not", () => {
  dir('/srv/real');
  dir('/home/srid', { uid: SRID });
  link('/roots', '/srv/real');
  link('/up', '../../srv/real');
  link('/loop', 'loop');
  link('/out', '/home/srid');
  dir('/tmp', { mode: 0o1777 });
  link('/tmp/theirs', '/srv/real', SRID);
  expect(place('/roots/a')).toBe('/srv/real/a');
  expect(place('/up/a')).toBe('/srv/real/a');
  expect(place('/loop/a')).toBeUndefined();
  expect(place('/out/a')).toBeUndefined();
  expect(holder('/out/a')).toBe(SRID);
  expect(place('/tmp/theirs/a')).toBeUndefined();
});

test('the way to the machine counts too', () => {
  dir('/home/srid', { uid: SRID });
  dir('/home/srid/image');
  const inTheirs = territory(absolute(`${root}/home/srid/image`));
  expect(inTheirs.place(absolute('/etc'))).toBeUndefined();
  expect(territory(ROOT).holder(absolute(`${root}/home/srid/image`))).toBe(SRID);
});

test('who may write a file is told by owner, group and mode', () => {
  const roots = { uid: 0, gid: 0 };
  expect(isWrittenByRootAlone({ ...roots, mode: 0o644 })).toBe(true);
  expect(isWrittenByRootAlone({ ...roots, mode: 0o664 })).toBe(true);
  expect(isWrittenByRootAlone({ uid: 0, gid: 100, mode: 0o664 })).toBe(false);
  expect(isWrittenByRootAlone({ ...roots, mode: 0o1646 })).toBe(false);
  expect(isWrittenByRootAlone({ uid: SRID, gid: 0, mode: 0o600 })).toBe(false);
  expect(isClosed({ ...roots, mode: 0o1777 })).toBe(true);
  expect(isClosed({ uid: SRID, gid: 0, mode: 0o1777 })).toBe(false);
});
