// Questions to somebody at a terminal: an answer is checked when it is given, and asked for again with the reason.

import { escapeLine } from '../report/escape.ts';
import type { End } from './exit.ts';
import type { Io } from './io.ts';

/** Of who leaves at a question, by Ctrl-C or Ctrl-D, or says no. */
export const LEFT: End = { exit: 130, cancelled: true };
export const DECLINED: End = { exit: 1, cancelled: true };

export interface Question {
  readonly text: string;
  /** What an empty line means. */
  readonly guess: string | undefined;
  /** Why an answer is none; undefined: it is one. */
  readonly problem: (answer: string) => Promise<string | undefined> | string | undefined;
}

/** The answer; undefined: they left. */
export async function ask(io: Io, { text, guess, problem }: Question): Promise<string | undefined> {
  for (;;) {
    const reply = await io.ask(`${text}${guess === undefined ? '' : ` [${escapeLine(guess)}]`}: `);
    if (reply === undefined || io.stopped() !== undefined) return undefined;
    const answer = reply.trim() || (guess ?? '');
    const why = answer === '' ? 'an answer is needed' : await problem(answer);
    if (why === undefined) return answer;
    io.err(`  ${escapeLine(why)}\n`);
  }
}

/** Undefined: they left. */
export async function askYes(io: Io, text: string): Promise<boolean | undefined> {
  const problem = (answer: string) => (/^(y|yes|n|no)$/i.test(answer) ? undefined : 'yes or no?');
  const answer = await ask(io, { text, guess: 'yes', problem });
  return answer === undefined ? undefined : /^y/i.test(answer);
}
