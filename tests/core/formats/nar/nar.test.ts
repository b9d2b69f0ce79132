// NAR hashes against the vectors of three Nixes and the Nix of this machine; SRI against Nix's own reading.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { type NarNode, narHash, writeNar } from '../../../../core/formats/nar/nar.ts';
import { hashTree } from '../../../../core/host/disk/nar-walk.ts';
import { build, type TreeEntry } from '../../../fixtures/nar-build.mjs';
import { randomTree } from './random-trees.ts';

interface Result {
  readonly ok: boolean;
  readonly narHash?: string;
  readonly error?: string;
}
interface Tree {
  readonly name: string;
  readonly entries: readonly TreeEntry[];
  readonly results: Readonly<Record<string, Result>>;
}

const trees: readonly Tree[] = JSON.parse(
  readFileSync(new URL('../../../vectors/nar.json', import.meta.url), 'utf8'),
).trees;

let root: string;
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'nar-'));
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

const outcome = (run: () => string): string => {
  try {
    return run();
  } catch (error) {
    return (error as { code: string }).code;
  }
};

test.each(trees.map((tree) => [tree.name, tree] as const))('vector %s', (_name, tree) => {
  const out = join(root, 'vector');
  build(tree, out);
  for (const [version, expected] of Object.entries(tree.results)) {
    const options = version === '2.34.8' ? {} : { depthLimit: Number.POSITIVE_INFINITY };
    const actual = outcome(() => hashTree(out, options));
    if (expected.ok) expect([version, actual]).toEqual([version, expected.narHash]);
    else expect([version, ['NAR_TOO_DEEP', 'NAR_UNSUPPORTED']]).toEqual([version, expect.arrayContaining([actual])]);
  }
});

describe('random trees', () => {
  test('hash as nix hash path and nix-hash do', () => {
    const nix = (...args: string[]) =>
      execFileSync('nix', ['--extra-experimental-features', 'nix-command', ...args], { encoding: 'utf8' }).trim();
    fc.assert(
      fc.property(randomTree, (entries) => {
        const out = join(root, 'random');
        build({ entries }, out);
        const ours = hashTree(out);
        expect(ours).toBe(nix('hash', 'path', '--sri', out));
        const base32 = execFileSync('nix-hash', ['--type', 'sha256', '--base32', out], { encoding: 'utf8' }).trim();
        expect(ours).toBe(nix('hash', 'to-sri', '--type', 'sha256', base32));
      }),
      { numRuns: 15 },
    );
  });

  test('are the bytes of nix store dump-path', () => {
    const out = join(root, 'dump');
    build(
      {
        entries: [
          { p: 'b/c', t: 'f', c: 'x', mode: '755' },
          { p: 'a', t: 'l', to: 'b' },
          { p: 'e', t: 'd' },
        ],
      },
      out,
    );
    const dumped = execFileSync('nix-store', ['--dump', out]);
    expect(hashTree(out)).toBe(`sha256-${createHash('sha256').update(dumped).digest('base64')}`);
    const memory: NarNode = dir([
      ['a', { type: 'link', target: Buffer.from('b') }],
      ['b', dir([['c', file(['x'], 1, true)]])],
      ['e', dir([])],
    ]);
    const pieces: Buffer[] = [];
    writeNar(memory, (piece) => pieces.push(Buffer.from(piece)));
    expect(Buffer.concat(pieces).equals(dumped)).toBe(true);
  });
});

function dir(entries: readonly (readonly [string | Buffer, NarNode])[]): NarNode {
  return { type: 'dir', entries: () => entries.map(([name, node]) => [Buffer.from(name), node] as const) };
}
function file(chunks: readonly string[], size: number, executable = false): NarNode {
  return { type: 'file', executable, size, chunks: chunks.map((chunk) => Buffer.from(chunk)) };
}

describe('what has no NAR', () => {
  const nested = (levels: number): NarNode => (levels === 0 ? file([], 0) : dir([['d', nested(levels - 1)]]));
  test.each([
    ['an empty name', dir([['', file([], 0)]]), 'NAR_BAD_NAME'],
    ['..', dir([['..', file([], 0)]]), 'NAR_BAD_NAME'],
    ['.', dir([['.', file([], 0)]]), 'NAR_BAD_NAME'],
    ['a slash', dir([['a/b', file([], 0)]]), 'NAR_BAD_NAME'],
    ['a NUL', dir([['a\0', file([], 0)]]), 'NAR_BAD_NAME'],
    [
      'a name twice',
      dir([
        ['a', file([], 0)],
        ['a', file([], 0)],
      ]),
      'NAR_UNSORTED',
    ],
    [
      'UTF-16 order',
      dir([
        ['\u{1f600}', file([], 0)],
        ['\uffff', file([], 0)],
      ]),
      'NAR_UNSORTED',
    ],
    ['a file that shrank', dir([['f', file(['ab', 'c'], 4)]]), 'NAR_SIZE'],
    ['a file that grew', file(['ab', 'c'], 2), 'NAR_SIZE'],
    ['64 levels', nested(64), 'NAR_TOO_DEEP'],
  ])('%s', (_name, node, code) => {
    expect(outcome(() => narHash(node))).toBe(code);
  });
  test('names the place', () => {
    expect(() => narHash(dir([['d', dir([['f', file([], 1)]])]]))).toThrow("'d/f' has 0 bytes instead of 1");
    build({ entries: [{ p: 'd/pipe', t: 'fifo' }] }, join(root, 'fifo'));
    expect(() => hashTree(join(root, 'fifo'))).toThrow("'d/pipe' has an unsupported type");
  });
  test('but 63 levels do, and 64 for an older Nix', () => {
    expect(narHash(nested(63))).toMatch(/^sha256-/);
    expect(narHash(nested(64), { depthLimit: Number.POSITIVE_INFINITY })).toMatch(/^sha256-/);
  });
});

test('a large file streams in pieces', () => {
  const piece = Buffer.alloc(1 << 20, 7);
  const chunks = function* () {
    for (let i = 0; i < 8; i++) yield piece;
  };
  let largest = 0;
  writeNar({ type: 'file', executable: false, size: 8 << 20, chunks: chunks() }, (bytes) => {
    largest = Math.max(largest, bytes.length);
  });
  expect(largest).toBe(1 << 20);
  writeFileSync(join(root, 'large'), Buffer.concat([...chunks()]));
  expect(hashTree(join(root, 'large'))).toBe(
    narHash({ type: 'file', executable: false, size: 8 << 20, chunks: chunks() }),
  );
});
