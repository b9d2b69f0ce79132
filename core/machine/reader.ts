// The interface to a machine for reading: a Reader looks, and changes nothing. Interfaces, and the words for what
// cannot be read; core/host/ implements it on a disk, and core/plan/overlay.ts is one that already shows planned edits.

import type { Diagnostic } from '../diagnostic.ts';
import type { Doing } from '../event.ts';
import { MOST } from '../limits.ts';
import type { ActiveSystem, Entry, HostFacts, Owner } from '../model.ts';
import { type AbsPath, absolute, isPossible, join } from '../path.ts';
import type { Changed, Hindrance, Room } from './hindrance.ts';
import type { Job, JobResult } from './job.ts';

/** A name in a directory, and the entry that has it. */
export interface Named {
  readonly name: string;
  readonly entry: Entry;
}

/**
 * Looks at a machine, and changes nothing. Links in the parents of a path are followed as the machine itself would
 * follow them, and never lead out of it; the last part is never followed. Throws `unreadable` if rights are missing.
 */
export interface Reader {
  readonly facts: HostFacts;
  /** The entry at the path, without content. */
  stat(path: AbsPath): Entry;
  /** The bytes of a regular file; undefined if there is none. Throws `unreadable` if it has more than `most` bytes. */
  read(path: AbsPath, most?: number): Uint8Array | undefined;
  /** The names in a directory, in byte order; empty if there is none. */
  list(path: AbsPath): readonly string[];
  /** The same, each with its `stat`: in a walk through a tree, single questions would cost most of the time. */
  entries(path: AbsPath): readonly Named[];
  /**
   * True if everything at the path and below is the owner's, by the rule of core/machine/owned.ts. False if something
   * is not, or if a look at the whole would not be faster than one at each entry.
   */
  isOwned(path: AbsPath, owner: Owner): boolean;
  /** The last change of the file's content (mtime), in whole seconds since 1970; undefined if there is no file. */
  writtenAt(path: AbsPath): number | undefined;
  /**
   * Identity and times of a regular file: equal stamps of two runs mean equal bytes. Undefined where that is in doubt,
   * as git has it ("racily clean"): the file was changed since shortly before this process began.
   */
  stamp(path: AbsPath): string | undefined;
  /**
   * The NAR hash (SRI) of what is at the path and below it, as Nix computes it; undefined if there is nothing. Throws
   * `Error & NarProblem` if it has no hash.
   */
  treeHash(path: AbsPath): string | undefined;
  /** Does the job. `tell` hears of its program while it goes on, as often as that says something; undefined: it says no more. */
  compute(job: Job, tell?: (doing: Doing | undefined) => void): Promise<JobResult>;
  /** What would hinder a change at the path, of its name or of owner and mode. Asked only of what is to be edited. */
  hindrance(path: AbsPath, changed: Changed): Hindrance | undefined;
  /** The room that is left in the directory, or where it will be made; undefined if the file system does not say. */
  room(dir: AbsPath): Room | undefined;
  /** Mount points below the path, as the kernel lists them; the places themselves are not looked at. */
  mounts(path: AbsPath): readonly AbsPath[];
  /** The present place of what is shown at the path: another one only if a planned move brings it there. */
  origin(path: AbsPath): AbsPath;
  /** True if planned edits concern the path or anything below it. */
  planned(path: AbsPath): boolean;
}

/** The active system, from the machine's links. */
export function activeSystem(reader: Reader): ActiveSystem {
  const running = targetOf(absolute('/run/current-system'), reader);
  const profile = targetOf(absolute('/nix/var/nix/profiles/system'), reader);
  return { ...(running && { running }), ...(profile && { profile }) };
}

/** The store path of the system that boots by default; undefined if there is no profile. */
export const bootDefaultOf = ({ profile }: ActiveSystem, reader: Reader): string | undefined =>
  profile && targetOf(absolute(`/nix/var/nix/profiles/${profile}`), reader);

function targetOf(path: AbsPath, reader: Reader): string | undefined {
  const entry = reader.stat(path);
  return entry.type === 'link' ? entry.target : undefined;
}

const UNREADABLE = Symbol('unreadable');

/** An error that is no bug: what is at `path` cannot be read, and why. The planner turns it into a diagnostic. */
export const unreadable = (path: AbsPath, why: string, hint: string | undefined = hintFor(why)): Error & Unreadable =>
  Object.assign(new Error(`cannot read ${path}: ${why}`), {
    [UNREADABLE]: true as const,
    path,
    why,
    ...(hint !== undefined && { hint }),
  });

/** More rights help only if rights are missing. */
const hintFor = (why: string): string | undefined => (why === DENIED ? 'run the command with sudo' : undefined);

export interface Unreadable {
  readonly path: AbsPath;
  readonly why: string;
  /** What the user can do about it. */
  readonly hint?: string;
}

export const isUnreadable = (thrown: unknown): thrown is Error & Unreadable =>
  thrown instanceof Error && UNREADABLE in thrown;

/** Undefined where the machine can't be read there; what needs the place reports it. */
export function unlessUnreadable<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch (thrown) {
    if (isUnreadable(thrown)) return undefined;
    throw thrown;
  }
}

/** The `unreadable` of a file that is too large. */
export const tooLarge = (path: AbsPath, bytes: number, most: number): Error =>
  unreadable(path, `it has ${bytes} bytes, and a file of its kind may have ${most}`);

/** The `unreadable` of a directory that lies too deep. */
export const tooDeep = (path: AbsPath): Error =>
  unreadable(
    `${path.slice(0, 200)}…` as AbsPath,
    `directories lie in each other more than ${MOST.treeDepth} deep, as in no configuration`,
    'move them out of the configuration',
  );

/** The diagnostic of a thrown `unreadable`. */
export const unreadableProblem = ({ path, why, hint }: Unreadable): Diagnostic => ({
  severity: 'error',
  code: 'RF2005',
  summary: `"${path}" cannot be read: ${why}`,
  ...(hint !== undefined && { hint }),
  path,
});

/** The `why` of an `unreadable` for missing rights. */
export const DENIED = 'permission denied';

/**
 * The path that the file `by` names with `text`, relative to the directory `base`. Throws `unreadable` of `by` if no
 * file can have such a path.
 */
export function pathNamedIn(by: AbsPath, base: AbsPath, text: string): AbsPath {
  const path = text.includes('\0') ? undefined : join(base, text.startsWith('/') ? text : `./${text}`);
  if (path !== undefined && isPossible(path)) return path;
  throw unreadable(by, `it names ${JSON.stringify(clipped(text))}, and no file can have such a path`);
}

const clipped = (text: string): string => (text.length > 60 ? `${text.slice(0, 60)}…` : text);
