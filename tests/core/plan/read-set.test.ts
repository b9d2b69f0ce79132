// The read set for trees: one reading stands for the whole tree, and any change in the tree makes it stale.
import { describe, expect, test } from '@jest/globals';
import { digestOf } from '../../../core/canonical.ts';
import { ABSENT } from '../../../core/model.ts';
import { absolute } from '../../../core/path.ts';
import { changedSince, recording } from '../../../core/plan/read-set.ts';
import { memoryHost } from '../../support/memory-host.ts';
import { type Literal, memoryTree } from '../../support/trees.ts';

const machine = (literal: Literal) => memoryHost(memoryTree(literal), { name: 'nixos', system: 'x', machineId: '' });
const T = absolute('/t');
const TREE: Literal = { '/t/a': '1', '/t/d/b': { link: 'x' } };

test('a hashed tree is one reading, of the very hash, and is hashed once', () => {
  let hashed = 0;
  const host = machine(TREE);
  const { reader, readSet } = recording({
    ...host,
    treeHash(path) {
      hashed++;
      return host.treeHash(path);
    },
  });
  const hash = reader.treeHash(T)!;
  expect(reader.treeHash(T)).toBe(hash);
  expect(hashed).toBe(1);
  const digest = `sha256:${Buffer.from(hash.slice(7), 'base64').toString('hex')}`;
  expect(readSet()).toEqual([{ path: T, saw: 'tree', digest }]);
});

describe('a plan made from a tree no longer holds', () => {
  const { reader, readSet } = recording(machine(TREE));
  reader.treeHash(T);
  const changed = (literal: Literal) => [...changedSince(readSet(), machine(literal))].map(({ path }) => path);

  test('unless the tree is the same', () => {
    expect(changed({ ...TREE, '/beside': 'new', '/t/a': { file: '1', mode: '0600', owner: [1000, 100] } })).toEqual([]);
  });
  test.each<[string, Literal]>([
    ['another content', { ...TREE, '/t/a': '2' }],
    ['an executable', { ...TREE, '/t/a': { file: '1', mode: '0755' } }],
    ['another target', { ...TREE, '/t/d/b': { link: 'y' } }],
    ['one more', { ...TREE, '/t/d/c': '' }],
    ['one less', { '/t/d/b': { link: 'x' } }],
    ['a FIFO', { ...TREE, '/t/p': { other: 'fifo' } }],
    ['none', {}],
    ['a file in its place', { '/t': 'x' }],
  ])('%s', (_what, literal) => {
    expect(changed(literal)).toEqual([T]);
  });
});

test('that a tree has no hash is relied on too, and for which reason', () => {
  const odd: Literal = { ...TREE, '/t/p': { other: 'fifo' } };
  const { reader, readSet } = recording(machine(odd));
  for (let time = 0; time < 2; time++)
    expect(() => reader.treeHash(T)).toThrow(expect.objectContaining({ code: 'NAR_UNSUPPORTED' }));
  expect(readSet()).toEqual([{ path: T, saw: 'tree', digest: digestOf("'p' has an unsupported type") }]);
  expect([...changedSince(readSet(), machine(odd))]).toEqual([]);
  expect([...changedSince(readSet(), machine({ ...TREE, '/t/q': { other: 'fifo' } }))]).toHaveLength(1);
  expect([...changedSince(readSet(), machine(TREE))]).toHaveLength(1);
});

test('that there was no tree is relied on', () => {
  const { reader, readSet } = recording(machine({}));
  expect(reader.stat(T)).toEqual(ABSENT);
  expect(reader.treeHash(T)).toBeUndefined();
  expect(readSet()).toEqual([{ path: T, saw: 'nothing' }]);
  expect([...changedSince(readSet(), machine({ '/t': 'x' }))]).toHaveLength(1);
});
