// Asks questions on a terminal: an answer is checked at once, and asked for again with the reason.

import { escapeLine } from '../report/escape.ts';
import type { End } from './exit.ts';
import type { Io } from './io.ts';

/** The ends of a command whose user left at a question (Ctrl-C, Ctrl-D), or said no. */
export const LEFT: End = { exit: 130, cancelled: true };
export const DECLINED: End = { exit: 1, cancelled: true };

export interface Question {
  readonly text: string;
  /** The answer that an empty line means. */
  readonly guess: string | undefined;
  /** The reason an answer is refused; undefined: it is accepted. */
  readonly problem: (answer: string) => Promise<string | undefined> | string | undefined;
}

/** The answer; undefined: the user left. */
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
