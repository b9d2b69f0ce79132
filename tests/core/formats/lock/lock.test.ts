// Reading and writing flake.lock: real locks byte for byte, and every way a text is none.

import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { BUILT_IN } from '../../../../core/formats/end-of-support.ts';
import { LENIENT, parseJson } from '../../../../core/formats/json.ts';
import { describeLocked } from '../../../../core/formats/lock/describe.ts';
import { findInput } from '../../../../core/formats/lock/find-input.ts';
import type { Lock } from '../../../../core/formats/lock/model.ts';
import { parseLock } from '../../../../core/formats/lock/parse-lock.ts';
import { lockPolicy } from '../../../../core/formats/lock/policy.ts';
import { printLock } from '../../../../core/formats/lock/print-lock.ts';
import type { NixVersion } from '../../../../core/formats/nix-version.ts';

interface Vector {
  readonly name: string;
  readonly verdict: string;
  readonly oracle: Readonly<Record<string, { readonly verdict: string; readonly newLock?: string }>>;
  readonly files: Readonly<Record<string, string>>;
}

const file = new URL('../../../vectors/locks.json', import.meta.url);
const { vectors } = JSON.parse(readFileSync(file, 'utf8')) as { vectors: readonly Vector[] };

const sri = `sha256-${'A'.repeat(43)}=`;
const rev = 'd02d818f22c777aa4e854efc3242ec451e5d462a';
const locked = { type: 'path', path: '/a', narHash: sri, lastModified: 1 };
const original = { type: 'path', path: '/a' };
const node = { locked, original };

const text = (nodes: unknown, more: object = {}): string =>
  JSON.stringify({ nodes, root: 'root', version: 7, ...more });
const one = (change: object): string => text({ root: { inputs: { a: 'a' } }, a: { ...node, ...change } });
const read = (source: string, nix?: NixVersion): Lock => {
  const parsed = parseLock(source, nix === undefined ? {} : { nix });
  if (!parsed.ok) throw new Error(parsed.problem.message);
  return parsed.lock;
};
const problem = (source: string, nix?: NixVersion): unknown => {
  const parsed = parseLock(source, nix === undefined ? {} : { nix });
  return parsed.ok ? 'none' : parsed.problem;
};

describe('what newer Nix takes for what it wants', () => {
  const git = { type: 'git', url: 'https://h/r', rev };
  test.each([
    ['a negative date', { locked: { ...locked, lastModified: -1 } }],
    ['half a second', { locked: { ...locked, lastModified: 1.5 } }],
    ['a list without inputs', { locked, inputs: [] }],
    ['a list in place of version 5 data', { locked, info: [] }],
    ['a hash that it does not look at', { locked: { ...git, narHash: 5 }, original: git }],
  ])('%s', (_, node) => {
    const text = JSON.stringify({
      nodes: { a: { original: { type: 'path', path: '/a' }, ...node }, root: { inputs: { a: 'a' } } },
      root: 'root',
      version: 7,
    });
    expect(parseLock(text).ok).toBe(true);
    expect(parseLock(text, { nix: '2.8' }).ok).toBe(false);
  });
});

describe('texts written by Nix come out byte for byte', () => {
  const written = vectors.flatMap((vector) =>
    Object.entries(vector.oracle).flatMap(([nix, { newLock }]) =>
      newLock === undefined ? [] : [[`${vector.name} by ${nix}`, newLock] as const],
    ),
  );
  test.each(written)('%s', (_, lock) => {
    expect(printLock(read(lock))).toBe(lock);
  });
});

test('keys are made anew: depth first, numbered when taken, root reserved; orphans go, follows stay', () => {
  const lock = text({
    r: { inputs: { root: 'x', b: 'y', a: 'z', f: ['a', 'b'], e: [] } },
    x: { ...node, inputs: {} },
    y: { ...node, inputs: { a: 'w' } },
    z: { ...node, flake: false, parent: [] },
    w: node,
    lost: { anything: 1 },
  }).replace('"root":"root"', '"root":"r"');
  const parsed = read(lock);
  expect(parsed.orphans).toEqual(['lost']);
  const printed = JSON.parse(printLock(parsed)) as { nodes: Record<string, { inputs?: object; flake?: boolean }> };
  expect(Object.keys(printed.nodes)).toEqual(['a', 'a_2', 'b', 'root', 'root_2']);
  expect(printed.nodes.root?.inputs).toEqual({ a: 'a', b: 'b', e: [], f: ['a', 'b'], root: 'root_2' });
  expect(printed.nodes.b?.inputs).toEqual({ a: 'a_2' });
  expect(printed.nodes.a).toMatchObject({ flake: false, parent: [] });
  expect(printLock(parsed)).toContain('"e": [],\n        "f": [\n          "a",\n          "b"\n        ]');
});

test('strings are escaped as Nix does, keys sorted by bytes', () => {
  const path = '/\u00e4\u0001\b\t\n\f\r"\\\u001f\u{1F600}/';
  const lock = read(
    text({
      root: { inputs: { '\u{1F600}': 'x', '\uFFFD': 'y' } },
      x: { ...node, original: { type: 'path', path } },
      y: node,
    }),
  );
  const printed = printLock(lock);
  expect(printed).toContain('"path": "/ä\\u0001\\b\\t\\n\\f\\r\\"\\\\\\u001f\u{1F600}/"');
  expect(printed.indexOf('\uFFFD')).toBeLessThan(printed.indexOf('"\u{1F600}"'));
});

test('a shared node is written once, an empty root as {}', () => {
  const shared = read(text({ root: { inputs: { a: 'n', b: 'n' } }, n: node }));
  expect(Object.keys((JSON.parse(printLock(shared)) as Record<'nodes', object>).nodes)).toEqual(['a', 'root']);
  expect(printLock(read(text({})))).toBe(
    '{\n  "nodes": {\n    "root": {}\n  },\n  "root": "root",\n  "version": 7\n}\n',
  );
});

describe('what Nix reads', () => {
  test.each<readonly [string, string]>([
    ['a byte order mark', `\uFEFF${one({})}`],
    ['version 5', one({}).replace('"version":7', '"version":5')],
    ['version 7.9', one({}).replace('"version":7', '"version":7.9')],
    ['unknown fields', text({ root: { inputs: { a: 'a' }, x: 1 }, a: { ...node, y: 2 } }, { z: 3 })],
    ['a malformed orphan', text({ root: {}, x: 5 })],
    ['a relative path without hash', one({ locked: original, original, parent: [] }).replaceAll('"/a"', '"./a"')],
    ['an empty hash', one({ locked: { ...locked, narHash: '' } })],
    ['an unpadded hash', one({ locked: { ...locked, narHash: sri.slice(0, -1) } })],
    ['inputs null', text({ root: { inputs: null } })],
    ['a narHash without rev', one({ locked: { type: 'github', owner: 'a', repo: 'b', narHash: sri } })],
    ['a key of the prototype', text({ root: { inputs: { a: 'constructor' } }, constructor: node })],
  ])('%s', (_, source) => {
    expect(problem(source)).toBe('none');
  });

  test('of duplicate keys the last', () => {
    const lock = read(one({}).replace('"original":', '"original":{"type":"path","path":"/b"},"original":'));
    expect(lock.nodes.get('a')?.original).toEqual(original);
  });

  test('a __proto__ key is a key like any other', () => {
    const lock = read(
      '{"nodes":{"root":{"inputs":{"__proto__":"__proto__"}},"__proto__":{"locked":{"type":"path","path":"./a"},"original":{"type":"path","path":"./a"},"parent":[]}},"root":"root","version":7}',
    );
    expect(printLock(lock)).toContain('"__proto__": "__proto__"');
  });

  test('version 5 kept part of locked in info', () => {
    const lock = read(
      one({ locked: original, info: { narHash: sri, lastModified: 7 } }).replace('"version":7', '"version":5'),
    );
    expect(lock.nodes.get('a')?.locked).toEqual({ ...original, narHash: sri, lastModified: 7 });
  });
});

describe('what Nix refuses', () => {
  test.each<readonly [string, string, object]>([
    ['nothing', '', { kind: 'syntax', line: 1, column: 1 }],
    ['a comment', '// x\n{}', { kind: 'syntax', line: 1, column: 1 }],
    ['a trailing comma', '{\n  "a": 1,\n}', { kind: 'syntax', line: 2, column: 9 }],
    ['text after the end', '{}\n x', { kind: 'syntax', line: 2, column: 2 }],
    ['a lone surrogate', '{"a": "\\ud800"}', { kind: 'syntax', line: 1, column: 8 }],
    ['a list', '[]', { kind: 'type', pointer: [] }],
    ['an empty object', '{}', { kind: 'version', version: 0 }],
    ['version 8', text({}, { version: 8 }), { kind: 'version', version: 8 }],
    ['version null', text({}, { version: null }), { kind: 'type', pointer: ['version'] }],
    ['version "7"', text({}, { version: '7' }), { kind: 'type', pointer: ['version'] }],
    ['no root', '{"version":7}', { kind: 'missing-attribute', attribute: 'root' }],
    ['root 5', text({}, { root: 5 }), { kind: 'type', pointer: ['root'] }],
    ['nodes []', text([]), { kind: 'type', pointer: ['nodes'] }],
    ['inputs 5', text({ root: { inputs: 5 } }), { kind: 'type', pointer: ['nodes', 'root', 'inputs'] }],
    ['an input 5', text({ root: { inputs: { a: 5 } } }), { kind: 'type', pointer: ['nodes', 'root', 'inputs', 'a'] }],
    ['follows [5]', text({ root: { inputs: { a: [5] } } }), { kind: 'type' }],
    ['a missing node', text({ root: { inputs: { a: 'b' } } }), { kind: 'missing-node', node: 'b', from: 'root' }],
    [
      'an inherited name as node',
      text({ root: { inputs: { a: 'toString' } } }),
      { kind: 'missing-node', node: 'toString' },
    ],
    ['no locked', one({ locked: undefined }), { kind: 'missing-attribute', node: 'a', attribute: 'locked' }],
    ['no original', one({ original: undefined }), { kind: 'missing-attribute', node: 'a', attribute: 'original' }],
    ['flake "no"', one({ flake: 'no' }), { kind: 'type', pointer: ['nodes', 'a', 'flake'] }],
    ['flake null', one({ flake: null }), { kind: 'type', pointer: ['nodes', 'a', 'flake'] }],
    ['parent ""', one({ parent: '' }), { kind: 'type', pointer: ['nodes', 'a', 'parent'] }],
    ['an attribute null', one({ original: { ...original, dir: null } }), { kind: 'type' }],
    ['a date that is none', one({ locked: { ...locked, lastModified: null } }), { kind: 'type' }],
    [
      'an unknown attribute',
      one({ original: { ...original, ref: 'x' } }),
      { kind: 'bad-reference', attribute: 'original' },
    ],
    ['an unknown type', one({ locked: { type: 'svn', narHash: sri } }), { kind: 'bad-reference', attribute: 'locked' }],
    ['no type', one({ locked: { path: '/a' } }), { kind: 'bad-reference', attribute: 'locked' }],
    ['a bad hash', one({ locked: { ...locked, narHash: 'sha256-x' } }), { kind: 'bad-reference' }],
    ['a bad rev', one({ locked: { type: 'git', url: 'https://h/r', rev: 'x' } }), { kind: 'bad-reference' }],
    ['a path without hash', one({ locked: original }), { kind: 'unlocked-input', node: 'a' }],
    ['git without rev', one({ locked: { type: 'git', url: 'https://h/r' } }), { kind: 'unlocked-input' }],
    ['indirect', one({ locked: { type: 'indirect', id: 'a' } }), { kind: 'unlocked-input' }],
    ['an input of itself', one({ inputs: { a: 'a' } }), { kind: 'cycle', nodes: ['a', 'a'] }],
    ['the root as input', one({ inputs: { a: 'root' } }), { kind: 'cycle', nodes: ['root', 'a', 'root'] }],
    [
      'a circle',
      text({ root: { inputs: { a: 'a' } }, a: { ...node, inputs: { b: 'b' } }, b: { ...node, inputs: { a: 'a' } } }),
      { kind: 'cycle', nodes: ['a', 'b', 'a'] },
    ],
  ])('%s', (_, source, expected) => {
    expect(problem(source)).toMatchObject(expected);
  });

  test.each<readonly [NixVersion, string, object | 'none']>([
    ['2.26', one({ locked: { type: 'github', owner: 'a', repo: 'b', narHash: sri } }), { kind: 'unlocked-input' }],
    ['2.8', one({ locked: { type: 'github', owner: 'a', repo: 'b', narHash: sri } }), 'none'],
    [
      '2.8',
      one({ locked: { type: 'tarball', url: 'https://h/a.zip', narHash: sri, lastModified: 1 } }),
      { kind: 'bad-reference' },
    ],
    ['2.8', one({ locked: { type: 'path', path: './a' } }), { kind: 'unlocked-input' }],
    ['2.8', text({}), { kind: 'type' }],
  ])('by Nix %s %#', (nix, source, expected) => {
    const got = problem(source, nix);
    if (expected === 'none') expect(got).toBe('none');
    else expect(got).toMatchObject(expected);
  });

  test('an unfinished merge, at its first marker', () => {
    const source = '{\n<<<<<<< HEAD\n  "a": 1\n=======\n  "a": 2\n>>>>>>> other\n}\n';
    expect(problem(source)).toMatchObject({ kind: 'conflict-markers', line: 2 });
  });
});

describe('nothing is too big', () => {
  test('deep nesting', () => {
    expect(problem('['.repeat(500_000))).toMatchObject({ kind: 'syntax', column: 500_001 });
    expect(problem(`{"nodes":${'['.repeat(300_000)}${']'.repeat(300_000)},"root":"root","version":7}`)).toMatchObject({
      kind: 'type',
    });
  });

  test('a chain of twelve thousand nodes', () => {
    const nodes: Record<string, unknown> = { root: { inputs: { n: 'n0' } } };
    for (let i = 0; i < 12_000; i++) nodes[`n${i}`] = { ...node, inputs: i === 11_999 ? {} : { n: `n${i + 1}` } };
    const printed = printLock(read(text(nodes)));
    expect(printed).toContain('"n_12000"');
    expect(problem(text({ ...nodes, n11999: { ...node, inputs: { n: 'n0' } } }))).toMatchObject({ kind: 'cycle' });
  });
});

describe('laws', () => {
  const sources = vectors.flatMap((vector) => vector.files['flake/flake.lock'] ?? []);

  test('any text is a lock or a problem', () => {
    const mutated = fc
      .record({
        source: fc.constantFrom(...sources),
        at: fc.double({ min: 0, max: 1, noNaN: true }),
        cut: fc.nat(20),
        put: fc.oneof(fc.string({ maxLength: 8 }), fc.constantFrom('null', '5', '[]', '{}', '"root"', '"a"', 'true')),
      })
      .map(({ source, at, cut, put }) => {
        const offset = Math.floor(at * source.length);
        return source.slice(0, offset) + put + source.slice(offset + cut);
      });
    fc.assert(
      fc.property(
        fc.oneof(fc.string(), fc.json(), mutated),
        fc.constantFrom<NixVersion>('2.8', '2.26', '2.34'),
        (source, nix) => {
          const parsed = parseLock(source, { nix });
          if (parsed.ok) printLock(parsed.lock);
          else expect(parsed.problem.message).not.toBe('');
        },
      ),
      { numRuns: 1000 },
    );
  });

  test('changing any value of a lock leaves a lock or a problem, and printing is stable', () => {
    const value = fc.oneof(
      fc.constantFrom<unknown>(null, 5, -1, 1.5, 'a', 'root', [], {}, true, ['a'], [5]),
      fc.anything(),
    );
    fc.assert(
      fc.property(
        fc.constantFrom(...sources),
        fc.array(fc.nat(), { minLength: 1, maxLength: 5 }),
        value,
        (source, path, put) => {
          let json: unknown;
          try {
            json = JSON.parse(source);
          } catch {
            return;
          }
          let at = json as Record<string, unknown>;
          for (const step of path) {
            const keys = Object.keys(at);
            const key = keys[step % Math.max(keys.length, 1)] ?? 'x';
            const next = at[key];
            if (typeof next === 'object' && next !== null && step % 7 !== 0) at = next as Record<string, unknown>;
            else at[key] = put;
          }
          let changed: string | undefined;
          try {
            changed = JSON.stringify(json);
          } catch {
            return;
          }
          const parsed = parseLock(changed);
          if (!parsed.ok) return;
          const printed = printLock(parsed.lock);
          expect(printLock(read(printed))).toBe(printed);
        },
      ),
      { numRuns: 1000 },
    );
  });

  test('the scanner agrees with JSON.parse', () => {
    const scraps = fc.array(
      fc.constantFrom(
        '{',
        '}',
        '[',
        ']',
        ',',
        ':',
        '"a"',
        '"',
        '1',
        '-',
        '0.5e3',
        '01',
        'true',
        'nul',
        ' ',
        '\n',
        '\\',
        '\\u0041',
        '\u0001',
      ),
      { maxLength: 12 },
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.json(),
          scraps.map((parts) => parts.join('')),
        ),
        (source) => {
          let valid = true;
          try {
            JSON.parse(source);
          } catch {
            valid = false;
          }
          const loneSurrogate = /\\u[dD][89a-fA-F]/.test(source);
          if (!loneSurrogate) expect(parseJson(source, LENIENT).ok).toBe(valid);
        },
      ),
      { numRuns: 3000 },
    );
  });
});

test('describeLocked', () => {
  expect(describeLocked({ type: 'github', owner: 'a', repo: 'b', rev, lastModified: 1700907301 })).toBe(
    'd02d818f22c7… (2023-11-25)',
  );
  expect(describeLocked({ type: 'git', url: 'x', rev })).toBe('d02d818f22c7…');
  expect(describeLocked({ type: 'git', url: 'x', dirtyRev: `${rev}-dirty`, lastModified: 0 })).toBe(
    'd02d818f22c7… with changes (1970-01-01)',
  );
  expect(describeLocked(locked)).toBe('sha256-AAAAAAAAAAAA… (1970-01-01)');
  expect(describeLocked({ type: 'path', path: './sub' })).toBe('./sub');
  expect(describeLocked({ type: 'path', path: './sub', lastModified: 1e18 })).toBe('./sub');
});

describe('findInput', () => {
  const lock = read(
    text({
      root: { inputs: { a: 'k1', b: ['a', 'c'], d: ['b'], e: ['e'], f: ['f', 'x'], g: ['none'], h: [] } },
      k1: { ...node, inputs: { c: 'k2' } },
      k2: node,
    }),
  );
  test.each<readonly [readonly string[], string | undefined]>([
    [[], 'root'],
    [['a'], 'k1'],
    [['a', 'c'], 'k2'],
    [['b'], 'k2'],
    [['d'], 'k2'],
    [['h', 'a'], 'k1'],
    [['e'], undefined],
    [['f'], undefined],
    [['g'], undefined],
    [['a', 'x'], undefined],
  ])('%j is %s', (path, key) => {
    expect(findInput(lock, path)?.key).toBe(key);
  });
});

describe('lockPolicy', () => {
  const github = (owner: string, ref?: string): object => ({
    locked: { type: 'github', owner, repo: 'nixpkgs', rev, narHash: sri, lastModified: 1000 },
    original: { type: 'github', owner, repo: 'nixpkgs', ...(ref === undefined ? {} : { ref }) },
  });
  const lock = read(
    text({
      root: { inputs: { nixpkgs: 'nixpkgs_2', same: ['nixpkgs'], evil: 'nixpkgs', tool: 't', sub: 's' } },
      nixpkgs_2: github('NixOS', 'nixos-25.05'),
      nixpkgs: { ...github('evil'), original: { type: 'github', owner: 'NixOS', repo: 'nixpkgs', ref: 'nixos-25.05' } },
      t: {
        locked: { type: 'tarball', url: 'https://h.org/t.tar.gz', narHash: sri },
        original: { type: 'tarball', url: 'https://h.org/t' },
      },
      s: { locked: { type: 'path', path: './s' }, original: { type: 'path', path: './s' }, parent: [] },
    }),
  );
  const kinds = (rules: Parameters<typeof lockPolicy>[1]): readonly string[] =>
    lockPolicy(lock, rules).map(({ kind, input, node: key }) => `${kind} ${input} ${key}`);

  test('the age of a release that came from a channel is open', () => {
    const locked = { type: 'tarball', url: 'https://releases.nixos.org/nixos/25.05/n/nixexprs.tar.xz', narHash: sri };
    const original = { type: 'tarball', url: 'https://channels.nixos.org/nixos-25.05/nixexprs.tar.xz' };
    const taken = read(text({ root: { inputs: { nixpkgs: 'n' } }, n: { locked, original } }));
    expect(lockPolicy(taken, { now: 1000, maxAgeSeconds: 1 }).map(({ kind }) => kind)).toEqual(['undated']);
    expect(lockPolicy(taken, { now: 1000 })).toEqual([]);
  });

  test('age', () => {
    const day = 86_400;
    expect(kinds({ now: 1000 + 30 * day, maxAgeSeconds: 30 * day })).toEqual(['no-date tool t']);
    expect(kinds({ now: 1001 + 30 * day, maxAgeSeconds: 30 * day })).toEqual([
      'too-old evil nixpkgs',
      'too-old nixpkgs nixpkgs_2',
      'too-old same nixpkgs_2',
      'no-date tool t',
    ]);
    expect(lockPolicy(lock, { now: 1000 + 2 * day, maxAgeSeconds: day })[0]?.text).toBe(
      'input "evil" is 2 days old, more than 1 day: d02d818f22c7… (1970-01-01)',
    );
  });

  test('sources: the locked one counts, whatever flake.nix asks for', () => {
    const allow = ['github:NixOS/*', 'https://h.org/**', 'path:**'];
    expect(kinds({ now: 0, allow })).toEqual(['not-allowed evil nixpkgs']);
    expect(kinds({ now: 0, allow: ['github:*/nixpkgs/nixos-*', 'https://h.org/*', 'path:./*'] })).toEqual([
      'not-allowed evil nixpkgs',
    ]);
    expect(
      kinds({ now: 0, allow: ['github:NixOS/nixpkgs/nixos-24.*', '**://**', 'path:**', 'github:evil/nixpkgs'] }),
    ).toEqual(['not-allowed nixpkgs nixpkgs_2', 'not-allowed same nixpkgs_2']);
    expect(kinds({ now: 0, allow: [] })).toHaveLength(5);
  });

  const registry = read(
    text({
      root: { inputs: { nixpkgs: 'n', hub: 'h', old: 'o', home: 'm' } },
      n: { ...github('NixOS'), original: { type: 'indirect', id: 'nixpkgs' } },
      h: {
        locked: {
          type: 'tarball',
          url: 'https://api.flakehub.com/f/pinned/NixOS/nixpkgs/0.2311.559232/x/source.tar.gz',
          narHash: sri,
        },
        original: { type: 'tarball', url: 'https://flakehub.com/f/NixOS/nixpkgs/0.2311.*.tar.gz' },
      },
      o: {
        locked: { type: 'git', url: 'https://github.com/NixOS/nixpkgs.git', rev, ref: 'release-09.09' },
        original: { type: 'git', url: 'https://github.com/NixOS/nixpkgs.git', ref: 'release-09.09' },
      },
      m: { ...github('me', 'nixos-23.11'), inputs: { nixpkgs: 'x', same: ['nixpkgs'] } },
      x: github('NixOS', 'nixos-23.11'),
    }),
  );
  const broken = (rules: Omit<Parameters<typeof lockPolicy>[1], 'now' | 'ends'>): readonly string[] =>
    lockPolicy(registry, { now: Date.parse('2024-07-01') / 1000, ends: BUILT_IN, ...rules }).map(
      ({ kind, input, severity }) => `${kind} ${input} ${severity}`,
    );

  test('ends of support: branches, tags of FlakeHub, git; what was never known ended before', () => {
    expect(broken({ eol: 'error' })).toEqual(['past-end hub error', 'end-unknown nixpkgs error', 'past-end old error']);
    expect(broken({ conditions: [{ input: 'home/*', eol: 'note' }] })).toEqual(['past-end home/nixpkgs note']);
    expect(
      broken({
        eol: 'error',
        conditions: [
          { input: 'n*', eol: 'off' },
          { input: '?', eol: 'error' },
          { input: '*', eol: 'off' },
        ],
      }),
    ).toEqual([]);
  });

  test('registries, hashes, and one nixpkgs', () => {
    expect(broken({ indirect: 'warning' })).toEqual(['indirect nixpkgs warning']);
    expect(broken({ narHash: 'note' })).toEqual(['no-hash old note']);
    expect(broken({ duplicates: 'error' })).toEqual(['twice hub error']);
    expect(lockPolicy(registry, { now: 0, duplicates: 'error' })[0]?.text).toMatch(
      /^nixpkgs is locked \d times: "hub" /,
    );
  });

  test('of conditions the first that names an input and has the rule counts, before the rule at the top', () => {
    const conditions = [
      { input: 'n*', indirect: 'off' },
      { input: '**', maxAgeSeconds: 1, severity: 'note' },
    ] as const;
    expect(broken({ indirect: 'error', maxAgeSeconds: 1e12, conditions })).toEqual([
      'too-old home note',
      'no-date hub note',
      'too-old nixpkgs note',
      'too-old home/nixpkgs note',
    ]);
  });

  test('without rules there is nothing to break', () => {
    expect(lockPolicy(lock, { now: 1e12 })).toEqual([]);
  });
});
