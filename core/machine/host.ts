// The interface to a machine for writing: a Host, and the means to carry out one transaction's edits. Interfaces only;
// core/host/ implements them on a disk; the tests have one in memory.

import type { Doing } from '../event.ts';
import type { Activate, Digest, Edit, Entry, Kept, Party } from '../model.ts';
import type { AbsPath } from '../path.ts';
import type { Reader } from './reader.ts';

export type Blobs = Readonly<Record<Digest, Uint8Array>>;

/**
 * The effective uid of the process that began a transaction, and the people in whose directories it may do what they
 * could do themselves.
 */
export interface By {
  readonly uid?: number;
  /** Absent (a record of an earlier version): everybody. */
  readonly parties?: readonly Party[];
}

export interface Host extends Reader {
  /**
   * The means to carry out `edits`, numbered by their place in the list, or to undo them. `tx` names the transaction; a
   * later process, too, finds what it made out of sight by that name. Throws EPERM for what `by` could not have done.
   */
  work(edits: readonly Edit[], tx: string, by?: By): Work;
  /**
   * Looks at the paths of a transaction with all our rights, through the directories in which it would change them.
   * Follows no link of somebody else's (EPERM), and opens nothing that could block.
   */
  readonly held: Pick<Reader, 'stat' | 'read' | 'list' | 'entries'> & {
    /** The magic number (statfs(2)) of the file system that the directory is on; undefined if there is no directory. */
    fileSystem(path: AbsPath): number | undefined;
  };
  /** Forgets what earlier looks found out about directories, so that the next look sees the machine as it is. */
  refresh(): void;
  /**
   * Builds and activates. A failure says how far it came: phase `proof`, it is another derivation than the edit names; after
   * phase `activate`, the former system must be activated again.
   */
  activate(edit: Activate, told: ActivationTold): Promise<ActivationResult>;
}

/** The means to carry out one transaction. Activations among its edits are left to `Host.activate`. */
export interface Work {
  /**
   * Does everything that takes space or may be refused, out of sight and durably. Throws ESTALE if a path is not what
   * its edit expects. Even if it throws, nothing visible has changed.
   */
  prepare(blobs: Blobs): void;
  /**
   * Makes edit `at` visible. At any moment its path is `before` or `after`; if others may change its name, for a moment
   * nothing. Throws ESTALE as `prepare` does, and then the machine is as before the call.
   */
  publish(at: number): void;
  /**
   * Puts `before` where `after` is, or something between the two, or nothing. For a move: from any state that a crash
   * may have left. What is in the way is kept beside.
   */
  undo(at: number, blobs: Blobs): UndoneEdit;
  /** Looks at the path of put `at`, through the directory in which it would be changed. */
  look(at: number): Seen;
  /**
   * For a move: true if the tree at its new place is the one that it moved there. For a put with nothing at its path:
   * true if we made that gap, by dying between taking the old file and giving the name to the new one.
   */
  isOurs(at: number): boolean;
  /**
   * For a move: true if its original lies where only root can reach it, so that it comes back whatever became of the
   * copy.
   */
  returnsOriginal(at: number): boolean;
  /** Gives what is at the path of put `at` a conflict name, and returns that. Undefined if nothing is there. */
  setAside(path: AbsPath, at: number): AbsPath | undefined;
  /** Makes everything that was published or undone so far durable. */
  flush(): void;
  /**
   * Removes the staging directories, once the outcome is durable. What somebody still wrote to is kept beside; returns
   * those names.
   */
  sweep(): readonly AbsPath[];
  /**
   * Removes the staging directories of a transaction of which nothing was published, so that nothing in them can be
   * somebody's.
   */
  drop(): void;
  /** Everything that was kept beside, by this work or an earlier one of the same transaction. */
  kept(): readonly Kept[];
  /** Closes all descriptors; the staging directories stay. */
  close(): void;
}

/**
 * An entry, with its content if the edit depends on that. `holds`: the number of entries of a directory. `isWritten`:
 * root gave the file away, and its bytes have changed since.
 */
export interface Seen {
  readonly entry: Entry;
  readonly holds: number;
  readonly isWritten?: boolean;
}

/** `changed`: true if there was something to undo. */
export interface UndoneEdit {
  readonly changed: boolean;
  readonly kept: readonly AbsPath[];
}

/** `begins` is called once, after the build and before anything of the running system is touched. */
export interface ActivationTold {
  readonly progress: (text: string, doing?: Doing | undefined) => void;
  readonly begins: () => void;
}

export type ActivationResult =
  | { readonly status: 'done' }
  | { readonly status: 'failed'; readonly phase: 'proof' | 'build' | 'activate'; readonly log: string };

/** An error that is no bug: somebody changed what an edit relies on, after we looked. */
export const staleAt = (path: AbsPath): Error =>
  Object.assign(new Error(`"${path}" was changed at this moment`), { code: 'ESTALE', path });

export const isStale = (thrown: unknown): thrown is Error & { readonly path: AbsPath } =>
  thrown instanceof Error && 'code' in thrown && thrown.code === 'ESTALE' && 'path' in thrown;

/** An error that is no bug: the file at the path has other names, which somebody else gave it, so it is not ours. */
export const sharedAt = (path: AbsPath): Error =>
  Object.assign(new Error(`"${path}" has other names by now (hard links)`), { code: 'EMLINK', path });

export const isShared = (thrown: unknown): boolean =>
  thrown instanceof Error && 'code' in thrown && thrown.code === 'EMLINK' && 'path' in thrown;

const THEIR_LINK = Symbol('their link');

/** An error that is no bug: root would have to follow a link that somebody else can change. */
export const theirLinkAt = (path: AbsPath): Error =>
  Object.assign(new Error(`"${path}" is a link that somebody else than root can change, and is not followed`), {
    code: 'EPERM',
    [THEIR_LINK]: true,
  });

export const isTheirLink = (thrown: unknown): boolean => thrown instanceof Error && THEIR_LINK in thrown;
