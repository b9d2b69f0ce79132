// The result of trying many cuts.

/** Completely old or new, neither, or refused by `recover`. */
export type Verdict = 'old' | 'new' | 'mixed' | 'refused';

export interface Findings {
  readonly counts: Readonly<Record<Verdict, number>>;
  /** A line for each failure: the cut, what was lost, and what was wrong. */
  readonly failures: readonly string[];
}

/** The text in one line, for the runner. */
export const oneLine = (text: string): string => text.replace(/\s*\n\s*/g, ' / ');
