// What an executor and its undo are given, and how far an execution came. Types, and one word they share.

import type { Diagnostic } from './diagnostic.ts';
import type { Host } from './host/host.ts';
import type { Outcome, Reporter } from './model.ts';
import type { Store } from './store.ts';

export type Signal = 'SIGINT' | 'SIGTERM' | 'SIGHUP';

/** Of what a signal ended before anything was written. */
export const exitOfSignal = (signal: Signal): 130 | 143 => (signal === 'SIGINT' ? 130 : 143);

export interface Surroundings {
  readonly host: Host;
  readonly store: Store;
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
