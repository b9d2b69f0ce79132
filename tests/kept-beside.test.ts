// Tests what is kept beside: it is always reported, lies near its path, and is never a second name of a live file.
// Somebody edits while an apply is prepared, published and undone; another process edits at any moment.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  appendFileSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { digestOf } from '../core/canonical.ts';
import { realHost } from '../core/host/real-host.ts';
import { diskStore } from '../core/host/state-directory.ts';
import { ABSENT, type Edit, type Outcome, type Puttable } from '../core/model.ts';
import { absolute } from '../core/path.ts';
import { execute } from '../core/transaction/executor.ts';
import type { Transaction } from '../core/transaction/model.ts';
import { around, FACTS } from './support/faults.ts';
import { layOut, rowsOfDisk, temporary } from './support/trees.ts';

const OWNER = { uid: 1000, gid: 100 };
const NAMES = ['a', 'b', 'sub/c'];
const file = (body: string): Puttable => ({ type: 'file', content: digestOf(body), mode: 0o644, owner: OWNER });
const put = (path: string, before: Puttable, after: Puttable): Edit => ({
  op: 'put',
  path: absolute(path),
  before,
  after,
});
const BLOBS = { [digestOf('new')]: Buffer.from('new'), [digestOf('old')]: Buffer.from('old') };
const EDITS: readonly Edit[] = [
  { op: 'move', from: absolute('/etc/nixos'), to: absolute('/home/u/conf') },
  ...NAMES.map((name) => put(`/home/u/conf/${name}`, file('old'), file('new'))),
  put('/home/u/conf/born', ABSENT, file('new')),
];
const transaction = (tx: string): Transaction => ({
  tx,
  kind: 'apply',
  plan: digestOf('plan'),
  host: FACTS,
  undoes: [],
  startedAt: '2026-01-01T00:00:00Z',
  by: 'srid',
  batches: [EDITS],
});

let home: ReturnType<typeof temporary>;
let root: string;
beforeEach(() => {
  home = temporary();
  root = `${home.dir}/machine`;
  lay();
});
afterEach(() => home.remove());

function lay(): void {
  rmSync(root, { recursive: true, force: true });
  rmSync(`${home.dir}/state`, { recursive: true, force: true });
  mkdirSync(root);
  const files = NAMES.map((name) => [`/etc/nixos/${name}`, { file: 'old', owner: [1000, 100] as const }]);
  layOut(root, { ...Object.fromEntries(files), '/home/u': { dir: true, owner: [1000, 100] } } as never);
}

const PROBLEM = { severity: 'error', code: 'RF3006', summary: 'it differs' } as const;

/** Runs an apply that fails at its end and is undone; `then` acts before that. */
const undone = async (tx: string, then: () => void = () => {}, prepared: () => void = () => {}): Promise<Outcome> => {
  const host = realHost(absolute(root));
  const watched = {
    ...host,
    work: (...all: Parameters<typeof host.work>) => {
      const work = host.work(...all);
      return {
        ...work,
        prepare: (blobs: typeof BLOBS) => {
          work.prepare(blobs);
          prepared();
        },
      };
    },
  };
  const verify = async () => {
    then();
    await new Promise((resume) => setTimeout(resume, 20));
    return [PROBLEM];
  };
  return await execute(
    transaction(tx),
    BLOBS,
    around({ host: watched, store: diskStore(`${home.dir}/state`) }, { verify }),
  );
};

/** The breaches of that law. */
function breaches(outcome: Outcome): readonly string[] {
  const kept = ('kept' in outcome && outcome.kept) || [];
  const found = rowsOfDisk(root)
    .map((row) => row.split('\t')[0]!)
    .filter((path) => /reflake-conflict-[^/]*$/.test(path))
    .map((path) => (path.startsWith('/') ? path : `/${path}`));
  const told = kept.flatMap(({ beside }) => (beside === undefined ? [] : [beside as string]));
  return [
    ...found.filter((path) => !told.includes(path)).map((path) => `not told: ${path}`),
    ...told.filter((path) => !found.includes(path)).map((path) => `told, and not there: ${path}`),
    ...found.filter((path) => !NEAR.test(path)).map((path) => `far away: ${path}`),
    ...found.filter((path) => isSecondName(root + path)).map((path) => `a second name: ${path}`),
    ...found.filter((path) => !('kept' in outcome) && path !== '').map((path) => `the outcome has none: ${path}`),
  ];
}

/** In the tree; or the tree itself, which was copied for its owner and is kept whole. */
const NEAR =
  /^\/(etc\/nixos|home\/u\/conf(\.reflake-conflict-[^/]+)?)(\/sub)?\/|^\/home\/u\/conf\.reflake-conflict-[^/]+$/;

function isSecondName(path: string): boolean {
  const stat = lstatSync(path);
  return !stat.isDirectory() && stat.nlink > 1;
}

const nothingLeft = (): readonly string[] => rowsOfDisk(root).filter((row) => /\.reflake-(?!conflict)/.test(row));

test.each([
  ['appended to', (path: string) => appendFileSync(path, 'mine')],
  [
    'replaced',
    (path: string) => {
      writeFileSync(`${path}~`, 'mine');
      renameSync(`${path}~`, path);
    },
  ],
  ['deleted', (path: string) => rmSync(path)],
  [
    'appended to, and saved under another name',
    (path: string) => {
      appendFileSync(path, 'mine');
      renameSync(path, `${path}.bak`);
    },
  ],
])('a file that is %s between plan and apply: refused, and nothing is kept', async (_what, act) => {
  let then: readonly string[] = [];
  const outcome = await undone('aa', undefined, () => {
    act(`${root}/etc/nixos/a`);
    then = rowsOfDisk(root).flatMap((row) => (row.includes('.reflake-') ? [] : [row.replace(' shared ', ' ')]));
    throw Object.assign(new Error('no more'), { code: 'EIO' });
  });
  expect(outcome.status).toBe('refused');
  expect(rowsOfDisk(root)).toEqual(then);
});

test('a file that was replaced and is appended to under its second name needs no third one', async () => {
  linkSync(`${root}/etc/nixos/a`, `${root}/home/u/mine`);
  lay();
  const outcome = await undone('ab', () => {
    // The new file is edited, and gets a second name of theirs.
    linkSync(`${root}/home/u/conf/a`, `${root}/home/u/mine`);
    appendFileSync(`${root}/home/u/mine`, ' and mine');
  });
  expect(breaches(outcome)).toEqual([]);
  expect(readFileSync(`${root}/etc/nixos/a`, 'utf8')).toBe('old');
  expect(readFileSync(`${root}/home/u/mine`, 'utf8')).toBe('new and mine');
  expect(rowsOfDisk(root).filter((row) => row.includes('conflict'))).toEqual([]);
});

test('what was edited in a tree whose original comes back is kept in their copy', async () => {
  const outcome = await undone('ac', () => {
    for (const name of NAMES) appendFileSync(`${root}/home/u/conf/${name}`, 'mine');
  });
  expect(outcome).toMatchObject({ status: 'rolled-back' });
  expect(breaches(outcome)).toEqual([]);
  const kept = rowsOfDisk(root).filter((row) => row.includes('conflict'));
  // Each file and the copy that they lie in are kept, and all are reported by their present names.
  expect(kept.filter((row) => /conflict-[^/]*\t/.test(row))).toHaveLength(NAMES.length + 1);
  for (const name of NAMES) expect(readFileSync(`${root}/etc/nixos/${name}`, 'utf8')).toBe('old');
});

/**
 * A program that saves the files over and over, in each way that editors have, wherever the tree is. Each save has
 * other bytes.
 */
const EDITOR = `
const fs = require('node:fs');
const [root, log] = process.argv.slice(1);
let n = 0;
const ways = [
  (path, text) => { fs.writeFileSync(path + '.swp', text); fs.renameSync(path + '.swp', path); },
  (path, text) => { const fd = fs.openSync(path, fs.constants.O_WRONLY | fs.constants.O_APPEND); fs.writeSync(fd, text); fs.closeSync(fd); },
  (path, text) => { fs.writeFileSync(path + '.swp', text); fs.unlinkSync(path); fs.linkSync(path + '.swp', path); fs.unlinkSync(path + '.swp'); },
];
process.stdout.write('ready');
for (;;) {
  const name = ${JSON.stringify(NAMES)}[n % 3];
  for (const dir of ['/etc/nixos/', '/home/u/conf/']) {
    const text = 'save ' + n + ';';
    try { ways[(n >> 2) % 3](root + dir + name, text); } catch {}
  }
  n++;
}`;

test('whatever an editor does at any instant: all is told, near, and no second name', async () => {
  const editor: ChildProcess = spawn(process.execPath, ['-e', EDITOR, root], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(editor.stdout!, 'data');
  const problems: string[] = [];
  let kept = 0;
  const stop = (): void => {
    editor.kill('SIGSTOP');
    while (!/^State:\s+T/m.test(readFileSync(`/proc/${editor.pid}/status`, 'utf8')));
  };
  stop();
  lay();
  try {
    for (let n = 0; n < 40; n++) {
      // The editor runs from the last write on, or already from the preparation on.
      const go = (): void => void editor.kill('SIGCONT');
      const outcome = await undone(`ad${n}`, go, n % 2 === 0 ? go : () => {});
      stop();
      problems.push(...breaches(outcome).map((what) => `${n} ${outcome.status}: ${what}`));
      if (outcome.status !== 'stuck')
        problems.push(...nothingLeft().map((row) => `${n} ${outcome.status}: left ${row}`));
      kept += 'kept' in outcome ? (outcome.kept ?? []).length : 0;
      lay();
    }
  } finally {
    editor.kill('SIGKILL');
    await once(editor, 'close');
  }
  expect(problems).toEqual([]);
  expect(kept).toBeGreaterThan(0);
}, 120_000);

/**
 * Runs an apply that makes a repository, and that is undone after `used`. Returns the names that the owner finds
 * afterwards.
 */
async function undoneRepository(used: (git: string) => void): Promise<readonly string[]> {
  const dir: Puttable = { type: 'dir', mode: 0o755, owner: OWNER };
  const git = '/etc/nixos/.git';
  const born = ['HEAD', 'index'].map((name) => put(`${git}/${name}`, ABSENT, file('new')));
  const edits = [put(git, ABSENT, dir), put(`${git}/objects`, ABSENT, dir), ...born];
  const verify = async () => {
    used(`${root}${git}`);
    return [PROBLEM];
  };
  const host = realHost(absolute(root));
  const store = diskStore(`${home.dir}/state`);
  const outcome = await execute(
    { ...transaction('c0de'), batches: [edits] },
    BLOBS,
    around({ host, store }, { verify }),
  );
  expect(outcome).toMatchObject({ status: 'rolled-back' });
  expect(breaches(outcome)).toEqual([]);
  return rowsOfDisk(`${root}/etc/nixos`)
    .map((row) => row.split('\t')[0]!.replace(/reflake-conflict-[^/]*/, 'kept'))
    .filter((path) => path.includes('.git'));
}

test.each([
  [
    'committed to',
    (git: string) => writeFileSync(`${git}/objects/ab`, 'mine'),
    ['', '/HEAD', '/index', '/objects', '/objects/ab'],
  ],
  ['staged into', (git: string) => writeFileSync(`${git}/index`, 'mine'), ['', '/HEAD', '/index', '/objects']],
  ['left alone', () => {}, undefined],
])('a repository that was %s before its apply is undone is whole', async (_what, used, names) => {
  const due = names?.map((name) => `/.git.kept${name}`) ?? [];
  expect((await undoneRepository(used)).map((path) => (path.startsWith('/') ? path : `/${path}`))).toEqual(due);
});

test('a file that somebody exchanged for a hard link of root’s stays, is told, and nothing else is stuck', async () => {
  const roots = { uid: 0, gid: 0 };
  const owned = (owner: typeof OWNER): Puttable => ({ type: 'file', mode: 0o644, owner });
  const theirs = Object.fromEntries(
    ['a', 'b'].map((name) => [`/home/u/${name}`, { file: name, owner: [1000, 100] as const }]),
  );
  rmSync(root, { recursive: true });
  mkdirSync(root);
  layOut(root, { ...theirs, '/etc/secret': 'secret' });
  const edits = ['a', 'b'].map((name) => put(`/home/u/${name}`, owned(OWNER), owned(roots)));
  const verify = async () => {
    renameSync(`${root}/home/u/a`, `${root}/home/u/mine`);
    linkSync(`${root}/etc/secret`, `${root}/home/u/a`);
    return [PROBLEM];
  };
  const scene = { host: realHost(absolute(root)), store: diskStore(`${home.dir}/state`) };
  const outcome = await execute({ ...transaction('shared'), batches: [edits] }, {}, around(scene, { verify }));
  expect(outcome).toMatchObject({ status: 'rolled-back', kept: [{ path: '/home/u/a' }] });
  const uids = ['etc/secret', 'home/u/a', 'home/u/b'].map((path) => lstatSync(`${root}/${path}`).uid);
  expect(uids).toEqual([0, 0, 1000]);
});
