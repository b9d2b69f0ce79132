// A group of crash tests: many points of disturbance against the real program, each ending old, new or wrong.
// tests/crash/groups.ts lists the groups; run.ts prints the table of docs/reliability.md and fails if a point is wrong.

/** The result of a group. Each point that was tried counts once: `tried` is the sum of the next four. */
export interface Outcome {
  readonly tried: number;
  /** Ended exactly as before. */
  readonly old: number;
  /** Ended exactly as planned. */
  readonly new: number;
  /** Ended as neither, or told something false (an exit code that contradicts the machine, a hang, a stack trace). */
  readonly mixed: number;
  /** Refused with words and touched nothing, if that is right (a damaged journal, a foreign change that is kept beside). */
  readonly refused: number;
  /** A line for each of `mixed`: the point, and what was wrong. */
  readonly failures: readonly string[];
  /** The tool or right whose absence keeps the group from running here. Nothing was tried then. */
  readonly skipped?: string;
}

/** Options of a run. */
export interface Options {
  /** Try every point (minutes); otherwise a sample. */
  readonly all: boolean;
  /** If `all` is false: try only the few points that `npm test` has time for. */
  readonly few?: boolean;
  /** Prints one line of progress. */
  readonly log: (line: string) => void;
}

/** One row of the table. */
export interface Group {
  /** A few words, the first column; `npm run test:crash -- --only WORDS` selects by it. */
  readonly name: string;
  /** One sentence: what is disturbed, where, and what must hold afterwards. */
  readonly describe: string;
  /** The group tests a race and needs all processors: no other group runs at the same time. */
  readonly alone?: true;
  /** Leaves nothing behind (temporary directories, mounts, loop devices), even if it throws. */
  readonly run: (options: Options) => Promise<Outcome>;
}
