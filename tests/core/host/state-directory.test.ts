// As root, past applies are read only from a directory that nobody else could write.
import {
  chmodSync,
  chownSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { diskStore } from '../../../core/host/state-directory.ts';

let dir: string;
let umask: number;
beforeEach(() => {
  dir = mkdtempSync(`${tmpdir()}/reflake-state-`);
  umask = process.umask(0);
});
afterEach(() => {
  process.umask(umask);
  rmSync(dir, { recursive: true, force: true });
});
const modeOf = (path: string): number => statSync(path).mode & 0o777;

test.each([0, 0o077])('what is made is for its owner alone, but the way to the index of root (umask %o)', (mask) => {
  process.umask(mask);
  const store = diskStore(`${dir}/a/b`);
  store.write('journal/begin', Buffer.from('x'));
  store.publish('index', Buffer.from('x'));
  const top = process.geteuid?.() === 0 ? 0o755 : 0o700;
  expect(['a', 'a/b', 'a/b/journal', 'a/b/journal/begin', 'a/b/index'].map((name) => modeOf(`${dir}/${name}`))).toEqual(
    [top, top, 0o700, 0o600, 0o644],
  );
});

test.each([
  ['other files', (at: string) => writeFileSync(`${at}/crontab`, 'x')],
  ["a file named lock of somebody's", (at: string) => writeFileSync(`${at}/lock`, 'important')],
  ['a directory named lock', (at: string) => mkdirSync(`${at}/lock`)],
  ['a link named lock', (at: string) => symlinkSync('/etc/passwd', `${at}/lock`)],
])('a directory that holds %s is made no state directory', (_what, lay) => {
  lay(dir);
  const before = readdirSync(dir);
  const words = expect.stringMatching(/it is not one of reflake's/);
  expect(() => diskStore(dir).takeMutex('process 1 of me')).toThrow(expect.objectContaining({ why: words }));
  expect(readdirSync(dir)).toEqual(before);
  if (before[0] === 'lock' && lstatSync(`${dir}/lock`).isFile())
    expect(readFileSync(`${dir}/lock`, 'utf8')).toBe('important');
});

test('one that is empty, or ours, is locked again and again', () => {
  for (let round = 0; round < 2; round++) {
    const lock = diskStore(dir).takeMutex('process 1 of me');
    if ('heldBy' in lock) throw new Error('it is held');
    lock.release();
  }
});

const ifRoot = process.geteuid?.() === 0 ? describe : describe.skip;

ifRoot('as root', () => {
  /** Modes of a directory that an earlier version made, and of what is in it, before the mutex is taken and after. */
  test.each([
    ['ours alone', 0o700, { history: 0o700, lock: 0o600 }, 0o755, { history: 0o700, lock: 0o600 }],
    ['ours, and one of it open', 0o700, { history: 0o755, lock: 0o600 }, 0o755, { history: 0o700, lock: 0o600 }],
    ['something else too', 0o700, { history: 0o700, keys: 0o755 }, 0o700, { history: 0o700, keys: 0o755 }],
    ['a mode that somebody chose', 0o711, { history: 0o700 }, 0o711, { history: 0o700 }],
    ['nothing', 0o700, {}, 0o755, {}],
  ])('a state directory of %s', (_what, mode, names, due, dueNames) => {
    for (const [name, one] of Object.entries(names)) {
      if (name === 'lock') writeFileSync(`${dir}/${name}`, '', { mode: one });
      else mkdirSync(`${dir}/${name}`, { mode: one });
    }
    chmodSync(dir, mode);
    const lock = diskStore(dir).takeMutex('process 1 of me');
    if ('heldBy' in lock) throw new Error('it is held');
    lock.release();
    expect(modeOf(dir)).toBe(due);
    for (const [name, one] of Object.entries(dueNames)) expect([name, modeOf(`${dir}/${name}`)]).toEqual([name, one]);
  });

  const LOOSE: readonly (readonly [string, (at: string) => void, RegExp])[] = [
    ['group-writable', (at) => chmodSync(at, 0o770), /others than root can write/],
    ['for all', (at) => chmodSync(at, 0o1777), /others than root can write/],
    ["somebody else's", (at) => chownSync(at, 1000, 0), /belongs to user 1000/],
  ];
  const CASES = ['', '/journal', '/journal.new', '/history'].flatMap((below) =>
    LOOSE.map(([what, loosen, words]) => [what, below, loosen, words] as const),
  );
  test.each(CASES)('%s: the state directory%s is refused', (_what, below, loosen, words) => {
    const store = diskStore(`${dir}/state`);
    store.write('journal/begin', Buffer.from('x'));
    mkdirSync(`${dir}/state${below}`, { recursive: true, mode: 0o700 });
    expect(store.list('journal')).toEqual(['begin']);
    loosen(`${dir}/state${below}`);
    for (const use of [
      () => store.list('journal'),
      () => store.read('journal/begin'),
      () => store.takeMutex('process 1 of me'),
    ])
      expect(use).toThrow(expect.objectContaining({ why: expect.stringMatching(words) }));
  });
});
