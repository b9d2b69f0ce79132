// Turns the findings of the providers into one answer for each wish. Pure; the one place where a verdict is decided.

import { type Code, entryOf } from '../codes.ts';
import type { JsonPointer } from '../diagnostic.ts';
import { keyOf, type Leaf } from '../leaf.ts';
import type { Answer, Finding } from '../model.ts';
import { isAnyMatch, type Pattern } from '../spec/leaves.ts';
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

/** `guard`: the code of what ended the look. `isOwn`: true for a wish of this machine's host, or of all. */
export function answersTo(
  wishes: readonly Leaf[],
  looked: readonly Looked[],
  guard: Code | undefined,
  isOwn: (leaf: Leaf) => boolean = () => true,
): Answers {
  const byProvider = new Map<string, Answer[]>();
  const leftOut: JsonPointer[] = [];
  // Of many hosts only the findings about one wish are looked through for each.
  const indexed = looked.map((one) => ({ ...one, findings: byWish(one.found?.findings ?? []) }));
  for (const leaf of wishes) {
    const found = answerTo(leaf, indexed, guard, isOwn(leaf));
    if (found === undefined) {
      leftOut.push(keyOf(leaf));
      continue;
    }
    const answers = byProvider.get(found.from) ?? [];
    answers.push(found.answer);
    byProvider.set(found.from, answers);
  }
  return { of: (name) => byProvider.get(name) ?? [], leftOut };
}

/** The findings about each wish, by `keyOf`; one without hosts by the wish alone. */
function byWish(findings: readonly Finding[]): (leaf: Leaf) => readonly Finding[] {
  const known = new Map<string, Finding[]>();
  for (const finding of findings) {
    const { wish } = finding;
    if (wish === undefined) continue;
    const keys = finding.hosts === undefined ? [wish] : finding.hosts.map((host) => keyOf({ wish, host }));
    for (const key of keys) known.set(key, [...(known.get(key) ?? []), finding]);
  }
  return (leaf) => {
    const ofAll = known.get(leaf.wish) ?? [];
    return leaf.host === undefined ? ofAll : [...ofAll, ...(known.get(keyOf(leaf)) ?? [])];
  };
}

interface Indexed extends Looked {
  readonly findings: (leaf: Leaf) => readonly Finding[];
}

/** Undefined: no provider looked whose answer counts. */
function answerTo(
  leaf: Leaf,
  looked: readonly Indexed[],
  guard: Code | undefined,
  isOwn: boolean,
): { readonly from: string; readonly answer: Answer } | undefined {
  const { wish } = leaf;
  const isFor = ({ provider }: Looked): boolean => isOwn || !provider.ofMachine;
  const answerer = looked.find(
    (one) => isFor(one) && isAnyMatch(wish, isOwn ? one.provider.answers : answersElsewhere(one.provider)),
  );
  const others = looked.filter(
    (one) => one !== answerer && isFor(one) && isAnyMatch(wish, one.provider.concerns ?? []),
  );
  const concerned = answerer === undefined ? others : [answerer, ...others];
  let answer: Answer = { ...leaf, verdict: 'holds' };
  let from = answerer?.provider.name;
  for (const one of concerned) {
    const told =
      one.found === undefined ? barredBy(leaf, guard) : answerOf(leaf, one.findings(leaf), one.found, one.provider);
    if (told === undefined || !outweighs(told, answer)) continue;
    answer = told;
    from ??= one.provider.name;
  }
  const isDeferred = isAnyMatch(wish, answerer?.found?.defers ?? []);
  if (answer.verdict === 'holds' && (answerer === undefined || (isDeferred && others.length === 0))) return undefined;
  return from === undefined ? undefined : { from, answer };
}

/** What a provider answers for another host than this machine's. */
const answersElsewhere = ({ answers, answersElsewhere: more = [] }: Descriptor): readonly Pattern[] => [
  ...answers,
  ...more,
];

const outweighs = (one: Answer, other: Answer): boolean => weightOf(one) > weightOf(other);

/** The rank of an answer: a known difference outweighs the failure of the tool that would mend it, and no other error. */
function weightOf({ verdict, by }: Answer): number {
  if (verdict === 'holds') return 0;
  if (verdict === 'undecided') return 1;
  if (verdict === 'differs') return 3;
  return by?.startsWith('RF4') ? 2 : 4;
}

const barredBy = (leaf: Leaf, guard: Code | undefined): Answer | undefined =>
  guard && { ...leaf, verdict: 'blocked', by: guard };

/** The answer of one look about a wish: by its weightiest finding, or by `rest` where no finding names the wish. */
export const answerIn = (leaf: Leaf, found: Difference, provider: Descriptor): Answer | undefined =>
  answerOf(leaf, byWish(found.findings)(leaf), found, provider);

function answerOf(
  leaf: Leaf,
  findings: readonly Finding[],
  { rest = [] }: Difference,
  { answers, concerns = [] }: Descriptor,
): Answer | undefined {
  const own = findings.map((finding) => answerBy(finding, leaf)).filter((one) => one !== undefined);
  if (own.length > 0) return own.reduce((one, other) => (outweighs(other, one) ? other : one));
  const { host } = leaf;
  const meant = rest.find(
    ({ of = [...answers, ...concerns], hosts }) =>
      isAnyMatch(leaf.wish, of) && (host === undefined || hosts === undefined || hosts.includes(host)),
  );
  return meant && { ...leaf, verdict: meant.verdict, by: meant.by };
}

function answerBy({ code }: Finding, leaf: Leaf): Answer | undefined {
  const { verdict } = entryOf(code);
  return verdict === undefined ? undefined : { ...leaf, verdict, by: code };
}
