// The exit codes (README.md lists them too), and the code that each kind of problem ends a command with.

import { type Code, type Ending, entryOf } from '../../core/codes.ts';
import type { Answer, Outcome, Signal } from '../../core/model.ts';
import type { Proof } from '../../core/proven.ts';
import type { Counts } from '../../core/verdict.ts';

export const EXIT = {
  ok: 0,
  error: 1,
  drift: 2,
  stale: 3,
  failed: 4,
  stuck: 5,
  refused: 6,
  locked: 7,
  usage: 64,
  spec: 65,
} as const;

export const EXIT_MEANINGS: readonly (readonly [string, string])[] = [
  ['0', 'in sync, or applied; prove, same: the same system'],
  ['1', 'error: could not plan, or an internal error; prove, same: not proven'],
  ['2', 'drift (check always; plan with --detailed-exitcode); prove, same: they differ'],
  [
    '3',
    'the saved plan is stale or was altered, or a path changed since the apply to be undone; nothing written, or all undone',
  ],
  ['4', 'apply failed or was interrupted; the machine is as before (after a second signal: once recover has run)'],
  ['5', 'undone, but somebody else had changed things: theirs is kept beside; or undo could not finish'],
  ['6', 'refused by a guard: another machine, an older nixpkgs, or a spec that somebody else can write'],
  ['7', 'another apply holds the lock, or a git command is at work in the repository'],
  ['64 / 65', 'wrong usage / invalid spec'],
  ['130 / 143', 'interrupted before anything was written'],
];

/** The end of a command; its reporter's last event. */
export interface End {
  readonly exit: number;
  readonly outcome?: Outcome;
  readonly verdicts?: Counts;
  /** The person who was asked left or said no. */
  readonly cancelled?: true;
  /** Of a check with a record: when one last came to an answer. RFC 3339. */
  readonly lastSuccess?: string;
}

/** Of several problems the first in this list decides the exit code. */
const PRECEDENCE: readonly Ending[] = ['spec', 'refused', 'stuck', 'stale', 'locked', 'usage', 'error'];

/** The exit code for problems that keep a command from running; the registry of codes has the ending of each. */
export function exitOfProblems(problems: readonly { readonly code: Code }[]): number {
  const endings = problems.map(({ code }) => entryOf(code).exit ?? 'error');
  return EXIT[PRECEDENCE.find((ending) => endings.includes(ending)) ?? 'error'];
}

/**
 * The exit code of a check. An error that is no drift outweighs drift, since it hides an unknown part of the machine; a wish
 * that a known difference bars is drift as well. `strict`: an undecided wish counts as drift. `hasEnded`: so does an acknowledgement whose day is over.
 */
export function exitOfAnswers(
  answers: readonly Answer[],
  { strict, hasEnded = false }: { readonly strict: boolean; readonly hasEnded?: boolean },
): number {
  const bars = answers.flatMap(({ verdict, by }) => (verdict === 'blocked' && by !== undefined ? [by] : []));
  const errors = bars.filter((code) => entryOf(code).verdict !== 'differs');
  if (errors.length > 0) return exitOfProblems(errors.map((code) => ({ code })));
  const isDrift = ({ verdict }: Answer): boolean =>
    verdict === 'differs' || verdict === 'blocked' || (strict && verdict === 'undecided');
  return hasEnded || answers.some(isDrift) ? EXIT.drift : EXIT.ok;
}

/** 0: the same system; 2: it differs; 1: not proven. */
export function exitOfProof({ verdict }: Pick<Proof, 'verdict'>): number {
  if (verdict.kind === 'not proven') return EXIT.error;
  return verdict.kind === 'differs' ? EXIT.drift : EXIT.ok;
}

/** The exit code of a command that a signal ended before anything was written. */
export const exitOfSignal = (signal: Signal): number => (signal === 'SIGINT' ? 130 : 143);

export function exitOfOutcome(outcome: Outcome): number {
  switch (outcome.status) {
    case 'unchanged':
    case 'applied':
      return EXIT.ok;
    case 'refused':
      return outcome.signal === undefined ? exitOfProblems(outcome.cause) : exitOfSignal(outcome.signal);
    case 'rolled-back':
      if ((outcome.kept ?? []).length > 0) return EXIT.stuck;
      return outcome.cause.some(({ code }) => code === 'RF3032') ? EXIT.stale : EXIT.failed;
    case 'stuck':
      return EXIT.stuck;
  }
}
