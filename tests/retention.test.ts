// A history that was cut short, through the real program: what it says of removed records, and that the others still
// lead back.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { BASES, specOf } from './support/plan-cases.ts';
import { layOut, type Rows, rowsOfDisk, temporary } from './support/trees.ts';

const PROGRAM = fileURLToPath(new URL('../dist/reflake.cjs', import.meta.url));
const home = temporary({ fast: true });
const machine = `${home.dir}/machine`;

function reflake(...words: string[]): { readonly code: number | null; readonly out: string } {
  const argv = [PROGRAM, ...words, '--root', machine, '--state', `${home.dir}/state`];
  const env = { PATH: process.env.PATH, HOME: home.dir };
  const { status, stdout, stderr } = spawnSync(process.execPath, argv, { encoding: 'utf8', env });
  return { code: status, out: stdout + stderr };
}

/** The machine after each of four applies, of which two are kept; 0 is the machine before. */
const states: Rows[] = [];
beforeAll(() => {
  if (!existsSync(PROGRAM)) throw new Error('dist/reflake.cjs is not built: npm run build');
  mkdirSync(machine);
  layOut(machine, BASES.machines.fresh as never);
  states.push(rowsOfDisk(machine));
  for (const count of [1, 2, 3, 4]) {
    const features = ['nix-command', 'flakes', 'recursive-nix', 'ca-derivations'].slice(0, count);
    writeFileSync(`${home.dir}/spec.json`, specOf({ spec: { git: 'off', features } }));
    const ran = reflake('apply', '--yes', '--offline', '--spec', `${home.dir}/spec.json`, '--keep', '2');
    if (ran.code !== 0) throw new Error(ran.out);
    states.push(rowsOfDisk(machine));
  }
});
afterAll(() => home.remove());

test('history says what is gone', () => {
  const { out } = reflake('history');
  expect(out.trim().split('\n')).toHaveLength(3);
  expect(out).toMatch(/applies 1 to 2 were removed/);
  expect(reflake('history', '--format', 'json').out).toMatch(
    /^\{"type":"history","where":"[^"]+","applies":\d+,"removed":2\}$/m,
  );
  expect(reflake('show', '1').out).toMatch(/apply 1 was removed from the history.*RF3010/);
});

test.each([
  ['1', /apply 1 was removed from the history.*RF3010/],
  ['9', /there is no apply 9.*RF3010/],
  ['--to=0', /does not reach back so far: applies 1 to 2 were removed.*rollback --to 2.*RF3010/],
  ['--to=1', /does not reach back so far/],
])('rollback %s is refused', (word, words) => {
  const ran = reflake('rollback', word, '--yes');
  expect([ran.code, ran.out]).toEqual([64, expect.stringMatching(words)]);
  expect(rowsOfDisk(machine)).toEqual(states[4]);
});

test.each([
  ['--keep', '0'],
  ['--keep-size', 'much'],
])('%s %s is wrong usage', (...words) => {
  expect(reflake('rollback', '--yes', ...words).code).toBe(64);
});

test('as far as it reaches, it leads back', () => {
  const ran = reflake('rollback', '--to', '2', '--yes', '--keep', '1');
  expect([ran.code, ran.out]).toEqual([0, expect.any(String)]);
  expect(rowsOfDisk(machine)).toEqual(states[2]);
  // A rollback is kept with the records of what it undid; without them, history could not say what it was.
  expect(reflake('history').out).toMatch(/3 .*\(undone\)\n.*4 .*\(undone\)\n.*5 .*rollback of 4, 3/);
  expect(reflake('rollback', '5', '--yes').code).toBe(0);
  expect(rowsOfDisk(machine)).toEqual(states[4]);
});
