// Compares a draft with the machine by a plan before it is written: a wish that differs and was not asked for is left out, so
// that the first plan is empty.

import type { Diagnostic, JsonPointer } from '../../core/diagnostic.ts';
import { isError } from '../../core/diagnostic.ts';
import { findingsOf, isBlocked, isEmpty, problemsOf } from '../../core/finding.ts';
import type { Plan } from '../../core/model.ts';
import { discreetly } from '../../core/plan/caller-may-read.ts';
import type { Spec } from '../../core/spec/hosts-over-defaults.ts';
import { loadSpec } from '../../core/spec/load.ts';
import { leaveOut } from '../../core/survey/draft.ts';
import type { LeftOut } from '../../core/survey/spec-text.ts';
import type { GlobalOptions, Io } from '../session/io.ts';
import { type Place, sessionOf } from '../session/session.ts';
import { silently } from '../session/silently.ts';
import type { Draft } from './proposal.ts';

/** `problems`: nothing can be written; they name no place, since there is no file yet. */
export type Settled =
  | {
      readonly spec: Spec;
      readonly leftOut: readonly LeftOut[];
      readonly firstPlan: 'empty' | 'changes' | 'blocked';
      /** The other findings of the first plan. */
      readonly findings: readonly Diagnostic[];
    }
  | { readonly problems: readonly Diagnostic[] };

export async function settleDraft(draft: Draft, place: Place, options: GlobalOptions, io: Io): Promise<Settled> {
  let { spec } = draft;
  const leftOut: LeftOut[] = [];
  for (;;) {
    const looked = await look(spec, place, options, io);
    const wrong = 'plan' in looked ? (draft.isAdopted ? differing(looked.plan, draft.asked) : []) : looked.wrong;
    const less = leaveOut(spec, wrong, draft.home);
    if (less.leftOut.length === 0) {
      if (!('plan' in looked)) return { problems: looked.problems };
      const { plan } = looked;
      return {
        spec,
        leftOut,
        firstPlan: isBlocked(plan) ? 'blocked' : isEmpty(plan) ? 'empty' : 'changes',
        findings: problemsOf(plan).filter((one) => !isError(one)),
      };
    }
    spec = less.spec;
    leftOut.push(...less.leftOut);
  }
}

interface Wrong {
  readonly pointer: JsonPointer;
  readonly because: string;
}
type Looked = { readonly plan: Plan } | { readonly problems: readonly Diagnostic[]; readonly wrong: readonly Wrong[] };

/** The diagnostics of the machine guard for the spec; empty if it accepts it. */
export async function guardSays(
  spec: Spec,
  place: Place,
  options: GlobalOptions,
  io: Io,
): Promise<readonly Diagnostic[]> {
  const looked = await lookWith({ ...options, only: ['machine'], skip: [] }, spec, place, io);
  const said = 'plan' in looked ? problemsOf(looked.plan) : looked.problems;
  // A warning only: the guard bars later commands, and not the writing of this file.
  return said
    .filter(isError)
    .map((one) => ({ ...one, severity: 'warning', summary: `the guard will say: ${one.summary}` }));
}

/** A plan without the guard, whose findings are no differences. */
const look = (spec: Spec, place: Place, options: GlobalOptions, io: Io): Promise<Looked> =>
  lookWith({ ...options, only: undefined, skip: ['machine'] }, spec, place, io);

async function lookWith(options: GlobalOptions, spec: Spec, place: Place, io: Io): Promise<Looked> {
  const text = JSON.stringify(spec);
  const loaded = await loadSpec('reflake.json', text);
  if (!loaded.ok) return problems(loaded.diagnostics);
  const { reporting, told } = silently();
  const opened = await sessionOf({ spec: loaded, file: '', text }, place, options, io, reporting);
  if (!opened.ok) return problems(told());
  const { session } = opened;
  const planned = await session.plan(() => {}, { bytes: false });
  let { plan } = planned;
  // Text that only root can read is neither told nor written to a file of the caller's.
  discreetly(
    (event) => {
      if (event.type === 'planned') plan = event.plan;
    },
    () => session.mayRead,
  )({ type: 'planned', plan });
  return { plan };
}

/** Drops places, which would be in a text that nobody sees. */
const problems = (diagnostics: readonly Diagnostic[]): Looked => ({
  problems: diagnostics.map(({ at: _at, pointer, ...diagnostic }) => ({
    ...diagnostic,
    summary:
      pointer === undefined ? diagnostic.summary : `${pointer.slice(1).replaceAll('/', '.')}: ${diagnostic.summary}`,
  })),
  wrong: diagnostics.flatMap(({ pointer, summary, severity }) =>
    pointer === undefined || severity !== 'error' ? [] : [{ pointer, because: summary }],
  ),
});

/** The wishes that differ today and were not asked for, each with the reason of its first finding. */
function differing(plan: Plan, asked: readonly JsonPointer[]): readonly Wrong[] {
  const findings = findingsOf(plan);
  const differ = plan.steps.flatMap(({ verdicts }) => verdicts.filter(({ verdict }) => verdict === 'differs'));
  return differ
    .filter(({ wish }) => !asked.includes(wish))
    .map(({ wish, by }) => {
      const said = findings.find((one) => one.wish === wish) ?? findings.find(({ code }) => code === by);
      return { pointer: wish, because: said?.because ?? String(by) };
    });
}
