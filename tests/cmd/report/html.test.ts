// The page as a function of a report: well-formed, loads nothing, obeys no text of others, grows as what it tells of.

import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { htmlOf } from '../../../cmd/report/formats/html.ts';
import type { Item } from '../../../cmd/report/formats/item.ts';
import type { Report } from '../../../cmd/report/formats/report.ts';
import type { JsonPointer } from '../../../core/diagnostic.ts';

const EMPTY: Report = {
  verb: 'check',
  host: 'nixos',
  spec: 'reflake.yaml',
  exit: 2,
  strict: false,
  seconds: 1,
  endedAt: 0,
  items: [],
  answers: [],
  acknowledged: [],
  leftOut: [],
  notChecked: [],
  expected: [],
  actions: {},
};
const itemOf = (text: string, fingerprint = '0'): Item => ({
  level: 'error',
  kind: 'drift',
  code: 'RF2103',
  title: text,
  subject: text,
  because: text,
  values: { from: text, to: text },
  hint: text,
  snippet: text,
  place: { file: text, line: 1 },
  wish: `/${text}` as JsonPointer,
  wishes: [`/${text}` as JsonPointer],
  evidence: [[text, text]],
  fingerprint,
});

/** What xmllint makes of a page: its complaint, or the values of an XPath. */
function read(page: string, ...words: readonly string[]): { status: number | null; out: string; err: string } {
  const ran = spawnSync('xmllint', ['--nonet', ...words, '-'], { input: page, encoding: 'utf8' });
  return { status: ran.status, out: ran.stdout, err: ran.stderr };
}
const xpath = (page: string, path: string): string => read(page, '--xpath', path).out.trimEnd();
const count = (page: string, name: string): number => Number(xpath(page, `count(//*[local-name()="${name}"])`));

const HOSTILE = [
  '</script><script>alert(1)</script>',
  '"><img src=x onerror=alert(1)>',
  "' onload='alert(1)",
  '<!-- ]]> --> &lt;b&gt; &#60;',
  '</style></pre></article></main>',
  'javascript:alert(1)',
];

describe('the page', () => {
  test.each(HOSTILE)('%s is text, wherever it stands', (text) => {
    const wish = `/${text}` as JsonPointer;
    const page = (word: string): string =>
      htmlOf({
        ...EMPTY,
        host: word,
        spec: word,
        items: [itemOf(word)],
        answers: [
          { wish: `/${word}` as JsonPointer, host: word, verdict: 'differs', provider: 'x' },
          { wish: '/b' as JsonPointer, host: word, verdict: 'differs', provider: 'x' },
        ],
        acknowledged: [{ wish: `/c${word}` as JsonPointer, host: word, findings: [], reason: word, until: word }],
        expected: [{ wish: '/b' as JsonPointer, host: word, to: word }],
        leftOut: [`/hosts/${word.replaceAll('/', '~1')}/features`],
        notChecked: [`/${word}`],
      });
    const hostile = page(text);
    expect(read(hostile, '--noout')).toMatchObject({ status: 0, err: '' });
    for (const path of ['count(//*)', 'count(//@*)']) expect(xpath(hostile, path)).toBe(xpath(page('harmless'), path));
    expect(xpath(hostile, 'string(//*[local-name()="article"]/@data-wish)')).toBe(wish);
    expect(xpath(hostile, 'string(//*[local-name()="pre"])')).toBe(text);
  });

  test('marks that turn text and control characters of names are written out', () => {
    const wish = '/a\u202eb\u001b[31m' as JsonPointer;
    const page = htmlOf({
      ...EMPTY,
      host: '\u2066x',
      answers: [{ wish, host: '\u202e', verdict: 'holds', provider: 'x' }],
    });
    expect(page).not.toMatch(/[\u202a-\u202e\u2066-\u2069\u001b]/);
    expect(page).toContain('/a\\u{202e}b\\e[31m');
    expect(read(page, '--noout').status).toBe(0);
  });

  test('nothing is loaded, and the policy names our style and script by their hashes', () => {
    const page = htmlOf({ ...EMPTY, items: [itemOf('x')] });
    expect(xpath(page, 'count(//@src | //@href | //@action | //@style | //@*[starts-with(name(), "on")])')).toBe('0');
    expect(page.replace('xmlns="http://www.w3.org/1999/xhtml"', '')).not.toMatch(/https?:|url\(|@import|\bimport\b/);
    const policy = xpath(page, 'string(//*[@http-equiv="Content-Security-Policy"]/@content)');
    expect(policy).toContain("default-src 'none'");
    for (const name of ['style', 'script']) {
      const [, text] = new RegExp(`<${name}[^>]*>(.*?)</${name}>`, 's').exec(page)!;
      // The same for a reader of HTML and one of XML.
      expect(text).not.toMatch(/[<&]/);
      expect(policy).toContain(`${name}-src 'sha256-${createHash('sha256').update(text!).digest('base64')}'`);
      expect(count(page, name)).toBe(1);
    }
  });

  test('each host has a row, and each finding and wish says to the filters what it is of', () => {
    const hosts = ['alpha', 'beta'];
    const page = htmlOf({
      ...EMPTY,
      items: [
        { ...itemOf('x'), wishes: ['/hosts/beta/features' as JsonPointer] },
        { ...itemOf('y'), wishes: [] },
      ],
      answers: [
        ...hosts.map((host) => ({
          wish: '/features' as JsonPointer,
          host,
          verdict: host === 'beta' ? ('differs' as const) : ('holds' as const),
          provider: 'x',
        })),
        { wish: '/inputs/nixpkgs' as JsonPointer, verdict: 'holds', provider: 'x' },
      ],
    });
    expect(xpath(page, '//*[local-name()="th"][@scope="row"]/text()').split('\n')).toEqual([
      'shared by all hosts',
      'alpha',
      'beta',
    ]);
    const marks = [...page.matchAll(/data-hosts="(.*?)" data-verdict="(.*?)" data-wish="(.*?)"/g)];
    expect(marks.map(([, ...all]) => all)).toEqual([
      ['1', 'differs', '/features'],
      ['', 'of no wish', ''],
      ['0', 'holds', '/features'],
      ['1', 'differs', '/features'],
      ['', 'holds', '/inputs/nixpkgs'],
    ]);
  });

  test('every field has a label, and the filters are hidden where no script shows them', () => {
    const page = htmlOf({ ...EMPTY, items: [itemOf('x')] });
    expect(xpath(page, 'count(//*[local-name()="form"][@hidden])')).toBe('1');
    const fields = '*[local-name()="select" or local-name()="input"]';
    expect(xpath(page, `count(//${fields})`)).toBe(xpath(page, `count(//*[local-name()="label"]/${fields})`));
    expect(xpath(page, 'count(//*[@tabindex > 0])')).toBe('0');
    expect(xpath(page, 'string(/*/@lang)')).toBe('en');
  });

  test('it grows as the findings and hosts do', () => {
    const sizeOf = (most: number): number => {
      const all = Array.from({ length: most }, (_, at) => `${at + 100_000}`);
      const wishes = all.map((host) => `/hosts/${host}/features` as JsonPointer);
      return htmlOf({
        ...EMPTY,
        items: [{ ...itemOf('shared'), wishes }, ...all.map((one) => itemOf('x', one))],
        answers: all.map((host) => ({ wish: '/features' as JsonPointer, host, verdict: 'differs', provider: 'x' })),
      }).length;
    };
    const [first, second, third] = [sizeOf(2000), sizeOf(4000), sizeOf(6000)];
    expect((third! - second!) / (second! - first!)).toBeLessThan(1.05);
  });
});
