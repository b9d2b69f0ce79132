// Flake references against what three real Nixes said, and laws that hold for all of them.

import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { byteOrder } from '../../../../core/formats/flake-ref/byte-order.ts';
import { parseNarHash, parseRev, parseSha1 } from '../../../../core/formats/flake-ref/hash.ts';
import { type Attrs, isIndirect, isRelativePath, type RefResult } from '../../../../core/formats/flake-ref/model.ts';
import { parseFlakeRef, type RefContext } from '../../../../core/formats/flake-ref/parse-ref.ts';
import { printFlakeRef, showFlakeRef } from '../../../../core/formats/flake-ref/print-ref.ts';
import { refFromAttrs } from '../../../../core/formats/flake-ref/ref-attrs.ts';
import { isGitRef } from '../../../../core/formats/flake-ref/ref-name.ts';
import { canonical, sameRef } from '../../../../core/formats/flake-ref/same-ref.ts';
import { refTraps } from '../../../../core/formats/flake-ref/traps.ts';
import type { NixVersion } from '../../../../core/formats/nix-version.ts';

interface Verdict {
  readonly ok: boolean;
  readonly attrs?: Attrs;
  readonly error?: string;
  readonly url?: string;
  readonly urlError?: string;
  /** The record of this Nix lost `dir`. */
  readonly note?: string;
  /** Nothing could be observed. */
  readonly skip?: string;
}
interface Vector extends Verdict {
  readonly in: string | Attrs;
  readonly context: string;
  readonly others: Readonly<Record<string, Verdict>>;
}

const file = new URL('../../../vectors/flakerefs.json', import.meta.url);
const vectors = (JSON.parse(readFileSync(file, 'utf8')) as { vectors: readonly Vector[] }).vectors.filter(
  (vector) => vector.context !== 'cli',
);

const read = (vector: Vector, nix: NixVersion): RefResult =>
  typeof vector.in === 'string'
    ? parseFlakeRef(vector.in, { context: vector.context as RefContext, nix })
    : refFromAttrs(vector.in, nix);

const named = (list: readonly Vector[]): (readonly [string, Vector])[] =>
  list.map((vector) => [`${vector.context}: ${JSON.stringify(vector.in)}`, vector]);

const withoutDir = ({ dir: _, ...attrs }: Attrs): Attrs => attrs;

describe('Nix 2.34', () => {
  test.each(named(vectors))('%s', (_, vector) => {
    const got = read(vector, '2.34');
    expect(got.ok ? got.ref.attrs : undefined).toEqual(vector.ok ? vector.attrs : undefined);
    // The recorded messages end at the first line break and have their tabs expanded.
    if (!got.ok && !/[\n\t]/.test(String(vector.in))) expect(got.error).toBe(vector.error);
  });

  const printed = vectors.filter((vector) => vector.url !== undefined || vector.urlError !== undefined);
  test.each(named(printed))('prints %s', (_, vector) => {
    const got = printFlakeRef(vector.attrs ?? {});
    expect(got.ok ? got.text : undefined).toBe(vector.url);
  });
});

describe('Nix 2.26', () => {
  test.each(named(vectors))('%s', (_, vector) => {
    const want = vector.others['2.26.3'] as Verdict;
    const got = read(vector, '2.26');
    expect(got.ok ? got.ref.attrs : undefined).toEqual(want.ok ? want.attrs : undefined);
    if (!got.ok || (want.url === undefined && want.urlError === undefined)) return;
    const text = printFlakeRef(got.ref.attrs, '2.26');
    expect(text.ok ? text.text : undefined).toBe(want.url);
  });
});

describe('Nix 2.8', () => {
  // These depend on the store path of the flake and on what lies at /a.
  const unknowable = ['..', '.?dir=x', '/a?foo=1', '/a?'];
  const known = vectors.filter(
    (vector) =>
      vector.others['2.8.0']?.skip === undefined &&
      !(vector.context === 'input' && unknowable.includes(String(vector.in))),
  );
  test.each(named(known))('%s', (_, vector) => {
    const want = vector.others['2.8.0'] as Verdict;
    const got = read(vector, '2.8');
    const attrs = got.ok ? got.ref.attrs : undefined;
    const lost = want.note !== undefined && attrs !== undefined;
    expect(lost ? withoutDir(attrs) : attrs).toEqual(
      want.ok ? (lost ? withoutDir(want.attrs ?? {}) : want.attrs) : undefined,
    );
    if (attrs === undefined || want.url === undefined) return;
    // The recorded URL lost `dir` where it is not part of `url` itself.
    const text = printFlakeRef(lost && !('url' in attrs) ? withoutDir(attrs) : attrs, '2.8');
    expect(text.ok ? text.text : undefined).toBe(want.url);
  });
});

describe('what no record holds', () => {
  const parse = (text: string, nix: NixVersion = '2.34'): Attrs | string => {
    const parsed = parseFlakeRef(text, { context: 'input', nix });
    return parsed.ok ? parsed.ref.attrs : parsed.error;
  };

  test.each<readonly [string, NixVersion, Attrs]>([
    ['', '2.34', { type: 'path', path: '/' }],
    ['', '2.26', { type: 'path', path: '' }],
    ['gitlab:a%2Fb/c', '2.34', { type: 'gitlab', owner: 'a/b', repo: 'c' }],
    ['gitlab:a%252Fb/c', '2.34', { type: 'gitlab', owner: 'a%2Fb', repo: 'c' }],
    ['gitlab:a%2Fb/c', '2.26', { type: 'gitlab', owner: 'a', repo: 'b', ref: 'c' }],
    ['GitHub:a/b', '2.26', { type: 'path', path: 'GitHub:a/b' }],
    ['github://NixOS/nixpkgs', '2.34', { type: 'path', path: 'github:/NixOS/nixpkgs' }],
    ['git+ssh://git@github.com:o/r', '2.34', { type: 'path', path: 'git+ssh:/git@github.com:o/r' }],
    ['git+https:%40/x', '2.26', { type: 'path', path: 'git+https:%40/x' }],
    ['git+https:a/x', '2.26', { type: 'git', url: 'file://https:a/x' }],
    ['git+ssh://git@github.com:o/r', '2.26', { type: 'git', url: 'ssh://git@github.com:o/r' }],
    ['git+https://ex.org:/r', '2.34', { type: 'git', url: 'https://ex.org/r' }],
    ['path:./a?narHash=', '2.34', { type: 'path', path: './a', narHash: '' }],
    ['github:a/b?ref=a b', '2.34', { type: 'path', path: 'github:a/b', ref: 'a b' }],
    [
      'nixpkgs/A63A64B593DCF2FE05F7C5D666EB395950F36BC9',
      '2.34',
      { type: 'indirect', id: 'nixpkgs', rev: 'a63a64b593dcf2fe05f7c5d666eb395950f36bc9' },
    ],
    ['https://git+https://x', '2.26', { type: 'tarball', url: 'https://git%2Bhttps://x' }],
    ['sourcehut://https://a', '2.26', { type: 'sourcehut', owner: 'https:', repo: 'a' }],
    ['https://ex.org/a"b', '2.26', { type: 'tarball', url: 'https://ex.org/a%22b' }],
    ['https://h/x?type=y&z=1', '2.26', { type: 'tarball', url: 'https://h/x?z=1' }],
    ['https://h/x?type=y&z=1', '2.34', { type: 'tarball', url: 'https://h/x?type=y&z=1' }],
    ['https://[::1.20.255.0]/x', '2.34', { type: 'tarball', url: 'https://[::1.20.255.0]/x' }],
    ['https://[::1.2.3.256]/x', '2.34', { type: 'path', path: 'https:/[::1.2.3.256]/x' }],
    ['https://[::01.2.3.4]/x', '2.34', { type: 'path', path: 'https:/[::01.2.3.4]/x' }],
    ['https://::1/x', '2.26', { type: 'tarball', url: 'https://::1/x' }],
    // Both a branch and a revision make it a path, before the revision is looked at.
    ['gitlab:a/b/c?rev=x', '2.34', { type: 'path', path: 'gitlab:a/b/c', rev: 'x' }],
    ['git+git+https://a', '2.34', { type: 'git', url: 'git+https://a' }],
    ['git+.x://a', '2.34', { type: 'git', url: '.x://a' }],
    ['git+https:a@b:c', '2.34', { type: 'git', url: 'ssh://git%2Bhttps:a@b/c' }],
    ['git+git+file:a', '2.34', { type: 'path', path: 'git+git+file:a' }],
    ['git+file:%aa%C3%A4', '2.34', { type: 'git', url: 'file:%AA%C3%A4' }],
    ['git+file:%aa%C3%A4', '2.26', { type: 'git', url: 'file:%AA%C3%A4' }],
  ])('%s in %s', (text, nix, attrs) => {
    // A path with a left-over query is an error, written here as the parameter that is refused.
    const got = parse(text, nix);
    if (typeof got === 'string') expect(got).toContain(`unsupported parameter '${Object.keys(attrs).at(-1)}'`);
    else expect(got).toEqual(attrs);
  });

  test.each([
    ['/?ä', "invalid URI query 'ä': leftover"],
    ['/?dir=a|b', "invalid URI query 'dir=a|b': leftover"],
    ['https://ex.org/?ä=c', "invalid URI query 'ä=c': leftover"],
    ['path:/%aa', "flake reference 'path:/%aa' does not decode to UTF-8"],
    [
      'git+https://ex.org/r?verifyCommit=1',
      "experimental Nix feature 'verified-fetches' is disabled; add '--extra-experimental-features verified-fetches' to enable it",
    ],
  ])('%s is refused by 2.34', (text, error) => {
    expect(parse(text)).toBe(error);
  });

  test('a scheme in capitals is unsupported in 2.34', () => {
    expect(parse('GitHub:a/b')).toBe("input 'GitHub:a/b' is unsupported");
  });

  test.each<readonly [string, string | undefined]>([
    ['/a b', 'file:///a%20b'],
    ['git@github.com:o/r.git', 'ssh://git@github.com/o/r.git'],
    ['git+ssh://git@host/r', 'ssh://git@host/r'],
    ['github.com:o/r', undefined],
  ])('a git url %s in an attribute set becomes %s', (url, fixed) => {
    const got = refFromAttrs({ type: 'git', url });
    expect(got.ok ? got.ref.attrs.url : undefined).toBe(fixed);
  });

  test.each([
    [{ type: 'github', owner: 'a', repo: 'b', ref: 'x', rev: 'a'.repeat(40) }],
    [{ type: 'github', owner: 'a', repo: 'b', ref: 'x..y' }],
    [{ type: 'github', owner: 'a', repo: 'b', host: 'h:1' }],
    [{ type: 'hg', url: 'https://ex.org/r', ref: '^' }],
    [{ type: 'path', path: '/a', dir: 5 }],
    [{ type: 'git', url: 'https://ex.org/r', revCount: 'x' }],
    [{ type: 'git', url: 'https://ex.org/r', lfs: '1' }],
    [{ type: 'git', url: 'https://ex.org/r', exportIgnore: 1 }],
    [{ type: 'git', url: 'https://ex.org/r', verifyCommit: false }],
    [{ type: 'svn', url: 'x' }],
    [{ owner: 'a', repo: 'b' }],
  ] as readonly (readonly [Attrs])[])('%j is refused', (attrs) => {
    expect(refFromAttrs(attrs).ok).toBe(false);
  });

  test('an unknown type passes in 2.8', () => {
    expect(refFromAttrs({ type: 'svn', url: 'x', dir: '' }, '2.8')).toMatchObject({
      ok: true,
      ref: { attrs: { type: 'svn', url: 'x' } },
    });
    expect(showFlakeRef({ type: 'svn' })).toBe('{"type":"svn"}');
  });
});

test.each([
  ['a', true],
  ['a/b', true],
  ['HEAD', true],
  ['x@{1}', false],
  ['a//b', false],
  ['/a', false],
  ['a/', false],
  ['a/.b', false],
  ['a.lock/b', false],
  ['a.', false],
  ['-a', false],
  ['-a/b', true],
  ['@', false],
  ['a\\b', false],
  ['a b', false],
])('git ref %j: %s', (name, legal) => {
  expect(isGitRef(name, '2.34')).toBe(legal);
});

test.each([
  [
    'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=',
    'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
  ],
  [
    'sha256:0mdqa9w1p6cmli6976v4wi0sw9r4p5prkj7lzfd1877wk11c9c73',
    'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
  ],
  [
    'sha256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=',
    'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
  ],
  ['md5:D41D8CD98F00B204E9800998ECF8427E', 'd41d8cd98f00b204e9800998ecf8427e'],
  ['md5-1B2M2Y8AsgTpgAmY7PhCfg==', 'd41d8cd98f00b204e9800998ecf8427e'],
  ['e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855', undefined],
  ['sha256:abc', undefined],
])('%s in use as a revision', (text, hex) => {
  const parsed = parseRev(text, '2.34');
  expect(parsed.ok ? parsed.value : undefined).toBe(hex);
  expect(parseRev(text, '2.8').ok).toBe(false);
});

test('a SHA-1 is read in every notation Nix has', () => {
  const hex = 'a9993e364706816aba3e25717850c26c9cd0d89d';
  const forms = [
    hex,
    hex.toUpperCase(),
    `sha1:${hex}`,
    'kpcd173cq987hw957sx6m0868wv3x6d9',
    'qZk+NkcGgWq6PiVxeFDCbJzQ2J0=',
    'sha1-qZk+NkcGgWq6PiVxeFDCbJzQ2J0=',
    'sha1-qZk+NkcGgWq6PiVxeFDCbJzQ2J1',
    'sha1-qZk+NkcGgWq6PiVxeFDCbJzQ2J0=, and more',
  ];
  for (const form of forms) expect(parseSha1(form)).toEqual({ ok: true, value: hex });
  expect(parseSha1(`sha256:${hex}`).ok).toBe(false);
  expect(parseSha1(`sha1-${hex}`).ok).toBe(false);
  expect(parseNarHash('sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFV=x')).toEqual({
    ok: true,
    value: 'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=',
  });
  expect(parseNarHash(`sha512-${'A'.repeat(43)}=`).ok).toBe(false);
});

describe('the same reference', () => {
  test.each<readonly [string, string, boolean]>([
    ['github:a/b?ref=x', 'github:a/b/x', true],
    ['flake:nixpkgs', 'nixpkgs', true],
    ['path:/a', 'path:///a', true],
    ['git+https://h/r?ref=a&shallow=1', 'git+https://h/r?shallow=1&ref=a', true],
    ['github:a/b', 'github:A/b', false],
    ['path:/a', 'path:/a/', false],
    ['git+https://h/r', 'git+https://h/r?submodules=0', false],
    ['git+https://h/r', 'git+http://h/r', false],
  ])('%s and %s: %s', (a, b, same) => {
    const [left, right] = [a, b].map((text) => parseFlakeRef(text, { context: 'input' }));
    expect(left?.ok === true && right?.ok === true && sameRef(left.ref.attrs, right.ref.attrs)).toBe(same);
  });

  test('old locks keep ?dir= in the url and leave * and + as they are', () => {
    const old = { type: 'git', url: 'https://h/a+b?dir=sub&x=*', dir: 'sub' };
    const now = { type: 'git', url: 'https://h/a%2Bb?x=%2A', dir: 'sub' };
    expect(sameRef(old, now)).toBe(true);
    expect(sameRef(old, now, '2.26')).toBe(false);
    expect(canonical({ ...old, dir: 'other' }).url).toBe('https://h/a%2Bb?dir=sub&x=%2A');
    expect(canonical({ type: 'tarball', url: 'no url' }).url).toBe('no url');
  });

  test('an empty dir is no dir', () => {
    expect(sameRef({ type: 'path', path: '/a', dir: '' }, { type: 'path', path: '/a' })).toBe(true);
  });

  test('relative and indirect', () => {
    expect([isRelativePath({ type: 'path', path: './a' }), isRelativePath({ type: 'path', path: '/a' })]).toEqual([
      true,
      false,
    ]);
    expect([isIndirect({ type: 'indirect', id: 'a' }), isIndirect({ type: 'git', url: 'x:' })]).toEqual([true, false]);
  });
});

describe('traps', () => {
  test.each<readonly [string, string, string]>([
    ['github:NixOS', 'mistyped-url', 'github:OWNER/REPO'],
    ['git@github.com:o/r', 'mistyped-url', 'git+ssh://git@github.com/o/r'],
    ['git+ssh://git@github.com:o/r', 'mistyped-url', 'git+ssh://git@github.com/o/r'],
    ['github://NixOS/nixpkgs', 'mistyped-url', 'github:NixOS/nixpkgs'],
    [' github:a/b', 'mistyped-url', '"github:a/b"'],
    ['git+https://ex.org/a b', 'mistyped-url', 'git+https://ex.org/a%20b'],
    ['github:a/b/x..y', 'mistyped-url', 'branch or tag'],
    ['nixpkgs?dir=x', 'mistyped-url', 'flake:nixpkgs?dir=x'],
    ['git+https://ex.org/r?submodules=true', 'submodules-true', 'submodules=1'],
    ['git+https://ex.org/r?shallow=yes', 'submodules-true', 'shallow=1'],
    ['~/config', 'tilde', 'absolute'],
    ['path:~/config', 'tilde', 'absolute'],
    ['nixpkgs', 'indirect', 'github:NixOS/nixpkgs'],
    ['home-manager/master', 'indirect', 'OWNER/REPO'],
  ])('%s is %s', (text, kind, hint) => {
    const traps = refTraps(text);
    expect(traps.map((trap) => trap.kind)).toEqual([kind]);
    expect(traps[0]?.hint).toContain(hint);
  });

  test.each([
    'github:NixOS/nixpkgs',
    './sub',
    'path:./a',
    '..',
    '/etc/nixos',
    'git+https://ex.org/r?submodules=1',
    'https://ex.org/a.tar.gz',
    'foo:bar',
  ])('%s is no trap', (text) => {
    expect(refTraps(text)).toEqual([]);
  });

  test('a suggestion parses as something other than a path', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        for (const trap of refTraps(text))
          if (trap.kind === 'mistyped-url' && trap.suggestion !== undefined) {
            const parsed = parseFlakeRef(trap.suggestion, { context: 'input' });
            expect(parsed.ok && parsed.ref.attrs.type !== 'path').toBe(true);
          }
      }),
    );
  });
});

describe('laws', () => {
  const versions = fc.constantFrom<NixVersion>('2.8', '2.26', '2.34');
  const context = fc.constantFrom<RefContext>('input', 'input-nonflake', 'parse');
  const scraps = [
    'github:',
    'git+https://',
    'path:',
    'a',
    '/',
    '..',
    '?',
    '#',
    '%',
    '%2F',
    '&',
    '=',
    'ref=',
    'rev=',
    'dir=',
    '@',
    ':',
    ' ',
    'ä',
    '[::1]',
    'a'.repeat(40),
  ];
  const urlish = fc.array(fc.constantFrom(...scraps), { maxLength: 8 }).map((parts) => parts.join(''));

  test('parsing never throws, and what it accepts is accepted as an attribute set unchanged', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: 'binary' }), urlish), context, versions, (text, where, nix) => {
        const parsed = parseFlakeRef(text, { context: where, nix });
        if (!parsed.ok) return;
        expect(refFromAttrs(parsed.ref.attrs, nix)).toEqual(parsed);
      }),
      { numRuns: 3000 },
    );
  });

  const word = fc.stringMatching(/^[A-Za-z0-9_][A-Za-z0-9_+*~-]{0,8}$/);
  const any = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 8 }).map((text) => text.replaceAll(/[\0/]/g, '_'));
  const rev = fc.stringMatching(/^[0-9a-f]{40}$/);
  const dir = fc.option(any, { nil: undefined });
  const compact = (attrs: Readonly<Record<string, unknown>>): Attrs =>
    Object.fromEntries(Object.entries(attrs).filter(([, value]) => value !== undefined)) as Attrs;
  const lossless = fc
    .oneof(
      fc.record({
        type: fc.constantFrom('github', 'gitlab', 'sourcehut'),
        owner: any,
        repo: any,
        dir,
        ref: fc.option(word, { nil: undefined }),
        host: fc.constantFrom(undefined, 'h.org'),
      }),
      fc.record({ type: fc.constant('github'), owner: any, repo: any, rev, dir }),
      fc.record({
        type: fc.constant('path'),
        path: fc.array(any, { minLength: 1, maxLength: 3 }).map((parts) => `/${parts.join('/')}`),
        dir,
        lastModified: fc.option(fc.nat(), { nil: undefined }),
      }),
      fc.record({
        type: fc.constant('git'),
        url: word.map((name) => `https://h/${encodeURIComponent(name).replaceAll('*', '%2A')}`),
        ref: fc.option(word, { nil: undefined }),
        submodules: fc.constantFrom(undefined, true),
        dir,
      }),
      fc.record({
        type: fc.constant('indirect'),
        id: fc.stringMatching(/^[a-z][a-z0-9_-]{0,5}$/),
        ref: fc.option(fc.stringMatching(/^[a-z0-9]{1,6}$/), { nil: undefined }),
      }),
    )
    .map(compact);

  test('what is printed parses to the same attributes', () => {
    fc.assert(
      fc.property(lossless, (attrs) => {
        const printed = printFlakeRef(attrs);
        if (!printed.ok) return expect(refFromAttrs(attrs).ok).toBe(false);
        const parsed = parseFlakeRef(printed.text, { context: 'input' });
        expect(parsed.ok ? parsed.ref.attrs : printed.text).toEqual(attrs);
      }),
      { numRuns: 2000 },
    );
  });

  test('byte order is the order of the UTF-8 bytes', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'grapheme' }), (a, b) => {
        expect(Math.sign(byteOrder(a, b))).toBe(Buffer.compare(Buffer.from(a), Buffer.from(b)));
      }),
    );
    expect(byteOrder('\u{1F600}', '\uFFFD')).toBeGreaterThan(0);
  });
});
