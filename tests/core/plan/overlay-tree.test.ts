// Hashes of trees with planned edits: the tree that the overlay shows is hashed, and the base is asked only for unchanged ones.
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { digestOf } from '../../../core/canonical.ts';
import type { Reader } from '../../../core/machine/reader.ts';
import { hashThrough } from '../../../core/machine/tree-hash.ts';
import { ABSENT, type Move, type Put, type Puttable } from '../../../core/model.ts';
import { type AbsPath, absolute } from '../../../core/path.ts';
import { overlay } from '../../../core/plan/overlay.ts';
import { memoryHost } from '../../support/memory-host.ts';
import { type Literal, memoryTree } from '../../support/trees.ts';

const FACTS = { name: 'nixos', system: 'x86_64-linux', machineId: '' };
const ME = { uid: 0, gid: 0 };
const p = (path: string): AbsPath => absolute(path);
const bytes = Buffer.from('planned');
const blobs = { [digestOf(bytes)]: bytes };
const file = (mode = 0o644): Puttable => ({ type: 'file', content: digestOf(bytes), mode, owner: ME });
const put = (path: string, after: Puttable): Put => ({ op: 'put', path: p(path), before: ABSENT, after });
const move = (from: string, to: string): Move => ({ op: 'move', from: p(from), to: p(to) });

const MACHINE: Literal = {
  '/a/a/a': 'one',
  '/a/b': { file: 'two', mode: '0755' },
  '/b/a/b': { link: '../c' },
  '/b/c': 'three',
};

/** `asked`: the trees whose hash the base was asked for. */
function staged(...edits: readonly (Put | Move)[]) {
  const host = memoryHost(memoryTree(MACHINE), FACTS);
  const asked: AbsPath[] = [];
  const base: Reader = {
    ...host,
    treeHash(path) {
      asked.push(path);
      return host.treeHash(path);
    },
  };
  const stage = overlay(base);
  for (const edit of edits) stage.apply(edit, blobs);
  return { stage, asked, host };
}

test.each([
  ['with no edits at all', [], '/a', '/a'],
  ['with edits beside it', [put('/ab', file()), put('/b/c', ABSENT), move('/b', '/c')], '/a', '/a'],
  ['below a directory that changes hands', [put('/a', { type: 'dir', mode: 0o700, owner: ME })], '/a/a', '/a/a'],
  ['that is moved', [move('/a', '/c')], '/c', '/a'],
  ['in one that is moved twice', [move('/a', '/c'), put('/c/b', file()), move('/c', '/d')], '/d/a', '/a/a'],
  [
    'edited only before something else came there',
    [put('/b/x', file()), move('/b', '/d'), move('/a', '/b')],
    '/b',
    '/a',
  ],
] as const)('a tree %s is the base’s to hash', (_what, edits, path, below) => {
  const { stage, asked, host } = staged(...edits);
  expect(stage.treeHash(p(path))).toBe(host.treeHash(p(below)));
  expect(asked).toEqual([below]);
});

test.each([
  ['itself put', [put('/a/b', file())], '/a/b'],
  ['with a new file', [put('/a/a/x', file())], '/a'],
  ['with one less', [put('/a/a/a', ABSENT)], '/a'],
  ['with a file that may be run now', [put('/a/a/a', { type: 'file', mode: 0o744, owner: ME })], '/a'],
  ['with something moved into it', [move('/b', '/a/c')], '/a'],
  ['with something moved out of it', [move('/a/a', '/c')], '/a'],
  ['moved, with a change before', [put('/a/x', file()), move('/a', '/c')], '/c'],
  ['moved, with a change after', [move('/a', '/c'), put('/c/x', file())], '/c'],
  ['moved away', [move('/a', '/c')], '/a/a'],
] as const)('a tree %s is hashed as it will be', (_what, edits, path) => {
  const { stage, asked, host } = staged(...edits);
  const hash = stage.treeHash(p(path));
  expect(hash).toBe(hashThrough(stage, p(path)));
  expect(hash).not.toBe(host.treeHash(p(path)));
  expect(asked).toEqual([]);
});

test('whatever is planned, the hash is that of the entries shown', () => {
  const path = fc
    .array(fc.constantFrom('a', 'b', 'c'), { minLength: 1, maxLength: 3 })
    .map((names) => `/${names.join('/')}`);
  const entry = fc.constantFrom<Puttable>(
    ABSENT,
    file(),
    file(0o755),
    { type: 'file', mode: 0o711, owner: ME },
    { type: 'dir', mode: 0o755, owner: ME },
    { type: 'link', target: 'a', owner: ME },
  );
  const edit = fc.oneof(
    fc.record({ path, entry }).map((one) => put(one.path, one.entry)),
    fc.record({ from: path, to: path }).map(({ from, to }) => move(from, to)),
  );
  fc.assert(
    fc.property(fc.array(edit, { maxLength: 6 }), path, (edits, at) => {
      const { stage } = staged(...edits);
      const outcome = (hash: () => string | undefined): unknown => {
        try {
          return hash();
        } catch (thrown) {
          return (thrown as { code?: string }).code ?? thrown;
        }
      };
      expect(outcome(() => stage.treeHash(p(at)))).toEqual(outcome(() => hashThrough(stage, p(at))));
    }),
    { numRuns: Number(process.env.RUNS ?? 1000) },
  );
});
