// Hindrances to a write, as data: a Reader's answers to whoever plans one.

import type { AbsPath } from '../path.ts';

/** The thing that a write changes: a name in a directory, or owner and mode of the inode that has it. */
export type Changed = 'name' | 'inode';

export const HINDRANCES = ['mounted', 'read-only', 'immutable', 'closed'] as const;

export interface Hindrance {
  readonly kind: (typeof HINDRANCES)[number];
  /** The place that hinders. */
  readonly at: AbsPath;
}

/** The room that is left on the volume of a directory. `volume`: equal for directories that share it. */
export interface Room {
  readonly volume: string;
  readonly bytes: number;
  readonly files: number;
}
