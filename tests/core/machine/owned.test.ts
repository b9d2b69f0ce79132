// The owners in a tree: find(1) gives the same answer as a walk, and a plan that used the answer has it in its read set.

import { afterEach, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { findsOwned } from '../../../core/host/disk/find-owned.ts';
import { realHost } from '../../../core/host/real-host.ts';
import { notOwned } from '../../../core/machine/owned.ts';
import type { Reader } from '../../../core/machine/reader.ts';
import { absolute } from '../../../core/path.ts';
import { changedSince, recording } from '../../../core/plan/read-set.ts';
import { memoryHost } from '../../support/memory-host.ts';
import { type Leaf, type Literal, layOut, memoryTree, temporary } from '../../support/trees.ts';

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const clean of cleanups.splice(0).reverse()) clean();
});

const FACTS = { name: 'nixos', system: 'x86_64-linux', machineId: '' };
const TOP = absolute('/top');
const ROOTS = { uid: 0, gid: 0 };
const SRIDS = { uid: 1000, gid: 100 };

function onDisk(tree: Literal): { readonly reader: Reader; readonly disk: string } {
  const { dir, remove } = temporary({ fast: true });
  cleanups.push(remove);
  layOut(dir, tree);
  return { reader: realHost(absolute(dir)), disk: `${dir}${TOP}` };
}

/** The answer of find(1); checks that a walk agrees. */
function isOwned(tree: Literal, owner = ROOTS): boolean {
  const { reader, disk } = onDisk(tree);
  const said = findsOwned(disk, owner);
  expect(notOwned(TOP, owner, reader).length === 0).toBe(said);
  return said;
}

test('directories that lie in each other without end are an error in words', () => {
  const deep = (levels: number): Literal => ({ [`/top${'/d'.repeat(levels)}`]: { dir: true, owner: [1000, 100] } });
  const walk = (levels: number) => notOwned(TOP, SRIDS, memoryHost(memoryTree(deep(levels)), FACTS));
  expect(walk(300)).toHaveLength(300);
  expect(() => walk(2000)).toThrow(/more than 512 deep/);
});

describe('find says what a walk finds', () => {
  test.each<[string, boolean, Literal]>([
    ['an empty directory', true, { '/top': { dir: true } }],
    ['all kinds', true, { '/top/f': 'x', '/top/d/l': { link: '/none' }, '/top/p': { other: 'fifo', mode: '0000' } }],
    ['names that look like options and patterns', true, { '/top/-delete': 'x', '/top/*\n[!]': 'x' }],
    ['a file of somebody', false, { '/top/f': { file: 'x', owner: [1000, 0] } }],
    ['a file of a group', false, { '/top/d/f': { file: 'x', owner: [0, 100] } }],
    ['a link of somebody', false, { '/top/l': { link: 'x', owner: [1000, 0] } }],
    ['the top of somebody', false, { '/top': { dir: true, owner: [1000, 100] }, '/top/f': 'x' }],
    ['a file that can not be read', false, { '/top/f': { file: 'x', mode: '0200' } }],
    ['a file that can not be written', false, { '/top/f': { file: 'x', mode: '0444' } }],
    ['a directory that can not be searched', false, { '/top/d': { dir: true, mode: '0655' } }],
    ['an object of git', true, { '/top/.git/objects/ab/cd': { file: 'x', mode: '0444' } }],
    ['an object of git that can not be read', false, { '/top/.git/objects/ab/cd': { file: 'x', mode: '0222' } }],
    ['a directory of objects', false, { '/top/.git/objects/ab': { dir: true, mode: '0555' } }],
    ['an object of a submodule', true, { '/top/.git/modules/a/b/objects/ab/cd': { file: 'x', mode: '0444' } }],
    [
      'a pack of a submodule’s submodule',
      true,
      { '/top/.git/modules/a/modules/b/objects/pack/p': { file: 'x', mode: '0444' } },
    ],
    ['an object of git-lfs', true, { '/top/.git/lfs/objects/ab/cd/ef': { file: 'x', mode: '0444' } }],
    [
      'two names of an object',
      true,
      {
        '/top/.git/modules/a/objects/ab/cd': { file: 'x', mode: '0444' },
        '/top/.git/modules/a/objects/ab/ce': { hardLink: '/top/.git/modules/a/objects/ab/cd' },
      },
    ],
    ['what is no object of a submodule', false, { '/top/.git/modules/a/index': { file: 'x', mode: '0444' } }],
    ['a module that is called like that', false, { '/top/modules/a/objects/ab/cd': { file: 'x', mode: '0444' } }],
    ['what only looks like an object', false, { '/top/.git/objects.x/f': { file: 'x', mode: '0444' } }],
  ])('%s', (_what, owned, tree) => {
    expect(isOwned(tree)).toBe(owned);
  });

  test('any tree', () => {
    const path = fc
      .array(fc.constantFrom('a', '.git', '.git', 'modules', 'objects', '-o', 'ä'), { minLength: 1, maxLength: 6 })
      .map((parts) => `/top/${parts.join('/')}`);
    const owner = fc.constantFrom<readonly [number, number]>([1000, 100], [1000, 100], [1000, 100], [1000, 0]);
    const leaf: fc.Arbitrary<Leaf> = fc.oneof(
      fc.record({ file: fc.constant('x'), mode: fc.constantFrom('0644', '0600', '0700', '0444', '4755'), owner }),
      fc.record({ dir: fc.constant(true as const), mode: fc.constantFrom('0755', '0700', '0711'), owner }),
      fc.record({ link: fc.constantFrom('x', 'y z'), owner }),
    );
    const isFree = (paths: readonly string[]): boolean =>
      paths.every((one) => !paths.some((other) => other !== one && one.startsWith(`${other}/`)));
    let owned = 0;
    fc.assert(
      fc.property(fc.dictionary(path, leaf, { minKeys: 1, maxKeys: 5 }), (leaves) => {
        fc.pre(isFree(Object.keys(leaves)));
        if (isOwned(withParents(leaves), SRIDS)) owned++;
      }),
      { numRuns: 60, seed: 4 },
    );
    expect(owned).toBeGreaterThan(10);
  });

  test('what is not there, or lies in a .git, is for the walk', () => {
    const { disk } = onDisk({ '/top/.git/objects/ab/cd': 'x' });
    expect(findsOwned(`${disk}/none`, ROOTS)).toBe(false);
    expect(findsOwned(`${disk}/.git/objects`, ROOTS)).toBe(false);
  });
});

/** Parents that are not named belong to srid. */
function withParents(leaves: Literal): Literal {
  const parents = Object.keys(leaves).flatMap((path) => {
    const parts = path.split('/').slice(1, -1);
    return parts.map((_, at) => `/${parts.slice(0, at + 1).join('/')}`);
  });
  const dir: Leaf = { dir: true, owner: [1000, 100] };
  return { ...Object.fromEntries(parents.map((path) => [path, dir])), ...leaves };
}

describe('a walk through thousands', () => {
  const MANY = Object.fromEntries(
    Array.from({ length: 1500 }, (_, at) => [`/top/f${String(at).padStart(4, '0')}`, 'x']),
  );
  const asked = (tree: Literal, answer: boolean) => {
    let times = 0;
    const host = memoryHost(memoryTree(tree), FACTS);
    const reader: Reader = { ...host, isOwned: () => ++times > 0 && answer };
    return { reader, times: () => times };
  };

  test('asks once for the whole, and ends where that is its owner’s', () => {
    const { reader, times } = asked({ ...MANY, '/top/z': { file: 'x', owner: [7, 7] } }, true);
    expect(notOwned(TOP, ROOTS, reader)).toEqual([]);
    expect(times()).toBe(1);
  });

  test('goes on where it is not', () => {
    const { reader, times } = asked({ ...MANY, '/top/z': { file: 'x', owner: [7, 7] } }, false);
    expect(notOwned(TOP, ROOTS, reader).map(({ path }) => path)).toEqual(['/top/z']);
    expect(times()).toBe(1);
  });

  test('does not ask where it found something', () => {
    const { reader, times } = asked({ ...MANY, '/top/a': { file: 'x', owner: [7, 7] } }, true);
    expect(notOwned(TOP, ROOTS, reader)).toHaveLength(1);
    expect(times()).toBe(0);
  });

  test('a plan relies on what it was told: the whole tree is asked again', () => {
    const { reader, readSet } = recording(asked(MANY, true).reader);
    notOwned(TOP, ROOTS, reader);
    expect(readSet()).toContainEqual({ path: TOP, saw: 'owned', owner: ROOTS });
    const changed = (more: Literal) =>
      [...changedSince(readSet(), memoryHost(memoryTree({ ...MANY, ...more }), FACTS))].map(({ saw }) => saw);
    expect(changed({})).toEqual([]);
    expect(changed({ '/top/f0700': { file: 'x', owner: [7, 7] } })).toEqual(['owned']);
    expect(changed({ '/top/f0700': { file: 'x', mode: '0000' } })).toEqual(['owned']);
  });
});
