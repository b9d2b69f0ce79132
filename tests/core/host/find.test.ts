// find(1) tells of a tree what one look after the other tells: every kind of entry, names and targets of all bytes.

import { execFileSync } from 'node:child_process';
import { afterEach, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { findBelow } from '../../../core/host/find.ts';
import type { Reader } from '../../../core/host/host.ts';
import { realHost } from '../../../core/host/real.ts';
import { below } from '../../../core/links.ts';
import { type AbsPath, absolute } from '../../../core/path.ts';
import { type Leaf, layOut, temporary } from '../../trees.ts';

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const clean of cleanups.splice(0).reverse()) clean();
});

const TOP = absolute('/top');

/** Lays a tree out, and walks it by both. */
function bothOf(tree: Readonly<Record<string, Leaf>>, more: (dir: string) => void = () => {}): void {
  const { dir, remove } = temporary({ fast: true });
  cleanups.push(remove);
  layOut(dir, tree);
  more(dir);
  const found = findBelow(TOP, `${dir}${TOP}`);
  expect(found).toBeDefined();
  expect(walked(found!)).toEqual(walked(realHost(absolute(dir)).entries));
}

function walked(entries: Reader['entries'], dir: AbsPath = TOP): readonly unknown[] {
  const found = entries(dir);
  const dirs = found.filter(({ entry }) => entry.type === 'dir');
  return [[dir, found], ...dirs.flatMap(({ name }) => walked(entries, below(dir, name)))];
}

describe('the same as one look after the other', () => {
  test('of every kind of entry', () => {
    bothOf(
      {
        '/top/f': { file: 'x', mode: '4750', owner: [1000, 100] },
        '/top/d': { dir: true, mode: '3771', owner: [1000, 0] },
        '/top/d/e/f': 'x',
        '/top/d.e/f': 'x',
        '/top/l': { link: '/no where', owner: [7, 8] },
        '/top/m': { link: 'd', owner: [7, 8] },
        '/top/n': { link: 'e', owner: [7, 8] },
        '/top/p': { other: 'fifo', mode: '0600' },
        '/top/one': 'shared',
        '/top/two': { hardLink: '/top/one' },
        '/top/.reflake-f00d/new/0': 'of a transaction',
        '/top/\u00e9': '',
        '/top/\uff61': '',
        '/top/\u{1F600}': '',
        '/top/a\nb': '',
        '/top/-name': '',
      },
      (dir) => {
        // Neither a name nor a target that is text.
        const script = `cd "$1"; touch "$(printf 'a\\377b')"; mkdir "$(printf '\\200')"; touch "$(printf '\\200/in')"
          ln -s "$(printf '\\303(')" odd`;
        execFileSync('sh', ['-euc', script, 'sh', `${dir}/top`]);
      },
    );
  });

  test('of an empty directory', () => bothOf({ '/top': { dir: true } }));

  test('of any tree', () => {
    const name = fc.constantFrom('a', 'b', 'ab', 'a b', 'a.b', 'c', '\u00e4', '\uff61', '\u{1F600}');
    const path = fc.array(name, { minLength: 1, maxLength: 4 }).map((parts) => `/top/${parts.join('/')}`);
    const leaf: fc.Arbitrary<Leaf> = fc.oneof(
      fc.record({ file: fc.constant('x'), mode: fc.constantFrom('0644', '0600') }),
      fc.record({ link: fc.constantFrom('x', 'y z') }),
      fc.constant({ dir: true } as const),
    );
    const isFree = (paths: readonly string[]): boolean =>
      paths.every((one) => !paths.some((other) => other !== one && one.startsWith(`${other}/`)));
    fc.assert(
      fc.property(fc.dictionary(path, leaf, { minKeys: 1, maxKeys: 12 }), (tree) => {
        fc.pre(isFree(Object.keys(tree)));
        bothOf(tree);
      }),
      { numRuns: 40 },
    );
  });
});

test('what is not there, or no directory, is for others to say', () => {
  const { dir, remove } = temporary({ fast: true });
  cleanups.push(remove);
  expect(findBelow(TOP, `${dir}/none`)).toBeUndefined();
});
