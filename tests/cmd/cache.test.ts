// dist/reflake.cache is used only if nobody but the owner of the program can have written it. A cache that prints "this cache
// ran" shows whether it was used; without one the program still works.

import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  copyFileSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { buildOf, cacheOf, HEAD } from '../support/cache-file.ts';

const PROGRAM = fileURLToPath(new URL('../../dist/reflake.cjs', import.meta.url));
const SOMEBODY = 1000;
const MALLORY = 1001;

let top: string;
let dist: string;
beforeEach(() => {
  top = mkdtempSync(join(tmpdir(), 'reflake-cache-'));
  chmodSync(top, 0o755);
  dist = join(top, 'lib/dist');
  mkdirSync(dist, { recursive: true });
  copyFileSync(PROGRAM, join(dist, 'reflake.cjs'));
  chmodSync(join(dist, 'reflake.cjs'), 0o755);
  writeFileSync(join(dist, 'reflake.cache'), telling(), { mode: 0o644 });
});
afterEach(() => rmSync(top, { recursive: true }));

const telling = (build = buildOf(readFileSync(PROGRAM, 'latin1'))): Buffer =>
  cacheOf(build, 'console.log("this cache ran")');

/** The output of `--version`, run as this user. */
function says(uid = 0): string {
  const ran = spawnSync(process.execPath, [join(dist, 'reflake.cjs'), '--version'], {
    encoding: 'utf8',
    env: {},
    cwd: '/',
    uid,
    gid: uid,
    // open(2) of a FIFO would wait for ever.
    timeout: 20_000,
  });
  return ran.status === 0 ? ran.stdout.trim() : `exit ${ran.status}: ${ran.stderr}`;
}

const USED = 'this cache ran';
const UNUSED = /^\d+\.\d+\.\d+/;

function own(uid: number, ...names: readonly string[]): void {
  for (const name of names) chownSync(join(dist, name), uid, uid);
}

describe('used', () => {
  test('root’s, by root and by an ordinary user', () => {
    expect(says()).toBe(USED);
    expect(says(SOMEBODY)).toBe(USED);
  });

  test('by its owner, and by another ordinary user, who runs his program anyway', () => {
    own(SOMEBODY, '', 'reflake.cjs', 'reflake.cache');
    expect(says(SOMEBODY)).toBe(USED);
    expect(says(MALLORY)).toBe(USED);
  });

  test('below a sticky directory of root’s, where nobody else can rename what is root’s', () => {
    chmodSync(top, 0o1777);
    expect(says()).toBe(USED);
  });
});

const WHOEVER = [0, SOMEBODY];

describe.each<[about: string, prepare: () => void, users?: readonly number[]]>([
  ['it lies in a directory that everybody can write', () => chmodSync(dist, 0o777)],
  ['…a sticky one: there everybody can make a cache where none is', () => chmodSync(dist, 0o1777)],
  ['…one of another user’s', () => own(MALLORY, '')],
  [
    '…one that a group can write',
    () => {
      chownSync(dist, 0, MALLORY);
      chmodSync(dist, 0o775);
    },
  ],
  ['it is another user’s', () => own(MALLORY, 'reflake.cache')],
  ['everybody can write it', () => chmodSync(join(dist, 'reflake.cache'), 0o666)],
  [
    'a group can write it',
    () => {
      own(0, 'reflake.cache');
      chownSync(join(dist, 'reflake.cache'), 0, MALLORY);
      chmodSync(join(dist, 'reflake.cache'), 0o664);
    },
  ],
  [
    'it is a link',
    () => {
      renameSync(join(dist, 'reflake.cache'), join(dist, 'elsewhere'));
      symlinkSync('elsewhere', join(dist, 'reflake.cache'));
    },
  ],
  [
    'it is a hard link of another user’s',
    () => {
      writeFileSync(join(top, 'theirs'), telling());
      chownSync(join(top, 'theirs'), MALLORY, MALLORY);
      rmSync(join(dist, 'reflake.cache'));
      linkSync(join(top, 'theirs'), join(dist, 'reflake.cache'));
    },
  ],
  [
    'it is a FIFO',
    () => {
      rmSync(join(dist, 'reflake.cache'));
      spawnSync('mkfifo', ['-m', '644', join(dist, 'reflake.cache')]);
    },
  ],
  [
    'it is a directory',
    () => {
      rmSync(join(dist, 'reflake.cache'));
      mkdirSync(join(dist, 'reflake.cache'));
    },
  ],
  [
    'its first bytes are lost',
    () => {
      const bytes = telling();
      bytes.fill(0, HEAD);
      writeFileSync(join(dist, 'reflake.cache'), bytes);
    },
  ],
  ['it is no cache at all', () => writeFileSync(join(dist, 'reflake.cache'), Buffer.alloc(2 * HEAD))],
  ['it is of another build', () => writeFileSync(join(dist, 'reflake.cache'), telling('0'.repeat(64)))],
  ['it is cut off', () => writeFileSync(join(dist, 'reflake.cache'), telling().subarray(0, -1))],
  ['others can write the program beside it', () => chmodSync(join(dist, 'reflake.cjs'), 0o777)],
  ['the program is another user’s, and root runs it', () => own(MALLORY, '', 'reflake.cjs', 'reflake.cache'), [0]],
  ['a directory above is another user’s, and root runs it', () => chownSync(join(top, 'lib'), MALLORY, MALLORY), [0]],
  ['a directory above can be written by everybody, and root runs it', () => chmodSync(top, 0o777), [0]],
])('unused, and the program runs: %s', (_about, prepare, users = WHOEVER) => {
  test.each(users)('for the user %d', (uid) => {
    prepare();
    expect(says(uid)).toMatch(UNUSED);
  });
});
