// What reflake writes for a person is written whole or not at all, and what it can't print is an error: on a full disk,
// beyond `ulimit -f`, on a disk with errors, through the real program.

import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { BASES, specOf } from './support/plan-cases.ts';
import { layOut, rowsOfDisk, temporary } from './support/trees.ts';

const PROGRAM = fileURLToPath(new URL('../dist/reflake.cjs', import.meta.url));
const home = temporary();
const machine = `${home.dir}/machine`;
const full = `${home.dir}/full`;
const OLD = 'the plan of yesterday\n';

let isMounted = false;
beforeAll(() => {
  if (!existsSync(PROGRAM)) throw new Error('dist/reflake.cjs is not built: npm run build');
  for (const dir of [machine, full]) mkdirSync(dir);
  layOut(machine, BASES.machines.fresh as never);
  writeFileSync(`${home.dir}/spec.json`, specOf({ spec: { git: 'off' } }));
  isMounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=16k', 'none', full]).status === 0;
  if (!isMounted) process.stderr.write('not tried on a full disk: nothing can be mounted here\n');
});
afterAll(() => {
  if (isMounted) execFileSync('umount', [full]);
  home.remove();
});

const WORDS = ['--root', machine, '--state', `${home.dir}/state`];
const PLAN = ['plan', '--offline', '--spec', `${home.dir}/spec.json`];
const INIT = ['init', '--yes', '--name', 'box', '--system', 'x86_64-linux', '--release', '24.05', '--user', 'srid'];

interface Ran {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** `around`: a script in which "$@" is reflake and its words. */
function reflake(words: readonly string[], around = '"$@"'): Ran {
  const argv = ['-c', around, 'sh', process.execPath, PROGRAM, ...words, ...WORDS];
  const env = { PATH: process.env.PATH, HOME: home.dir };
  const { status, stdout, stderr } = spawnSync('bash', argv, { encoding: 'utf8', env });
  return { code: status, out: stdout, err: stderr };
}

const OUTPUTS = [
  ['plan --out', (file: string) => [...PLAN, '--out', file]],
  ['init', (file: string) => [...INIT, '--spec', file]],
] as const;

/** A directory of its own for one file, with the content that is there before. */
function place(name: string, before?: string): string {
  const dir = `${home.dir}/${name.replace(/\W/g, '')}-${count++}`;
  mkdirSync(dir);
  if (before !== undefined) writeFileSync(`${dir}/file`, before);
  return dir;
}
let count = 0;

describe.each(OUTPUTS)('%s', (name, wordsFor) => {
  const before = name === 'init' ? undefined : OLD;

  /** Checks exit code 1 with these words, and that only what was there before is there. */
  const isAsBefore = (dir: string, ran: Ran, words: RegExp): void => {
    expect([ran.code, ran.err + ran.out]).toEqual([1, expect.stringMatching(words)]);
    expect(readdirSync(dir)).toEqual(before === undefined ? [] : ['file']);
    if (before !== undefined) expect(readFileSync(`${dir}/file`, 'utf8')).toBe(before);
  };

  test('writes all of it', () => {
    const dir = place(name, before);
    expect(reflake(wordsFor(`${dir}/file`)).code).toBe(0);
    expect(readdirSync(dir)).toEqual(['file']);
    expect(readFileSync(`${dir}/file`, 'utf8').length).toBeGreaterThan(200);
  });

  test('on a full disk', () => {
    if (!isMounted) return;
    // Fills the disk up to one page, which takes only the beginning of the output; then completely.
    for (const filled of ['head -c 12288 /dev/zero', 'cat /dev/zero']) {
      execFileSync('sh', ['-c', `rm -f "$1"/*; ${filled} > "$1/filler" 2> /dev/null || true`, 'sh', full]);
      if (name === 'init') execFileSync('sh', ['-c', 'cat /dev/zero > "$1/filler" 2> /dev/null || true', 'sh', full]);
      const old = name === 'init' ? undefined : 'x';
      if (old !== undefined) execFileSync('sh', ['-c', 'truncate -s 0 "$1/file"', 'sh', full]);
      const ran = reflake(wordsFor(`${full}/file`));
      expect([ran.code, ran.err + ran.out]).toEqual([1, expect.stringMatching(/the disk is full \(ENOSPC\)/)]);
      expect(readdirSync(full).sort()).toEqual(old === undefined ? ['filler'] : ['file', 'filler']);
    }
  });

  test('beyond ulimit -f', () => {
    const dir = place(name, before);
    isAsBefore(dir, reflake(wordsFor(`${dir}/file`), 'ulimit -f 0; "$@"'), /larger than is allowed.*EFBIG/);
  });

  test.each(['EIO', 'EDQUOT', 'ENOSPC'])('%s at a write, a flush, and where it gets its name', (error) => {
    const naming = name === 'init' ? 'link' : 'rename';
    for (const call of ['fsync', naming]) {
      const dir = place(name, before);
      // No other program in this run flushes, renames or links.
      const around = `strace -f -o /dev/null -e trace=${call} -e inject=${call}:error=${error} "$@"`;
      isAsBefore(dir, reflake(wordsFor(`${dir}/file`), around), new RegExp(`\\(?${error}\\)?`));
    }
  });

  test('in place of what is no regular file', () => {
    const dir = place(name);
    execFileSync('mkfifo', [`${dir}/file`]);
    const ran = reflake(wordsFor(`${dir}/file`));
    expect([ran.code, ran.err + ran.out]).toEqual([1, expect.stringMatching(/not a regular file|there already/)]);
    expect(readdirSync(dir)).toEqual(['file']);
  });
});

test('init replaces nothing, a link that leads nowhere neither', () => {
  for (const make of [
    (file: string) => writeFileSync(file, OLD),
    (file: string) => symlinkSync('/nowhere', file),
    (file: string) => mkdirSync(file),
  ]) {
    const dir = place('init');
    make(`${dir}/file`);
    const rows = rowsOfDisk(dir);
    expect(reflake([...INIT, '--spec', `${dir}/file`]).code).toBe(1);
    expect(rowsOfDisk(dir)).toEqual(rows);
  }
});

test('a plan in a directory that nobody may write', () => {
  const ran = reflake([...PLAN, '--out', '/proc/nothing']);
  expect([ran.code, ran.err]).toEqual([1, expect.stringMatching(/cannot be written to/)]);
});

describe('what cannot be printed', () => {
  const COMMANDS = [
    [...PLAN],
    ['check', ...PLAN.slice(1)],
    ['schema'],
    ['validate', '--spec', `${home.dir}/spec.json`],
  ];

  test.each([
    ['on /dev/full', '"$@" > /dev/full'],
    ['on a full disk', '"$@" > full'],
    ['beyond ulimit -f', 'ulimit -f 0; "$@" > cut'],
  ])('%s: exit 1 with words', (where, around) => {
    if (where.includes('disk') && !isMounted) return;
    if (isMounted) execFileSync('sh', ['-c', 'cat /dev/zero > "$1/filler" 2> /dev/null || true', 'sh', full]);
    for (const words of COMMANDS) {
      const ran = reflake(
        [...words, '--format', 'json'],
        around.replace('> full', `> '${full}/file'`).replace('> cut', `> '${home.dir}/cut'`),
      );
      expect([words[0], ran.code, ran.err]).toEqual([words[0], 1, expect.stringMatching(/cannot be written: the /)]);
    }
  });

  test('on a disk that is full in the middle of it: a short write is none', () => {
    if (!isMounted) return;
    execFileSync('sh', ['-c', 'rm -f "$1"/*; head -c 12000 /dev/zero > "$1/filler"', 'sh', full]);
    const ran = reflake(['schema'], `"$@" > '${full}/file'`);
    expect([ran.code, ran.err]).toEqual([1, expect.stringMatching(/the disk is full \(ENOSPC\)/)]);
  });

  test('with a stderr that is full as well: exit 1', () => {
    expect(reflake([...PLAN, '--format', 'json'], '"$@" > /dev/full 2>&1').code).toBe(1);
  });

  test('a reader that went away is no error, and is not spoken of', () => {
    const ran = reflake([...PLAN, '--format', 'json'], 'set -o pipefail; "$@" | true');
    expect(ran).toEqual({ code: 0, out: '', err: '' });
  });

  test('a slow reader gets all of it', () => {
    const whole = reflake(['schema']).out;
    expect(reflake(['schema'], '"$@" | { sleep 1; cat; }').out).toBe(whole);
  });

  test('an apply that is committed says so all the same', () => {
    const ran = reflake(['apply', ...PLAN.slice(1), '--yes', '--format', 'json'], '"$@" > /dev/full');
    expect([ran.code, ran.err]).toEqual([0, expect.stringMatching(/cannot be written/)]);
    // The machine is in sync now, so nothing was done that an exit code would have to tell.
    expect(reflake(['apply', ...PLAN.slice(1), '--yes', '--format', 'json'], '"$@" > /dev/full').code).toBe(1);
    const back = reflake(['rollback', '--yes', '--format', 'json'], '"$@" > /dev/full');
    expect([back.code, back.err]).toEqual([0, expect.stringMatching(/cannot be written/)]);
  });
});
