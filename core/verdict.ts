// The four answers to a wish, and how many of each there are. Types and counting; nothing here looks at anything.

/**
 * The state of one wish after its provider looked. `undecided`: the texts do not tell; `blocked`: something bars the look, or a
 * guard ended it before.
 */
export type Verdict = 'holds' | 'differs' | 'undecided' | 'blocked';

/** The number of wishes for each answer. `leftOut`: by --only and --skip; these are in no other number. */
export interface Counts {
  readonly wishes: number;
  readonly hold: number;
  readonly differ: number;
  readonly undecided: number;
  readonly blocked: number;
  readonly leftOut: number;
  /** Wishes of a machine, where only a checkout was looked at; in no other number. Left out: none. */
  readonly notChecked?: number;
  /** Wishes that differ and may for a time (`expect`); in no other number either. Left out: none. */
  readonly expected?: number;
  /** Wishes whose findings the spec acknowledges (`ack`); in no other number either. Left out: none. */
  readonly acknowledged?: number;
}

/** `apart`: how many are in no verdict, and why. */
export function countsOf(
  verdicts: readonly Verdict[],
  leftOut: number,
  apart: Partial<Pick<Counts, 'acknowledged' | 'notChecked' | 'expected'>> = {},
): Counts {
  const { acknowledged = 0, notChecked = 0, expected = 0 } = apart;
  const number = (verdict: Verdict): number => verdicts.filter((one) => one === verdict).length;
  return {
    wishes: verdicts.length,
    hold: number('holds'),
    differ: number('differs'),
    undecided: number('undecided'),
    blocked: number('blocked'),
    leftOut,
    ...(notChecked > 0 && { notChecked }),
    ...(expected > 0 && { expected }),
    ...(acknowledged > 0 && { acknowledged }),
  };
}

/** `9 wishes: 8 hold, 1 undecided`; `3 wishes: 3 hold; 6 left out`. */
export function tallyWords(counts: Counts): string {
  const { wishes, hold, differ, undecided, blocked, leftOut, notChecked = 0, expected = 0, acknowledged = 0 } = counts;
  const parts = [
    [hold, hold === 1 ? 'holds' : 'hold'],
    [differ, differ === 1 ? 'differs' : 'differ'],
    [undecided, 'undecided'],
    [blocked, 'blocked'],
  ] as const;
  const told = parts.filter(([number]) => number > 0).map(([number, word]) => `${number} ${word}`);
  const all = `${wishes} ${wishes === 1 ? 'wish' : 'wishes'}`;
  const rest = leftOut === 0 ? '' : `; ${leftOut} left out`;
  const blind = notChecked === 0 ? '' : `; ${notChecked} not checked`;
  const due = expected === 0 ? '' : `; ${expected} expected to differ`;
  const known = acknowledged === 0 ? '' : `; ${acknowledged} acknowledged`;
  return `${all}${told.length === 0 ? '' : `: ${told.join(', ')}`}${rest}${blind}${due}${known}`;
}
