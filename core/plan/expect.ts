// Expected differences: wishes that may differ for a time, because a change is planned (`expect` of the spec). They are counted apart,
// and apply grants them as ever. Pure.

import type { Diagnostic, JsonPointer } from '../diagnostic.ts';
import { keyOf, leafFrom } from '../leaf.ts';
import type { Answer, Expected, Plan } from '../model.ts';
import { isUnder } from '../spec/leaves.ts';
import type { Wishes } from '../spec/resolve.ts';

type Told = Pick<Wishes, 'spec' | 'now'>;

/** The wishes that differ and may, now. Of a look that failed, or that does not tell, nothing is expected. */
export function expectedIn({ steps }: Pick<Plan, 'steps'>, { spec: { expect = [] }, now }: Told): readonly Expected[] {
  const open = expect.filter(({ from, to }) => secondsOf(from) <= now && now < secondsOf(to));
  if (open.length === 0) return [];
  const differing = steps.flatMap(({ verdicts }) => verdicts).filter(({ verdict }) => verdict === 'differs');
  return differing.flatMap(({ wish, host }): Expected[] => {
    const found = open.find((one) => isMeant({ wish, ...(host !== undefined && { host }) }, one.wish));
    return found === undefined ? [] : [{ wish, ...(host !== undefined && { host }), to: found.to }];
  });
}

/** A pointer without a host means the wish of every host. */
function isMeant(answer: Pick<Answer, 'wish' | 'host'>, pointer: JsonPointer): boolean {
  const { wish, host } = leafFrom(pointer);
  return isUnder(answer.wish, wish) && (host === undefined || host === answer.host);
}

/** Warnings for windows that are over, or about no wish. `leaves`: all wishes of the spec, by `keyOf`. */
export function idleWindows(
  { spec: { expect = [] }, now }: Told,
  leaves: readonly JsonPointer[],
): readonly Diagnostic[] {
  const all = leaves.map(leafFrom);
  return expect.flatMap(({ wish, to }, index): Diagnostic[] => {
    const warn = (summary: string, member: string): Diagnostic[] => [
      {
        severity: 'warning',
        code: 'RF1020',
        summary,
        hint: 'remove it, or mend it',
        pointer: `/expect/${index}/${member}`,
      },
    ];
    if (!all.some((leaf) => isMeant(leaf, wish)))
      return warn(`no wish of the spec is at "${wish}", which is expected`, 'wish');
    return secondsOf(to) <= now ? warn(`what was expected of "${wish}" is over since ${to}`, 'to') : [];
  });
}

/** The plan with what is expected in it left out of the answers that count. */
export function unexpected({ steps, expected = [] }: Pick<Plan, 'steps' | 'expected'>): readonly Answer[] {
  const may = new Set(expected.map(keyOf));
  return steps.flatMap(({ verdicts }) => verdicts).filter((one) => !may.has(keyOf(one)));
}

/** Of a time that the spec was checked for. */
const secondsOf = (time: string): number => Date.parse(time) / 1000;
