// A fact about a machine with its source: every decision of init can name where it comes from.

import { isUnreadable } from '../machine/reader.ts';

/** `source`: words, as in `nixos-24.05, from the root channel`. */
export interface Fact {
  readonly value: string;
  readonly source: string;
}

/** The result of `look`; undefined if rights are missing. Other errors pass. */
export function ifReadable<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch (thrown) {
    if (isUnreadable(thrown)) return undefined;
    throw thrown;
  }
}
