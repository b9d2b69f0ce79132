// A few points of each kind of crash test, for the time that `npm test` has; `npm run test:crash` tries more, or all.

import { existsSync, readdirSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { FAULTS } from './crash/fault.ts';
import { FOREIGN } from './crash/foreign.ts';
import type { Group } from './crash/group.ts';
import { JOURNALS } from './crash/journal.ts';
import { KILLS } from './crash/kill.ts';
import { REAL } from './crash/real.ts';

const ALL: readonly Group[] = [...KILLS, ...FAULTS, ...REAL, ...JOURNALS, ...FOREIGN];
const NAMES = [
  'kill: small edits',
  'kill: rollback',
  'kill: recovery of a draft of small edits',
  'fault once: first apply',
  'full disk: the state directory',
  'journal damaged: first apply',
  'foreign changes: small edits',
];

test.each(NAMES)('%s', async (name) => {
  const { tried, failures, skipped } = await ALL.find((group) => group.name === name)!.run({
    all: false,
    few: true,
    log: () => {},
  });
  expect(failures).toEqual([]);
  expect(skipped !== undefined || tried > 0).toBe(true);
});

test('nothing is left behind', () => {
  const dir = existsSync('/dev/shm') ? '/dev/shm' : '/tmp';
  expect(readdirSync(dir).filter((name) => name.startsWith(`reflake-crash-${process.pid}-`))).toEqual([]);
});
