// What commands tell while they run, as data: every word of every command is one of these. A reporter is a function of them.
// schemas/event.schema.json publishes each; core and commands never print.

import type { Code } from './codes.ts';
import type { Diagnostic } from './diagnostic.ts';
import type { Digest, Edit, Outcome, Plan } from './model.ts';
import type { Counts } from './verdict.ts';

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

/** What a look at a machine without a spec found: `value` and `source` are missing where it could not be found. */
export interface SurveyedFact {
  readonly what: string;
  readonly value?: string;
  readonly source?: string;
}

export type Event =
  /** `isPartial`: bytes were withheld, so it is not what an apply would do, and its id names nothing. */
  | { readonly type: 'planned'; readonly plan: Plan; readonly isPartial?: boolean }
  | { readonly type: 'edited' | 'undone'; readonly edit: Edit; readonly index: number; readonly total: number }
  | { readonly type: 'diagnostic'; readonly diagnostic: Diagnostic }
  /** Problems of one text: people are shown the worst of them. */
  | { readonly type: 'diagnostics'; readonly diagnostics: readonly Diagnostic[] }
  /** A long step: `text` says what is being done now. */
  | { readonly type: 'progress'; readonly text: string }
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
  /** `edits`: where one was asked for. */
  | ({ readonly type: 'apply'; readonly edits?: readonly Edit[] } & PastApply)
  | { readonly type: 'surveyed'; readonly facts: readonly SurveyedFact[]; readonly notes: readonly string[] }
  /** `firstPlan`: what a plan of it comes to. */
  | {
      readonly type: 'initialised';
      readonly file: string;
      readonly spec: unknown;
      readonly firstPlan: 'empty' | 'changes' | 'blocked';
    }
  | { readonly type: 'validated'; readonly file: string }
  | { readonly type: 'schema'; readonly name: string; readonly schema: unknown }
  /** `page`: where one code was asked for. */
  | { readonly type: 'code'; readonly code: Code; readonly title: string; readonly page?: string }
  /**
   * The last of every command. `verdicts`: of one that looked at the wishes; `outcome`: of one that writes. `cancelled`: who was
   * asked left or said no, and nothing was changed.
   */
  | {
      readonly type: 'ended';
      readonly verdicts?: Counts;
      readonly outcome?: Outcome;
      readonly exit: number;
      readonly cancelled?: true;
    };

export type Reporter = (event: Event) => void;
