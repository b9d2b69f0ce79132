// A transaction is done whole, or the machine is as it was: with a fault, a death, a signal or a change by hand at any step.

import { appendFileSync, readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { digestOf } from '../../../core/canonical.ts';
import type { Event } from '../../../core/event.ts';
import type { Blobs } from '../../../core/machine/host.ts';
import { ABSENT, type Edit, type Outcome, type Put, type Puttable, undoOf } from '../../../core/model.ts';
import { absolute } from '../../../core/path.ts';
import { execute, recover } from '../../../core/transaction/executor.ts';
import { undoing } from '../../../core/transaction/going-back.ts';
import { past, select } from '../../../core/transaction/history.ts';
import type { Transaction } from '../../../core/transaction/model.ts';
import { carryOut } from '../../support/carry-out.ts';
import {
  around,
  course,
  DEATH,
  dieBefore,
  diskScene,
  FACTS,
  type Hooks,
  memoryScene,
  recoverable,
  type Scene,
  stoppedAfter,
  type Trial,
  undoable,
  untilDeath,
  watched,
} from '../../support/faults.ts';
import type { Literal } from '../../support/trees.ts';

const SCENES = [
  ['memory', memoryScene],
  ['disk', diskScene],
] as const;

const ROOT_OWNER = { uid: 0, gid: 0 };
const SRID = { uid: 1000, gid: 100 };
const file = (body: string | undefined, mode = 0o644, owner = ROOT_OWNER): Puttable =>
  body === undefined ? { type: 'file', mode, owner } : { type: 'file', content: digestOf(body), mode, owner };
const dir = (mode = 0o755, owner = ROOT_OWNER): Puttable => ({ type: 'dir', mode, owner });
const link = (target: string, owner = ROOT_OWNER): Puttable => ({ type: 'link', target, owner });
const put = (path: string, before: Puttable, after: Puttable): Put => ({
  op: 'put',
  path: absolute(path),
  before,
  after,
});
const move = (from: string, to: string): Edit => ({ op: 'move', from: absolute(from), to: absolute(to) });
const blobsOf = (...bodies: string[]): Blobs =>
  Object.fromEntries(bodies.map((body) => [digestOf(body), Buffer.from(body)]));

const transaction = (batches: readonly (readonly Edit[])[], more: Partial<Transaction> = {}): Transaction => ({
  tx: 'cafe',
  kind: 'apply',
  plan: digestOf('plan'),
  host: FACTS,
  undoes: [],
  startedAt: '2026-01-01T00:00:00Z',
  by: 'srid',
  batches,
  ...more,
});

/** Every kind of edit: new parents, a move, births, changes, metadata, set-id bits, links, an end. */
const MACHINE: Literal = {
  '/etc/nixos/configuration.nix': { file: 'old', mode: '0640' },
  '/etc/nixos/setid': { file: 'tool', mode: '6755' },
  '/etc/nixos/sub': { dir: true, mode: '2755' },
  '/etc/nixos/l': { link: 'configuration.nix' },
  '/etc/nix/nix.conf': 'a = b\n',
  '/etc/gone': { file: 'to be removed', mode: '0600' },
  '/etc/empty': { dir: true, mode: '0711' },
  '/home/srid': { dir: true, mode: '0700', owner: [1000, 100] },
};
const C = '/home/srid/deep/er/c';
const EDITS: readonly Edit[] = [
  put('/home/srid/deep', ABSENT, dir(0o755, SRID)),
  put('/home/srid/deep/er', ABSENT, dir(0o2750, SRID)),
  move('/etc/nixos', C),
  put('/etc/nix/nix.conf', file('a = b\n'), file('a = c\n')),
  put(C, dir(), dir(0o755, SRID)),
  put(`${C}/configuration.nix`, file('old', 0o640), file('new', 0o644, SRID)),
  // Given to nobody: what was theirs for a moment must not become a set-id file of root's again.
  put(`${C}/setid`, file(undefined, 0o6755), file(undefined, 0o4755)),
  put(`${C}/sub`, dir(0o2755), dir(0o2700, SRID)),
  put(`${C}/l`, link('configuration.nix'), link('configuration.nix', SRID)),
  put(`${C}/.git`, ABSENT, dir(0o755, SRID)),
  put(`${C}/.git/HEAD`, ABSENT, file('ref', 0o644, SRID)),
  put(`${C}/link`, ABSENT, link('sub', SRID)),
  put('/etc/gone', file(undefined, 0o600), ABSENT),
  put('/etc/empty', dir(0o711), ABSENT),
];
const BLOBS = blobsOf('a = c\n', 'new', 'ref');

const everything = (scene: () => Scene): Trial => ({
  scene,
  transaction: () => ({ transaction: transaction([EDITS]), blobs: BLOBS }),
});

/** Three batches over the same paths, there and back again: what a `rollback --to 0` is made of. */
const again = (scene: (literal: Literal) => Scene): Trial => ({
  scene: () => scene({ '/d/p': 'A', '/d/q': 'A', '/t/x': '1' }),
  transaction: () => ({
    transaction: transaction(
      [
        [put('/d/p', file('A'), file('B')), put('/d/q', file('A'), ABSENT), move('/t', '/u')],
        [put('/d/p', file('B'), file('C')), put('/d/q', ABSENT, file('C')), put('/u/x', file('1'), file('2'))],
        [move('/u', '/t'), put('/d/p', file('C'), file('A')), put('/d/q', file('C'), dir0)],
      ],
      { kind: 'rollback', undoes: [2, 1] },
    ),
    blobs: blobsOf('A', 'B', 'C', '1', '2'),
  }),
});
const dir0 = link('nowhere');

describe.each(SCENES)('a transaction (%s)', (name, scene) => {
  // On a disk only some steps are tried, as that takes long; test:crash tries each call. EVERY=1 tries each step here too.
  const stride = (wide: number): number => (name === 'disk' && !process.env.EVERY ? wide : 1);

  test('does all of it', async () => {
    const { after } = await course(everything(() => scene(MACHINE)));
    expect(after.map((row) => row.split('\t')[0])).toEqual([
      '/etc',
      '/etc/nix',
      '/etc/nix/nix.conf',
      '/home',
      '/home/srid',
      '/home/srid/deep',
      '/home/srid/deep/er',
      C,
      `${C}/.git`,
      `${C}/.git/HEAD`,
      `${C}/configuration.nix`,
      `${C}/l`,
      `${C}/link`,
      `${C}/setid`,
      `${C}/sub`,
    ]);
  });

  test('is undone after a fault at any step', async () => {
    expect(await undoable({ ...everything(() => scene(MACHINE)), stride: stride(2) })).toEqual([]);
  });

  test('is recovered after death at any step, and death in recovery', async () => {
    expect(await recoverable({ ...everything(() => scene(MACHINE)), stride: stride(7) })).toEqual([]);
  });

  test('of several batches over the same paths is undone after a fault at any step', async () => {
    expect(await undoable({ ...again(scene), stride: stride(2) })).toEqual([]);
  });

  test('of several batches over the same paths is recovered after death at any step, and death in recovery', async () => {
    expect(await recoverable({ ...again(scene), stride: stride(7) })).toEqual([]);
  });

  test('stops at a signal between any two writes, and leaves nothing', async () => {
    for (let questions = 0; questions <= EDITS.length + 1; questions++) {
      const one = scene(MACHINE);
      const before = one.rows();
      const stopped = stoppedAfter(questions);
      const outcome = await execute(transaction([EDITS]), BLOBS, around(one.open(), { stopped }));
      expect(outcome).toMatchObject(
        questions <= 1
          ? { status: 'refused', signal: 'SIGINT' }
          : { status: 'rolled-back', cause: [{ code: 'RF3009' }] },
      );
      expect(one.rows()).toEqual(before);
      expect(one.open().store.list('journal')).toEqual([]);
      one.remove();
    }
  });

  test('is undone where it does not stand up to a look afterwards', async () => {
    const one = scene(MACHINE);
    const before = one.rows();
    const verify = async () => [{ severity: 'error', code: 'RF3006', summary: 'no' } as const];
    const outcome = await execute(transaction([EDITS]), BLOBS, around(one.open(), { verify }));
    expect(outcome).toMatchObject({ status: 'rolled-back', cause: [{ code: 'RF3006' }] });
    expect(one.rows()).toEqual(before);
    one.remove();
  });

  test.each([
    ['a TypeError', () => (undefined as unknown as { x: { y: number } }).x.y],
    ['an error of Node about its arguments', () => readFileSync({} as never)],
    ['a plain Error', () => Promise.reject(new Error('unreachable'))],
  ])('is undone where %s comes up, which is told as an internal error with its stack', async (_what, fail) => {
    const one = scene(MACHINE);
    const before = one.rows();
    const verify = async () => {
      await fail();
      return [];
    };
    const outcome = await execute(transaction([EDITS]), BLOBS, around(one.open(), { verify }));
    expect(outcome).toMatchObject({
      status: 'rolled-back',
      cause: [
        {
          code: 'RF3021',
          summary: expect.stringMatching(/internal error: /),
          snippet: expect.stringMatching(/^ +at /),
        },
      ],
    });
    expect(one.rows()).toEqual(before);
    one.remove();
  });

  test.each(['EIO', 'ENOSPC', 'EDQUOT'])('is undone after %s, which is no internal error', async (code) => {
    const one = scene(MACHINE);
    const verify = async () => {
      throw Object.assign(new Error('no'), { code });
    };
    const outcome = await execute(transaction([EDITS]), BLOBS, around(one.open(), { verify }));
    expect(outcome).toMatchObject({ status: 'rolled-back', cause: [{ code: 'RF3004' }] });
    one.remove();
  });

  test('has nothing to do: nothing is written, no record is made', async () => {
    const one = scene(MACHINE);
    const { host, store, steps } = watched(one.open());
    expect(await execute(transaction([]), {}, around({ host, store }))).toEqual({ status: 'unchanged' });
    expect(steps).toEqual([]);
    one.remove();
  });
});

describe('what a fault leaves', () => {
  test('after the commit the apply is applied, though its flush or its sweep fails', async () => {
    const trial = everything(() => memoryScene(MACHINE));
    const { steps, after } = await course(trial);
    const commit = steps.findIndex((step) => step.startsWith('store.rename journal history/'));
    const sweep = steps.indexOf('sweep', commit);
    expect([commit, sweep].every((n) => n > 0)).toBe(true);
    for (const [n, when] of [
      [commit, 'after'],
      [sweep, 'before'],
    ] as const) {
      const one = memoryScene(MACHINE);
      const living = watched(one.open(), {
        [when]: (at: number) => {
          if (at === n) throw Object.assign(new Error('input/output error'), { code: 'EIO' });
        },
      });
      expect(await execute(transaction([EDITS]), BLOBS, around(living))).toMatchObject({ status: 'applied' });
      expect(one.rows()).toEqual(after);
      expect(await recover(around(one.open()))).toBeUndefined();
      expect(one.rows()).toEqual(after);
    }
  });

  test('a sweep that was cut off is done by the next run, and never blocks it', async () => {
    const one = diskScene(MACHINE);
    const { steps } = await course(everything(() => diskScene(MACHINE)));
    const dying = watched(one.open(), dieBefore(steps.indexOf('sweep')));
    await untilDeath(() => execute(transaction([EDITS]), BLOBS, around(dying)));
    expect(one.open().store.read('history/1/unswept')).toBeDefined();
    expect(await recover(around(one.open()))).toBeUndefined();
    expect(one.open().store.read('history/1/unswept')).toBeUndefined();
    one.remove();
  });
});

describe('stale', () => {
  /** Each field of each `before`, changed once. */
  const disturbed = (edit: Edit): readonly Edit[] => {
    if (edit.op !== 'put') return [];
    const { before } = edit;
    const variants: Puttable[] =
      before.type === 'absent' ? [dir(), file('x'), link('x')] : [ABSENT, before.type === 'dir' ? file('x') : dir()];
    if (before.type !== 'absent') {
      variants.push({ ...before, owner: { ...before.owner, uid: before.owner.uid + 1 } });
      variants.push({ ...before, owner: { ...before.owner, gid: before.owner.gid + 1 } });
    }
    if (before.type === 'file' || before.type === 'dir') variants.push({ ...before, mode: before.mode ^ 0o1 });
    if (before.type === 'file') variants.push({ ...before, content: digestOf('something else') });
    if (before.type === 'link') variants.push({ ...before, target: `${before.target}x` });
    return variants.map((variant) => ({ ...edit, before: variant }));
  };

  test('each field of each before, once: refused, nothing touched, nothing recorded', async () => {
    let tried = 0;
    for (const [at, edit] of EDITS.entries()) {
      for (const wrong of disturbed(edit)) {
        const one = memoryScene(MACHINE);
        const before = one.rows();
        const { host, store, steps } = watched(one.open());
        const edits = EDITS.with(at, wrong);
        const outcome = await execute(transaction([edits]), BLOBS, around({ host, store }));
        expect(outcome).toMatchObject({ status: 'refused', cause: [{ code: 'RF3001' }] });
        expect((outcome as Outcome & { status: 'refused' }).cause.map(({ code }) => code)).toContain('RF3001');
        expect(steps).toEqual([]);
        expect(one.rows()).toEqual(before);
        tried++;
      }
    }
    expect(tried).toBeGreaterThan(50);
  });

  test.each([
    ['the tree to be moved is gone', [move('/none', '/n')]],
    ['the new place is taken', [move('/etc/nixos', '/home/srid')]],
    ['a directory to be removed is not empty', [put('/etc/nixos', dir(), ABSENT)]],
    ['a content is missing', [put('/new', ABSENT, file('nobody has it'))]],
    [
      'something that lies in a tree that was moved away',
      [move('/etc/nixos', '/n'), put('/etc/nixos/l', link('configuration.nix'), ABSENT)],
    ],
  ] as const)('%s', async (_what, edits) => {
    const one = memoryScene(MACHINE);
    const before = one.rows();
    expect(await execute(transaction([edits]), {}, around(one.open()))).toMatchObject({
      status: 'refused',
      cause: [{ code: 'RF3001' }],
    });
    expect(one.rows()).toEqual(before);
  });

  test.each([
    ['itself', put('/b', dir(), ABSENT)],
    ['with what it lies in', move('/a', '/c')],
  ])('a tree that is moved and taken away again, %s: nobody could undo that', async (_what, away) => {
    const scene = memoryScene({ '/a/x': { dir: true }, '/b0': { dir: true } });
    const before = scene.rows();
    const to = away.op === 'move' ? '/a/y' : '/b';
    const outcome = await execute(transaction([[move('/b0', to), away]]), {}, around(scene.open()));
    expect(outcome).toMatchObject({ status: 'refused', cause: [{ path: to, code: 'RF3001' }] });
    expect(scene.rows()).toEqual(before);
  });

  test('a file that has other names by now is not given another owner', async () => {
    const one = diskScene({ '/a': 'x', '/b': { hardLink: '/a' } });
    const outcome = await execute(
      transaction([[put('/a', file(undefined), file(undefined, 0o600, SRID))]]),
      {},
      around(one.open()),
    );
    expect(outcome).toMatchObject({ status: 'refused', cause: [{ code: 'RF3001' }] });
    one.remove();
  });

  test('what changes between the look and its own write is not lost', async () => {
    const one = diskScene({ '/a': 'old', '/b': 'old' });
    const { host, store } = one.open();
    const edits = [put('/a', file('old'), file('new')), put('/b', file('old'), file('new'))];
    const report = (event: Event): void => {
      if (event.type === 'edited' && event.index === 0)
        carryOut(host, put('/b', file('old'), file('theirs')), blobsOf('theirs'));
    };
    const outcome = await execute(transaction([edits]), blobsOf('new'), around({ host, store }, { report }));
    expect(outcome).toMatchObject({ status: 'rolled-back', cause: [{ code: 'RF3001', path: '/b' }] });
    expect(Buffer.from(host.read(absolute('/a'))!).toString()).toBe('old');
    expect(Buffer.from(host.read(absolute('/b'))!).toString()).toBe('theirs');
    one.remove();
  });
});

describe('bytes that the plan did not name', () => {
  test.each([
    ['a file that goes', put('/f', file(undefined), ABSENT)],
    ['a file that becomes a link', put('/f', file(undefined), link('x'))],
    ['a file that gets a content', put('/f', file(undefined), file('new'))],
  ])('come back: %s', async (_what, edit) => {
    const one = diskScene({ '/f': 'precious' });
    const before = one.rows();
    const verify = async () => [{ severity: 'error', code: 'RF3006', summary: 'no' } as const];
    await execute(transaction([[edit]]), blobsOf('new'), around(one.open(), { verify }));
    expect(one.rows()).toEqual(before);
    const done = await execute(transaction([[edit]]), blobsOf('new'), around(one.open()));
    expect(done.status).toBe('applied');
    const { host, store } = one.open();
    const history = past(store);
    if (!history.ok) throw new Error(history.problem.summary);
    const selected = select(history.applies, { kind: 'newest' })!;
    const stamp = { tx: 'beef', startedAt: '', by: '' };
    const { transaction: back, blobs } = undoing(selected, history.applies, host, stamp, false);
    expect(await execute(back, blobs, around({ host, store }))).toMatchObject({ status: 'applied' });
    expect(one.rows()).toEqual(before);
    one.remove();
  });
});

describe('a foreign hand between death and recovery', () => {
  /** Dies after everything is written and before the commit. */
  const beforeCommit: Hooks = {
    before: (_n, what) => {
      if (what === 'store.write journal/finished') throw DEATH;
    },
  };
  const cutOff = async (one: Scene, edits: readonly Edit[], blobs: Blobs): Promise<void> => {
    const dying = watched(one.open(), beforeCommit);
    await untilDeath(() => execute(transaction([edits]), blobs, around(dying)));
  };

  test('its bytes are kept beside, all is undone, and it is said', async () => {
    const one = diskScene({ '/d/a': 'old', '/d/b': 'old', '/d/c': 'old' });
    const before = one.rows();
    const edits = ['a', 'b', 'c'].map((name) => put(`/d/${name}`, file('old'), file('new')));
    await cutOff(one, edits, blobsOf('new'));
    const { host } = one.open();
    carryOut(host, put('/d/b', file('new'), file('theirs')), blobsOf('theirs'));
    const outcome = await recover(around(one.open()));
    const beside = '/d/b.reflake-conflict-cafe';
    expect(outcome).toMatchObject({ status: 'rolled-back', kept: [{ path: '/d/b', beside }] });
    expect((outcome as Outcome & { status: 'rolled-back' }).cause.map(({ code }) => code)).toContain('RF3005');
    expect(Buffer.from(host.read(absolute(beside))!).toString()).toBe('theirs');
    expect(one.rows().filter((row) => !row.startsWith(beside))).toEqual(before);
    expect(await recover(around(one.open()))).toBeUndefined();
    one.remove();
  });

  test.each([
    ['a file that is gone', ABSENT, []],
    ['a directory in its place', dir(), ['/d/b.reflake-conflict-cafe']],
    ['what we wrote, in other hands', file('new', 0o644, SRID), ['/d/b.reflake-conflict-cafe']],
    ['a link in its place', link('/etc/shadow'), ['/d/b.reflake-conflict-cafe']],
  ] as const)('%s', async (_what, theirs, beside) => {
    const one = diskScene({ '/d/b': 'old' });
    await cutOff(one, [put('/d/b', file('old'), file('new'))], blobsOf('new'));
    const { host } = one.open();
    carryOut(host, put('/d/b', file('new'), ABSENT), blobsOf('new'));
    if (theirs !== ABSENT) carryOut(host, put('/d/b', ABSENT, theirs), blobsOf('new'));
    const outcome = await recover(around(one.open()));
    expect(outcome).toMatchObject({ status: 'rolled-back', kept: [{ path: '/d/b' }] });
    expect(host.list(absolute('/d')).map((name) => `/d/${name}`)).toEqual(['/d/b', ...beside]);
    one.remove();
  });

  test('an owner that somebody gave it where we had changed nothing else: it stays', async () => {
    const one = diskScene({ '/d/b': 'old' });
    await cutOff(one, [put('/d/b', file(undefined), file(undefined, 0o600))], {});
    const { host } = one.open();
    carryOut(host, put('/d/b', file(undefined, 0o600), file(undefined, 0o640, SRID)), {});
    expect(await recover(around(one.open()))).toMatchObject({ status: 'rolled-back', kept: [{ path: '/d/b' }] });
    expect(host.stat(absolute('/d/b'))).toMatchObject({ mode: 0o640, owner: SRID });
    expect(host.list(absolute('/d'))).toEqual(['b']);
    one.remove();
  });

  test('what somebody put into a directory that we had made goes aside with it', async () => {
    const one = diskScene({ '/d': { dir: true } });
    await cutOff(one, [put('/d/e', ABSENT, dir()), put('/d/e/ours', ABSENT, file('new'))], blobsOf('new'));
    const { host } = one.open();
    carryOut(host, put('/d/e/theirs', ABSENT, file('theirs')), blobsOf('theirs'));
    const outcome = await recover(around(one.open()));
    expect(outcome).toMatchObject({ status: 'rolled-back', kept: [{ path: '/d/e' }] });
    expect(host.list(absolute('/d'))).toEqual(['e.reflake-conflict-cafe']);
    expect(host.list(absolute('/d/e.reflake-conflict-cafe'))).toEqual(['theirs']);
    one.remove();
  });

  test('what was written into the old file through a descriptor from before is kept, and the old file comes back', async () => {
    const one = diskScene({ '/d/a': 'old' });
    const before = one.rows();
    const open = one.open();
    await cutOff(one, [put('/d/a', file('old'), file('new'))], blobsOf('new'));
    appendFileSync(`${one.root}/.reflake-cafe/old/0`, ' and more');
    expect(await recover(around(one.open()))).toMatchObject({ status: 'rolled-back', kept: [{}] });
    const beside = '/d/a.reflake-conflict-cafe';
    expect(Buffer.from(open.host.read(absolute(beside))!).toString()).toBe('old and more');
    expect(one.rows().filter((row) => !row.startsWith(beside))).toEqual(before);
    one.remove();
  });

  test('a new tree at the old place is kept beside, and the old one comes back', async () => {
    const one = diskScene({ '/etc/nixos/a': 'old', '/home': { dir: true } });
    const before = one.rows();
    const edits = [move('/etc/nixos', '/home/c'), put('/home/c/a', file('old'), file('new'))];
    await cutOff(one, edits, blobsOf('new'));
    const { host } = one.open();
    carryOut(host, put('/etc/nixos', ABSENT, dir()), {});
    carryOut(host, put('/etc/nixos/theirs', ABSENT, file('theirs')), blobsOf('theirs'));
    const beside = '/etc/nixos.reflake-conflict-cafe';
    expect(await recover(around(one.open()))).toMatchObject({ status: 'rolled-back', kept: [{ beside }] });
    expect(Buffer.from(host.read(absolute(`${beside}/theirs`))!).toString()).toBe('theirs');
    expect(one.rows().filter((row) => !row.startsWith(beside))).toEqual(before);
    one.remove();
  });

  test('in a later batch: the earlier ones are undone too', async () => {
    const one = diskScene({ '/p': 'A', '/q': 'A' });
    const before = one.rows();
    const batches = [
      [put('/p', file('A'), file('B')), put('/q', file('A'), file('B'))],
      [put('/p', file('B'), file('C')), put('/q', file('B'), file('C'))],
    ];
    const dying = watched(one.open(), beforeCommit);
    await untilDeath(() => execute(transaction(batches), blobsOf('B', 'C'), around(dying)));
    const { host } = one.open();
    carryOut(host, put('/p', file('C'), file('theirs')), blobsOf('theirs'));
    expect(await recover(around(one.open()))).toMatchObject({ status: 'rolled-back', kept: [{ path: '/p' }] });
    expect(one.rows().filter((row) => !row.startsWith('/p.reflake'))).toEqual(before);
    one.remove();
  });
});

test('each edit is reported as it is done, and as it is undone, with its number', async () => {
  const one = memoryScene(MACHINE);
  const events: Event[] = [];
  const verify = async () => [{ severity: 'error', code: 'RF3006', summary: 'no' } as const];
  await execute(
    transaction([EDITS]),
    BLOBS,
    around(one.open(), { report: (event) => void events.push(event), verify }),
  );
  const numbers = (type: string) =>
    events.flatMap((event) => (event.type === type && 'index' in event ? [event.index] : []));
  expect(numbers('edited')).toEqual(EDITS.map((_, at) => at));
  expect(numbers('undone')).toEqual(EDITS.map((_, at) => at).reverse());
  expect(events.every((event) => !('total' in event) || event.total === EDITS.length)).toBe(true);
});

test('the inverse of the inverse is the edit', () => {
  for (const edit of EDITS) expect(undoOf(undoOf(edit))).toEqual(edit);
});

test('where nothing can be looked at and nothing was left, no crash is told of', async () => {
  const { host, store } = memoryScene({ '/a': 'x' }).open();
  const blind = {
    ...host,
    refresh() {
      throw Object.assign(new Error('gone'), { code: 'EIO', syscall: 'open' });
    },
  };
  expect(await recover(around({ host: blind, store }))).toMatchObject({ status: 'refused' });
  store.write('journal/begin', Buffer.from('x'));
  expect(await recover(around({ host: blind, store }))).toMatchObject({ status: 'stuck' });
});
