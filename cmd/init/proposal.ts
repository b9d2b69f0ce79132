// What the parts of init hand to each other: what was typed, what is known, and the spec that is proposed.

import type { Diagnostic, JsonPointer } from '../../core/diagnostic.ts';
import type { Reporter } from '../../core/event.ts';
import type { Reader } from '../../core/machine/reader.ts';
import type { Person } from '../../core/model.ts';
import type { AbsPath } from '../../core/path.ts';
import type { MayRead } from '../../core/plan/caller-may-read.ts';
import type { Spec } from '../../core/spec/load.ts';
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
  readonly yes: boolean;
}

export interface Known {
  readonly options: InitOptions;
  readonly io: Io;
  readonly reader: Reader;
  readonly found: Survey;
  /** What --path names, and the flake that lies there. */
  readonly named: { readonly path: AbsPath; readonly flake: FlakeAt } | undefined;
  readonly person: Person;
  /** Whether who called may be told what is in a file. */
  readonly mayRead: MayRead;
  /** What the machine guard will say of a spec; nothing where it lets it through. */
  readonly guard: (spec: Spec) => Promise<readonly Diagnostic[]>;
  /** Somebody is there to be asked. */
  readonly asks: boolean;
  readonly report: Reporter;
}

export interface Draft {
  readonly spec: Spec;
  /** It says what is there, so nothing is to be changed but the wishes `asked` for. */
  readonly isAdopted: boolean;
  readonly asked: readonly JsonPointer[];
  /** What `~` means in it, while it names an owner. */
  readonly home?: string;
}

export type Proposal = Draft | { readonly end: End } | { readonly problem: Diagnostic };

export const unanswered = (summary: string, hint: string): { readonly problem: Diagnostic } => ({
  problem: { severity: 'error', code: 'RF3024', summary, hint },
});

/** Flakes that are not taken, as notes. */
export const alsoThere = (others: readonly Candidate[]): readonly string[] =>
  others.map(
    ({ flake: { dir }, why }) => `there is a flake at ${dir} too (from ${why}); to take that one: --path ${dir}`,
  );
