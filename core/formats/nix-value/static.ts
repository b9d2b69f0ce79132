// The types that the readers of Nix share for values known from the text alone, and their words. No rules.

import { describe, spanOf } from '../nix/describe.ts';
import type { Bound } from '../nix/scope.ts';
import type { AttrName, Binding, Expr, Span } from '../nix/syntax.ts';

/** A value as far as the text tells; `span` is the place. */
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
  /** True if the text stands in the expression itself; behind a variable other places may use it too. */
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

/** The attributes that a set certainly has, and the parts that may add others. */
export interface Attributes {
  readonly entries: ReadonlyMap<string, Bound>;
  readonly unknown: readonly Place[];
}

/** Text that can't be read, with the file it stands in (by its scope). */
export interface Place extends Bound {
  readonly reason: string;
}

/** The reason there is no constant. `wanted`: "a string". */
export function notStatic(expr: Expr, wanted: string): Static<never> {
  return {
    kind: 'not-static',
    reason: `it is ${describe(expr)}, not ${wanted} that the text shows`,
    span: spanOf(expr),
  };
}
