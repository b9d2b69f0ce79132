// gitignore rules against git check-ignore.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { ignored, ignoreMatcher } from '../../../../core/formats/git/ignore.ts';

let dir: string;
let env: Record<string, string | undefined>;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'git-ignore-'));
  env = {
    PATH: process.env.PATH,
    HOME: dir,
    GIT_CONFIG_GLOBAL: join(dir, 'gitconfig'),
    GIT_CONFIG_SYSTEM: '/dev/null',
  };
  writeFileSync(join(dir, 'gitconfig'), `[core]\n\texcludesFile = ${join(dir, 'global')}\n`);
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

/** git's answer for each path: the rule with its place, or '' if none ignores it. */
function gitSays(work: string, paths: readonly string[]): readonly string[] {
  const run = spawnSync('git', ['check-ignore', '--no-index', '-v', '-n', '-z', '--stdin'], {
    cwd: work,
    env,
    input: paths.map((path) => `${path}\0`).join(''),
    encoding: 'utf8',
  });
  if (run.status !== 0 && run.status !== 1) throw new Error(run.stderr);
  const fields = run.stdout.split('\0');
  return paths.map((path, i) => {
    const [source, line, rule, said] = fields.slice(i * 4, i * 4 + 4) as [string, string, string, string];
    expect(said).toBe(path);
    return rule === '' || rule.startsWith('!') ? '' : `${source}:${line}:${rule}`;
  });
}

const names = ['a', 'b', 'ab', 'a.o', '.x', 'B', '-', '!a', '#a', 'a ', 'a\\', '[a]', ']', 'ü', 'a\tb', '*'];
const word = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(...names) },
  {
    weight: 4,
    arbitrary: fc.constantFrom(
      '*',
      '**',
      '?',
      '*.o',
      'a*',
      '*b',
      '[ab]',
      '[!a]',
      '[^a]*',
      '[a-c]',
      '[]a]',
      '[!]]',
      '\\a',
      '\\*',
      '\\!a',
      '\\#a',
      'a\\ ',
      '??',
      '***',
      '[[:alpha:]]',
      '[[:digit:][:punct:]]*',
      '[a\\]]',
      '[-a]',
      '[a-]',
      '[b-a]',
    ),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom('[', '[a', '[[:foo:]]', '[[:', '[[:a]', '[a-\\', 'a\\', '[\\', '', '.', '**?', '?**'),
  },
);
const pattern = fc
  .tuple(
    fc.constantFrom('', '', '', '!', '/', '!/'),
    fc.array(word, { minLength: 1, maxLength: 3 }),
    fc.constantFrom('', '', '/', '/**', ' ', '\r', '//'),
  )
  .map(([head, parts, tail]) => head + parts.join('/') + tail);
const line = fc.oneof(
  { weight: 6, arbitrary: pattern },
  { weight: 1, arbitrary: fc.constantFrom('', '# a', '#a', '  ', '!', '\r', '\t') },
);
// git before 2.52 takes a `**` after a literal for a bounded one (`a**/b`), against its own manual; ours is the manual.
const isDisputed = (text: string) => /[^/*\n!]\*\*/.test(text);
const rules = fc
  .array(line, { maxLength: 5 })
  .map((lines) => lines.join('\n'))
  .filter((text) => !isDisputed(text));
const path = fc.tuple(fc.array(fc.constantFrom(...names), { minLength: 1, maxLength: 4 }), fc.boolean());

test('agrees with git check-ignore', () => {
  let round = 0;
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.constantFrom('', '', 'a', 'b', 'a/b', 'ab/a'), rules), { minLength: 1, maxLength: 3 }),
      rules,
      rules,
      fc.array(path, { minLength: 8, maxLength: 24 }),
      (files, exclude, global, drawn) => {
        const work = join(dir, `w${round++}`);
        mkdirSync(join(work, '.git/info'), { recursive: true });
        for (const sub of ['objects', 'refs']) mkdirSync(join(work, '.git', sub));
        writeFileSync(join(work, '.git/HEAD'), 'ref: refs/heads/main\n');
        writeFileSync(join(work, '.git/info/exclude'), exclude);
        writeFileSync(join(dir, 'global'), global);
        const byDir = new Map(files);
        for (const [at, text] of byDir) {
          mkdirSync(join(work, at), { recursive: true });
          writeFileSync(join(work, at, '.gitignore'), text);
        }
        const kinds = new Map<string, boolean>();
        for (const [parts, isDir] of drawn) {
          const whole = parts.join('/');
          try {
            if (isDir) mkdirSync(join(work, whole), { recursive: true });
            else {
              mkdirSync(join(work, parts.slice(0, -1).join('/')), { recursive: true });
              writeFileSync(join(work, whole), '', { flag: 'wx' });
            }
            kinds.set(whole, isDir);
          } catch {
            // Another path is in the way: a file where this needs a directory, or the reverse.
          }
        }
        const matcher = ignoreMatcher([
          { dir: '', text: global, source: join(dir, 'global') },
          { dir: '', text: exclude, source: '.git/info/exclude' },
          ...[...byDir].map(([at, text]) => ({ dir: at, text })),
        ]);
        const paths = [...kinds.keys()];
        const ours = paths.map((one) => {
          const said = matcher(one, kinds.get(one)!);
          return said === undefined ? '' : `${said.source}:${said.line}:${said.rule}`;
        });
        const theirs = gitSays(work, paths);
        expect(paths.map((one, i) => [one, ours[i]])).toEqual(paths.map((one, i) => [one, theirs[i]]));
        rmSync(work, { recursive: true });
      },
    ),
    { numRuns: Number(process.env.GIT_IGNORE_RUNS ?? 60) },
  );
});

test('each kind of pattern agrees on each kind of name', () => {
  const work = join(dir, 'each');
  execFileSync('git', ['init', '-q', work], { env });
  const paths = [...names, 'd/a', 'd/e/a', 'd/e/b'].filter((one) => one !== 'd');
  mkdirSync(join(work, 'd/e'), { recursive: true });
  for (const one of paths) writeFileSync(join(work, one), '');
  const patterns = [
    ...[
      '*',
      '?',
      '??',
      '*.o',
      'a*',
      '*b',
      '.*',
      '**',
      'd/**',
      '**/a',
      'd/**/a',
      '/**/a',
      'd/*/a',
      '*/a',
      '/a',
      'd/',
      'd/e',
      '**/',
    ],
    ...[
      '[ab]',
      '[!a]',
      '[^a]*',
      '[a-c]',
      '[c-a]',
      '[]a]',
      '[!]]',
      '[\\]]',
      '[-a]',
      '[a-]',
      '[a\\-c]',
      '[[:alpha:]]',
      '[[:upper:]]',
    ],
    ...[
      '[[:punct:]]*',
      '[[:foo:]]',
      '[[:a]',
      '[[:',
      '[a',
      '[',
      '[a-\\',
      'a\\',
      '\\a',
      '\\*',
      '\\!a',
      '\\#a',
      'a\\ ',
      'a ',
      'a  ',
      'a\t',
      '#a',
      'ü',
      '??[!a]',
    ],
  ];
  writeFileSync(join(dir, 'global'), '');
  for (const one of patterns) {
    writeFileSync(join(work, '.gitignore'), one);
    const ours = paths.map((path) => ignored([{ dir: '', text: one }], path, false));
    const told = ours.map((said) => (said === undefined ? '' : `${said.source}:${said.line}:${said.rule}`));
    expect([one, told]).toEqual([one, gitSays(work, paths)]);
  }
});

describe('by the manual', () => {
  const root = (text: string) => [{ dir: '', text }];
  test.each([
    ['*.o', 'd/a.o', false, '*.o'],
    ['/a', 'a', false, '/a'],
    ['/a', 'b/a', false, undefined],
    ['a/', 'a', false, undefined],
    ['a/', 'a', true, 'a/'],
    ['a/', 'a/b/c', false, 'a/'],
    ['a/\n!a/b', 'a/b', false, 'a/'],
    ['a/*\n!a/b', 'a/b', false, undefined],
    ['a/**/b', 'a/b', false, 'a/**/b'],
    ['a/**/b', 'a/x/y/b', false, 'a/**/b'],
    ['a**/b', 'axx/b', false, 'a**/b'],
    ['a**/b', 'a/x/b', false, undefined],
    ['**/a/b', 'x/a/b', false, '**/a/b'],
    ['\ufeffa', 'a', false, 'a'],
  ])('%j on %s (directory: %s)', (text, one, isDir, rule) => {
    expect(ignored(root(text), one, isDir)?.rule).toBe(rule);
  });
  test('a pattern made to be slow is not', () => {
    const slow = `${'*a'.repeat(60)}b`;
    expect(
      ignored(root(`${slow}\n${'**/'.repeat(40)}x`), `${'a/'.repeat(60)}${'a'.repeat(200)}`, false),
    ).toBeUndefined();
  });
  test('deeper files win whatever the order they are given in', () => {
    const sources = [
      { dir: 'd/', text: '!a' },
      { dir: '', text: 'a' },
    ];
    expect(ignored(sources, 'd/a', false)).toBeUndefined();
    expect(ignored(sources, 'e/a', false)).toEqual({ rule: 'a', line: 1, source: '.gitignore' });
  });
  test('this git is the one meant', () => {
    expect(execFileSync('git', ['--version'], { encoding: 'utf8' })).toMatch(/^git version 2\./);
  });
});
