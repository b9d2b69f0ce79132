// The surroundings of an execution and its undo, and how far an execution came. Types only.

import type { Diagnostic } from '../diagnostic.ts';
import type { Reporter } from '../event.ts';
import type { Host } from '../machine/host.ts';
import type { StateStore } from '../machine/state-store.ts';
import type { Outcome, Signal } from '../model.ts';

export interface Surroundings {
  readonly host: Host;
  readonly store: StateStore;
  readonly report: Reporter;
  /** Asked between any two writes. */
  readonly stopped: () => Signal | undefined;
  /**
   * Called with the outcome before the rename that makes it final (a commit, or the end of an undo), and with undefined
   * if that rename failed.
   */
  readonly settling: (outcome: Outcome | undefined) => void;
  /** Looks again after the last write. Returns what still differs; nothing if the wishes hold. */
  readonly verify: () => Promise<readonly Diagnostic[]>;
  /** RFC 3339; only for people who read the records. */
  readonly now: () => string;
}

/** The number of edits, counted through all batches, that may have changed the machine. */
export interface Reached {
  begun: number;
}
