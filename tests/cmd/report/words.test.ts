// Widths, escapes, colours and secrets: the helpers of every screen.
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { themeOf, wantAscii, wantColor } from '../../../cmd/report/colour.ts';
import { escapeLine, escapeText } from '../../../cmd/report/escape.ts';
import { itemOf } from '../../../cmd/report/formats/item.ts';
import { durationOf } from '../../../cmd/report/outcome.ts';
import { isSecretName, secretsIn } from '../../../cmd/report/secrets.ts';
import { padEnd, stringWidth, takeCells, truncate, wrap } from '../../../cmd/report/width.ts';

describe('width', () => {
  test.each([
    ['', 0],
    ['abc', 3],
    ['漢字', 4],
    ['e\u0301', 1],
    ['👍🏽', 2],
    ['👩‍🚀', 2],
    ['❤️', 2],
    ['…', 1],
    ['\u001b[31mred\u001b[39m', 3],
    ['\u001b]8;;https://example.org\u0007link\u001b]8;;\u0007', 4],
    ['a\u200bb', 2],
  ])('%j takes %i cells', (text, cells) => expect(stringWidth(text)).toBe(cells));

  test('padding, cutting and wrapping', () => {
    expect(padEnd('漢', 4)).toBe('漢  ');
    expect(truncate('abcdef', 4)).toBe('abc…');
    expect(truncate('漢字', 3)).toBe('漢…');
    expect(truncate('abc', 2, '...')).toBe('ab');
    expect(takeCells('a漢b', 2)).toEqual(['a', '漢b']);
    expect(wrap('one two three', 7)).toEqual(['one two', 'three']);
    expect(wrap('abcdefgh i', 3)).toEqual(['abc', 'def', 'gh', 'i']);
    expect(wrap('', 3)).toEqual(['']);
  });

  test('wrapping loses nothing and fits', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.integer({ min: 2, max: 30 }), (raw, width) => {
        const text = escapeLine(raw);
        const lines = wrap(text, width);
        for (const line of lines) expect(stringWidth(line)).toBeLessThanOrEqual(width);
        expect(lines.join('').replaceAll(' ', '')).toBe(text.replaceAll(' ', ''));
      }),
    );
  });
});

describe('escapes', () => {
  test.each([
    ['\u001b[2J', '\\e[2J'],
    ['a\nb\tc\r', 'a\\nb\\tc\\r'],
    ['\0\u0007\u007f', '\\0\\x07\\x7f'],
    ['\udcff\udc80', '\\xff\\x80'],
    ['\ud800', '\\u{d800}'],
    ['\u009b31m', '\\u{9b}31m'],
    ['\u202eabc\u2066', '\\u{202e}abc\\u{2066}'],
    ['漢字 👍 é', '漢字 👍 é'],
  ])('%j is shown as %s', (text, shown) => expect(escapeLine(text)).toBe(shown));

  test('text of several lines keeps its lines and tabs', () => expect(escapeText('a\n\tb\u001b')).toBe('a\n\tb\\e'));

  test('nothing that is shown is obeyed; in ASCII nothing else is left', () => {
    const ascii = themeOf({ colour: false, ascii: true, columns: 80 });
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(escapeLine(text)).not.toMatch(/[\p{Cc}\u202a-\u202e\u2066-\u2069\p{Cs}]/u);
        expect(ascii.show(text)).toMatch(/^[ -~]*$/);
      }),
    );
  });
});

describe('colour', () => {
  const tty = { isTTY: true };
  test.each([
    [tty, {}, undefined, true],
    [{}, {}, undefined, false],
    [{}, {}, 'always', true],
    [tty, { FORCE_COLOR: '1' }, 'never', false],
    [tty, { NO_COLOR: '1', FORCE_COLOR: '1' }, 'auto', false],
    [tty, { NO_COLOR: '' }, 'auto', true],
    [{}, { FORCE_COLOR: '1' }, 'auto', true],
    [tty, { FORCE_COLOR: '0' }, 'auto', false],
    [{}, { CLICOLOR_FORCE: '1', CLICOLOR: '0' }, 'auto', true],
    [tty, { CLICOLOR: '0' }, 'auto', false],
    [tty, { TERM: 'dumb' }, 'auto', false],
    [tty, { CI: 'true' }, 'auto', true],
  ] as const)('%j %j %s: %s', (stream, env, flag, wanted) => expect(wantColor(stream, env, flag)).toBe(wanted));

  test.each([
    [{}, undefined, false],
    [{ LANG: 'C' }, undefined, true],
    [{ LANG: 'de_DE.UTF-8' }, undefined, false],
    [{ LANG: 'en_US.utf8', LC_ALL: 'POSIX' }, undefined, true],
    [{ LANG: 'C' }, false, false],
    [{}, true, true],
  ] as const)('ascii %j %s: %s', (env, flag, wanted) => expect(wantAscii(env, flag)).toBe(wanted));

  test('is ours to decide, whatever the environment says', () => {
    expect(themeOf({ colour: true, ascii: false, columns: 80 }).paint('add', 'x')).toBe('\u001b[32mx\u001b[39m');
    expect(themeOf({ colour: false, ascii: false, columns: 80 }).paint('add', 'x')).toBe('x');
  });
});

test.each([
  [0, '0.0s'],
  [0.44, '0.4s'],
  [9.97, '10s'],
  [41.4, '41s'],
  [72, '1m12s'],
  [59.7, '1m00s'],
  [3725, '1h02m'],
])('%d seconds are %s', (seconds, words) => expect(durationOf(seconds)).toBe(words));

describe('secrets', () => {
  test.each([
    'users.users.a.hashedPassword',
    'initialPassword',
    'psk',
    'access-tokens',
    'services.x.secretKey',
    'apiKey',
  ])('%s is one', (name) => expect(isSecretName(name)).toBe(true));
  test.each([
    'passwordFile',
    'hashedPasswordFile',
    'inputs.nixpkgs.url',
    'sshKeys',
    'nix.settings.experimental-features',
    'secretFile',
  ])('%s is none', (name) => expect(isSecretName(name)).toBe(false));
  test.each([
    ['  users.users.a.password = "geheim";', ['geheim']],
    ['psk = "a\\"b"; hashedPassword = "c";', ['a\\"b', 'c']],
    ['access-tokens = github.com=ghp_x gitlab.com=y', ['github.com=ghp_x gitlab.com=y']],
    ['PasswordAuthentication = false;', []],
    ['passwordFile = "/run/x";', []],
    ['password = config.sops.placeholder.x;', []],
  ])('in %s: %j', (line, values) =>
    expect(secretsIn(line).map(({ start, end }) => line.slice(start, end))).toEqual(values),
  );
});

test.each([
  { by: 'paste', snippet: 'S3CRET', hint: 'paste it' },
  { by: 'you', hint: 'mend it' },
] as const)('no format tells what was seen of a secret setting, or is to be pasted for it: %j', (remedy) => {
  const about = { spec: 'reflake.yaml', source: () => undefined };
  const around = { about, cwd: '/', strict: false, isFailing: true, expected: new Set<string>() };
  const subject = 'users.users.a.hashedPassword';
  const evidence = [{ saw: 'S3CRET' }];
  const values = { from: 'S3CRET', to: 'S3CRET', because: 'it is S3CRET' };
  const item = (name: string): string =>
    JSON.stringify(itemOf({ code: 'RF2103', wish: '/features', subject: name, ...values, evidence, remedy }, around));
  expect(item(subject)).not.toContain('S3CRET');
  expect(item('users.users.a.shell')).toContain('S3CRET');
});
