// Tells one wish whole, from a plan: its state, the findings behind it, their rules; and finds the wishes that a word or a path
// means. Pure.

import { CODES, type Code } from '../../core/codes.ts';
import type { JsonPointer } from '../../core/diagnostic.ts';
import type { Why } from '../../core/event.ts';
import { findingsOf, wishesIn } from '../../core/finding.ts';
import { keyOf, leafFrom } from '../../core/leaf.ts';
import type { Finding, Plan } from '../../core/model.ts';
import { type AbsPath, isWithin } from '../../core/path.ts';
import type { Descriptor } from '../../core/plan/provider.ts';
import { IMPLIED, isAnyMatch, isUnder } from '../../core/spec/leaves.ts';

/** All wishes of the spec, by `keyOf`, whether somebody looked at them or not. */
export const wishesTold = ({ steps, acknowledged = [], leftOut, notChecked = [] }: Plan): readonly JsonPointer[] => [
  ...new Set([
    ...steps.flatMap(({ verdicts }) => verdicts.map(keyOf)),
    ...acknowledged.map(keyOf),
    ...leftOut,
    ...notChecked,
  ]),
];

/** Those under a word of the spec, with its host or without, or behind a finding of that subject. */
export function wishesUnder(word: string, plan: Plan): readonly JsonPointer[] {
  const named = allFindings(plan).filter(({ subject }) => subject === word);
  const behind = new Set(named.flatMap((finding) => keysOf(finding, plan)));
  return wishesTold(plan).filter((key) => isUnder(key, word) || isUnder(leafFrom(key).wish, word) || behind.has(key));
}

/** Those behind what is found at the path or below it; and those of the providers that write there, for what holds. */
export function wishesAbout(path: AbsPath, plan: Plan, writers: readonly Descriptor[]): readonly JsonPointer[] {
  const isThere = (one: string | undefined): boolean => one?.startsWith('/') === true && isWithin(one as AbsPath, path);
  const found = allFindings(plan).filter(({ path: own, at, evidence = [] }) =>
    [own, at?.file, ...evidence.map((one) => one.path)].some(isThere),
  );
  const behind = new Set(found.flatMap((finding) => keysOf(finding, plan)));
  const patterns = writers.flatMap(({ answers }) => answers);
  return wishesTold(plan).filter((key) => behind.has(key) || isAnyMatch(leafFrom(key).wish, patterns));
}

/** `wish` is one of `wishesTold`. */
export function whyOf(wish: JsonPointer, plan: Plan): Why {
  const { steps, acknowledged = [], leftOut, notChecked = [], expected = [] } = plan;
  const implied = impliedBy(wish);
  const told = { wish, ...(implied !== undefined && { impliedBy: implied }) };
  const known = acknowledged.find((one) => keyOf(one) === wish);
  if (known !== undefined) {
    const { findings, reason, until } = known;
    return { ...told, state: 'acknowledged', reason, ...(until && { until }), findings, rules: rulesOf(findings) };
  }
  const none = { findings: [], rules: [] };
  if (leftOut.includes(wish)) return { ...told, state: 'left out', ...none };
  if (notChecked.includes(wish)) return { ...told, state: 'not checked', ...none };
  const step = steps.find(({ verdicts }) => verdicts.some((one) => keyOf(one) === wish));
  const answer = step?.verdicts.find((one) => keyOf(one) === wish);
  if (step === undefined || answer === undefined) return { ...told, state: 'not wished', ...none };
  const own = findingsOf(plan).filter((finding) => keysOf(finding, plan).includes(wish));
  // What bars the look may be the finding of another wish.
  const causes = own.some(({ code }) => code === answer.by)
    ? []
    : findingsOf(plan).filter(({ code }) => code === answer.by);
  const findings = [...own, ...causes];
  const due = expected.find((one) => keyOf(one) === wish);
  return {
    ...told,
    state: due === undefined ? answer.verdict : 'expected',
    provider: step.provider,
    ...(due && { until: due.to }),
    findings,
    rules: rulesOf(findings),
  };
}

const allFindings = (plan: Plan): readonly Finding[] => [
  ...findingsOf(plan),
  ...(plan.acknowledged ?? []).flatMap(({ findings }) => findings),
];

/** The wishes of a finding. One without hosts is about those of every host. */
const keysOf = (finding: Finding, plan: Plan): readonly JsonPointer[] =>
  finding.hosts !== undefined
    ? wishesIn(finding)
    : wishesTold(plan).filter((key) => leafFrom(key).wish === finding.wish);

function impliedBy(key: JsonPointer): JsonPointer | undefined {
  const { wish, host } = leafFrom(key);
  const by = IMPLIED[wish];
  return by === undefined ? undefined : keyOf({ wish: by, ...(host !== undefined && { host }) });
}

const rulesOf = (findings: readonly Finding[]): Why['rules'] =>
  [...new Set(findings.map(({ code }) => code))].map((code: Code) => {
    const { title, page } = CODES[code];
    return { code, title, page };
  });
