// How much is compared: everything for docs/nix.md; in CI some of it, always the same.

/** Some of the cases: of what was drawn at random a tenth, or every `nth`. */
export type Some = <T>(cases: readonly T[], nth?: number) => readonly T[];

export const everything: Some = (cases) => cases;

/** From all over: draws grow, and what somebody wrote down goes from subject to subject. */
export const sample: Some = (cases, nth = 10) => cases.filter((_, index) => index % nth === 0);

/**
 * The nth of what was recorded or written down that is compared where each takes a start of Nix: `npm test` holds all of it
 * against what these Nixes said when it was recorded.
 */
export const RECORDED = 5;
