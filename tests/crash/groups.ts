// Every group of crash tests, in the order of the table.

import { FAULTS } from './fault.ts';
import type { Group } from './group.ts';
import { KILLS } from './kill.ts';

export const GROUPS: readonly Group[] = [...KILLS, ...FAULTS];
