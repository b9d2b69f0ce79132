// What an executor and its undo are given, and how far an execution came. Types only.

import type { Diagnostic } from '../diagnostic.ts';
import type { Reporter } from '../event.ts';
import type { Host } from '../machine/host.ts';
import type { StateStore } from '../machine/state-store.ts';
import type { Outcome, Signal } from '../model.ts';

export interface Surroundings {
  readonly host: Host;
  readonly store: StateStore;
  readonly report: Reporter;
  /** Polled between two writes. */
  readonly stopped: () => Signal | undefined;
  /**
   * Told the outcome before the one rename that makes it final: a commit, or the end of an undo. Undefined: that rename failed.
   */
  readonly settling: (outcome: Outcome | undefined) => void;
  /** Looks again after the last write: what still differs. None: the wishes are granted. */
  readonly verify: () => Promise<readonly Diagnostic[]>;
  /** RFC 3339; only for records that people read. */
  readonly now: () => string;
}

/** How many edits, counted through all batches, may have changed the machine. */
export interface Reached {
  begun: number;
}
