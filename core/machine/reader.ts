// What may be asked of a machine: a Reader looks, and changes nothing. Interfaces only, and the words for what it cannot read;
// core/host/ implements it on a disk, and core/plan/overlay.ts is one that already shows planned edits.

import type { Diagnostic } from '../diagnostic.ts';
import { MOST } from '../limits.ts';
import type { ActiveSystem, Entry, HostFacts, Owner } from '../model.ts';
import { type AbsPath, absolute, isPossible, join } from '../path.ts';
import type { Changed, Hindrance, Room } from './hindrance.ts';
import type { Job, JobResult } from './job.ts';

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
   * True: all that is at the path and below is the owner's, as core/machine/owned.ts has it. False: something is not, or no
   * look at the whole would be faster than one at each entry.
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
  /** What would hinder a change of the name, or of owner and mode, at the path. Asked only of what is to be edited. */
  hindrance(path: AbsPath, changed: Changed): Hindrance | undefined;
  /** What can still be written in the directory, or where it will be made; undefined where that is not told. */
  room(dir: AbsPath): Room | undefined;
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

/** What `unreadable` says of a directory that lies in too many others. */
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
