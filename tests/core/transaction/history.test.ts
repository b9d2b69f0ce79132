// Walking back through applies: one at a time, all in one go, and back from that; in every order the machine is one that
// it was before.

import { describe, expect, test } from '@jest/globals';
import { digestOf } from '../../../core/canonical.ts';
import { ABSENT, type Edit, type Outcome, type Puttable } from '../../../core/model.ts';
import { absolute } from '../../../core/path.ts';
import { execute } from '../../../core/transaction/executor.ts';
import { undoing } from '../../../core/transaction/going-back.ts';
import { past, select, type Target } from '../../../core/transaction/history.ts';
import type { Transaction } from '../../../core/transaction/model.ts';
import { carryOut } from '../../support/carry-out.ts';
import { around, diskScene, FACTS, memoryScene, recoverable, type Scene, undoable } from '../../support/faults.ts';
import type { Literal, Rows } from '../../support/trees.ts';

const OWNER = { uid: 0, gid: 0 };
const file = (body: string, mode = 0o644): Puttable => ({ type: 'file', content: digestOf(body), mode, owner: OWNER });
const dir: Puttable = { type: 'dir', mode: 0o755, owner: OWNER };
const put = (path: string, before: Puttable, after: Puttable): Edit => ({
  op: 'put',
  path: absolute(path),
  before,
  after,
});
const BODIES = ['0', '1', '2', '3'];
const BLOBS = Object.fromEntries(BODIES.map((body) => [digestOf(body), Buffer.from(body)]));

/** Each writes the paths that the one before it wrote. */
const MACHINE: Literal = { '/etc/nixos/a': '0', '/etc/b': '0', '/home': { dir: true } };
const APPLIES: readonly (readonly Edit[])[] = [
  [
    put('/home/x', ABSENT, dir),
    { op: 'move', from: absolute('/etc/nixos'), to: absolute('/home/x/c') },
    put('/etc/b', file('0'), file('1')),
    put('/home/x/c/a', file('0'), file('1')),
    put('/home/x/c/new', ABSENT, file('1')),
  ],
  [put('/home/x/c/a', file('1'), file('2', 0o600)), put('/etc/b', file('1'), file('2'))],
  [put('/home/x/c/a', file('2', 0o600), file('3')), put('/home/x/c/new', file('1'), ABSENT)],
];

let serial = 0;
async function applied(scene: Scene): Promise<Rows[]> {
  const states = [scene.rows()];
  for (const edits of APPLIES) {
    const transaction: Transaction = {
      tx: `cafe${serial++}`,
      kind: 'apply',
      plan: digestOf('plan'),
      host: FACTS,
      undoes: [],
      startedAt: '',
      by: '',
      batches: [edits],
    };
    expect((await execute(transaction, BLOBS, around(scene.open()))).status).toBe('applied');
    states.push(scene.rows());
  }
  return states;
}

function back(opened: ReturnType<Scene['open']>, target: Target) {
  const history = past(opened.store);
  if (!history.ok) throw new Error(history.problem.summary);
  const selected = select(history.applies, target)!;
  const stamp = { tx: `beef${serial++}`, startedAt: '', by: '' };
  return undoing(selected, history.applies, opened.host, stamp, false);
}

async function rollback(scene: Scene, target: Target): Promise<Outcome> {
  const opened = scene.open();
  const { transaction, blobs } = back(opened, target);
  return await execute(transaction, blobs, around(opened));
}

describe.each([
  ['memory', memoryScene],
  ['disk', diskScene],
] as const)('in %s', (_name, scene) => {
  test('one at a time, the newest first, to the first machine', async () => {
    const one = scene(MACHINE);
    const states = await applied(one);
    for (const due of states.slice(0, -1).reverse()) {
      expect((await rollback(one, { kind: 'newest' })).status).toBe('applied');
      expect(one.rows()).toEqual(due);
    }
    const history = past(one.open().store);
    expect(history.ok && select(history.applies, { kind: 'newest' })).toEqual([]);
    one.remove();
  });

  test.each([0, 1, 2, 3])('to %d in one go, and back again by undoing that', async (number) => {
    const one = scene(MACHINE);
    const states = await applied(one);
    if (number < 3) expect((await rollback(one, { kind: 'to', number })).status).toBe('applied');
    expect(one.rows()).toEqual(states[number]);
    if (number < 3) expect((await rollback(one, { kind: 'one', number: 4 })).status).toBe('applied');
    expect(one.rows()).toEqual(states[3]);
    one.remove();
  });

  test('what was changed since is left alone', async () => {
    const one = scene(MACHINE);
    await applied(one);
    const { host } = one.open();
    carryOut(host, put('/home/x/c/a', file('3'), file('1')), BLOBS);
    const before = one.rows();
    expect(await rollback(one, { kind: 'newest' })).toMatchObject({ status: 'refused', cause: [{ code: 'RF3011' }] });
    expect(one.rows()).toEqual(before);
    one.remove();
  });
});

test('an older apply alone is refused where a newer one wrote the same path', async () => {
  const one = memoryScene(MACHINE);
  await applied(one);
  expect((await rollback(one, { kind: 'one', number: 1 })).status).toBe('refused');
});

/** Steps from one to the next that is tried. */
const ON_DISK = process.env.EVERY ? 1 : 11;

describe('a rollback of all, and the undoing of that, keep the laws of a transaction', () => {
  const earlier = async (scene: Scene) => void (await applied(scene));
  const all = (opened: ReturnType<Scene['open']>) => back(opened, { kind: 'to', number: 0 });
  const forth = (opened: ReturnType<Scene['open']>) => back(opened, { kind: 'one', number: 4 });
  const undone = async (scene: Scene) => {
    await applied(scene);
    expect((await rollback(scene, { kind: 'to', number: 0 })).status).toBe('applied');
  };
  test.each([
    ['to the first machine', { scene: () => memoryScene(MACHINE), earlier, transaction: all }],
    ['and back', { scene: () => memoryScene(MACHINE), earlier: undone, transaction: forth }],
    [
      'to the first machine, on the disk',
      { scene: () => diskScene(MACHINE), earlier, transaction: all, stride: ON_DISK },
    ],
  ])('%s', async (_what, trial) => {
    expect(await undoable(trial)).toEqual([]);
    expect(await recoverable(trial)).toEqual([]);
  });
});
