// What it takes to talk about a wish that flake.nix does not grant: the difference, the change for people, the problem.
// Types alone. Nothing here reads or edits.

import type { Source } from '../nix/scope.ts';
import type { Splice } from '../nix/splice.ts';
import type { Span } from '../nix/syntax.ts';
import type { OpenFlake } from './flake.ts';

/** What differs, for people. */
export interface Change {
  /** What is concerned: `inputs.nixpkgs.url`, `nixosConfigurations.nixos.modules`. */
  readonly subject: string;
  /** JSON pointer into the spec. */
  readonly pointer: string;
  readonly from?: string;
  readonly to: string;
  /** 1-based, in the text after the edit. */
  readonly line: number;
}

/** Wishes that are not granted yet, and the one edit that grants them. */
export interface Difference {
  /** Differences about inputs are independent of each other. */
  readonly about: 'input' | 'host';
  readonly changes: readonly (Omit<Change, 'line'> & { readonly locate: Locate })[];
  readonly fix: Fix;
}

/** Where, in an edited flake.nix, the change is to be seen: an offset. */
export type Locate = (open: OpenFlake) => number | undefined;

export type Fix =
  | { readonly kind: 'edit'; readonly splices: readonly Splice[] }
  | { readonly kind: 'refuse'; readonly problem: Problem }
  /** Whether it differs the text does not tell: nothing waits for it. */
  | { readonly kind: 'open'; readonly problem: Problem };

/** Why a wish is not granted by an edit. */
export interface Problem {
  /**
   * unreadable: whether the wish holds can't be told from the text · uneditable: it does not hold, and this layout can't
   * be edited for certain · impossible: no flake.nix can grant it as it is written.
   */
  readonly kind: 'unreadable' | 'uneditable' | 'impossible';
  /** One lower-case clause. */
  readonly message: string;
  readonly at: Span;
  /** The file that `at` means, where it is another than flake.nix. */
  readonly in?: Source;
  /** What to paste, with a comment that says where; empty where pasting does not help. */
  readonly snippet: string;
  readonly pointer: string;
}
