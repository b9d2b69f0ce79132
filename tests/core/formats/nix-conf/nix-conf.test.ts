// nix.conf against what three real Nixes say (vectors): the features asked for, what stops Nix; and the laws of the editor.

import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { addFeatures } from '../../../../core/formats/nix-conf/edit.ts';
import { isGenerated, nixConfFiles } from '../../../../core/formats/nix-conf/files.ts';
import { confLines } from '../../../../core/formats/nix-conf/lines.ts';
import { evaluateNixConf } from '../../../../core/formats/nix-conf/nix-conf.ts';
import type { NixVersion } from '../../../../core/formats/nix-version.ts';

interface Result {
  readonly ok: boolean;
  readonly error?: string;
  readonly experimentalFeatures?: readonly string[];
}
interface Vector {
  readonly name: string;
  readonly files: Readonly<Record<string, string>>;
  readonly env: Readonly<Record<string, string>>;
  readonly results: Readonly<Record<string, Result>>;
}

const ROOT = '/root';
const vectors: readonly Vector[] = JSON.parse(
  readFileSync(new URL('../../../vectors/nixconf.json', import.meta.url), 'utf8').replaceAll('@ROOT@', ROOT),
).vectors;
const versions: readonly [string, NixVersion][] = [
  ['2.8.0', '2.8'],
  ['2.26.3', '2.26'],
  ['2.34.8', '2.34'],
];

function run(vector: Vector, nix: NixVersion) {
  const env = { HOME: `${ROOT}/home`, NIX_CONF_DIR: `${ROOT}/sys`, XDG_CONFIG_DIRS: `${ROOT}/none`, ...vector.env };
  const files = new Map(Object.entries(vector.files).map(([path, text]) => [`${ROOT}/${path}`, text]));
  const isDir = (path: string) => [...files.keys()].some((file) => file.startsWith(`${path}/`));
  const sources = nixConfFiles(env, nix).flatMap((path) => {
    const text = files.get(path);
    return text === undefined ? [] : [{ path, text }];
  });
  if (vector.env.NIX_CONFIG !== undefined) sources.push({ path: 'NIX_CONFIG', text: vector.env.NIX_CONFIG });
  return evaluateNixConf(sources, (path) => files.get(path) ?? (isDir(path) ? null : undefined), nix);
}

/** The features that one Nix takes of those asked for: it drops unknown names, and `flakes` brings another. */
function taken(names: readonly string[], known: ReadonlySet<string>): readonly string[] {
  const kept = names.filter((name) => known.has(name));
  return [...new Set(kept.includes('flakes') && known.has('fetch-tree') ? [...kept, 'fetch-tree'] : kept)].toSorted();
}

// 2.34.8 trips over its own message here; ours is the one its source means to print.
const BROKEN_MESSAGE = 'boost::bad_format_string: format-string is ill-formed';
describe.each(versions)('what Nix %s says', (version, nix) => {
  test.each(vectors.map((vector) => [vector.name, vector] as const))('%s', (_name, vector) => {
    const expected = vector.results[version]!;
    const actual = run(vector, nix);
    if (!expected.ok) {
      expect(actual.error?.message).toEqual(
        expected.error === BROKEN_MESSAGE ? expect.stringContaining('syntax error') : expected.error,
      );
      return;
    }
    expect(actual.error).toBeUndefined();
    const known = new Set(vectors.flatMap((one) => one.results[version]?.experimentalFeatures ?? []));
    expect(taken(actual.requestedFeatures, known)).toEqual(expected.experimentalFeatures);
  });
});

describe('the Nix of this machine', () => {
  const number = /\d+\.(\d+)/.exec(execFileSync('nix', ['--version'], { encoding: 'utf8' }))?.[1];
  const rules: NixVersion = Number(number) < 16 ? '2.8' : Number(number) < 34 ? '2.26' : '2.34';
  const words = fc.constantFrom(
    'experimental-features',
    'extra-experimental-features',
    'cores',
    'extra-trusted-users',
    'trusted-users',
    'warn-dirty',
    'system-features',
    'extra-system-features',
    'no-such',
    'accept-flake-config',
    'include',
    '!include',
    '=',
    'b.conf',
    'c.conf',
    'flakes',
    'nix-command',
    'root',
    '1',
    'true',
    '#',
    '\t',
    '\n',
    '\n',
    '\r\n',
  );
  const line = fc.oneof(
    {
      weight: 3,
      arbitrary: fc
        .tuple(words, fc.array(words, { maxLength: 3 }))
        .map(([name, rest]) => `${name} = ${rest.filter((w) => !/[\n=]/.test(w)).join(' ')}`),
    },
    { weight: 1, arbitrary: fc.constantFrom('include b.conf', '!include c.conf', '', '# x') },
    { weight: 1, arbitrary: fc.array(words, { maxLength: 4 }).map((all) => all.join(' ')) },
  );
  const file = fc.array(line, { maxLength: 5 }).map((lines) => lines.join('\n'));
  test('agrees on random files', () => {
    const dir = mkdtempSync(join(tmpdir(), 'nix-conf-'));
    try {
      fc.assert(
        fc.property(file, fc.array(line, { maxLength: 2 }), (text, other) => {
          const texts = new Map([
            [join(dir, 'nix.conf'), text],
            [join(dir, 'b.conf'), other.filter((l) => !l.includes('include')).join('\n')],
          ]);
          for (const [path, content] of texts) writeFileSync(path, content);
          const ours = evaluateNixConf([{ path: join(dir, 'nix.conf'), text }], (path) => texts.get(path), rules);
          fc.pre(ours.error?.kind !== 'loop');
          const flags = ['--extra-experimental-features', 'nix-command', rules === '2.8' ? 'show-config' : 'config'];
          const env = { PATH: process.env.PATH, HOME: dir, NIX_CONF_DIR: dir, XDG_CONFIG_DIRS: join(dir, 'none') };
          const real = spawnSync('nix', rules === '2.8' ? flags : [...flags, 'show'], { env, encoding: 'utf8' });
          const said = real.stderr
            .replace(/\u001b\[[0-9;]*m/g, '')
            .split('\n')
            .filter((l) => l !== '');
          // The terminal sees tabs and CR otherwise, and one version trips over a message of its own.
          const blanks = (message: string) => message.replace(/\s+/g, ' ');
          const errors = said.filter((l) => l.startsWith('error: ')).map(blanks);
          expect([text, errors.length]).toEqual([text, ours.error ? 1 : 0]);
          if (ours.error && errors[0] !== `error: ${BROKEN_MESSAGE}`) {
            expect(errors[0]).toBe(blanks(`error: ${ours.error.message}`));
          }
          if (ours.error) return;
          const shown = new Map(real.stdout.split('\n').map((l) => l.split(' = ') as [string, string]));
          const known = new Set(['flakes', 'nix-command', ...(rules === '2.8' ? [] : ['fetch-tree'])]);
          expect(new Set(shown.get('experimental-features')?.split(' '))).toEqual(
            new Set(['nix-command', ...taken(ours.requestedFeatures, known)]),
          );
        }),
        { numRuns: Number(process.env.NIX_CONF_RUNS ?? 40) },
      );
    } finally {
      rmSync(dir, { recursive: true });
    }
  });
});

describe('values', () => {
  const error = (text: string, nix: NixVersion) =>
    evaluateNixConf([{ path: '/c/nix.conf', text }], () => undefined, nix).error?.message;
  test.each([
    ['min-free = 1Q', "setting 'min-free' has invalid value '1Q'", "setting 'min-free' has invalid value '1Q'"],
    ['min-free = 1g', "setting 'min-free' has invalid value '1g'", undefined],
    ['cores = -1', "setting 'cores' has invalid value '-1'", "setting 'cores' has invalid value '-1'"],
    ['cores =', "setting 'cores' has invalid value ''", "setting 'cores' has invalid value ''"],
    ['cores = 99999999999', "setting 'cores' has invalid value '99999999999'", undefined],
    ['timeout = -1', undefined, undefined],
    ['max-jobs = auto', undefined, undefined],
    ['max-jobs = 1K', "configuration setting 'max-jobs' should be 'auto' or an integer", undefined],
    ['max-jobs = x', "configuration setting 'max-jobs' should be 'auto' or an integer", undefined],
    ['sandbox = yes', "option 'sandbox' has invalid value 'yes'", "option 'sandbox' has invalid value 'yes'"],
    ['use-registries = maybe', "Boolean setting 'use-registries' has invalid value 'maybe'", undefined],
    ['netrc-file =', undefined, "setting 'netrc-file' is a path and paths cannot be empty"],
    ['substituters = cores', undefined, "Cannot parse Nix store 'cores'"],
    ['extra-trusted-substituters = a?b', undefined, "Cannot parse Nix store 'a?b'"],
    ['substituters = https://ä.org', undefined, "Cannot parse Nix store 'https://ä.org'"],
    ['substituters = auto?ä=1', undefined, "invalid URI query 'ä=1': leftover"],
    [
      'substituters = auto daemon local?root=/a /a a/b a:b dummy:// ssh://[::1]/x ssh://u@fe80::1',
      undefined,
      undefined,
    ],
    ['include nope', "file '/c/nope' included from '/c/nix.conf' not found", undefined],
  ])('%s', (text, old, now) => {
    expect(error(text, '2.8')).toBe(old);
    if (now !== undefined || old === undefined) expect(error(text, '2.34')).toBe(now);
  });
  test.each([
    'cores = 4G',
    'max-free = 99999999T',
    'max-free = 18446744073709551615',
    'timeout = 9007199254740993',
    'timeout = 8388608T',
    'timeout = -1k',
    'log-lines = +007',
    'diff-hook = /a/../b//c/',
    'store =',
    'store = /a/../x?b=c',
    'substituters = auto?x=1 daemon?y=2 local?b=1&a=2 / HTTPS://c.org/a%20b',
    'substituters = ssh://u@fe80::1 https://c.org/+a file:/x https://c.org?q=a%2fb',
    'substituters = https://c.org?x',
    'trusted-substituters = local https://b.org auto?x=1 /a daemon local?a=b auto /a',
    'sandbox-paths = b=1 a=2 =x y= z=? q?=r b=3 c=c /x=/y? /z?',
    'external-builders = [{"systems":["x"],"program":"p","args":["q"],"z":1}]',
    'no-such = maybe',
    'extra-cores = x',
  ])('%s: Nix 2.34 takes it', (text) => {
    expect(error(text, '2.34')).toBeUndefined();
  });
  test.each([
    ['diff-hook = x', "not an absolute path: 'x'", 'not an absolute path: "x"'],
    ['build-hook = x', "not an absolute path: 'x'", undefined],
    ['build-dir = a/b', undefined, 'not an absolute path: "a/b"'],
    ['netrc-file = x', undefined, 'not an absolute path: "x"'],
    ['ssl-cert-file =', undefined, undefined],
    ['eval-profile-file = x', undefined, undefined],
    ['eval-profile-file =', undefined, "setting 'eval-profile-file' is a path and paths cannot be empty"],
    ['eval-profiler = true', undefined, "option 'eval-profiler' has invalid value 'true'"],
    ['store = a b', undefined, "Cannot parse Nix store 'a b'"],
    [
      'external-builders = {}',
      undefined,
      "parsing setting 'external-builders': [json.exception.type_error.302] type must be array, but is object",
    ],
    [
      'external-builders = [{"systems":[],"args":[]}]',
      undefined,
      `parsing setting 'external-builders': error: Expected JSON object to contain key 'program' but it doesn't: {"args":[],"systems":[]}`,
    ],
  ])('%s: refused by some', (text, old, now) => {
    expect(error(text, '2.8')).toBe(old);
    expect(error(text, '2.34')).toBe(now);
  });
  test.each(['a/../x', './/x', 'a/'])('include %s in NIX_CONFIG leads nowhere', (target) => {
    const conf = evaluateNixConf([{ path: 'NIX_CONFIG', text: `include ${target}` }], () => undefined);
    expect(conf.error?.message).toBe(`not an absolute path: "${target}"`);
  });
  test('an old Nix applies the lines before the one it cannot read', () => {
    const text = 'experimental-features = flakes\noops';
    expect(evaluateNixConf([{ path: '/n', text }], () => undefined, '2.8')).toMatchObject({
      requestedFeatures: ['flakes'],
      error: { kind: 'syntax', path: '/n', line: 2 },
    });
  });
  test.each([
    ['plugin-files = /a /b', '2.8', ['/a', '/b']],
    ['plugin-files = /a\nextra-plugin-files = /b', '2.26', ['/a', '/b']],
    ['plugin-files = /a\nplugin-files = /b', '2.34', ['/b']],
    ['plugin-files = /a\nextra-plugin-files = /b', '2.34', ['/a']],
  ] as const)('the plugins of %j in %s', (text, nix, files) => {
    const conf = evaluateNixConf([{ path: '/n', text }], () => undefined, nix);
    expect(conf.plugins.map(({ file }) => file)).toEqual(files);
  });
});

describe('who decides', () => {
  const files: Readonly<Record<string, string>> = {
    '/a/more.conf': '# x\nexperimental-features = flakes\n',
    '/a/loop.conf': 'include ../a/./loop.conf\n',
    '/a/left.conf': '!include right.conf\n',
    '/a/right.conf': '!include left.conf\n',
  };
  const read = (path: string) => files[path];
  test('the last plain assignment wins and later extra lines still count', () => {
    const conf = evaluateNixConf(
      [
        { path: '/a/nix.conf', text: 'experimental-features = nix-command\ninclude more.conf\n' },
        { path: '/u/nix.conf', text: 'extra-experimental-features = ca-derivations\n' },
      ],
      read,
    );
    expect(conf.winner).toMatchObject({ path: '/a/more.conf', line: 2 });
    expect(conf.requestedFeatures).toEqual(['ca-derivations', 'flakes']);
  });
  test.each([
    ['include loop.conf', '/a/loop.conf'],
    ['\ninclude left.conf', '/a/right.conf'],
    ['include nix.conf', '/a/nix.conf'],
  ])('a loop is an error, not a crash: %j', (text, path) => {
    expect(
      evaluateNixConf([{ path: '/a/nix.conf', text }], (p) => (p === '/a/nix.conf' ? text : read(p))).error,
    ).toMatchObject({ kind: 'loop', path });
  });
  test('includes that double at each level end', () => {
    const level = (path: string) => {
      const next = `f${Number(path.slice(2)) + 1}`;
      return `include ${next}\ninclude ${next}\n`;
    };
    expect(evaluateNixConf([{ path: '/f0', text: level('/f0') }], level).error?.kind).toBe('loop');
  });
});

test.each([
  [{ HOME: '/h' }, '2.34', ['/etc/nix/nix.conf', '/etc/xdg/nix/nix.conf', '/h/.config/nix/nix.conf']],
  [{ HOME: '/h', NIX_CONF_DIR: '' }, '2.34', ['/etc/nix/nix.conf', '/etc/xdg/nix/nix.conf', '/h/.config/nix/nix.conf']],
  [
    { HOME: '/h', XDG_CONFIG_DIRS: '/a:/b::/c' },
    '2.34',
    ['/etc/nix/nix.conf', '/c/nix/nix.conf', '/b/nix/nix.conf', '/a/nix/nix.conf', '/h/.config/nix/nix.conf'],
  ],
  [{ HOME: '/h', XDG_CONFIG_DIRS: '' }, '2.34', ['/etc/nix/nix.conf', '/h/.config/nix/nix.conf']],
  [{ HOME: '/h', NIX_USER_CONF_FILES: '/1:/2' }, '2.34', ['/etc/nix/nix.conf', '/2', '/1']],
  [{ HOME: '/h', XDG_CONFIG_DIRS: '', XDG_CONFIG_HOME: '' }, '2.34', ['/etc/nix/nix.conf', 'nix/nix.conf']],
  [{ HOME: '/h', XDG_CONFIG_DIRS: '', XDG_CONFIG_HOME: '' }, '2.26', ['/etc/nix/nix.conf', '/nix/nix.conf']],
  [{ HOME: '/h', XDG_CONFIG_DIRS: '', NIX_CONFIG_HOME: '' }, '2.34', ['/etc/nix/nix.conf', 'nix.conf']],
  [{ HOME: '/h', NIX_USER_CONF_FILES: '' }, '2.34', ['/etc/nix/nix.conf']],
  [
    { HOME: '/h', NIX_CONFIG_HOME: '/n', XDG_CONFIG_HOME: '/x' },
    '2.34',
    ['/etc/nix/nix.conf', '/etc/xdg/nix/nix.conf', '/n/nix.conf'],
  ],
  [
    { HOME: '/h', NIX_CONFIG_HOME: '/n', XDG_CONFIG_HOME: '/x' },
    '2.8',
    ['/etc/nix/nix.conf', '/etc/xdg/nix/nix.conf', '/x/nix/nix.conf'],
  ],
] as const)('files of %j for %s (as strace shows them)', (env, nix, files) => {
  expect(nixConfFiles(env, nix)).toEqual(files);
});

test.each([
  [
    '# WARNING: this file is generated from the nix.* options in\n# your NixOS configuration, typically\n# /etc/nixos/configuration.nix.  Do not edit it!\ncores = 0\n',
    { by: 'nixos', belongs: 'nix.settings' },
  ],
  [
    '# WARNING: this file is generated from the nix.* options in\n# your nix-darwin configuration. Do not edit it!\n',
    { by: 'nix-darwin', belongs: 'nix.settings' },
  ],
  [
    '# WARNING: this file is generated from the nix.settings option in\n# your Home Manager configuration at $XDG_CONFIG_HOME/nix/nix.conf.\n# Do not edit it!\n',
    { by: 'home-manager', belongs: 'nix.settings' },
  ],
  [
    '# Generated by https://github.com/DeterminateSystems/nix-installer.\n\n!include nix.custom.conf\n',
    { by: 'determinate', belongs: 'nix.custom.conf', included: true },
  ],
  [
    '# Generated by https://github.com/DeterminateSystems/nix-installer.\ncores = 1\n',
    { by: 'determinate', belongs: 'nix.custom.conf', included: false },
  ],
  [
    '# Do not edit this file, put settings in nix.custom.conf\ninclude /etc/nix/nix.custom.conf',
    { by: 'determinate', belongs: 'nix.custom.conf', included: true },
  ],
  ['# Written by https://github.com/DeterminateSystems/nix-installer.\n', undefined],
  ['cores = 1\n# this file is generated from the nix.* options in\n', undefined],
  ['', undefined],
])('generated: %j', (text, expected) => {
  expect(isGenerated(text)).toEqual(expected);
});

describe('adding features', () => {
  const both = ['nix-command', 'flakes'];
  test.each([
    ['', 'experimental-features = nix-command flakes\n', 'appended', 1],
    ['cores = 1\n', 'cores = 1\nexperimental-features = nix-command flakes\n', 'appended', 2],
    ['cores = 1', 'cores = 1\nexperimental-features = nix-command flakes', 'appended', 2],
    ['# a\r\ncores = 1\r\n', '# a\r\ncores = 1\r\nexperimental-features = nix-command flakes\r\n', 'appended', 3],
    ['experimental-features = nix-command # why', 'experimental-features = nix-command flakes # why', 'extended', 1],
    [
      'experimental-features\t=\tnix-command\r\n# x',
      'experimental-features\t=\tnix-command\tflakes\r\n# x',
      'extended',
      1,
    ],
    ['experimental-features =\ncores = 2', 'experimental-features = nix-command flakes\ncores = 2', 'extended', 1],
    [
      'experimental-features = ca-derivations#c\n',
      'experimental-features = ca-derivations nix-command flakes#c\n',
      'extended',
      1,
    ],
    [
      'experimental-features = flakes\nexperimental-features = a\n',
      'experimental-features = flakes\nexperimental-features = a nix-command flakes\n',
      'extended',
      2,
    ],
    ['extra-experimental-features = flakes\n', 'extra-experimental-features = flakes nix-command\n', 'extended', 1],
    ['!include x\n', '!include x\nextra-experimental-features = nix-command flakes\n', 'appended', 2],
  ])('%j', (text, after, how, line) => {
    expect(addFeatures(text, both)).toEqual({ ok: true, text: after, how, line });
  });
  test('a later include that assigns is answered with an extra line after it', () => {
    const readInclude = () => 'experimental-features = ca-derivations\n';
    expect(addFeatures('experimental-features = flakes\ninclude x\n', both, { path: '/n', readInclude })).toMatchObject(
      {
        how: 'appended',
        text: 'experimental-features = flakes\ninclude x\nextra-experimental-features = nix-command flakes\n',
      },
    );
  });
  test('extend keeps what an earlier file enables', () => {
    const context = { path: '/n', readInclude: () => undefined, extend: true };
    expect(addFeatures('', ['flakes'], context)).toMatchObject({ text: 'extra-experimental-features = flakes\n' });
  });
  test.each([
    ['garbage\n', ['flakes'], 'broken'],
    ['cores = 1\n', ['fla kes'], 'bad-name'],
    ['cores = 1\n', ['#x'], 'bad-name'],
    ['cores = 1\n', [''], 'bad-name'],
  ])('refuses %j + %j', (text, features, reason) => {
    expect(addFeatures(text, features)).toMatchObject({ ok: false, reason });
  });

  const blank = fc.constantFrom(' ', '  ', '\t', ' \t');
  const feature = fc.constantFrom('flakes', 'nix-command', 'ca-derivations', 'no-such');
  const line = fc.oneof(
    fc
      .tuple(
        fc.constantFrom('', ' '),
        fc.constantFrom('', 'extra-'),
        blank,
        fc.array(fc.tuple(blank, feature), { maxLength: 3 }),
        fc.constantFrom('', ' ', ' # c', '# flakes'),
      )
      .map(
        ([indent, extra, gap, names, tail]) =>
          `${indent}${extra}experimental-features${gap}=${names.flat().join('')}${tail}`,
      ),
    fc.constantFrom('', '# experimental-features = flakes', 'cores = 2', 'unknown = é', '!include other'),
  );
  const file = fc
    .tuple(fc.array(line, { maxLength: 6 }), fc.constantFrom('\n', '\r\n'), fc.boolean())
    .map(([lines, end, closed]) => lines.join(end) + (closed && lines.length > 0 ? end : ''));

  test('inserts, proves, and is idempotent', () => {
    fc.assert(
      fc.property(file, fc.uniqueArray(feature, { minLength: 1 }), (text, wanted) => {
        const edit = addFeatures(text, wanted);
        if (!edit.ok) throw new Error(edit.message);
        const words = (t: string) => confLines(t).map((one) => one.tokens.map((token) => token.text).join(' '));
        const conf = evaluateNixConf([{ path: '/n', text: edit.text }], () => undefined);
        expect(conf.requestedFeatures).toEqual(expect.arrayContaining(wanted));
        expect(addFeatures(edit.text, wanted)).toEqual({ ok: true, how: 'unchanged', text: edit.text });
        // One insertion: a common prefix and suffix cover the whole of the old text.
        let prefix = 0;
        while (prefix < text.length && text[prefix] === edit.text[prefix]) prefix++;
        const rest = text.length - prefix;
        expect(edit.text.slice(edit.text.length - rest)).toBe(text.slice(prefix));
        if (edit.how === 'unchanged') return;
        // Only that line has new words, and they are the wanted ones.
        const changed = confLines(edit.text).find((one) => one.line === edit.line)!;
        const old = edit.how === 'extended' ? confLines(text).find((one) => one.line === edit.line) : undefined;
        const added = changed.tokens.slice(old?.tokens.length ?? 2).map((token) => token.text);
        expect(wanted).toEqual(expect.arrayContaining(added));
        expect(words(edit.text).length).toBe(words(text).length + (old ? 0 : 1));
      }),
      { numRuns: 500 },
    );
  });
});
