// What changed since the last check: findings that are new, that are others than before at the same place, and that are gone; and
// the record to compare the next check with. Pure.

import type { JsonPointer } from '../diagnostic.ts';
import type { News, Seen } from '../event.ts';
import { keyOf, leafFrom } from '../leaf.ts';
import type { Finding, Plan } from '../model.ts';
import { type Identified, openIn } from '../plan/acknowledge.ts';
import type { SeenRecord } from './record.ts';

export interface Run {
  readonly of: string;
  /** RFC 3339. */
  readonly at: string;
  /** The check ends with drift. */
  readonly isDrift: boolean;
  /** It came to an answer. */
  readonly isAnswered: boolean;
  /** With how many drifts in a row they are told. */
  readonly after: number;
}

/** How many checks in a row end with drift, this one with them. One that came to no answer neither counts nor ends the row. */
export const driftsWith = (before: SeenRecord | undefined, { isDrift, isAnswered }: Run): number =>
  isDrift ? (before?.drifts ?? 0) + 1 : isAnswered ? 0 : (before?.drifts ?? 0);

/** Linear in the findings and wishes of both checks. `before`: of the last check; none at first, so all is new. */
export function newsOf(
  plan: Plan,
  before: SeenRecord | undefined,
  run: Run,
): { readonly news: News; readonly record: SeenRecord } {
  const drifts = driftsWith(before, run);
  const isHeld = run.isDrift && drifts < run.after;
  const states = statesOf(plan);
  const old = new Map((before?.findings ?? []).map((one) => [one.id, one]));
  const now = new Map(
    openNow(plan).map((finding) => [finding.id, { finding, seen: seenNow(finding, states, run.at) }]),
  );
  const isKnown = ({ wishes }: Seen): boolean => !wishes.some((wish) => UNKNOWN.has(states.get(wish) ?? ''));
  const lost = [...old.values()].filter(({ id }) => !now.has(id));
  // Nobody knows whether it is gone where something bars the look today.
  const carried = lost.filter((one) => !isKnown(one));
  const wasAt = new Map(lost.filter((one) => one.told).map((one) => [placeOf(one), one]));
  const fresh: Identified[] = [];
  const changed: { readonly was: Seen; readonly finding: Identified }[] = [];
  const kept: Seen[] = [];
  let same = 0;
  let held = 0;
  for (const { finding, seen } of now.values()) {
    const known = old.get(finding.id);
    const firstSeen = known?.firstSeen ?? seen.firstSeen;
    const isSame = known?.told === true && known.wishes.join(' ') === seen.wishes.join(' ');
    kept.push({ ...seen, firstSeen, told: isSame || !isHeld });
    if (isSame) same++;
    else if (isHeld) held++;
    else {
      const was = known?.told === true ? known : wasAt.get(placeOf(seen));
      if (was === undefined) fresh.push(finding);
      else changed.push({ was, finding });
    }
  }
  const replaced = new Set(changed.map(({ was }) => was.id));
  const gone = lost
    .filter((one) => one.told && isKnown(one) && !replaced.has(one.id))
    .map((seen) => ({ ...seen, state: states.get(seen.wishes[0]!) ?? ('not wished' as const) }));
  const success = run.isAnswered ? run.at : before?.lastSuccess;
  return {
    news: {
      ...(before && { since: before.at }),
      fresh,
      changed,
      gone,
      same,
      held,
      drifts,
    },
    record: {
      of: run.of,
      at: run.at,
      ...(success !== undefined && { lastSuccess: success }),
      drifts,
      findings: [...kept, ...carried.filter(({ id }) => !replaced.has(id))],
    },
  };
}

/** Where nobody came to an answer, so that what was found before may still be there. */
const UNKNOWN: ReadonlySet<string> = new Set(['blocked', 'undecided']);

/** Findings that are neither acknowledged nor expected, each id once. */
function openNow(plan: Plan): readonly Identified[] {
  const due = new Set((plan.expected ?? []).map(keyOf));
  const isDue = ({ wish, hosts }: Finding): boolean =>
    hosts === undefined ? due.has(wish!) : hosts.every((host) => due.has(keyOf({ wish: wish!, host })));
  return openIn(plan).filter((finding) => !isDue(finding));
}

type State = News['gone'][number]['state'];

/** Of each wish of the spec, by `keyOf`. */
function statesOf(plan: Plan): ReadonlyMap<JsonPointer, State> {
  const { steps, acknowledged = [], leftOut, notChecked = [], expected = [] } = plan;
  const states = new Map<JsonPointer, State>();
  const set = (key: JsonPointer, state: State): void => void states.set(key, state);
  for (const one of steps.flatMap(({ verdicts }) => verdicts)) set(keyOf(one), one.verdict);
  for (const key of leftOut) set(key, 'left out');
  for (const key of notChecked) set(key, 'not checked');
  for (const one of expected) set(keyOf(one), 'expected');
  for (const one of acknowledged) set(keyOf(one), 'acknowledged');
  return states;
}

/** A finding without hosts decides the wish of each host that has it. */
function seenNow(finding: Identified, states: ReadonlyMap<JsonPointer, unknown>, at: string): Seen {
  const { id, code, subject, wish, hosts, path } = finding;
  const keys = hosts?.map((host) => keyOf({ wish, host })) ?? [wish];
  const wishes = states.has(wish) || hosts !== undefined ? keys : under(wish, states);
  return {
    id,
    code,
    subject,
    wishes: [...wishes].sort(),
    ...(path !== undefined && { path }),
    firstSeen: at,
    told: true,
  };
}

const under = (wish: JsonPointer, states: ReadonlyMap<JsonPointer, unknown>): readonly JsonPointer[] => {
  const own = [...states.keys()].filter((key) => leafFrom(key).wish === wish);
  return own.length === 0 ? [wish] : own;
};

/** Two findings at one place are one thing that changed. */
const placeOf = ({ subject, path = '', wishes }: Seen): string => JSON.stringify([subject, path, wishes]);
