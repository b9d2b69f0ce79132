// Diagnostics against their golden files.
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { themeOf } from '../../../cmd/report/colour.ts';
import { diagnosticLine, diagnosticScreen, diagnosticsScreen } from '../../../cmd/report/diagnostic.ts';
import { stringWidth } from '../../../cmd/report/width.ts';
import { type Diagnostic, rangeOf } from '../../../core/diagnostic.ts';
import { absolute } from '../../../core/path.ts';
import { loadSpec } from '../../../core/spec/load.ts';
import { locate, SPEC } from './example.ts';
import { expectScreen } from './golden.ts';

const theme = (more: Partial<Parameters<typeof themeOf>[0]> = {}) =>
  themeOf({ colour: false, ascii: false, columns: 80, ...more });
const sourcesOf = (files: Record<string, string>) => ({ source: (file: string) => files[file] });

/** A problem at the first `needle` of a text. */
function problemAt(
  file: string,
  text: string,
  needle: string,
  more: Partial<Diagnostic> & { expected?: string } = {},
): Diagnostic {
  const start = text.indexOf(needle);
  const at = rangeOf(file, text, { start, end: start + needle.length });
  return { severity: 'error', code: 'RF1005', summary: `${JSON.stringify(needle)} is wrong`, at, ...more };
}

describe('the snippet', () => {
  test('from the spec itself', async () => {
    const text = SPEC.replace('x86_64-linux', 'x86-64_linux');
    const { diagnostics } = await loadSpec('reflake.yaml', text);
    const sources = sourcesOf({ 'reflake.yaml': text });
    expectScreen('diagnostic.txt', diagnosticScreen(diagnostics[0]!, theme(), sources));
    expectScreen('diagnostic-ascii.txt', diagnosticScreen(diagnostics[0]!, theme({ ascii: true }), sources));
    expect(diagnosticLine(diagnostics[0]!, theme(), sources)).toBe(
      'reflake.yaml:4:11: error: unknown system "x86-64_linux" (did you mean "x86_64-linux"?) [RF1006]',
    );
  });

  test('counts cells, not characters', () => {
    const text = 'a:\n\tname: "漢字 e\u0301 👩‍🚀" # wrong\n';
    expectScreen(
      'diagnostic-wide.txt',
      diagnosticScreen(problemAt('a.yaml', text, 'wrong'), theme(), sourcesOf({ 'a.yaml': text })),
    );
  });

  test.each([
    ['diagnostic-window.txt', `${'before '.repeat(40)}HERE${' after'.repeat(40)}`, 'HERE'],
    ['diagnostic-window-long.txt', `short ${'x'.repeat(300)} end`, 'x'.repeat(300)],
    ['diagnostic-window-end.txt', `${'b'.repeat(300)} END`, 'END'],
  ])('of a long line is windowed: %s', (name, text, needle) => {
    const screen = diagnosticScreen(
      problemAt('a.yaml', text, needle, {
        summary: 'too long',
        expected: 'expected something that does not fit beside the caret at all',
      }),
      theme(),
      sourcesOf({ 'a.yaml': text }),
    );
    expectScreen(name, screen);
  });

  test('shows the wish beside the place, what to paste, and other texts harmlessly', () => {
    const flake = '{\n  inputs = import ./inputs.nix; # \u001b[2J\n}\n';
    const diagnostic = problemAt('flake.nix', flake, 'import ./inputs.nix', {
      code: 'RF2007',
      summary: '"inputs" of flake.nix is computed',
      hint: 'paste the lines below',
      pointer: '/inputs',
      snippet: 'inputs = {\n  nixpkgs.url = "github:NixOS/nixpkgs/nixos-23.11";\n};\n',
    });
    const sources = { ...sourcesOf({ 'flake.nix': flake, 'reflake.yaml': SPEC }), locate };
    expectScreen('diagnostic-related.txt', diagnosticScreen(diagnostic, theme(), sources));
  });

  test('is left out where there is no text, or no place', () => {
    const path = absolute('/etc/nixos/a\nb');
    const bare: Diagnostic = { severity: 'warning', code: 'RF2017', summary: 'a socket', path };
    const gone = problemAt('gone.yaml', 'abc', 'b', { expected: 'expected c' });
    const screens = [bare, gone].map((diagnostic) => diagnosticScreen(diagnostic, theme(), sourcesOf({})));
    expectScreen('diagnostic-bare.txt', screens.join('\n\n'));
    expect(diagnosticLine(bare, theme(), sourcesOf({}))).toBe('/etc/nixos/a\\nb: warning: a socket [RF2017]');
  });

  test('of several lines marks the first', () => {
    const text = 'a: {\n  b: 1,\n}\n';
    expectScreen(
      'diagnostic-lines.txt',
      diagnosticScreen(problemAt('a.yaml', text, '{\n  b: 1,\n}'), theme(), sourcesOf({ 'a.yaml': text })),
    );
  });
});

test('many are sorted, errors first, and capped', () => {
  const text = Array.from({ length: 20 }, (_, n) => `key${n}: x`).join('\n');
  const diagnostics = Array.from({ length: 20 }, (_, n) =>
    problemAt('a.yaml', text, `key${19 - n}:`, { severity: n === 19 ? 'error' : 'warning' }),
  );
  expectScreen('diagnostics-many.txt', diagnosticsScreen(diagnostics, theme(), sourcesOf({ 'a.yaml': text }), 6));
});

test('the caret behind a line that fills the terminal stays on the screen', () => {
  for (const length of [34, 35, 36, 37]) {
    const text = 'x'.repeat(length);
    const at = rangeOf('a', text, { start: length, end: length });
    const screen = diagnosticScreen(
      { severity: 'error', code: 'RF1005', summary: 'x', at },
      theme({ columns: 40 }),
      sourcesOf({ a: text }),
    );
    for (const line of screen.split('\n')) expect(stringWidth(line)).toBeLessThanOrEqual(40);
  }
});

test('no screen is wider than the terminal, wherever the place is', () => {
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom('a', ' ', '漢', '\t', '👩‍🚀', '\u0301', '\u202e', 'word ', '\u001b', 'x'.repeat(60)), {
        maxLength: 60,
      }),
      fc.nat(200),
      fc.nat(300),
      fc.integer({ min: 40, max: 100 }),
      (parts, start, length, columns) => {
        const text = `first\n${parts.join('')}`;
        const at = rangeOf('a', text, { start: 6 + start, end: 6 + start + length });
        const screen = diagnosticScreen(
          { severity: 'error', code: 'RF1005', summary: 'x', at },
          theme({ columns }),
          sourcesOf({ a: text }),
        );
        for (const line of screen.split('\n')) expect(stringWidth(line)).toBeLessThanOrEqual(columns);
        expect(screen).not.toMatch(/[\u001b\u202e]/);
        expect(screen).toMatch(/\n {3}\| +\^/);
      },
    ),
  );
});
