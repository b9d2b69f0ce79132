// Every group of crash tests, in the order of the table.

import { FAULTS } from './fault.ts';
import { FOREIGN } from './foreign.ts';
import type { Group } from './group.ts';
import { JOURNALS } from './journal.ts';
import { KILLS } from './kill.ts';

export const GROUPS: readonly Group[] = [...KILLS, ...FAULTS, ...JOURNALS, ...FOREIGN];
