// What reflake asks of a machine when it writes: a Host, and the means to carry out one transaction's edits. Interfaces only;
// core/host/ implements it on a disk; the tests have one in memory.

import type { Activate, Digest, Edit, Entry, Kept, Party } from '../model.ts';
import type { AbsPath } from '../path.ts';
import type { Reader } from './reader.ts';

export type Blobs = Readonly<Record<Digest, Uint8Array>>;

/** Who began a transaction (their effective uid), and in whose directories it may write as they could themselves. */
export interface By {
  readonly uid?: number;
  /** Without it (a record of an earlier version): everybody's. */
  readonly parties?: readonly Party[];
}

export interface Host extends Reader {
  /**
   * The means to carry out `edits`, numbered by their place in the list, or to undo them. `tx` names the transaction:
   * what it makes out of sight is found by that name, by a later process too. What `by` could not have done is refused (EPERM).
   */
  work(edits: readonly Edit[], tx: string, by?: By): Work;
  /**
   * Looks at what a transaction names, with all our rights, through the directories that it would be changed in: no link of
   * somebody's is followed (EPERM), and nothing is opened that could block.
   */
  readonly held: Pick<Reader, 'stat' | 'read' | 'list' | 'entries'> & {
    /** The magic number (statfs(2)) of the file system that the directory is on; undefined where there is none. */
    fileSystem(path: AbsPath): number | undefined;
  };
  /** Forgets what earlier looks found out about directories: from here on, the machine is looked at as it is now. */
  refresh(): void;
  /** Builds and activates. A failure says how far it came: what was active before is then to be activated again. */
  activate(edit: Activate, told: ActivationTold): Promise<ActivationResult>;
}

/** One transaction's hands. Activations among its edits are not its business. */
export interface Work {
  /**
   * Does, out of sight and durably, all that takes space or may be refused. Throws ESTALE where a path is not what its edit
   * expects. Nothing that anybody sees has changed, whatever comes of it.
   */
  prepare(blobs: Blobs): void;
  /**
   * Makes edit `at` visible: at any moment its path is `before` or `after`, or, where others may change its name, nothing.
   * Throws ESTALE as `prepare`: then it is as if it had not been called.
   */
  publish(at: number): void;
  /**
   * Puts `before` back where `after` is, some state between the two, or nothing. Of a move: from any state that a crash may
   * have left. What is in the way is kept beside.
   */
  undo(at: number, blobs: Blobs): UndoneEdit;
  /** What is at the path of put `at`, through the directory that it would be changed in. */
  look(at: number): Seen;
  /**
   * Of a move: whether the tree at its new place is the one that it moved there. Of a put that shows nothing: whether that is
   * our doing, who died between taking the one away and putting the other there.
   */
  isOurs(at: number): boolean;
  /**
   * Of a move: whether its original lies where root alone can reach it, so that it comes back whatever has become of the copy that
   * was put in its place.
   */
  returnsOriginal(at: number): boolean;
  /** Gives what is at the path of put `at` another name beside it, which it returns. Undefined: nothing is there. */
  setAside(path: AbsPath, at: number): AbsPath | undefined;
  /** Makes all that was published or undone so far durable. */
  flush(): void;
  /** Removes what is out of sight, once the outcome is durable. What somebody still wrote to is kept beside: its new names. */
  sweep(): readonly AbsPath[];
  /** Removes what is out of sight of a transaction of which nothing was published: none of it is anybody's. */
  drop(): void;
  /** All that has a name beside by now, by this work or an earlier one of the same transaction. */
  kept(): readonly Kept[];
  /** Lets go of the machine; what is out of sight stays. */
  close(): void;
}

/**
 * An entry with its content, where the edit says something of that; `holds`: how many entries a directory has; `isWritten`:
 * it is a file that root gave away, and its bytes are others since.
 */
export interface Seen {
  readonly entry: Entry;
  readonly holds: number;
  readonly isWritten?: boolean;
}

/** `changed`: whether there was something to undo. */
export interface UndoneEdit {
  readonly changed: boolean;
  readonly kept: readonly AbsPath[];
}

/** `begins` is called once, after the build and before anything of the running system is touched. */
export interface ActivationTold {
  readonly progress: (text: string) => void;
  readonly begins: () => void;
}

export type ActivationResult =
  | { readonly status: 'done' }
  | { readonly status: 'failed'; readonly phase: 'build' | 'activate'; readonly log: string };

/** A thrown value, not a bug: what an edit relies on was changed by somebody, between the look and now. */
export const staleAt = (path: AbsPath): Error =>
  Object.assign(new Error(`"${path}" was changed at this moment`), { code: 'ESTALE', path });

export const isStale = (thrown: unknown): thrown is Error & { readonly path: AbsPath } =>
  thrown instanceof Error && 'code' in thrown && thrown.code === 'ESTALE' && 'path' in thrown;

const THEIR_LINK = Symbol('their link');

/** A thrown value, not a bug: root would have to follow a link that somebody else can change. */
export const theirLinkAt = (path: AbsPath): Error =>
  Object.assign(new Error(`"${path}" is a link that somebody else than root can change, and is not followed`), {
    code: 'EPERM',
    [THEIR_LINK]: true,
  });

export const isTheirLink = (thrown: unknown): boolean => thrown instanceof Error && THEIR_LINK in thrown;
