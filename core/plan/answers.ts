// Turns the findings of the providers into one answer for each wish. Pure; the one place where a verdict is decided.

import { type Code, entryOf } from '../codes.ts';
import type { JsonPointer } from '../diagnostic.ts';
import type { Answer, Finding } from '../model.ts';
import { isAnyMatch } from '../spec/leaves.ts';
import type { Descriptor, Difference } from './provider.ts';

/** A provider and its findings. `found`: undefined where a guard ended the look before it. */
export interface Looked {
  readonly provider: Descriptor;
  readonly found: Difference | undefined;
}

export interface Answers {
  /** Those that stand in the step of a provider. */
  readonly of: (name: string) => readonly Answer[];
  /** Wishes that nobody looked at. */
  readonly leftOut: readonly JsonPointer[];
}

/** `guard`: the code of what ended the look. */
export function answersTo(wishes: readonly JsonPointer[], looked: readonly Looked[], guard: Code | undefined): Answers {
  const byProvider = new Map<string, Answer[]>();
  const leftOut: JsonPointer[] = [];
  for (const wish of wishes) {
    const found = answerTo(wish, looked, guard);
    if (found === undefined) {
      leftOut.push(wish);
      continue;
    }
    const answers = byProvider.get(found.from) ?? [];
    answers.push(found.answer);
    byProvider.set(found.from, answers);
  }
  return { of: (name) => byProvider.get(name) ?? [], leftOut };
}

/** Undefined: no provider looked whose answer counts. */
function answerTo(
  wish: JsonPointer,
  looked: readonly Looked[],
  guard: Code | undefined,
): { readonly from: string; readonly answer: Answer } | undefined {
  const answerer = looked.find(({ provider }) => isAnyMatch(wish, provider.answers));
  const others = looked.filter(({ provider }) => isAnyMatch(wish, provider.concerns ?? []));
  const concerned = answerer === undefined ? others : [answerer, ...others];
  let answer: Answer = { wish, verdict: 'holds' };
  let from = answerer?.provider.name;
  for (const one of concerned) {
    const told = one.found === undefined ? barredBy(wish, guard) : answerIn(wish, one.found, one.provider);
    if (told === undefined || !outweighs(told, answer)) continue;
    answer = told;
    from ??= one.provider.name;
  }
  const isDeferred = isAnyMatch(wish, answerer?.found?.defers ?? []);
  if (answer.verdict === 'holds' && (answerer === undefined || (isDeferred && others.length === 0))) return undefined;
  return from === undefined ? undefined : { from, answer };
}

const outweighs = (one: Answer, other: Answer): boolean => weightOf(one) > weightOf(other);

/** The rank of an answer: a known difference outweighs the failure of the tool that would mend it, and no other error. */
function weightOf({ verdict, by }: Answer): number {
  if (verdict === 'holds') return 0;
  if (verdict === 'undecided') return 1;
  if (verdict === 'differs') return 3;
  return by?.startsWith('RF4') ? 2 : 4;
}

const barredBy = (wish: JsonPointer, guard: Code | undefined): Answer | undefined =>
  guard && { wish, verdict: 'blocked', by: guard };

/** The answer of one look about a wish: by its weightiest finding, or by `rest` where no finding names the wish. */
export function answerIn(
  wish: JsonPointer,
  { findings, rest }: Difference,
  { answers, concerns = [] }: Descriptor,
): Answer | undefined {
  const own = findings.map((finding) => answerBy(finding, wish)).filter((one) => one !== undefined);
  if (own.length > 0) return own.reduce((one, other) => (outweighs(other, one) ? other : one));
  if (rest === undefined || !isAnyMatch(wish, rest.of ?? [...answers, ...concerns])) return undefined;
  return { wish, verdict: rest.verdict, by: rest.by };
}

function answerBy(finding: Finding, wish: JsonPointer): Answer | undefined {
  const { verdict } = entryOf(finding.code);
  return finding.wish === wish && verdict !== undefined ? { wish, verdict, by: finding.code } : undefined;
}
