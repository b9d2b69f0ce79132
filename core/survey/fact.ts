// What a look at a machine found out, with where it was found: nothing that init decides is without a source.

import { isUnreadable } from '../machine/reader.ts';

/** `source`: in words, as in `nixos-24.05, from the root channel`. */
export interface Fact {
  readonly value: string;
  readonly source: string;
}

/** What `look` found; undefined where it may not look there. Throws what is no matter of rights. */
export function ifReadable<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch (thrown) {
    if (isUnreadable(thrown)) return undefined;
    throw thrown;
  }
}
