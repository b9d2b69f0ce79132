// The exit code for answers and for problems, by the registry of codes; and README.md lists the same codes as --help.
import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { EXIT_MEANINGS, exitOfAnswers, exitOfOutcome, exitOfProblems } from '../../cmd/session/exit.ts';
import type { Code } from '../../core/codes.ts';
import type { Answer } from '../../core/model.ts';

const answer = (verdict: Answer['verdict'], by?: Code): Answer => ({ wish: '/x', verdict, ...(by && { by }) });
const HOLDS = answer('holds');
const DIFFERS = answer('differs', 'RF2103');
const UNDECIDED = answer('undecided', 'RF2031');
const BARRED = answer('blocked', 'RF2006');

describe('of a check', () => {
  test.each<[string, readonly Answer[], number, number]>([
    ['nothing', [], 0, 0],
    ['all hold', [HOLDS, HOLDS], 0, 0],
    ['one differs', [HOLDS, DIFFERS], 2, 2],
    ['one is undecided', [HOLDS, UNDECIDED], 0, 2],
    ['one differs and one is undecided', [UNDECIDED, DIFFERS], 2, 2],
    ['an error bars one', [HOLDS, BARRED], 1, 1],
    ['an error bars one, and one differs', [DIFFERS, BARRED], 1, 1],
    ['a guard refused', [answer('blocked', 'RF2002'), HOLDS], 6, 6],
    ['a guard refused, and an error bars one', [BARRED, answer('blocked', 'RF2002'), DIFFERS], 6, 6],
    ['what bars is drift itself', [answer('differs', 'RF2003'), answer('blocked', 'RF2003')], 2, 2],
    ['the tool is missing', [answer('blocked', 'RF4001')], 1, 1],
  ])('%s', (_what, answers, loose, strict) => {
    expect([exitOfAnswers(answers, { strict: false }), exitOfAnswers(answers, { strict: true })]).toEqual([
      loose,
      strict,
    ]);
  });
});

test.each<[readonly Code[], number]>([
  [['RF1003'], 65],
  [['RF1001'], 1],
  [['RF2001', 'RF2040'], 65],
  [['RF2002', 'RF2006'], 6],
  [['RF1011'], 6],
  [['RF2007'], 1],
  [['RF3001'], 3],
  [['RF3011'], 3],
  [['RF3007'], 7],
  [['RF3008'], 64],
  [[], 1],
])('of problems: %j', (codes, exit) => {
  expect(exitOfProblems(codes.map((code) => ({ code })))).toBe(exit);
});

test('of what was refused: by its cause, or by the signal', () => {
  const cause = [{ severity: 'error', code: 'RF3001', summary: 'x' }] as const;
  expect(exitOfOutcome({ status: 'refused', cause })).toBe(3);
  expect(exitOfOutcome({ status: 'refused', cause, signal: 'SIGINT' })).toBe(130);
  expect(exitOfOutcome({ status: 'refused', cause, signal: 'SIGHUP' })).toBe(143);
  expect(exitOfOutcome({ status: 'rolled-back', cause })).toBe(4);
});

test('README has the codes of --help, in the same words up to a remark', () => {
  const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');
  const rows = [...readme.matchAll(/^\| (\d[\d /]*) \| (.*) \|$/gm)].map(([, code, words]) => [code, words]);
  expect(rows.map(([code]) => code)).toEqual(EXIT_MEANINGS.map(([code]) => code));
  const plain = (words: string): string =>
    words
      .replace(/[`*]/g, '')
      .replace(/ \(.*?\)/g, '')
      .replace(/ meanwhile| itself/g, '');
  for (const [at, [, words]] of EXIT_MEANINGS.entries())
    expect(plain(rows[at]![1]!).split(/[;,]/)[0]).toBe(plain(words).split(/[;,]/)[0]);
  const stale = (words: string): string => plain(words);
  expect(stale(rows[3]![1]!)).toBe(stale(EXIT_MEANINGS[3]![1]));
});
