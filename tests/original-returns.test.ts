// Root gives a tree away as a copy. The original must come back whole, whatever the new owner does to the copy
// meanwhile.

import {
  linkSync,
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
import { digestOf } from '../core/canonical.ts';
import { realHost } from '../core/host/real-host.ts';
import { diskStore } from '../core/host/state-directory.ts';
import type { Edit, Owner, Puttable } from '../core/model.ts';
import { absolute } from '../core/path.ts';
import { execute } from '../core/transaction/executor.ts';
import type { Transaction } from '../core/transaction/model.ts';
import { around, FACTS } from './support/faults.ts';
import { layOut, temporary } from './support/trees.ts';

const ROOTS: Owner = { uid: 0, gid: 0 };
const THEIRS: Owner = { uid: 1000, gid: 100 };
const PROBLEM = { severity: 'error', code: 'RF3006', summary: 'it differs' } as const;
const [FROM, TO] = [absolute('/etc/nixos'), absolute('/home/u/a/b/conf')];

let home: ReturnType<typeof temporary>;
let root: string;
beforeEach(() => {
  home = temporary();
  root = `${home.dir}/machine`;
  mkdirSync(root);
  const dir = { dir: true, owner: [1000, 100] } as const;
  layOut(root, {
    '/etc/nixos/flake.nix': 'old',
    '/etc/nixos/sub/b': 'b',
    '/home/u': dir,
    '/home/u/a': dir,
    '/home/u/a/b': dir,
  });
});
afterEach(() => home.remove());

const at = (path: string): string => `${root}${path}`;

/** Moves the tree, gives it away, and puts a file into it. */
function edits(): readonly Edit[] {
  const file = (owner: Owner): Puttable => ({ type: 'file', mode: 0o644, owner });
  const dir = (owner: Owner): Puttable => ({ type: 'dir', mode: 0o755, owner });
  const put = (name: string, before: Puttable, after: Puttable): Edit => ({
    op: 'put',
    path: absolute(`${TO}${name}`),
    before,
    after,
  });
  return [
    { op: 'move', from: FROM, to: TO },
    put('/new', { type: 'absent' }, { ...file(THEIRS), content: digestOf('new') } as Puttable),
    put('/flake.nix', file(ROOTS), file(THEIRS)),
    put('/sub/b', file(ROOTS), file(THEIRS)),
    put('/sub', dir(ROOTS), dir(THEIRS)),
    put('', dir(ROOTS), dir(THEIRS)),
  ];
}

/** Runs an apply that fails at its last look, during which the owner does `mischief`. */
async function failing(mischief: () => void) {
  const transaction: Transaction = {
    tx: 'aaaaaaaaaaaa',
    kind: 'apply',
    plan: digestOf('plan'),
    host: FACTS,
    undoes: [],
    startedAt: '2026-01-01T00:00:00Z',
    by: 'srid',
    batches: [edits()],
  };
  const scene = { host: realHost(absolute(root)), store: diskStore(`${home.dir}/state`) };
  const verify = async () => {
    mischief();
    return [PROBLEM];
  };
  return await execute(transaction, { [digestOf('new')]: Buffer.from('new') }, around(scene, { verify }));
}

const MISCHIEF: readonly (readonly [string, () => void])[] = [
  ['nothing', () => {}],
  ['gives a file of it a second name', () => linkSync(at(`${TO}/flake.nix`), at('/home/u/keep'))],
  [
    'gives every file of it a second name',
    () => {
      for (const name of ['flake.nix', 'new', 'sub/b'])
        linkSync(at(`${TO}/${name}`), at(`/home/u/${name.replace('/', '-')}`));
    },
  ],
  ['writes to it', () => writeFileSync(at(`${TO}/flake.nix`), 'theirs')],
  ['puts a file into it', () => writeFileSync(at(`${TO}/theirs`), 'theirs')],
  [
    'puts a link in the place of its directory',
    () => {
      renameSync(at(`${TO}/sub`), at('/home/u/sub'));
      symlinkSync('/root', at(`${TO}/sub`));
    },
  ],
  ['removes it', () => rmSync(at(TO), { recursive: true })],
  ['moves it away', () => renameSync(at(TO), at('/home/u/mine'))],
  ['moves the directory above it away', () => renameSync(at('/home/u/a'), at('/home/u/a2'))],
  [
    'puts a link in the place of the directory above it',
    () => {
      renameSync(at('/home/u/a'), at('/home/u/a2'));
      symlinkSync('/root', at('/home/u/a'));
    },
  ],
  [
    'puts another directory in the place of the one above it',
    () => {
      renameSync(at('/home/u/a'), at('/home/u/a2'));
      mkdirSync(at('/home/u/a/b'), { recursive: true });
    },
  ],
];

test.each(MISCHIEF)('their owner %s', async (_what, mischief) => {
  const inode = lstatSync(at(FROM)).ino;
  const outcome = await failing(mischief);
  expect([outcome.status, outcome.status === 'stuck' ? outcome.cause : '']).toEqual(['rolled-back', '']);
  expect(lstatSync(at(FROM)).ino).toBe(inode);
  expect(readdirSync(at(FROM)).sort()).toEqual(['flake.nix', 'sub']);
  expect([readFileSync(at(`${FROM}/flake.nix`), 'utf8'), readFileSync(at(`${FROM}/sub/b`), 'utf8')]).toEqual([
    'old',
    'b',
  ]);
  for (const name of ['', '/flake.nix', '/sub', '/sub/b']) expect(lstatSync(at(`${FROM}${name}`)).uid).toBe(0);
});
