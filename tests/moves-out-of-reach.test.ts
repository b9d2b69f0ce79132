// A move whose directory is out of reach when undo comes: its owner put a link in the place of the directory, or
// carried it off. Undo must say that it could not go on; "nothing to undo" would be a lie.

import { chownSync, lchownSync, mkdirSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { afterEach, describe, expect, test } from '@jest/globals';
import { digestOf } from '../core/canonical.ts';
import { realHost } from '../core/host/real-host.ts';
import { diskStore } from '../core/host/state-directory.ts';
import { isTheirLink } from '../core/machine/host.ts';
import type { Edit } from '../core/model.ts';
import { absolute } from '../core/path.ts';
import { execute } from '../core/transaction/executor.ts';
import type { Transaction } from '../core/transaction/model.ts';
import { around, FACTS } from './support/faults.ts';
import { layOut, rowsOfDisk, temporary } from './support/trees.ts';

const OWNER = 52_001;
const MOVE: Edit = { op: 'move', from: absolute('/home/t/hosts/m'), to: absolute('/home/t/hosts/n') };
const isRoot = process.getuid?.() === 0;

const removals: (() => void)[] = [];
afterEach(() => {
  for (const remove of removals.splice(0)) remove();
});

function machine() {
  const { dir, remove } = temporary();
  removals.push(remove);
  layOut(dir, { '/home/t/hosts/m': { file: 'm', owner: [OWNER, OWNER] }, '/home/t/b': 'b' });
  for (const path of ['/home/t', '/home/t/hosts']) chownSync(dir + path, OWNER, OWNER);
  return { dir, host: realHost(absolute(dir)) };
}

/** Puts a link of the owner's in the place of the directory, and keeps the directory at `aside`. */
function linked(dir: string): void {
  renameSync(`${dir}/home/t/hosts`, `${dir}/home/t/aside`);
  symlinkSync('aside', `${dir}/home/t/hosts`);
  lchownSync(`${dir}/home/t/hosts`, OWNER, OWNER);
}

describe('undo of a move', () => {
  test('an owner’s link in the place of its directory is an error, and undo works once the directory is back', () => {
    if (!isRoot) return;
    const { dir, host } = machine();
    const before = rowsOfDisk(dir);
    const work = host.work([MOVE], 'beef');
    work.prepare({});
    work.publish(0);
    linked(dir);
    let thrown: unknown;
    try {
      work.undo(0, {});
    } catch (error) {
      thrown = error;
    }
    expect(isTheirLink(thrown)).toBe(true);
    rmSync(`${dir}/home/t/hosts`);
    renameSync(`${dir}/home/t/aside`, `${dir}/home/t/hosts`);
    expect(work.undo(0, {}).changed).toBe(true);
    work.sweep();
    expect(rowsOfDisk(dir)).toEqual(before);
  });

  test('a directory that was carried off is an error', () => {
    const { dir, host } = machine();
    const work = host.work([MOVE], 'beef');
    work.prepare({});
    work.publish(0);
    renameSync(`${dir}/home/t/hosts`, `${dir}/home/t/aside`);
    expect(() => work.undo(0, {})).toThrow(/put it back/);
    mkdirSync(`${dir}/home/t/hosts`);
    expect(() => work.undo(0, {})).toThrow(/put it back/);
    work.close();
  });

  test('a move that was prepared and not made is nothing to undo', () => {
    const { host } = machine();
    const work = host.work([MOVE], 'beef');
    work.prepare({});
    expect(work.undo(0, {})).toEqual({ changed: false, kept: [] });
    work.drop();
  });
});

test('a failed apply whose moved file was carried off is stuck, not rolled back', async () => {
  const { dir, host } = machine();
  const born: Edit = {
    op: 'put',
    path: absolute('/home/t/new'),
    before: { type: 'absent' },
    after: { type: 'dir', mode: 0o755, owner: { uid: OWNER, gid: OWNER } },
  };
  const transaction: Transaction = {
    tx: 'aaaaaaaaaaaa',
    kind: 'apply',
    plan: digestOf('plan'),
    host: FACTS,
    undoes: [],
    startedAt: '2026-01-01T00:00:00Z',
    by: 'srid',
    batches: [[MOVE, born]],
  };
  const scene = { host, store: diskStore(`${dir}/state`) };
  const verify = async () => {
    renameSync(`${dir}/home/t/hosts`, `${dir}/home/t/aside`);
    return [{ severity: 'error', code: 'RF3003', summary: 'it fails at the end' }] as const;
  };
  expect(await execute(transaction, {}, around(scene, { verify }))).toMatchObject({
    status: 'stuck',
    cause: [{}, { summary: expect.stringContaining('put it back') }],
  });
});
