// What trying many cuts found.

/** Old or new whole, neither, or refused by recover. */
export type Verdict = 'old' | 'new' | 'mixed' | 'refused';

export interface Findings {
  readonly counts: Readonly<Record<Verdict, number>>;
  /** Which cut, what was lost, what was wrong. */
  readonly failures: readonly string[];
}

/** As the runner prints failures. */
export const oneLine = (text: string): string => text.replace(/\s*\n\s*/g, ' / ');
