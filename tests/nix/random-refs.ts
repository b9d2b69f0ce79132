// Random flake references: nonsense, likely ones, changed real ones, and attribute sets.
import fc from 'fast-check';
import type { Attr, Attrs } from '../../core/formats/flake-ref/model.ts';

const pieces = [
  ...['github:', 'gitlab:', 'sourcehut:', 'git+https://', 'git+ssh://', 'git+file:', 'path:', 'tarball+https://'],
  ...['https://', 'file+file:///', 'flake:', 'hg+https://', 'nixpkgs', 'a', 'A.b', '/', '//', '..', '.', '?', '#'],
  ...['%', '%2F', '%20', '&', '=', 'ref=', 'rev=', 'dir=', 'narHash=', 'host=', 'submodules=1', 'lastModified=1'],
  ...['@', ':', ' ', 'ä', '[::1]', '~', '+', '*', '.tar.gz', 'ex.org', 'a'.repeat(40), ':80', 'sha256-', '_', '-'],
  ...['"', "'", '[', ']', '^', '|', '!', '$', '{', '\\', '::1', '%lo', '%aa', '%C3%A4', ';', 'user:pw@', '`', 'x.git'],
];
const nonsense = fc.array(fc.constantFrom(...pieces), { minLength: 1, maxLength: 7 }).map((all) => all.join(''));
const heads = [
  'github:',
  'gitlab:',
  'sourcehut:',
  'git+https://ex.org/',
  'git+ssh://git@ex.org:22/',
  'git+file:///',
  '',
];
const part = fc.constantFrom(
  'nixpkgs',
  'NixOS',
  'a-b',
  'nixos-24.05',
  '1',
  'a'.repeat(40),
  'x..y',
  'v1.0',
  '%2F',
  'a+b',
  '.x',
  '',
);
const query = fc.tuple(
  fc.constantFrom('ref', 'rev', 'dir', 'host', 'narHash', 'shallow', 'submodules', 'allRefs', 'lfs', 'revCount', 'x'),
  fc.constantFrom('1', '0', 'true', 'main', 'refs/heads/a', 'a'.repeat(40), 'sub/dir', 'git.ex.org', 'a b', '%20', ''),
);
const likely = fc
  .record({
    head: fc.constantFrom(
      ...heads,
      ...heads,
      'path:',
      'path:/',
      '/',
      './',
      'https://ex.org/',
      'tarball+https://ex.org/',
      'flake:',
    ),
    parts: fc.array(part, { minLength: 1, maxLength: 4 }),
    tail: fc.constantFrom('', '', '', '.tar.gz', '.git', '/', '.zip'),
    queries: fc.array(query, { maxLength: 3 }),
    end: fc.constantFrom('', '', '', '', '#', '#x', '&', '?'),
  })
  .map(({ head, parts, tail, queries, end }) => {
    const asked = queries.map((pair) => pair.join('=')).join('&');
    return `${head}${parts.join('/')}${tail}${asked === '' ? '' : `?${asked}`}${end}`;
  });

const rev = '0123456789abcdef0123456789ABCDEF01234567';
const hash = 'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=';
const real = [
  ...[`github:NixOS/nixpkgs/nixos-24.05?dir=lib&narHash=${hash}`, `github:a/b?rev=${rev}`, 'github:o/r/pull/12/head'],
  ...['gitlab:veloren%2Fdev/rfcs?host=gitlab.ex.org', 'sourcehut:~misterio/nix-colors/main', 'github:a/b?ref=x%2Fy'],
  ...[
    'git+https://user:p%40ss@ex.org:8443/a/b.git?ref=x&submodules=1&shallow=1&allRefs=1&lfs=1',
    'git+https://ex.org?dir=',
  ],
  ...[`git+ssh://git@github.com:22/NixOS/nix?ref=v1.2.3&rev=${rev}`, 'git://ex.org/~me/a%20b', 'git+file:../x'],
  ...[
    'git+file:///home/me/dot%2Ffiles?dir=a/../b',
    'git+file://host/x',
    'path:./x/y?dir=z',
    'path:../..',
    './a b/c?dir=q#f',
  ],
  ...[`path:/a/b//c/./d/../e/?lastModified=1&revCount=2&narHash=${hash}&rev=${rev}`, '/abs/%20x?dir=y', 'a/b/c', '.#x'],
  ...[
    'https://flakehub.com/f/NixOS/nixpkgs/0.2405.*.tar.gz',
    'file+https://[2001:db8::1]:443/x.txt',
    'file:///x/y.zip?z',
  ],
  ...[
    'tarball+https://ex.org/a?dir=x&unpack=1&name=y',
    'tarball+file:///a/b.tar.gz',
    `nixpkgs/${rev}`,
    'hg+ssh://u@h/x',
  ],
  ...[`flake:nixpkgs/release-23.11/${rev}`, 'nixpkgs/a@b+c', 'flake:a?dir=b', `hg+https://ex.org/r?ref=x&rev=${rev}`],
  ...[
    'http://127.0.0.1:080/x',
    'http://h:65536/',
    'http://u:p:q@h:1/',
    'http://@h/',
    'http://[1::2::3]/',
    'http://[::]:1',
  ],
  ...[
    'http://a%2fb/',
    'http://a,b;c=d/',
    'https://\u00e9.org/',
    'https://ex.org/%C3%A9/%c3%a9',
    'path:%2Fa%2Fb',
    '?dir=x',
    '#x',
  ],
  ...[
    'https://u@ex.org/?&&a=b&',
    'https:/a/b',
    'https:a',
    'https:///x',
    'file:',
    'git+file:',
    'flake:/nixpkgs',
    'ssh://git@x/y',
  ],
];
const edits = [
  ...[
    '%',
    '?',
    '#',
    '&',
    '=',
    '/',
    ':',
    '@',
    '+',
    '*',
    '~',
    '^',
    '[',
    ']',
    '|',
    '\\',
    '"',
    "'",
    ' ',
    '<',
    '$',
    '(',
    ',',
    ';',
  ],
  ...[
    '.',
    '-',
    '0',
    'Z',
    '\u00e9',
    '\u{1d11e}',
    '%2F',
    '%20',
    '%25',
    '%7f',
    '%ff',
    '//',
    '..',
    '/./',
    '&dir=x',
    '?dir=a',
  ],
  ...[
    '&ref=b',
    '?rev=',
    '.tar.gz',
    '.git',
    'refs/',
    '@{',
    '.lock',
    '::1',
    ':0',
    ':443',
    '&a&',
    '&=x',
    '?a=1&a=2&dir=1&dir=2',
  ],
];
const edit = fc.record({ at: fc.nat(99), taken: fc.nat(3), put: fc.constantFrom('', ...edits) });
const changed = fc.tuple(fc.constantFrom(...real), fc.array(edit, { maxLength: 3 })).map(([text, all]) =>
  all.reduce((one, { at, taken, put }) => {
    // Half a character is nothing that Nix could be asked about.
    const characters = Array.from(one);
    const place = Math.floor((at / 100) * (characters.length + 1));
    return [...characters.slice(0, place), put, ...characters.slice(place + taken)].join('');
  }, text),
);

/** Texts, most of which mean something. */
export const randomRefs: fc.Arbitrary<string> = fc.oneof(nonsense, likely, changed);

const values: Readonly<Record<string, readonly Attr[]>> = {
  ref: ['main', 'refs/heads/x', 'a b', 'x..y', '', '-x', '@', 'a%2Fb', '.x', 'x/', true],
  rev: [rev, rev.toLowerCase(), 'abc', '', `sha1-${'A'.repeat(26)}B`, `sha1-${rev}`, 1],
  url: [
    ...real.map((text) => text.replace(/^(?:git|tarball|file)\+/, '')),
    ...[
      '/abs/a%20b',
      'git@github.com:a/b',
      'github.com:a/b',
      'u@h:p:q',
      'ssh://H:022/x',
      'a',
      '',
      '../x',
      './x y',
      'a:b',
    ],
  ],
  path: ['/a', './b', '../c', 'a b', '', '/', '/a/../b/', 'a%20b', 'a?b', '~', 'a:b'],
  narHash: [hash, hash.slice(0, -1), `${hash}x`, hash.replace('U=', 'V'), '', 'sha256:e3b0', 'sha512-x'],
  host: ['ex.org', 'h:1', '', '\u00e9', 'a_b'],
  id: ['nixpkgs', '1x', 'a.b', 'a_b-c'],
  dir: ['sub', 'a/b', '../x', '', ' ', 'a&b?c#d=e', 3],
  ...{ owner: ['NixOS', 'a b', 'a/b', 'a%2Fb', '', '~x'], repo: ['r', 'r.git', 'a+b', 'a?b#c'] },
  ...{ lastModified: [1, 0, 'x'], revCount: [1, true], shallow: [true, false, 1], submodules: [true, false, '1'] },
  ...{
    lfs: [true, 'x'],
    allRefs: [true],
    exportIgnore: [false, 'x'],
    verifyCommit: [true, false],
    unpack: [true, 'x'],
  },
};
const forge = ['ref', 'rev', 'host', 'narHash', 'lastModified', 'treeHash', 'dir'];
const git = [
  'ref',
  'rev',
  'shallow',
  'submodules',
  'exportIgnore',
  'lastModified',
  'revCount',
  'allRefs',
  'lfs',
  'verifyCommit',
];
const download = ['narHash', 'name', 'unpack', 'rev', 'revCount', 'lastModified', 'dir'];
const types: Readonly<Record<string, readonly [required: readonly string[], others: readonly string[]]>> = {
  ...{ github: [['owner', 'repo'], forge], gitlab: [['owner', 'repo'], forge], sourcehut: [['owner', 'repo'], forge] },
  ...{ git: [['url'], git], hg: [['url'], ['ref', 'rev', 'revCount', 'dir']] },
  ...{ path: [['path'], ['rev', 'revCount', 'lastModified', 'narHash', 'dir']] },
  ...{ tarball: [['url'], download], indirect: [['id'], ['ref', 'rev', 'narHash', 'dir']] },
};

/** Attribute sets of known types; one in ten lacks what it needs or has what it must not. */
export const randomAttrs: fc.Arbitrary<Attrs> = fc
  .constantFrom(...Object.entries(types))
  .chain(([type, [needed, others]]) =>
    fc.record({ some: fc.subarray([...others], { maxLength: 4 }), odd: fc.nat(19) }).chain(({ some, odd }) => {
      const names = [...(odd === 0 ? [] : needed), ...some, ...(odd === 1 ? ['bogus'] : [])];
      const arbitraries = names.map((name) => [name, fc.constantFrom(...(values[name] ?? ['x']))] as const);
      return fc.record(Object.fromEntries(arbitraries)).map((rest): Attrs => ({ type, ...rest }));
    }),
  );
