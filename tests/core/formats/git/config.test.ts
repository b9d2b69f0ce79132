// The reader of git's configuration against `git config --list`.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { readGitConfig, readVariables } from '../../../../core/formats/git/config.ts';

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'git-config-'));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

type Variable = readonly [string, string | undefined];

/** The variables that git reads; undefined if it refuses the file. */
function gitReads(text: string): readonly Variable[] | undefined {
  const file = join(dir, 'config');
  writeFileSync(file, text);
  const run = spawnSync('git', ['config', '-f', file, '--no-includes', '--list', '-z'], { cwd: dir, encoding: 'utf8' });
  if (run.status !== 0) return undefined;
  return run.stdout
    .split('\0')
    .slice(0, -1)
    .map((one): Variable => {
      const newline = one.indexOf('\n');
      return newline < 0 ? [one, undefined] : [one.slice(0, newline), one.slice(newline + 1)];
    });
}
const oursOf = (text: string): readonly Variable[] => [...readVariables(text)].map(({ key, value }) => [key, value]);

const piece = fc.constantFrom(
  'a',
  'B',
  ' ',
  '  ',
  '\t',
  '"',
  '"x y"',
  '"#"',
  '\\"',
  '\\n',
  '\\t',
  '\\b',
  '\\\\',
  '\\\n',
  '#c',
  ';',
  '=',
  '[',
  '/',
  '~',
  'ü',
  '\r',
  '\\q',
  '.',
);
const value = fc.array(piece, { maxLength: 6 }).map((parts) => parts.join(''));
const header = fc.constantFrom(
  '[core]',
  '[Core]',
  '[a.B]',
  '[a "B c"]',
  '[a  "x\\"y\\\\z\\w"]',
  '[a ""]',
  '[a"x"]',
  '[a b]',
  '[]',
  '[a-1]',
  '[ core ]',
  '[core] ; c',
  '[core] bare',
);
const variable = fc
  .tuple(fc.constantFrom('bare', 'Name', 'a-1', '1a', 'x_y', '-'), fc.constantFrom(' = ', '=', '\t=', '', ' '), value)
  .map((all) => all.join(''));
const line = fc.oneof(
  { weight: 2, arbitrary: header },
  { weight: 5, arbitrary: variable },
  { weight: 1, arbitrary: fc.constantFrom('', '# x', ' ; y', '\t') },
);
const file = fc
  .tuple(
    fc.constantFrom('', '\ufeff'),
    fc.array(line, { maxLength: 5 }),
    fc.constantFrom('\n', '\r\n'),
    fc.constantFrom('', '\n'),
  )
  .map(([bom, lines, end, last]) => bom + ['[core]', ...lines].join(end) + last);

test('reads what git reads', () => {
  let accepted = 0;
  fc.assert(
    fc.property(file, (text) => {
      const theirs = gitReads(text);
      if (theirs === undefined) return;
      accepted++;
      // git before 2.45 makes a space of each blank within a value; ours, like the newer, keeps it.
      const blanks = (all: readonly Variable[]) => all.map(([key, one]) => [key, one?.replace(/[\t\r]/g, ' ')]);
      expect([text, blanks(oursOf(text))]).toEqual([text, blanks(theirs)]);
    }),
    { numRuns: Number(process.env.GIT_CONFIG_RUNS ?? 150) },
  );
  expect(accepted).toBeGreaterThan(10);
});

test.each([
  '[a]\nb = x\\\n y\n',
  '[a]\r\nb = x\\\r\n y\r\n',
  '[a]b = 1',
  '[a] ; c\nb',
  '[A "B.\\"c"]\nD = "x # y" ; z\n',
  '[a.B "C"]\nd=\\"\\t\\n\\b\\\\"\n',
  '[a]\nb = " x " y  \nb = x"y"z\n',
  '[a]\nb =\nb = ""\n\tb\t=\t#\n',
])('%j is read as git reads it', (text) => {
  const theirs = gitReads(text);
  expect(theirs === undefined ? [] : oursOf(text)).toEqual(theirs ?? []);
});

describe('the keys that matter', () => {
  test('are found, the last value last', () => {
    const config = readGitConfig(
      '[core]\n\tbare = false\n\texcludesFile = ~/.ignore # mine\n[Extensions]\n\tobjectFormat = sha256\n' +
        '[core]\n\texcludesFile = "~/other # one"\n\tfsmonitor\n[submodule "Lib.A"]\n\tpath = lib\n',
    );
    expect(config.get('core.excludesfile')).toEqual(['~/.ignore', '~/other # one']);
    expect(config.get('extensions.objectformat')).toEqual(['sha256']);
    expect(config.get('core.fsmonitor')).toEqual(['true']);
    expect(config.get('submodule.Lib.A.path')).toEqual(['lib']);
  });
  test.each(['[core', '[core]\na = "x', '[core]\na = \\q', 'a = 1', '[core]\na b', '[core]\n=1'])(
    '%j is not read further',
    (bad) => {
      expect(gitReads(`[x]\ny = 1\n${bad}\n`) === undefined || !bad.startsWith('[')).toBe(true);
      expect([...readGitConfig(`${bad}\n[z]\ny = 1\n`).keys()]).toEqual([]);
    },
  );
});
