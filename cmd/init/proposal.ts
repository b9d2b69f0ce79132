// The data between the parts of init: the options, the known facts, and the proposed spec. Types, and notes.

import type { Diagnostic, JsonPointer } from '../../core/diagnostic.ts';
import type { Reporter } from '../../core/event.ts';
import type { Reader } from '../../core/machine/reader.ts';
import type { Person } from '../../core/model.ts';
import type { AbsPath } from '../../core/path.ts';
import type { MayRead } from '../../core/plan/caller-may-read.ts';
import type { Spec } from '../../core/spec/hosts-over-defaults.ts';
import type { Candidate } from '../../core/survey/flake-choice.ts';
import type { FlakeAt } from '../../core/survey/flakes.ts';
import type { Survey } from '../../core/survey/survey.ts';
import type { End } from '../session/exit.ts';
import type { GlobalOptions, Io } from '../session/io.ts';

export interface InitOptions extends GlobalOptions {
  readonly name?: string | undefined;
  readonly system?: string | undefined;
  readonly release?: string | undefined;
  readonly user?: string | undefined;
  readonly path?: string | undefined;
  readonly nixpkgs?: string | undefined;
  readonly activate?: NonNullable<Spec['activate']> | undefined;
  readonly force: boolean;
  /** Add this machine to the hosts of a spec that is there. */
  readonly add: boolean;
  readonly yes: boolean;
}

export interface Known {
  readonly options: InitOptions;
  readonly io: Io;
  readonly reader: Reader;
  readonly found: Survey;
  /** The place that --path names, and the flake there. */
  readonly named: { readonly path: AbsPath; readonly flake: FlakeAt } | undefined;
  readonly person: Person;
  /** True if the caller may be told the content of a file. */
  readonly mayRead: MayRead;
  /** The diagnostics of the machine guard for a spec; empty if it accepts it. */
  readonly guard: (spec: Spec) => Promise<readonly Diagnostic[]>;
  /** True if there is a terminal to ask at. */
  readonly asks: boolean;
  readonly report: Reporter;
}

export interface Draft {
  readonly spec: Spec;
  /** True if it describes an existing flake, in which only the wishes `asked` for may change anything. */
  readonly isAdopted: boolean;
  readonly asked: readonly JsonPointer[];
  /** The meaning of `~` in it while it names an owner. */
  readonly home?: string;
}

export type Proposal = Draft | { readonly end: End } | { readonly problem: Diagnostic };

export const unanswered = (summary: string, hint: string): { readonly problem: Diagnostic } => ({
  problem: { severity: 'error', code: 'RF3024', summary, hint },
});

/** A note for each flake that is not taken. */
export const alsoThere = (others: readonly Candidate[]): readonly string[] =>
  others.map(
    ({ flake: { dir }, why }) => `there is a flake at ${dir} too (from ${why}); to take that one: --path ${dir}`,
  );
