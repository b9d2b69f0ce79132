// The dates of ends of support: the table that is built in, one of a file, and every mistake in it with its place.

import { describe, expect, test } from '@jest/globals';
import { BUILT_IN, endOfSupport, isStale, readSupportTable } from '../../../core/formats/end-of-support.ts';

test('what is built in: a release ends a month after the next but one began, since 21.05', () => {
  for (const [release, end] of BUILT_IN.ends) {
    if (release < '21.05') continue;
    const [year, month] = release.split('.').map(Number) as [number, number];
    expect([release, end]).toEqual([release, month === 5 ? `20${year}-12-31` : `20${year + 1}-06-30`]);
  }
  expect(endOfSupport(BUILT_IN, '16.03')).toBe(endOfSupport(BUILT_IN, '19.03'));
  expect(endOfSupport(BUILT_IN, '99.05')).toBeUndefined();
  expect([isStale(BUILT_IN, BUILT_IN.asOf), isStale(BUILT_IN, '2099-01-01')]).toEqual([false, true]);
});

test('a file in JSON or YAML', async () => {
  const made = await readSupportTable('a.json', '{ "asOf": "2027-01-01", "releases": { "26.11": "2027-06-30" } }');
  expect(made).toMatchObject({ ok: true, table: { asOf: '2027-01-01', ends: new Map([['26.11', '2027-06-30']]) } });
  expect(await readSupportTable('a.yaml', 'asOf: "2027-01-01"\nreleases: { "26.11": "2027-06-30" }\n')).toMatchObject({
    ok: true,
  });
});

describe('a mistake has its words and its place', () => {
  test.each([
    ['{ "asOf": "2027-02-31", "releases": {} }', 'asOf is no day: "2027-02-31"', '"2027-02-31"'],
    ['{ "releases": {} }', 'asOf is no day: there is none', ''],
    ['{ "asOf": "2027-01-01" }', 'releases is no map from release to day', ''],
    ['{ "asOf": "2027-01-01", "releases": { "26.5": "2027-06-30" } }', '"26.5" is no release', '"2027-06-30"'],
    ['{ "asOf": "2027-01-01", "releases": { "26.05": "June" } }', 'the end of 26.05 is no day: "June"', '"June"'],
    ['{ "asOf": "2027-01-01", "releases": {}, "more": 1 }', 'unknown key "more"', '1'],
    ['[]', 'the table is no map', '[]'],
    ['{', 'expected', ''],
  ])('%s', async (text, words, place) => {
    const made = await readSupportTable('a.json', text);
    const [problem] = made.ok ? [] : made.problems;
    expect(problem?.message).toContain(words);
    expect(text.slice(problem!.span.start, problem!.span.end)).toBe(place);
  });
});
