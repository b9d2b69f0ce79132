// A file that root takes from somebody, back or for good, is out of their hands: no descriptor, ACL or mode that they
// left reaches root's file. What they changed since root gave it to them stays theirs, and is reported.

import { execFileSync } from 'node:child_process';
import {
  closeSync,
  existsSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { digestOf } from '../core/canonical.ts';
import { realHost } from '../core/host/real-host.ts';
import { diskStore } from '../core/host/state-directory.ts';
import type { Edit, Outcome, Owner, Puttable } from '../core/model.ts';
import { absolute } from '../core/path.ts';
import { execute } from '../core/transaction/executor.ts';
import type { Transaction } from '../core/transaction/model.ts';
import { around, FACTS } from './support/faults.ts';
import { layOut, temporary } from './support/trees.ts';

const ROOTS: Owner = { uid: 0, gid: 0 };
const THEIRS: Owner = { uid: 1000, gid: 100 };
const file = (owner: Owner, mode = 0o644): Puttable => ({ type: 'file', mode, owner });
const dir = (owner: Owner): Puttable => ({ type: 'dir', mode: 0o755, owner });
const put = (path: string, before: Puttable, after: Puttable): Edit => ({
  op: 'put',
  path: absolute(path),
  before,
  after,
});
const NAMES = ['a', 'sub/b'];

let home: ReturnType<typeof temporary>;
let root: string;
beforeEach(() => {
  home = temporary();
  root = `${home.dir}/machine`;
  mkdirSync(root);
});
afterEach(() => home.remove());

function lay(owner: Owner): void {
  const ids = [owner.uid, owner.gid] as const;
  const files = NAMES.map((name) => [`/home/u/conf/${name}`, { file: 'old', owner: ids }]);
  const dirs = ['/home/u/conf', '/home/u/conf/sub'].map((path) => [path, { dir: true, owner: ids }]);
  layOut(root, { '/home/u': { dir: true, owner: [1000, 100] }, ...Object.fromEntries([...dirs, ...files]) } as never);
}

/** Edits that give all of the tree from one owner to another, children first or last. */
const exchanged = (from: Owner, to: Owner, order: 'children first' | 'parents first'): readonly Edit[] => {
  const edits = [
    ...NAMES.map((name) => put(`/home/u/conf/${name}`, file(from), file(to))),
    put('/home/u/conf/sub', dir(from), dir(to)),
    put('/home/u/conf', dir(from), dir(to)),
  ];
  return order === 'children first' ? edits : edits.toReversed();
};

async function carriedOut(
  batches: readonly (readonly Edit[])[],
  verify: () => readonly never[] | readonly [typeof PROBLEM],
) {
  const transaction: Transaction = {
    tx: 'aaaaaaaaaaaa',
    kind: 'apply',
    plan: digestOf('plan'),
    host: FACTS,
    undoes: [],
    startedAt: '2026-01-01T00:00:00Z',
    by: 'srid',
    batches,
  };
  const scene = { host: realHost(absolute(root)), store: diskStore(`${home.dir}/state`) };
  return (await execute(transaction, {}, around(scene, { verify: async () => verify() }))) as Outcome;
}
const PROBLEM = { severity: 'error', code: 'RF3006', summary: 'it differs' } as const;

const at = (name: string): string => `${root}/home/u/conf/${name}`;
const left = (): readonly string[] =>
  ['/home/u/conf', '/home/u/conf/sub', '/home/u', '/'].flatMap((path) =>
    readdirSync(root + path).filter((name) => name.includes('reflake')),
  );

/** Acts of an owner that leave no trace in owner, mode or content. */
function keepHold(): () => void {
  const fds = NAMES.map((name) => openSync(at(name), 'r+'));
  execFileSync('setfacl', ['-d', '-m', 'u:1000:rwx', at('.')]);
  for (const name of NAMES) execFileSync('setfacl', ['-m', 'u:1000:r', at(name)]);
  return () => {
    for (const fd of fds) {
      writeSync(fd, 'evil', 0);
      closeSync(fd);
    }
  };
}

function expectRoots(): void {
  for (const name of NAMES) {
    expect({ name, uid: lstatSync(at(name)).uid, text: readFileSync(at(name), 'utf8') }).toEqual({
      name,
      uid: 0,
      text: 'old',
    });
    expect(lstatSync(at(name)).mode & 0o7777).toBe(0o644);
  }
  for (const name of ['.', 'sub', ...NAMES])
    expect(execFileSync('getfacl', ['-cp', at(name)], { encoding: 'utf8' })).not.toMatch(/user:[^:]/);
  writeFileSync(at('new'), 'new');
  expect(execFileSync('getfacl', ['-cp', at('new')], { encoding: 'utf8' })).not.toMatch(/user:[^:]/);
}

describe.each(['children first', 'parents first'] as const)('root takes a tree for good, %s', (order) => {
  test('what its owner had opened is another file', async () => {
    lay(THEIRS);
    const writeLate = keepHold();
    const outcome = await carriedOut([exchanged(THEIRS, ROOTS, order)], () => []);
    writeLate();
    expect(outcome).toMatchObject({ status: 'applied' });
    expect(left()).toEqual([]);
    expectRoots();
  });

  test('and gives it back where the apply fails', async () => {
    lay(THEIRS);
    const outcome = await carriedOut([exchanged(THEIRS, ROOTS, order)], () => [PROBLEM]);
    expect(outcome).toMatchObject({ status: 'rolled-back' });
    for (const name of NAMES) expect([lstatSync(at(name)).uid, readFileSync(at(name), 'utf8')]).toEqual([1000, 'old']);
    expect(left()).toEqual([]);
  });
});

describe.each(['children first', 'parents first'] as const)('root takes back what it gave, %s', (order) => {
  test('what they had opened meanwhile is another file', async () => {
    lay(ROOTS);
    let writeLate = (): void => {};
    const outcome = await carriedOut([exchanged(ROOTS, THEIRS, order)], () => {
      const fds = NAMES.map((name) => openSync(at(name), 'r+'));
      execFileSync('setfacl', ['-d', '-m', 'u:1000:rwx', at('.')]);
      writeLate = () => {
        for (const fd of fds) {
          writeSync(fd, 'evil', 0);
          closeSync(fd);
        }
      };
      return [PROBLEM];
    });
    writeLate();
    expect(outcome).toMatchObject({ status: 'rolled-back' });
    expect(left()).toEqual([]);
    expectRoots();
  });

  test('what they have changed stays theirs, and is told', async () => {
    lay(ROOTS);
    const outcome = await carriedOut([exchanged(ROOTS, THEIRS, order)], () => {
      writeFileSync(at('a'), 'evil');
      return [PROBLEM];
    });
    expect(outcome).toMatchObject({ status: 'rolled-back' });
    expect(JSON.stringify(outcome)).toContain('/home/u/conf/a');
    expect([lstatSync(at('a')).uid, lstatSync(at('sub/b')).uid]).toEqual([1000, 0]);
  });
});

test('what is taken and then removed by the same transaction is known as the copy that it is by then', async () => {
  lay(THEIRS);
  const taken = put('/home/u/conf/a', file(THEIRS), file(ROOTS));
  const removed = put('/home/u/conf/a', { ...file(ROOTS), content: digestOf('old') } as Puttable, { type: 'absent' });
  expect(await carriedOut([[taken], [removed]], () => [])).toMatchObject({ status: 'applied' });
  expect(existsSync(at('a'))).toBe(false);
  expect(left()).toEqual([]);
});
