// What can be said of a value from the text alone: the types that the readers of Nix share, and their words. No rules.

import { describe, spanOf } from '../nix/describe.ts';
import type { Bound } from '../nix/scope.ts';
import type { AttrName, Binding, Expr, Span } from '../nix/syntax.ts';

/** What the text says of a value; `span` is where it says so. */
export type Static<T> =
  | { readonly kind: 'static'; readonly value: T; readonly span: Span }
  | { readonly kind: 'not-static'; readonly reason: string; readonly span: Span }
  | { readonly kind: 'absent' };

/**
 * A value without variables. A `path` is relative to the file that is read: as written there, and led back to it where it
 * stands in an imported file.
 */
export type Constant =
  | { readonly kind: 'string' | 'path'; readonly value: string }
  | { readonly kind: 'bool'; readonly value: boolean }
  | { readonly kind: 'int'; readonly value: number }
  | { readonly kind: 'null' }
  /** Its items are read one by one. */
  | { readonly kind: 'list'; readonly items: readonly Bound[] };

/** An expression behind all that does not change its value, with the scope its variables are to be read in. */
export interface Resolved extends Bound {
  /** Whether the text stands in the expression itself: behind a variable from elsewhere, others may use it too. */
  readonly direct: boolean;
}

/** A definition of an attribute; `rest` are names behind the path asked for (`a.b.c` when asked for `a.b`). */
export interface Definition extends Resolved {
  readonly binding: Binding;
  readonly rest: readonly AttrName[];
}

/** Text that may define an attribute too, but cannot be read; `isName` where it is a computed attribute name. */
export interface Unknown {
  readonly reason: string;
  readonly span: Span;
  readonly isName: boolean;
}

/** All definitions of an attribute in one set, and what may define it out of sight. */
export interface Lookup {
  readonly definitions: readonly Definition[];
  readonly unknown: readonly Unknown[];
}

/** Attributes that a set has for certain, and what may add others to them. */
export interface Attributes {
  readonly entries: ReadonlyMap<string, Bound>;
  readonly unknown: readonly Place[];
}

/** Text that can't be read, with the file it stands in (by its scope). */
export interface Place extends Bound {
  readonly reason: string;
}

/** Why there is no constant. `wanted`: "a string". */
export function notStatic(expr: Expr, wanted: string): Static<never> {
  return {
    kind: 'not-static',
    reason: `it is ${describe(expr)}, not ${wanted} that the text shows`,
    span: spanOf(expr),
  };
}
