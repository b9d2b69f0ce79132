// The state store, as core sees it: journal and history as durable files by name. core/host/state-directory.ts has the one on
// disk.

/** Names are relative, parts joined by `/`. `write` and `rename` are durable and atomic on return. */
export interface StateStore {
  /** For people. */
  readonly where: string;
  read(name: string): Uint8Array | undefined;
  list(name: string): readonly string[];
  write(name: string, bytes: Uint8Array): void;
  /** Writes a file at the top that anybody who can reach it may read. */
  publish(name: string, bytes: Uint8Array): void;
  rename(from: string, to: string): void;
  /**
   * A file, or a directory with all that is in it: of that there is all or nothing at any moment, since it is first renamed
   * to `removed`, durably. What a death, or an error, leaves of it there is for the next `tidy`, or the next `remove`.
   */
  remove(name: string): void;
  /** Removes what an earlier `remove` left over. To be called before anything is written. */
  tidy(): void;
  /** `holder` is told to whoever comes second. */
  takeMutex(holder: string): Mutex | Held;
  /** Bytes below a name; 0 where nothing is. */
  size(name: string): number;
}

export interface Mutex {
  /** A child that is given these keeps the mutex when we are gone; what it leaves running loses it when we release it. */
  lend(): readonly number[];
  release(): void;
}

/** Somebody else has it; in words, empty where they have not said. */
export interface Held {
  readonly heldBy: string;
}
