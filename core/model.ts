// Read this first: the words of reflake as types. Everything is plain, readonly, serialisable data; the few functions define
// what the words mean (inverse, equality, emptiness).

import type { Code } from './codes.ts';
import type { Diagnostic, JsonPointer, SourceRange } from './diagnostic.ts';
import type { AbsPath } from './path.ts';
import type { Proof } from './proven.ts';
import type { Verdict } from './verdict.ts';

/** Numeric owner of a path, as the machine's own passwd and group files number them. */
export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/** A user of the machine's passwd: under sudo not root, but the caller. */
export interface Person extends Owner {
  readonly name: string;
  readonly home: string;
}

/** A user in whose directories a transaction may write, as they could themselves; with the machine's ids. */
export interface Party {
  readonly uid: number;
  readonly gids: readonly number[];
}

/** `sha256:` and 64 hex digits. Names content: bytes live in a plan's `blobs` or in a journal's images. */
export type Digest = `sha256:${string}`;

/**
 * What is at a path: the link itself and not its target. `mode` holds the 12 permission bits.
 * A file without `content` was not looked into: an edit of it leaves its bytes alone.
 * `other` is a socket, FIFO or device: reflake reports it and never writes one.
 */
export type Entry =
  | { readonly type: 'absent' }
  | {
      readonly type: 'file';
      readonly content?: Digest;
      readonly mode: number;
      readonly owner: Owner;
      readonly hardLinked?: true;
    }
  | { readonly type: 'dir'; readonly mode: number; readonly owner: Owner }
  | { readonly type: 'link'; readonly target: string; readonly owner: Owner }
  | {
      readonly type: 'other';
      readonly what: 'fifo' | 'socket' | 'device';
      readonly mode: number;
      readonly owner: Owner;
    };

/** The entries that a plan may put at a path. */
export type Puttable = Exclude<Entry, { type: 'other' }>;

/** At `path`, replace `before` by `after`. Its inverse swaps the two. */
export interface Put {
  readonly op: 'put';
  readonly path: AbsPath;
  readonly before: Puttable;
  readonly after: Puttable;
}

/** A whole tree goes from one name to another that is free. Its inverse swaps the two. */
export interface Move {
  readonly op: 'move';
  readonly from: AbsPath;
  readonly to: AbsPath;
}

export type ActivationMode = 'build' | 'test' | 'boot' | 'switch';

/** The active system: link targets of /run/current-system and of the system profile; absent if there is none. */
export interface ActiveSystem {
  readonly running?: string;
  readonly profile?: string;
}

/**
 * The edit that no file edit can express: builds the flake's system as its owner, and makes it the running system (test,
 * switch) and the boot default (boot, switch). `before` is read while planning and compared again before anything is run; undo
 * goes back to exactly that.
 */
export interface Activate {
  readonly op: 'activate';
  readonly mode: ActivationMode;
  /** The system: an installable that is built first, or, to go back, a system that was active before. */
  readonly target:
    | {
        readonly kind: 'flake';
        readonly installable: string;
        /** The derivation that it must be: the one that was proven. Not in a plan, which a proof does not change. */
        readonly drv?: string;
      }
    | { readonly kind: 'system'; readonly system: ActiveSystem };
  readonly as: Person;
  readonly before: ActiveSystem;
}

export type Edit = Put | Move | Activate;

/** The answer to one wish. `by`: the code of the finding that decided it, unless it holds. */
export interface Answer {
  readonly wish: JsonPointer;
  /** Of a spec with several hosts: whose wish. */
  readonly host?: string;
  readonly verdict: Verdict;
  readonly by?: Code;
}

/** Something seen in a file, or printed by a program. */
export interface Evidence {
  readonly path?: AbsPath;
  readonly saw: string;
}

/** Where a difference comes from, as far as records and the file tell. Evidence alone: nothing is decided by it. */
export interface Origin {
  /**
   * `spec`, `machine`, `both`: what changed since the apply that last granted the wish. `neither`: the file is as that apply left
   * it and the wish is the same, so that it is time, or something else that the wish depends on. `never applied`: no apply granted it.
   */
  readonly cause: 'never applied' | 'spec' | 'machine' | 'both' | 'neither' | 'unknown';
  /** What says so; of `unknown`, why nothing does. One lower-case clause. */
  readonly because: string;
  /** The apply that last granted the wish. */
  readonly apply?: { readonly number: number; readonly finishedAt: string; readonly by: string };
  /** When a check first found it, by a record of checks. Times are RFC 3339. */
  readonly since?: string;
  /** The file as it is there: its owner, its last change, the store path that a link leads to. */
  readonly file?: {
    readonly path: AbsPath;
    readonly owner: string;
    readonly writtenAt?: string;
    readonly store?: string;
  };
  /** The last commit of the lines, or of the file. */
  readonly commit?: { readonly id: string; readonly author: string; readonly at: string };
}

/** How it is mended: by edits of this plan, by pasting a snippet, or by some other act of the user. */
export type Remedy =
  | { readonly by: 'plan'; readonly action: 'add' | 'change' | 'remove' | 'move' | 'activate' }
  | { readonly by: 'paste'; readonly snippet: string; readonly hint: string }
  | { readonly by: 'you'; readonly hint: string };

/**
 * One thing that a look found: coded and located. The consequences of its code (verdict, exit, severity) are in core/codes.ts.
 */
export interface Finding {
  /** The id that an acknowledgement names: a digest of what was found, without parts that change by themselves. */
  readonly id?: Digest;
  readonly code: Code;
  /** The wish that it decides. None: advice. */
  readonly wish?: JsonPointer;
  /** Of a spec with several hosts: those whose wish it decides. Left out: all that have it. */
  readonly hosts?: readonly string[];
  /** Its subject in the user's words: `inputs.nixpkgs.url`, `owner`, `nix.settings.experimental-features`. */
  readonly subject: string;
  /** If the plan mends it, the path that it writes; else the present path, before any move. */
  readonly path?: AbsPath;
  /** A place in the present text; if the plan mends it, in the new text. */
  readonly at?: SourceRange;
  readonly from?: string;
  readonly to?: string;
  /** One lower-case clause: what was found. User text is quoted. */
  readonly because: string;
  readonly evidence?: readonly Evidence[];
  /** Only where it was asked for; in no plan that is saved. */
  readonly origin?: Origin;
  /** Of advice, where the spec says how bad it is; else its code does. */
  readonly severity?: 'warning' | 'note';
  readonly remedy: Remedy;
}

/** A difference that the edits of the plan mend: a row of its screen. */
export type Change = Finding & { readonly path: AbsPath; readonly remedy: Extract<Remedy, { by: 'plan' }> };

/** One provider's share of a plan. */
export interface Step {
  readonly provider: string;
  /** One for each wish that it answers, in the order of the spec. */
  readonly verdicts: readonly Answer[];
  readonly findings: readonly Finding[];
  readonly edits: readonly Edit[];
  /** Contents that the edits name by digest. */
  readonly blobs: Readonly<Record<Digest, Uint8Array>>;
}

/** The machine that a plan is bound to. */
export interface HostFacts {
  readonly name: string;
  readonly system: string;
  /** `/etc/machine-id` of the machine; empty where it has none. */
  readonly machineId: string;
}

/** One entry of the read set: what was seen at a path while planning. */
export type Reading =
  | { readonly path: AbsPath; readonly saw: 'content' | 'names' | 'tree'; readonly digest: Digest }
  /** The whole tree belongs to this owner (core/machine/owned.ts). */
  | { readonly path: AbsPath; readonly saw: 'owned'; readonly owner: Owner }
  | { readonly path: AbsPath; readonly saw: 'nothing' };

/**
 * Everything that apply will do. `id` is the digest of what it depends on and does, `evidence` that of its findings and
 * verdicts (core/plan/plan-id.ts).
 */
export interface Plan {
  readonly version: 2;
  readonly id: Digest;
  readonly evidence: Digest;
  readonly spec: Digest;
  readonly host: HostFacts;
  /** Of a spec with several hosts: the one that this machine is. Absent: the plan is for the repository alone, or for the only host. */
  readonly machine?: string;
  /** Compared once more before the first write. */
  readonly readSet: readonly Reading[];
  readonly steps: readonly Omit<Step, 'blobs'>[];
  /** Wishes that --only and --skip leave out: no provider looked. Those of one of several hosts lie below /hosts/NAME. */
  readonly leftOut: readonly JsonPointer[];
  /** Wishes of a machine, where only a checkout was looked at; in no step. Left out: none. */
  readonly notChecked?: readonly JsonPointer[];
  /** Wishes that differ and may for a time (`expect`): they keep their answers, and change no exit code. Left out: none. */
  readonly expected?: readonly Expected[];
  /** Wishes that stay as they are, since all their findings are acknowledged: in no step. */
  readonly acknowledged?: readonly Acknowledged[];
  readonly blobs: Readonly<Record<Digest, Uint8Array>>;
  /** That the planned configuration is the same system as the present one, or not; only where it was asked. */
  readonly proof?: Proof;
}

/** A wish that may differ until `to` (RFC 3339), since a change is planned. */
export interface Expected {
  readonly wish: JsonPointer;
  readonly host?: string;
  readonly to: string;
}

/** A wish whose findings are all acknowledged. */
export interface Acknowledged {
  readonly wish: JsonPointer;
  readonly host?: string;
  readonly findings: readonly Finding[];
  readonly reason: string;
  /** The last day on which it counts: `2027-03-01`. */
  readonly until?: string;
}

/** A path that somebody else had changed. `beside`: the present name of their work; left out if it is where it was. */
export interface Kept {
  readonly path: AbsPath;
  readonly beside?: AbsPath;
}

export type Signal = 'SIGINT' | 'SIGTERM' | 'SIGHUP';

/** How an apply, a rollback or a recovery ended. */
export type Outcome =
  | { readonly status: 'unchanged' }
  | { readonly status: 'applied'; readonly apply: number; readonly edits: number; readonly kept?: readonly Kept[] }
  /** Nothing was written. `signal`: it was stopped by one. */
  | { readonly status: 'refused'; readonly cause: readonly Diagnostic[]; readonly signal?: Signal }
  /** Something was written, and all of it undone. `kept`: work of somebody else meanwhile, and its present place. */
  | { readonly status: 'rolled-back'; readonly cause: readonly Diagnostic[]; readonly kept?: readonly Kept[] }
  /** Undo could not finish: the journal is kept. `conflicts`: the paths where it failed. */
  | {
      readonly status: 'stuck';
      readonly cause: readonly Diagnostic[];
      readonly conflicts: readonly AbsPath[];
      readonly kept?: readonly Kept[];
    };

export const ABSENT: Puttable = { type: 'absent' };

/** The edit that undoes `edit`. `now`: the system that is active after an activation, known only then. */
export function undoOf(edit: Edit, now: ActiveSystem = {}): Edit {
  switch (edit.op) {
    case 'put':
      return { op: 'put', path: edit.path, before: edit.after, after: edit.before };
    case 'move':
      return { op: 'move', from: edit.to, to: edit.from };
    case 'activate':
      return { ...edit, target: { kind: 'system', system: edit.before }, before: now };
  }
}

/** The effect of a put on the inode at its path: changes owner and mode, makes, replaces or removes it. */
type PutKind = 'metadata' | 'make' | 'replace' | 'remove';

export function kindOf({ before, after }: Put): PutKind {
  if (after.type === 'absent') return 'remove';
  if (before.type === 'absent') return 'make';
  if (after.type === 'file' && after.content !== undefined) return 'replace';
  if (after.type === 'link' && !(before.type === 'link' && before.target === after.target)) return 'replace';
  return 'metadata';
}

/** True if bytes, or the target of a link, stay as they are. A file without content in `after` keeps its own. */
export function keepsContent(before: Entry, after: Entry): boolean {
  if (before.type === 'absent' || before.type !== after.type) return false;
  if (before.type === 'link') return after.type === 'link' && before.target === after.target;
  return before.type !== 'file' || after.type !== 'file' || (after.content ?? before.content) === before.content;
}

/** True if bytes matter: the edit names some, or a file comes or goes. */
export const looksInside = ({ before, after }: Put): boolean =>
  [before, after].some((entry) => entry.type === 'file' && entry.content !== undefined) ||
  (before.type === 'file') !== (after.type === 'file');

export const sameOwner = (a: Owner, b: Owner): boolean => a.uid === b.uid && a.gid === b.gid;

/**
 * True if what is `there` is what an edit `expects`. A file expected without content may hold any bytes; one expected with
 * content must have been read, so `there` has its digest.
 */
export function matches(expected: Entry, there: Entry): boolean {
  if (expected.type !== there.type) return false;
  if (expected.type === 'absent' || there.type === 'absent') return true;
  if (!sameOwner(expected.owner, there.owner)) return false;
  if (expected.type === 'link') return there.type === 'link' && expected.target === there.target;
  if (there.type === 'link' || expected.mode !== there.mode) return false;
  if (expected.type === 'file' && there.type === 'file')
    return expected.content === undefined || expected.content === there.content;
  return true;
}
