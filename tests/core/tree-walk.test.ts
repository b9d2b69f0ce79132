// Who walks a tree visits the same whatever look takes over; and asks for another one only where the tree is large.

import { expect, test } from '@jest/globals';
import type { Named, Reader } from '../../core/host/host.ts';
import type { Entry } from '../../core/model.ts';
import { type AbsPath, ROOT } from '../../core/path.ts';
import { type Faster, walkThrough } from '../../core/tree-walk.ts';

const OWNER = { uid: 1, gid: 2 };
const DIR: Entry = { type: 'dir', mode: 0o755, owner: OWNER };
const FILE: Entry = { type: 'file', mode: 0o644, owner: OWNER };

/** Directories below `/`, each with that many files and one more directory. */
const treeOf = (directories: number, files: number): Reader['entries'] => {
  const inside = Array.from({ length: files }, (_, n): Named => ({ name: `f${n}`, entry: FILE }));
  const top = Array.from({ length: directories }, (_, n): Named => ({ name: `d${n}`, entry: DIR }));
  return (path) => (path === ROOT ? top : path.endsWith('/sub') ? [] : [...inside, { name: 'sub', entry: DIR }]);
};

function walked(entries: Reader['entries'], faster?: Faster): readonly (readonly [AbsPath, readonly Named[]])[] {
  const all: [AbsPath, readonly Named[]][] = [];
  walkThrough(entries, ROOT, (dir, found) => all.push([dir, found]), faster);
  return all;
}

test.each([
  ['answers', true],
  ['can not', false],
] as const)('a faster look that %s', (_how, answers) => {
  const entries = treeOf(100, 100);
  const asked: AbsPath[] = [];
  let count = 0;
  const fast: Reader['entries'] = (path) => {
    count++;
    return entries(path);
  };
  const faster: Faster = (top) => {
    asked.push(top);
    return answers ? fast : undefined;
  };
  expect(walked(entries, faster)).toEqual(walked(entries));
  expect(asked).toEqual([ROOT]);
  // A hundred directories with one in each, of which not half had been seen.
  expect(count).toBeGreaterThanOrEqual(answers ? 100 : 0);
  expect(count).toBeLessThan(answers ? 201 : 1);
});

test('is not asked of a small tree', () => {
  const faster: Faster = () => {
    throw new Error('asked');
  };
  expect(walked(treeOf(20, 100), faster)).toHaveLength(41);
});
