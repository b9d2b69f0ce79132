// The state store, as core sees it: journal and history as durable files by name. core/host/state-directory.ts has the
// one on disk.

/** Names are relative, with parts joined by `/`. `write` and `rename` are atomic, and durable on return. */
export interface StateStore {
  /** The place, for people. */
  readonly where: string;
  read(name: string): Uint8Array | undefined;
  list(name: string): readonly string[];
  write(name: string, bytes: Uint8Array): void;
  /** Writes a file at the top that everybody may read who can reach it. */
  publish(name: string, bytes: Uint8Array): void;
  rename(from: string, to: string): void;
  /**
   * Removes a file, or a directory with everything in it. A directory is first renamed to `removed`, durably, so at any
   * moment all of it is there or none. What a crash or an error leaves over, the next `tidy` or `remove` deletes.
   */
  remove(name: string): void;
  /** Removes what an earlier `remove` left over. Call it before anything is written. */
  tidy(): void;
  /** `holder` is what the next process that asks for the mutex is told. */
  takeMutex(holder: string): Mutex | Held;
  /** Bytes below a name; 0 if there is nothing. */
  size(name: string): number;
}

/** The records alone. */
export type StateReader = Pick<StateStore, 'read' | 'list'>;

export interface Mutex {
  /**
   * Descriptors for a child: it keeps the mutex after our death. A process that it leaves behind loses the mutex when
   * we release it.
   */
  lend(): readonly number[];
  release(): void;
}

/** Another process has the mutex. `heldBy`: its words; empty if it has left none. */
export interface Held {
  readonly heldBy: string;
}
