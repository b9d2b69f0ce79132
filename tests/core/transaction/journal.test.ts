// A journal that was damaged is refused, and nothing is touched; a state directory keeps what it was given.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, statSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { digestOf } from '../../../core/canonical.ts';
import { diskStore } from '../../../core/host/state-directory.ts';
import type { StateStore } from '../../../core/machine/state-store.ts';
import type { Edit, Puttable } from '../../../core/model.ts';
import { absolute } from '../../../core/path.ts';
import { execute, recover } from '../../../core/transaction/executor.ts';
import { past } from '../../../core/transaction/history.ts';
import { draft, drafted, load } from '../../../core/transaction/journal.ts';
import { type Transaction, textOf, transactionIn } from '../../../core/transaction/model.ts';
import { around, DEATH, FACTS, memoryScene, type Scene, untilDeath, watched } from '../../support/faults.ts';
import { memoryStateStore } from '../../support/memory-store.ts';
import { temporary } from '../../support/trees.ts';

const OWNER = { uid: 0, gid: 0 };
const file = (body: string): Puttable => ({ type: 'file', content: digestOf(body), mode: 0o644, owner: OWNER });
const EDITS: readonly Edit[] = ['a', 'b'].map((name) => ({
  op: 'put',
  path: absolute(`/d/${name}`),
  before: file('old'),
  after: file('new é'),
}));
const TRANSACTION: Transaction = {
  tx: 'cafe',
  kind: 'apply',
  plan: digestOf('plan'),
  host: FACTS,
  undoes: [],
  startedAt: '2026-01-01T00:00:00Z',
  by: 'srid é',
  batches: [EDITS],
};
const BLOBS = { [digestOf('new é')]: Buffer.from('new é') };

/** A machine whose apply died after the second write. */
async function cutOff(): Promise<Scene> {
  const scene = memoryScene({ '/d/a': 'old', '/d/b': 'old' });
  const dying = watched(scene.open(), {
    before: (_n, what) => {
      if (what === 'store.write journal/finished') throw DEATH;
    },
  });
  await untilDeath(() => execute(TRANSACTION, BLOBS, around(dying)));
  return scene;
}

/** Every record that recovery relies on. */
const RECORDS = ['begin', 'progress', `blobs/${digestOf('old').slice(7)}`, `blobs/${digestOf('new é').slice(7)}`];

async function refused(scene: Scene, record: string): Promise<void> {
  const before = scene.rows();
  const { host, store, steps } = watched(scene.open());
  const outcome = await recover(around({ host, store }));
  expect([record, outcome]).toEqual([
    record,
    expect.objectContaining({ status: 'stuck', cause: [expect.objectContaining({ code: 'RF3012' })] }),
  ]);
  expect(scene.rows()).toEqual(before);
  expect(steps.filter((step) => !/^store\.(tidy|remove journal\.new)$/.test(step))).toEqual([]);
}

describe('a damaged journal', () => {
  test('every record cut short at every length, or gone: refused, nothing touched', async () => {
    for (const record of RECORDS) {
      const scene = await cutOff();
      const { store } = scene.open();
      const whole = store.read(`journal/${record}`)!;
      expect(whole.length).toBeGreaterThan(0);
      for (let length = 0; length < whole.length; length++) {
        store.write(`journal/${record}`, whole.subarray(0, length));
        await refused(scene, `${record} at ${length}`);
      }
      store.remove(`journal/${record}`);
      await refused(scene, `${record} gone`);
      store.write(`journal/${record}`, Buffer.concat([whole, Buffer.from('x')]));
      await refused(scene, `${record} longer`);
      store.write(`journal/${record}`, whole);
      expect(await recover(around(scene.open()))).toMatchObject({ status: 'rolled-back' });
    }
  });

  test('every bit of every record flipped once: refused, nothing touched', async () => {
    for (const record of RECORDS) {
      const scene = await cutOff();
      const { store } = scene.open();
      const whole = store.read(`journal/${record}`)!;
      for (let bit = 0; bit < whole.length * 8; bit++) {
        const flipped = Buffer.from(whole);
        flipped[bit >> 3]! ^= 1 << (bit & 7);
        store.write(`journal/${record}`, flipped);
        await refused(scene, `${record} bit ${bit}`);
      }
    }
  });

  test('a record of the past is refused likewise', async () => {
    const scene = memoryScene({ '/d/a': 'old', '/d/b': 'old' });
    await execute(TRANSACTION, BLOBS, around(scene.open()));
    const { store } = scene.open();
    expect(past(store)).toMatchObject({ ok: true, applies: [{ number: 1, undone: false }] });
    for (const record of RECORDS.filter((name) => name !== 'progress')) {
      const whole = store.read(`history/1/${record}`)!;
      const flipped = Buffer.from(whole);
      flipped[whole.length >> 1]! ^= 4;
      store.write(`history/1/${record}`, flipped);
      expect(past(store)).toMatchObject({ ok: false, problem: { code: 'RF3012' } });
      store.write(`history/1/${record}`, whole);
    }
    expect(past(store).ok).toBe(true);
  });

  test('what was begun and never shown is no journal', async () => {
    const scene = memoryScene({ '/d/a': 'old' });
    const { store } = scene.open();
    store.write('journal.new/blobs/0', Buffer.from('half'));
    expect(load(store, 'journal')).toEqual({ status: 'none' });
    expect(await recover(around(scene.open()))).toBeUndefined();
    expect(store.list('journal.new')).toEqual([]);
  });

  test.each([
    ['torn', 'half', /checksum/],
    ['of a newer version', 'RFJ2 sha256:00 4\nhalf', /another version of reflake \(RFJ2/],
  ])('a draft that is %s is told, for nobody knows what was prepared', async (_what, bytes, words) => {
    const scene = memoryScene({});
    const { store } = scene.open();
    store.write('journal.new/begin', Buffer.from(bytes));
    const outcome = await recover(around(scene.open()));
    expect(outcome).toMatchObject({
      status: 'stuck',
      cause: [{ code: 'RF3012', summary: expect.stringMatching(words) }],
    });
    expect(store.list('journal.new')).toEqual(['begin']);
  });

  test('a draft whose begin was lost after all of it was written is told too', async () => {
    const store = memoryStateStore();
    draft(store, TRANSACTION, BLOBS);
    store.remove('journal.new/begin');
    expect(drafted(store)).toEqual({ status: 'damaged', what: 'journal.new/begin is missing' });
    // Its last file: whoever died before that had prepared nothing.
    store.remove('journal.new/unswept');
    expect(drafted(store)).toEqual({ status: 'none' });
  });
});

describe.each([
  ['memory', () => ({ store: memoryStateStore(), remove: () => {} })],
  [
    'disk',
    () => {
      const { dir, remove } = temporary();
      return { store: diskStore(`${dir}/deep/state`), remove };
    },
  ],
] as const)('a store in %s', (_name, make) => {
  const using = (act: (store: StateStore) => void): void => {
    const { store, remove } = make();
    try {
      act(store);
    } finally {
      remove();
    }
  };

  test('reads what was written, under the name that it has by now', () => {
    using((store) => {
      expect(store.read('a/b')).toBeUndefined();
      expect(store.list('a')).toEqual([]);
      store.write('a/b', Buffer.from('1'));
      store.write('a/c/d', Buffer.from('2'));
      store.write('a/b', Buffer.from('3'));
      expect(Buffer.from(store.read('a/b')!).toString()).toBe('3');
      expect(store.list('a')).toEqual(['b', 'c']);
      store.rename('a', 'x/y');
      expect(store.list('a')).toEqual([]);
      expect(Buffer.from(store.read('x/y/c/d')!).toString()).toBe('2');
      store.remove('x');
      store.remove('x');
      expect(store.read('x/y/b')).toBeUndefined();
    });
  });
});

describe('the state directory', () => {
  test('what a death left of a removal goes with the next one, and by tidying', () => {
    const { dir, remove } = temporary();
    try {
      const store = diskStore(dir);
      const leave = (): void => store.write('removed/blobs/x', Buffer.from('left'));
      leave();
      store.write('history/1/begin', Buffer.from('1'));
      store.remove('history/1');
      expect([store.list('history'), store.list('removed')]).toEqual([[], []]);
      leave();
      store.tidy();
      expect(store.list('removed')).toEqual([]);
    } finally {
      remove();
    }
  });

  test('is its owner’s alone, whatever the umask', () => {
    const { dir, remove } = temporary();
    const mask = process.umask(0);
    try {
      diskStore(`${dir}/state`).write('journal/blobs/x', Buffer.from('secret'));
      const modes = (readdirSync(dir, { recursive: true }) as string[]).map((name) => [
        name,
        (statSync(`${dir}/${name}`).mode & 0o077).toString(8),
      ]);
      // Of root's, the way to the index is open.
      const top = process.geteuid?.() === 0 ? '55' : '0';
      expect(modes.map(([, mode]) => mode)).toEqual(modes.map((_, at) => (at === 0 ? top : '0')));
    } finally {
      process.umask(mask);
      remove();
    }
  });

  test('is locked by one at a time, and by nobody who is dead', async () => {
    const { dir, remove } = temporary();
    const [one, two] = [diskStore(dir), diskStore(dir)];
    const held = one.takeMutex('process 1 of the first');
    if ('heldBy' in held) throw new Error('not free');
    expect(two.takeMutex('process 1 of the second')).toEqual({ heldBy: 'process 1 of the first' });
    held.release();
    const next = two.takeMutex('process 1 of the second');
    expect('release' in next).toBe(true);
    if ('release' in next) next.release();
    // Another process holds it, and is killed.
    const child = spawn('flock', ['-xnF', `${dir}/lock`, 'sh', '-c', 'echo held; exec sleep 60'], { stdio: 'pipe' });
    await once(child.stdout, 'data');
    expect('heldBy' in one.takeMutex('process 1 of the third')).toBe(true);
    child.kill('SIGKILL');
    await once(child, 'exit');
    const last = one.takeMutex('process 1 of the third');
    expect('release' in last).toBe(true);
    if ('release' in last) last.release();
    remove();
  });
});

describe('a transaction as text', () => {
  test('comes back as it was, and edits that share an entry share it again', () => {
    expect(transactionIn(textOf(TRANSACTION))).toEqual(TRANSACTION);
    const [entry] = [file('x')];
    const alike = EDITS.map((edit) => ({ ...edit, before: entry, after: entry }) as Edit);
    const back = transactionIn(textOf({ ...TRANSACTION, batches: [alike] }));
    expect(
      new Set(back?.batches.flat().flatMap((edit) => (edit.op === 'put' ? [edit.before, edit.after] : []))).size,
    ).toBe(1);
  });

  test('of ten thousand files hardly needs more than their names', () => {
    const [before, after] = [file('old'), file('new é')];
    const paths = Array.from({ length: 10_000 }, (_, index) => absolute(`/d/file-${index}`));
    const batches = [paths.map((path): Edit => ({ op: 'put', path, before, after }))];
    expect(textOf({ ...TRANSACTION, batches }).length).toBeLessThan(JSON.stringify(paths).length * 4);
  });
});
