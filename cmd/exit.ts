// The exit codes: DESIGN.md section 7 is the contract.

import type { Diagnostic } from '../core/diagnostic.ts';
import type { Outcome } from '../core/model.ts';

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
  ['0', 'in sync, or applied'],
  ['1', 'error: could not plan, or an internal error'],
  ['2', 'drift (check always; plan with --detailed-exitcode)'],
  ['3', 'the saved plan is stale or was altered; nothing written'],
  ['4', 'apply failed or was interrupted; the machine is as before (after a second signal: once recover has run)'],
  ['5', 'undone, but somebody else had changed things: theirs is kept beside; or undo could not finish'],
  ['6', 'refused by a guard: another machine, or a spec that somebody else can write'],
  ['7', 'another apply holds the lock'],
  ['64 / 65', 'wrong usage / invalid spec'],
  ['130 / 143', 'interrupted before anything was written'],
];

/** Another machine, and a spec that root is not to act on: nothing is wrong with the spec itself. */
const GUARDS: ReadonlySet<string> = new Set(['RF1011', 'RF1012', 'RF2002']);

/** Of problems that keep a plan from being carried out. */
export function exitOfProblems(problems: readonly Diagnostic[]): number {
  const errors = problems.filter(({ severity }) => severity === 'error');
  if (errors.some(({ code }) => GUARDS.has(code))) return EXIT.refused;
  if (errors.length > 0 && errors.every(({ code }) => code.startsWith('RF1') || code === 'RF2001')) return EXIT.spec;
  return EXIT.error;
}

export function exitOfOutcome(outcome: Outcome): number {
  switch (outcome.status) {
    case 'unchanged':
    case 'applied':
      return EXIT.ok;
    case 'refused':
      return outcome.exit;
    case 'rolled-back':
      return (outcome.kept ?? []).length > 0 ? EXIT.stuck : EXIT.failed;
    case 'stuck':
      return EXIT.stuck;
  }
}
