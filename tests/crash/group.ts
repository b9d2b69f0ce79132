// What a group of crash tests is: many points of disturbance against the real program, each ending old, new or wrong.
// tests/crash/groups.ts lists them; the runner (run.ts) prints the table of docs/reliability.md and fails where one is wrong.

/** What a group found. Every point tried is counted once: `tried` is the sum of the four that follow. */
export interface Outcome {
  readonly tried: number;
  /** Ended exactly as before. */
  readonly old: number;
  /** Ended exactly as planned. */
  readonly new: number;
  /** Ended as neither, or was told wrongly (an exit code that contradicts the world, a hang, a stack trace). */
  readonly mixed: number;
  /** Refused with words and touched nothing, where that is right (a damaged journal, a foreign change kept beside). */
  readonly refused: number;
  /** One line for each of `mixed`: which point, and what was wrong. */
  readonly failures: readonly string[];
  /** Set where the group could not run here: the tool or right that is missing. Nothing was tried then. */
  readonly skipped?: string;
}

/** How a group is run. */
export interface Options {
  /** Every point there is (minutes); else a sample. */
  readonly all: boolean;
  /** With `all` false: only the few points that `npm test` has time for. */
  readonly few?: boolean;
  /** One line of progress, for people. */
  readonly log: (line: string) => void;
}

/** One row of the table. */
export interface Group {
  /** A few words, the first column; `npm run test:crash -- --only WORDS` selects by it. */
  readonly name: string;
  /** One sentence: what is disturbed, where, and what must hold afterwards. */
  readonly describe: string;
  /** It is about a race, for which it needs the processors: no other group runs meanwhile. */
  readonly alone?: true;
  /** Leaves nothing behind (temporary directories, mounts, loop devices), also when it throws. */
  readonly run: (options: Options) => Promise<Outcome>;
}
