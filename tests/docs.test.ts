// The documents for newcomers: their screens are what the program shows, their releases get updates, their words are explained, and
// what they link to is there.

import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from '@jest/globals';
import { programPage } from '../cmd/man-page.ts';
import { BUILT_IN, endOfSupport } from '../core/formats/end-of-support.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const textOf = (file: string): string => readFileSync(ROOT + file, 'utf8');
/** Without the screens of a test machine. */
const wordsOf = (file: string): string => textOf(file).replace(/<!-- screen [\w-]+ -->\n```[\s\S]*?\n```/g, '');
const PAGES = ['README.md', 'docs/tutorial.md', 'docs/glossary.md', 'docs/output.md', 'docs/screens.md'];

test('docs/screens.md, the tutorial and the README show what the program shows', () => {
  const ran = spawnSync(process.execPath, [`${ROOT}scripts/screens.mjs`, '--check'], { encoding: 'utf8' });
  expect([ran.status, ran.stderr]).toEqual([0, '']);
});

test('no release in the README, the tutorial or the glossary was without updates when they were written', () => {
  const [, written] = /^\.Dd (.*)$/m.exec(programPage())!;
  const day = new Date(`${written} UTC`).toISOString().slice(0, 10);
  for (const page of ['README.md', 'docs/tutorial.md', 'docs/glossary.md']) {
    const releases = [...wordsOf(page).matchAll(/\b(?:nixos|release)-(\d\d\.\d\d)\b(?!\.)/g)].map(
      ([, release]) => release!,
    );
    expect([page, releases.length > 0]).toEqual([page, true]);
    for (const release of releases)
      expect([page, release, endOfSupport(BUILT_IN, release)! >= day]).toEqual([page, release, true]);
  }
});

describe('words', () => {
  test.each(['lock', 'input', 'follows', 'intent to add', 'channel', 'flake', 'generation'])('%s', (word) => {
    expect(textOf('docs/glossary.md')).toMatch(new RegExp(`^\\| ${word} \\| \\S`, 'm'));
  });
  test.each(['input', 'lock', 'Follows', 'intent to add', 'channel', 'spec'])(
    'the tutorial explains %s where it first says it',
    (word) => {
      const text = wordsOf('docs/tutorial.md').split('## What changes')[1]!;
      const first = new RegExp(`\\b${word}\\b`, 'i').exec(text)!;
      expect(text.slice(first.index - 2, first.index)).toBe('**');
    },
  );
});

test.each(PAGES)('what %s links to is there', (page) => {
  const dir = page.includes('/') ? 'docs/' : '';
  const links = [...textOf(page).matchAll(/\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)/g)].map(([, to]) => to!);
  for (const link of links) expect([link, existsSync(ROOT + dir + link)]).toEqual([link, true]);
});
