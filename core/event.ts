// The events that commands report while they run, as data; a reporter turns them into text. Core and commands never print.
// schemas/event.schema.json publishes each.

import type { Code } from './codes.ts';
import type { Diagnostic, JsonPointer, SourceRange } from './diagnostic.ts';
import type { Answer, Digest, Edit, Finding, Outcome, Plan } from './model.ts';
import type { AbsPath } from './path.ts';
import type { Compared, Proof } from './proven.ts';
import type { Counts, Verdict } from './verdict.ts';

/** What provokes a code. `text`: a spec that does; `says`: what is then said of it. */
export interface CodeExample {
  readonly about: string;
  readonly text?: string;
  readonly says: string;
}

/** One apply or rollback of the past. `undone`: a later rollback undid it. */
export interface PastApply {
  readonly number: number;
  readonly kind: 'apply' | 'rollback';
  readonly plan: Digest;
  readonly undoes: readonly number[];
  readonly startedAt: string;
  readonly finishedAt: string;
  readonly by: string;
  readonly undone: boolean;
  /** How many edits. */
  readonly count: number;
  /** The file name of the spec, where one was applied. */
  readonly spec?: string;
}

/** A fact of a machine without a spec; without `value` and `source` if it could not be found. */
export interface SurveyedFact {
  readonly what: string;
  readonly value?: string;
  readonly source?: string;
}

/** A host of the spec. */
export interface ListedHost {
  /** In the spec; of a spec about one machine its host name. */
  readonly name: string;
  readonly hostName: string;
  readonly system: string;
  /** In nixosConfigurations. */
  readonly attribute: string;
  /** As the spec names them, relative to the flake; left out: it names none. */
  readonly modules?: readonly string[];
  /** The wishes that the repository grants it. */
  readonly verdicts: Counts;
}

/**
 * One subject that doctor examined. `bad`: reflake fails on it, or loses what it promises. `doubtful`: it works, and perhaps not as
 * one expects. `unknown`: it could not be looked at; `saw` says why.
 */
export interface Examined {
  readonly subject: string;
  readonly state: 'good' | 'doubtful' | 'bad' | 'unknown';
  /** One lower-case clause. */
  readonly saw: string;
  /** An imperative: what to do about it. */
  readonly advice?: string;
  /** The file of the machine that `saw` tells of. */
  readonly path?: AbsPath;
}

/** How a machine stands. Systems are store paths, and left out where there is none, or where it is no system of this machine. */
export interface MachineStatus {
  readonly host: string;
  readonly system: string;
  readonly spec: string;
  /** Of the configuration; `place` as its reader types it, quoted for a shell where it has to be. */
  readonly path: AbsPath;
  readonly place: string;
  readonly isFlake: boolean;
  readonly isRepository: boolean;
  /** In nixosConfigurations. */
  readonly attribute: string;
  readonly answers: readonly Answer[];
  readonly lastApply?: PastApply;
  readonly running?: string;
  readonly boots?: string;
  /** The number of the one that boots. */
  readonly generation?: number;
  readonly builds:
    | { readonly kind: 'evaluated'; readonly system: string }
    | { readonly kind: 'not asked'; readonly why: string }
    | { readonly kind: 'failed'; readonly why: string };
}

/** The state of a wish: its verdict, or why it has none that counts. `not wished`: the spec asks nothing there. */
export type WishState = Verdict | 'acknowledged' | 'expected' | 'left out' | 'not checked' | 'not wished';

/** All that is known of one wish. */
export interface Why {
  /** By `keyOf`. */
  readonly wish: JsonPointer;
  readonly state: WishState;
  /** Where it stands in the spec; of an implied wish, what implies it. */
  readonly at?: SourceRange;
  /** It is written nowhere: the wish that implies it. */
  readonly impliedBy?: JsonPointer;
  /** Who answered. */
  readonly provider?: string;
  /** Of what is acknowledged. */
  readonly reason?: string;
  /** The last day (`2027-03-01`) of what is acknowledged, or the end (RFC 3339) of what is expected. */
  readonly until?: string;
  /** Those about it; and those that bar it, where it is blocked for another wish's sake. As the caller may see them. */
  readonly findings: readonly Finding[];
  /** The pages of their codes. */
  readonly rules: readonly { readonly code: Code; readonly title: string; readonly page: string }[];
}

/** Something that reflake has left on a machine. */
export interface Left {
  /**
   * `state`: journal, history and index. `cache`: kept answers and the store for evaluations. `downloads`: of Nix, while planning.
   * `scratch`: of a process that was killed. `set aside`, `kept beside`: somebody's files. `other`: not reflake's to remove.
   */
  readonly what: 'state' | 'cache' | 'downloads' | 'scratch' | 'set aside' | 'kept beside' | 'other';
  readonly path: AbsPath;
  /** The name of the user whose rights remove it. */
  readonly owner: string;
  /** On the disk. */
  readonly bytes: number;
  /** Files, directories and links. */
  readonly entries: number;
  /** Of a state: the applies that could still be undone. */
  readonly applies?: number;
  /** Why it is not removed. */
  readonly stays?: string;
}

/** A finding as a record keeps it: names, and no value of a setting. */
export interface Seen {
  readonly id: Digest;
  readonly code: Code;
  readonly subject: string;
  /** Those that it decides, by `keyOf`, sorted. */
  readonly wishes: readonly JsonPointer[];
  readonly path?: string;
  /** Of the check that found it first, without a check between that knew it gone. RFC 3339, as all times here. */
  readonly firstSeen: string;
  /** False while `--after` holds it back. */
  readonly told: boolean;
}

/**
 * What changed since the last check that wrote the same record. `fresh`: not found before; `changed`: another finding at the same
 * place; `gone`: not found any more, with what became of its wish. All of them as the caller may see them.
 */
export interface News {
  /** When that check ended, RFC 3339. Left out: this is the first one, so that all is new. */
  readonly since?: string;
  readonly fresh: readonly Finding[];
  readonly changed: readonly { readonly was: Seen; readonly finding: Finding }[];
  readonly gone: readonly (Seen & { readonly state: WishState })[];
  /** How many are as they were. */
  readonly same: number;
  /** How many are held back, as `--after` says. */
  readonly held: number;
  /** How many checks in a row ended with drift, this one with them. */
  readonly drifts: number;
}

/** What a program is doing at this moment, as far as it says. */
export interface Doing {
  /** In its own words: `downloading 'https://…'`, `building 'nixos-system-…'`. */
  readonly what: string;
  /** Of all downloads so far; `of` is absent while a server has not said how many will come. */
  readonly bytes?: { readonly done: number; readonly of?: number };
  /** Derivations that are built, or store paths that are copied. */
  readonly parts?: { readonly done: number; readonly of: number };
}

export type Event =
  /** `isPartial`: bytes were withheld, so it is not what an apply would do, and its id names nothing. */
  | { readonly type: 'planned'; readonly plan: Plan; readonly isPartial?: boolean }
  | { readonly type: 'edited' | 'undone'; readonly edit: Edit; readonly index: number; readonly total: number }
  | { readonly type: 'diagnostic'; readonly diagnostic: Diagnostic }
  /** Problems of one text: people are shown the worst of them. */
  | { readonly type: 'diagnostics'; readonly diagnostics: readonly Diagnostic[] }
  /** A long step: `text` says what is being done now, `doing` what the program that does it says. Told again as that changes. */
  | { readonly type: 'progress'; readonly text: string; readonly doing?: Doing }
  /**
   * How many applies are kept in the state directory `where`, and how many older ones are gone; each kept one follows as
   * `apply`. `isRoots`: only root can undo them, and whoever runs this is not root.
   */
  | {
      readonly type: 'history';
      readonly where: string;
      readonly applies: number;
      readonly removed: number;
      readonly isRoots?: true;
    }
  /** `edits`: if a single apply was asked for. */
  | ({ readonly type: 'apply'; readonly edits?: readonly Edit[] } & PastApply)
  | { readonly type: 'surveyed'; readonly facts: readonly SurveyedFact[]; readonly notes: readonly string[] }
  /** `firstPlan`: the result of a first plan by the spec. */
  | {
      readonly type: 'initialised';
      readonly file: string;
      readonly spec: unknown;
      readonly firstPlan: 'empty' | 'changes' | 'blocked';
    }
  /** The findings that `file`, the spec, acknowledges from now on. */
  | {
      readonly type: 'acknowledged';
      readonly file: string;
      readonly findings: readonly Finding[];
      readonly reason: string;
      readonly until?: string;
    }
  /** eject: before it asks. */
  | ({ readonly type: 'left' } & Left)
  /** eject: each thing as soon as it is gone. */
  | ({ readonly type: 'removed' } & Pick<Left, 'what' | 'path' | 'owner' | 'bytes'>)
  /** doctor: each subject as soon as it was examined. */
  | ({ readonly type: 'examined' } & Examined)
  | ({ readonly type: 'status' } & MachineStatus)
  | ({ readonly type: 'why' } & Why)
  /** check with --notify-state. */
  | ({ readonly type: 'news' } & News)
  /** prove, and same for one host. `seconds`: what each evaluation took, by the clock. */
  | { readonly type: 'proved'; readonly proof: Proof; readonly seconds?: readonly [first: number, second: number] }
  /** same, for several hosts. */
  | ({ readonly type: 'compared' } & Compared)
  | { readonly type: 'validated'; readonly file: string }
  | ({ readonly type: 'host' } & ListedHost)
  | { readonly type: 'schema'; readonly name: string; readonly schema: unknown }
  /** A text for another program: the completion of a shell, a manual page. */
  | { readonly type: 'text'; readonly name: string; readonly text: string }
  /** `page`, with `example` and `related`: if a single code was asked for. */
  | {
      readonly type: 'code';
      readonly code: Code;
      readonly theme: string;
      readonly title: string;
      readonly page?: string;
      readonly example?: CodeExample;
      readonly related?: readonly { readonly code: Code; readonly title: string }[];
    }
  /**
   * The last event of every command. `verdicts`: of one that looked at the wishes; `outcome`: of one that writes. `cancelled`:
   * the person who was asked left or said no, and nothing was changed. `lastSuccess`: of a check with a record, when one last came
   * to an answer (RFC 3339).
   */
  | {
      readonly type: 'ended';
      readonly verdicts?: Counts;
      readonly outcome?: Outcome;
      readonly exit: number;
      readonly cancelled?: true;
      readonly lastSuccess?: string;
    };

export type Reporter = (event: Event) => void;
