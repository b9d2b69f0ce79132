// The words of a proof that two systems are the same, as data: what was evaluated, the verdict, the causes of a difference.

import type { Digest } from './model.ts';

/** Lines that are on one side alone. `more`: how many such lines are not listed. */
export interface ChangedLines {
  readonly went: readonly string[];
  readonly came: readonly string[];
  readonly more?: number;
}

/** The difference itself, wherever it is. */
export type Change =
  /** A package in another version. */
  | { readonly kind: 'version'; readonly name: string; readonly from: string; readonly to: string }
  /** Inputs of a derivation, by name, that have no counterpart on the other side. */
  | { readonly kind: 'inputs'; readonly went: readonly string[]; readonly came: readonly string[] }
  /** A file or directory that no derivation makes. Without lines: its text was not read. */
  | { readonly kind: 'source'; readonly name: string; readonly lines?: ChangedLines }
  /** A member of the derivation: `builder`, `system`, `args`, `outputs`, or a variable: `env.text`. */
  | { readonly kind: 'text'; readonly member: string; readonly lines: ChangedLines }
  /** The derivation differs, and what was read does not tell in what. */
  | { readonly kind: 'unknown'; readonly why: string };

/** A change and where it is. */
export interface Cause {
  readonly change: Change;
  /** The names of derivations from the system down to it; the shortest way. Empty: the system itself. */
  readonly way: readonly string[];
  /** In how many derivations the same change is. */
  readonly places: number;
  /** How many of the derivations that differ stand on it, themselves included. */
  readonly reach: number;
}

/** An option that both sides were given alike, and its value on each; `null`: it has none there. */
export interface ForcedOption {
  readonly option: string;
  readonly from: unknown;
  readonly to: unknown;
}

export type ProofVerdict =
  /** The same derivation, or derivations with the same output. */
  | { readonly kind: 'identical'; readonly system: string }
  /** The same derivation, once these options have one value on both sides. */
  | { readonly kind: 'same'; readonly system: string; readonly options: readonly ForcedOption[] }
  /** `id` names the difference, for --accept-difference. */
  | {
      readonly kind: 'differs';
      readonly id: Digest;
      readonly causes: readonly Cause[];
      readonly options: readonly ForcedOption[];
    }
  | {
      readonly kind: 'not proven';
      readonly side: 'first' | 'second' | 'both';
      readonly why: string;
      readonly hint: string;
      readonly log?: string;
    };
