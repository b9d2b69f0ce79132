// Every group of crash tests, in the order of the table.

import { groups as ATTACKS } from '../attacks/groups.ts';
import { POWER } from '../power/groups.ts';
import { FAULTS } from './fault.ts';
import { FOREIGN } from './foreign.ts';
import type { Group } from './group.ts';
import { JOURNALS } from './journal.ts';
import { KEPT } from './kept.ts';
import { KILLS } from './kill.ts';
import { REAL } from './real.ts';

export const GROUPS: readonly Group[] = [
  ...KEPT,
  ...KILLS,
  ...FAULTS,
  ...REAL,
  ...JOURNALS,
  ...FOREIGN,
  ...POWER,
  ...ATTACKS,
];
