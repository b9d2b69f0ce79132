// What reflake asks of a machine: a Reader can only look, a Host can also write. Interfaces only;
// memory.ts and real.ts implement them, overlay.ts is a Reader that already shows planned edits.

import type { Diagnostic } from '../diagnostic.ts';
import type { Activate, ActiveSystem, Digest, Edit, Entry, HostFacts, Kept, Owner, Party, Person } from '../model.ts';
import { type AbsPath, absolute, isPossible, join } from '../path.ts';

export type Argv = readonly [string, ...string[]];

/** A computation while planning: files in, one program in a scratch directory, files out. The machine stays as it is. */
export interface Job {
  /** For progress lines: `locking flake inputs`. */
  readonly label: string;
  /**
   * What the result is for: the bytes of an edit, where it is known already that there is a difference; or the answer
   * whether there is one. Who only wants that answer (`check`) is told `withheld` instead of bytes.
   */
  readonly purpose: 'bytes' | 'answer';
  /** Relative to the scratch directory; parents are made. */
  readonly files: readonly ScratchFile[];
  /** Paths of the machine whose bytes are in `files`: what `as` may not read there is not laid into their directory. */
  readonly from: readonly AbsPath[];
  /** `{scratch}` in an argument stands for the scratch directory, which is also the working directory. */
  readonly argv: Argv;
  readonly outputs: readonly string[];
  /** Whose rights, home and configuration the program runs with; root drops to them. */
  readonly as: Person;
}

export type ScratchFile = { readonly path: string } & (
  | { readonly type: 'file'; readonly content: Uint8Array; readonly mode: number }
  | { readonly type: 'dir'; readonly mode: number }
  | { readonly type: 'link'; readonly target: string }
);

/** `files`: each output with all that is below it, parents first, paths relative to the scratch directory. */
export type JobResult =
  | {
      readonly status: 'done';
      readonly files: readonly ScratchFile[];
      readonly stdout: string;
      readonly stderr: string;
    }
  | { readonly status: 'failed'; readonly stderr: string }
  | { readonly status: 'missing'; readonly tool: string }
  /** The program was not run: only root may read what it needs. */
  | { readonly status: 'closed'; readonly path: AbsPath }
  | { readonly status: 'withheld' };

/** A name in a directory, and what has it. */
export interface Named {
  readonly name: string;
  readonly entry: Entry;
}

/**
 * Looks, and changes nothing. Links in the parents of a path are followed as the machine itself would,
 * and never lead out of it; the last part is never followed. Throws `unreadable` where rights are missing.
 */
export interface Reader {
  readonly facts: HostFacts;
  /** What is at the path, without content. */
  stat(path: AbsPath): Entry;
  /** The bytes of a regular file; undefined where there is none. Throws `unreadable` for one of more than `most` bytes. */
  read(path: AbsPath, most?: number): Uint8Array | undefined;
  /** Names in a directory, in byte order; empty where there is none. */
  list(path: AbsPath): readonly string[];
  /** The same, each with what `stat` says of it: for walks through trees, where asking one by one costs most of the time. */
  entries(path: AbsPath): readonly Named[];
  /**
   * True: all that is at the path and below is the owner's, as core/owned.ts has it. False: something is not, or no look at
   * the whole would be faster than one at each entry.
   */
  isOwned(path: AbsPath, owner: Owner): boolean;
  /** When the file was last written, in whole seconds since 1970; undefined where there is none. */
  writtenAt(path: AbsPath): number | undefined;
  /**
   * The NAR hash (SRI) of what is at the path and below it, as Nix computes it; undefined where nothing is.
   * Throws `Error & NarProblem` for what has none.
   */
  treeHash(path: AbsPath): string | undefined;
  compute(job: Job): Promise<JobResult>;
  /** Mount points below the path: told by the kernel, not by a look at what is there. */
  mounts(path: AbsPath): readonly AbsPath[];
  /** Where what is shown at the path is now: elsewhere only where it is planned to be moved. */
  origin(path: AbsPath): AbsPath;
  /** Whether planned edits concern the path or anything below it. */
  planned(path: AbsPath): boolean;
}

/** What is active now, read off the machine's links. */
export function activeSystem(reader: Reader): ActiveSystem {
  const target = (path: AbsPath): string | undefined => {
    const entry = reader.stat(path);
    return entry.type === 'link' ? entry.target : undefined;
  };
  const running = target(absolute('/run/current-system'));
  const profile = target(absolute('/nix/var/nix/profiles/system'));
  return { ...(running && { running }), ...(profile && { profile }) };
}

export type Blobs = Readonly<Record<Digest, Uint8Array>>;

/** Who began a transaction (their effective uid), and in whose directories it may write as they could themselves. */
export interface By {
  readonly uid?: number;
  /** Without it (a record of an earlier version): everybody's. */
  readonly parties?: readonly Party[];
}

export interface Host extends Reader {
  /**
   * The means to carry out `edits`, numbered by their place in the list, or to take them back. `tx` names the transaction:
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
  restore(at: number, blobs: Blobs): Restored;
  /** What is at the path of put `at`, through the directory that it would be changed in. */
  look(at: number): Seen;
  /**
   * Of a move: whether the tree at its new place is the one that it moved there. Of a put that shows nothing: whether that is
   * our doing, who died between taking the one away and putting the other there.
   */
  isOurs(at: number): boolean;
  /** Gives what is at the path of put `at` another name beside it, which it returns. Undefined: nothing is there. */
  setAside(path: AbsPath, at: number): AbsPath | undefined;
  /** Makes all that was published or restored so far durable. */
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

/** `changed`: whether there was something to put back. */
export interface Restored {
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

const UNREADABLE = Symbol('unreadable');

/** A thrown value, not a bug: what is at `path` cannot be read, and why. The planner turns it into a diagnostic. */
export const unreadable = (path: AbsPath, why: string, hint: string | undefined = hintFor(why)): Error & Unreadable =>
  Object.assign(new Error(`cannot read ${path}: ${why}`), {
    [UNREADABLE]: true as const,
    path,
    why,
    ...(hint !== undefined && { hint }),
  });

/** Only missing rights are mended by more of them. */
const hintFor = (why: string): string | undefined => (why === DENIED ? 'run the command with sudo' : undefined);

export interface Unreadable {
  readonly path: AbsPath;
  readonly why: string;
  /** What to do about it. */
  readonly hint?: string;
}

export const isUnreadable = (thrown: unknown): thrown is Error & Unreadable =>
  thrown instanceof Error && UNREADABLE in thrown;

/** What `unreadable` says when it is too large. */
export const tooLarge = (path: AbsPath, bytes: number, most: number): Error =>
  unreadable(path, `it has ${bytes} bytes, and a file of its kind may have ${most}`);

/** The diagnostic of a thrown `unreadable`. */
export const unreadableProblem = ({ path, why, hint }: Unreadable): Diagnostic => ({
  severity: 'error',
  code: 'RF2005',
  summary: `"${path}" cannot be read: ${why}`,
  ...(hint !== undefined && { hint }),
  path,
});

/** Why something cannot be read where rights are missing. */
export const DENIED = 'permission denied';

/**
 * The path that the file `by` names with `text`, seen from the directory `base`. Throws `unreadable`, of `by`, where no file
 * can have such a path.
 */
export function pathNamedIn(by: AbsPath, base: AbsPath, text: string): AbsPath {
  const path = text.includes('\0') ? undefined : join(base, text.startsWith('/') ? text : `./${text}`);
  if (path !== undefined && isPossible(path)) return path;
  throw unreadable(by, `it names ${JSON.stringify(clipped(text))}, and no file can have such a path`);
}

const clipped = (text: string): string => (text.length > 60 ? `${text.slice(0, 60)}…` : text);

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
