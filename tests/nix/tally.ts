// The count of one comparison: where we agree with a Nix, where the difference is known, and where neither.

export interface Counts {
  readonly agree: number;
  /** How often each known difference between versions of Nix was met. */
  readonly differences: Readonly<Record<string, number>>;
  /** How often it is said that only Nix can decide, and why. */
  readonly left: Readonly<Record<string, number>>;
  /** One text for each disagreement nobody knows of: there should be none. */
  readonly disagreements: readonly string[];
}

/** Counts up. */
export class Tally {
  agree = 0;
  readonly differences: Record<string, number> = {};
  readonly left: Record<string, number> = {};
  readonly disagreements: string[] = [];

  /** Agreement where both are the same JSON value. */
  same(what: string, ours: unknown, theirs: unknown): void {
    const [a, b] = [ours, theirs].map((value) => JSON.stringify(sorted(value)));
    if (a === b) this.agree++;
    else this.disagreements.push(`${what}\n    we:  ${a}\n    Nix: ${b}`);
  }

  differs(why: string): void {
    this.differences[why] = (this.differences[why] ?? 0) + 1;
  }

  leaves(why: string): void {
    this.left[why] = (this.left[why] ?? 0) + 1;
  }
}

/** With the keys of every object in order. */
function sorted(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(sorted);
  const entries = Object.entries(value).filter(([, inner]) => inner !== undefined);
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, inner]) => [key, sorted(inner)]));
}
