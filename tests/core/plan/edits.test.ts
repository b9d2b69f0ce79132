// Merging and ordering edits: one for each path, what the providers meant together, in an order that works.

import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { ABSENT, type Digest, type Edit, type Put, type Puttable } from '../../../core/model.ts';
import { type AbsPath, absolute, fromBytes, join, parent, rebase, relativeTo, toBytes } from '../../../core/path.ts';
import { editsOf, inBatches } from '../../../core/plan/edits.ts';
import { carryOut } from '../../support/carry-out.ts';
import { FACTS } from '../../support/faults.ts';
import { memoryHost } from '../../support/memory-host.ts';
import { memoryTree } from '../../support/trees.ts';

const OWNER = { uid: 0, gid: 0 };
const SRID = { uid: 1000, gid: 100 };
const digest = (letter: string): Digest => `sha256:${letter.repeat(64)}`;
const file = (content?: Digest, owner = OWNER, mode = 0o644): Puttable =>
  content ? { type: 'file', content, mode, owner } : { type: 'file', mode, owner };
const dir: Puttable = { type: 'dir', mode: 0o755, owner: OWNER };
const put = (path: string, before: Puttable, after: Puttable): Put => ({
  op: 'put',
  path: absolute(path),
  before,
  after,
});
const of = (...edits: readonly Edit[]): readonly Edit[] => editsOf(edits.map((edit) => ({ edits: [edit] })));

test('what is put where a tree has left is a batch of its own, with what comes last', () => {
  const move: Edit = { op: 'move', from: absolute('/a'), to: absolute('/b') };
  const [kept, place, link] = [put('/b/x', ABSENT, file()), put('/a', ABSENT, dir), put('/a/x', ABSENT, file())];
  const last: Edit = {
    op: 'activate',
    mode: 'switch',
    target: { kind: 'system', system: {} },
    as: { name: 'srid', ...SRID, home: '/home/srid' },
    before: {},
  };
  expect(inBatches([move, kept, last])).toEqual([[move, kept, last]]);
  expect(inBatches([move, place, link, kept, last])).toEqual([
    [move, kept],
    [place, link, last],
  ]);
});

describe('merging', () => {
  test.each<[string, readonly Edit[], readonly Edit[]]>([
    [
      'a birth with a new owner',
      [put('/a', ABSENT, file(digest('a'))), put('/a', file(), file(undefined, SRID))],
      [put('/a', ABSENT, file(digest('a'), SRID))],
    ],
    [
      'new bytes and a new owner',
      [put('/a', file(digest('a')), file(digest('b'))), put('/a', file(), file(undefined, SRID))],
      [put('/a', file(digest('a')), file(digest('b'), SRID))],
    ],
    [
      'a new owner and new bytes',
      [put('/a', file(), file(undefined, SRID)), put('/a', file(digest('a'), SRID), file(digest('b'), SRID))],
      [put('/a', file(digest('a')), file(digest('b'), SRID))],
    ],
    [
      'bytes twice',
      [put('/a', file(digest('a')), file(digest('b'))), put('/a', file(digest('b')), file(digest('c')))],
      [put('/a', file(digest('a')), file(digest('c')))],
    ],
    [
      'there and back',
      [put('/a', file(digest('a')), file(digest('b'))), put('/a', file(digest('b')), file(digest('a')))],
      [],
    ],
    ['born and gone', [put('/a', ABSENT, file(digest('a'))), put('/a', file(digest('a')), ABSENT)], []],
    [
      'nothing, in another order of members',
      [put('/a', { type: 'dir', mode: 0o755, owner: OWNER }, { owner: OWNER, mode: 0o755, type: 'dir' })],
      [],
    ],
  ])('%s', (_what, edits, merged) => {
    expect(of(...edits)).toEqual(merged);
  });
});

test('order: parents of moves, moves, births from the top, ends from the bottom, activation', () => {
  const move: Edit = { op: 'move', from: absolute('/old'), to: absolute('/n/e/w') };
  const activate: Edit = {
    op: 'activate',
    mode: 'switch',
    target: { kind: 'flake', installable: '.' },
    as: { name: '', home: '/', ...OWNER },
    before: {},
  };
  const edits = [
    activate,
    put('/z/a', file(digest('a')), ABSENT),
    put('/z', dir, ABSENT),
    put('/n/e/w/f', ABSENT, file(digest('a'))),
    put('/n/e', ABSENT, dir),
    move,
    put('/n', ABSENT, dir),
    put('/a', ABSENT, dir),
    put('/a/b', ABSENT, dir),
  ];
  expect(of(...edits).map((edit) => (edit.op === 'put' ? edit.path : edit.op))).toEqual([
    '/n',
    '/n/e',
    'move',
    '/a',
    '/a/b',
    '/n/e/w/f',
    '/z/a',
    '/z',
    'activate',
  ]);
});

test('any set of births, in whatever order it was planned, can be written; and so can its inverse', () => {
  const paths = fc.uniqueArray(
    fc
      .array(fc.constantFrom('a', 'b', 'c\n', 'é'), { minLength: 1, maxLength: 4 })
      .map((parts) => `/${parts.join('/')}`),
    { maxLength: 12 },
  );
  fc.assert(
    fc.property(paths, fc.infiniteStream(fc.nat()), (chosen, random) => {
      const all = [
        ...new Set(
          chosen.flatMap((path) =>
            path
              .split('/')
              .slice(1)
              .map((_, at, parts) => `/${parts.slice(0, at + 1).join('/')}`),
          ),
        ),
      ];
      const shuffled = all.map((path) => [random.next().value ?? 0, path] as const).sort(([a], [b]) => a - b);
      const births = shuffled.map(([, path]) => put(path, ABSENT, dir));
      const tree = memoryTree({});
      const host = memoryHost(tree, FACTS);
      for (const edit of of(...births)) carryOut(host, edit, {});
      expect(tree.size).toBe(all.length);
      for (const edit of of(...births.map(({ path }) => put(path, dir, ABSENT)))) carryOut(host, edit, {});
      expect(tree.size).toBe(0);
    }),
  );
});

describe('paths', () => {
  test('no byte of a name is lost, and no two names are one', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 12 }), fc.uint8Array({ maxLength: 12 }), (one, other) => {
        const [a, b] = [fromBytes(Buffer.from(one)), fromBytes(Buffer.from(other))];
        expect(toBytes(a)).toEqual(Buffer.from(one));
        expect(a === b).toBe(Buffer.from(one).equals(Buffer.from(other)));
        expect(JSON.parse(JSON.stringify(a))).toBe(a);
      }),
      { numRuns: 1000 },
    );
  });

  test.each([
    ['/a/./b//c/', '/a/b/c'],
    ['/../..', '/'],
    ['/a/../b', '/b'],
  ])('%s is %s', (text, normal) => expect(absolute(text)).toBe(normal));

  test.each(['a', '', './a', '/a\0b'])('%j is no absolute path', (text) => expect(() => absolute(text)).toThrow());

  test('joining, above, below, from there to here', () => {
    const a = absolute('/a');
    expect([join(a, '../b'), join(a, '/c'), parent(a), parent(absolute('/'))]).toEqual(['/b', '/c', '/', '/']);
    expect(relativeTo(absolute('/a/b'), a)).toBe('b');
    expect(relativeTo(absolute('/ab'), a)).toBe('/ab');
    expect(rebase(absolute('/a/b'), a, absolute('/x/y'))).toBe('/x/y/b');
    expect(rebase(absolute('/ab'), a, absolute('/x'))).toBeUndefined();
    expect(rebase('/' as AbsPath, a, a)).toBeUndefined();
  });
});
