// Types for a wish that flake.nix does not grant: the difference, the change for people, the problem. Types only.

import type { Source } from '../nix/scope.ts';
import type { Splice } from '../nix/splice.ts';
import type { Span } from '../nix/syntax.ts';
import type { OpenFlake } from './flake.ts';

/** A difference for people. */
export interface Change {
  /** Its subject: `inputs.nixpkgs.url`, `nixosConfigurations.nixos.modules`. */
  readonly subject: string;
  /** JSON pointer into the spec; of a host, into the spec of that host. */
  readonly pointer: string;
  /** The attribute of the host that it is about. */
  readonly host?: string;
  readonly from?: string;
  /** Left out: it goes. */
  readonly to?: string;
  /** 1-based, in the text after the edit. */
  readonly line: number;
}

/** Wishes that are not granted yet, and the one edit that grants them. */
export interface Difference {
  /** Differences about inputs are independent of each other, and so are those about hosts. */
  readonly about: 'input' | 'host';
  readonly changes: readonly (Omit<Change, 'line'> & { readonly locate: Locate })[];
  readonly fix: Fix;
}

/** Finds the offset of the change in an edited flake.nix. */
export type Locate = (open: OpenFlake) => number | undefined;

export type Fix =
  | { readonly kind: 'edit'; readonly splices: readonly Splice[] }
  | { readonly kind: 'refuse'; readonly problem: Problem }
  /** The text does not tell whether it differs; no other edit waits for it. */
  | { readonly kind: 'open'; readonly problem: Problem };

/** The reason a wish is not granted by an edit. */
export interface Problem {
  /**
   * unreadable: the text does not tell whether the wish holds · uneditable: it does not hold, and this layout can't
   * be edited for certain · impossible: no flake.nix can grant it as it is written.
   */
  readonly kind: 'unreadable' | 'uneditable' | 'impossible';
  /** One lower-case clause. */
  readonly message: string;
  readonly at: Span;
  /** The file of `at`, if it is not flake.nix. */
  readonly in?: Source;
  /** The text to paste, with a comment that names the place; empty if pasting does not help. */
  readonly snippet: string;
  readonly pointer: string;
  /** The attribute of the host that it is about. */
  readonly host?: string;
}
