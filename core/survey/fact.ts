// A fact about a machine with its source: every decision of init can name where it comes from.

/** `source`: words, as in `nixos-24.05, from the root channel`. */
export interface Fact {
  readonly value: string;
  readonly source: string;
}
