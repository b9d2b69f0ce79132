// What hinders a write, as data: the answers of a Reader to whoever plans one.

import type { AbsPath } from '../path.ts';

/** What a write changes: a name in a directory, or owner and mode of what has it. */
export type Changed = 'name' | 'inode';

export const HINDRANCES = ['mounted', 'read-only', 'immutable', 'closed'] as const;

export interface Hindrance {
  readonly kind: (typeof HINDRANCES)[number];
  /** The place that is so. */
  readonly at: AbsPath;
}

/** What can still be written below a directory. `volume`: those that share it. */
export interface Room {
  readonly volume: string;
  readonly bytes: number;
  readonly files: number;
}
