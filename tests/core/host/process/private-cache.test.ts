// A kept answer is taken for as long as the question is the same: by the stamps of files, and, where they are in doubt or
// differ, by their bytes.

import { mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { keptFor } from '../../../../core/host/process/private-cache.ts';
import { realHost } from '../../../../core/host/real-host.ts';
import type { Job } from '../../../../core/machine/job.ts';
import { absolute } from '../../../../core/path.ts';

let cache: string;
beforeEach(() => {
  cache = mkdtempSync(`${tmpdir()}/reflake-kept-`);
});
afterEach(() => rmSync(cache, { recursive: true }));

const question = (text: string, stamp?: string, more: Partial<Job> = {}): Job => ({
  ...{ label: '', purpose: 'answer', argv: ['sh', 'x'], from: [], outputs: [], isKept: true },
  files: [{ path: 'f', type: 'file', content: Buffer.from(text), mode: 0o644, ...(stamp !== undefined && { stamp }) }],
  as: { name: 'me', uid: 0, gid: 0, home: '/' },
  ...more,
});
const ask = (job: Job): string | undefined => keptFor(job, cache).answer;

describe('an answer that was kept', () => {
  beforeEach(() => keptFor(question('one', 'stamp 1'), cache).keep('yes'));

  test.each([
    ['for the same stamp, whatever the bytes: they are not looked at', question('two', 'stamp 1'), 'yes'],
    ['for the same bytes with another stamp, as after touch(1)', question('one', 'stamp 2'), 'yes'],
    ['for the same bytes without a stamp', question('one'), 'yes'],
    ['not for other bytes with another stamp', question('two', 'stamp 2'), undefined],
    ['not for other bytes without a stamp', question('two'), undefined],
    ['not for another program', question('one', 'stamp 1', { argv: ['cat', 'x'] }), undefined],
    ['not for other arguments', question('one', 'stamp 1', { argv: ['sh', 'y'] }), undefined],
  ])('is taken %s', (_what, job, answer) => expect(ask(job)).toBe(answer));

  test('and found by its bytes is kept under the new stamp', () => {
    const before = readdirSync(`${cache}/answers`).length;
    ask(question('one', 'stamp 2'));
    expect(readdirSync(`${cache}/answers`)).toHaveLength(before + 1);
    expect(ask(question('anything', 'stamp 2'))).toBe('yes');
  });
});

describe('the stamp of a file', () => {
  const host = realHost(absolute('/'));
  test('that has been there since long before is the same each time', () => {
    const stamp = host.stamp(absolute(process.execPath));
    expect(stamp).toMatch(/^\d+ \d+ \d+ \d+ [\d.]+ [\d.]+$/);
    expect(host.stamp(absolute(process.execPath))).toBe(stamp);
  });

  test('that was written, or only touched back, since this process began is in doubt', () => {
    const file = absolute(`${cache}/f`);
    writeFileSync(file, 'x');
    expect(host.stamp(file)).toBeUndefined();
    // utimes(2) sets the mtime; the ctime is the kernel's.
    utimesSync(file, 1, 1);
    expect(host.stamp(file)).toBeUndefined();
  });

  test('is that of a regular file, and of nothing else', () => {
    expect(host.stamp(absolute(cache))).toBeUndefined();
    expect(host.stamp(absolute(`${cache}/none`))).toBeUndefined();
  });
});
