// The input of every reporter: the streams, the theme, and what is known so far of the spec and the machine. Types only.

import type { JsonPointer, SourceRange } from '../../core/diagnostic.ts';
import type { Plan } from '../../core/model.ts';
import type { AbsPath } from '../../core/path.ts';
import type { Theme } from './colour.ts';
import type { Standing } from './standing.ts';

/** For each stream: results go to `out`, progress and problems to `err`. */
export interface PerStream<Value> {
  readonly out: Value;
  readonly err: Value;
}

/** Facts known so far. A command learns them step by step: the first event may come before the spec is found. */
export interface About {
  /** The spec as the user named it. */
  readonly spec: string;
  /** The text of a file that a place names. */
  readonly source: (file: string) => string | undefined;
  readonly locate?: (pointer: JsonPointer) => SourceRange | undefined;
  /** The configuration: paths below it are shown relative to it. */
  readonly dir?: AbsPath;
  /** What programs that read a checkout take for its top: the repository, or the configuration. */
  readonly base?: AbsPath;
  /** The file that the plan was saved to. */
  readonly saved?: string;
  /** After an apply: what is true now, and what to do next. */
  readonly standing?: Standing;
  /** Shows the bytes of a plan, where they were asked for. */
  readonly diff?: (plan: Plan, theme: Theme) => string;
  /** People are shown only what changed since the last check: everything else is passed over while this is true. */
  readonly onlyNews?: boolean;
  /** Shows the bytes that the past apply changed which is shown, where they were asked for. */
  readonly pastDiff?: (theme: Theme) => string;
}

export interface Screen {
  readonly print: PerStream<(text: string) => void>;
  readonly tty: PerStream<boolean>;
  readonly colour: PerStream<boolean>;
  readonly ascii: boolean;
  /** Of the terminal; undefined or 0: 80. */
  readonly columns: number | undefined;
  readonly verbose: boolean;
  readonly quiet: boolean;
  /** Milliseconds, only ever growing. */
  readonly now: () => number;
  /** Calls `act` each so many milliseconds, whenever nothing else runs; until the returned function is called. */
  readonly every: (milliseconds: number, act: () => void) => () => void;
  /** Seconds since 1970. */
  readonly epoch: () => number;
  /** The working directory of who called. */
  readonly cwd: string;
  /** What is undecided fails too. */
  readonly strict: boolean;
  /** The command. */
  readonly verb: string;
  readonly about: () => About;
}
