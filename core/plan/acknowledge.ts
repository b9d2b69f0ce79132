// Acknowledged findings: computes the id of a finding, and the wishes that stay as they are because the spec acknowledges every
// finding about them. Pure.

import { digestOfJson } from '../canonical.ts';
import { entryOf } from '../codes.ts';
import type { Diagnostic, JsonPointer } from '../diagnostic.ts';
import { keyOf } from '../leaf.ts';
import type { Acknowledged, Digest, Finding, Plan } from '../model.ts';
import { type AbsPath, isWithin, relativeTo } from '../path.ts';
import type { Wishes } from '../spec/resolve.ts';

/** Adds the id. Advice gets none: it decides no wish, so there is nothing to acknowledge. */
export const withId = (finding: Finding, dir: AbsPath): Finding =>
  finding.wish === undefined || entryOf(finding.code).verdict === undefined
    ? finding
    : { ...finding, id: idOf(finding, dir) };

/**
 * All that says what was found, its words too: a second source that is not allowed is another finding than the first. Whoever finds
 * the same once more finds it under the same id, on another machine and on another day: paths are relative to the configuration,
 * and ages, dates and hosts are left out: what several of them share is one thing.
 */
function idOf({ code, wish, subject, path, from, to, because }: Finding, dir: AbsPath): Digest {
  const place = path === undefined ? undefined : isWithin(path, dir) ? relativeTo(path, dir) : path;
  return digestOfJson({
    code,
    wish: wish ?? '',
    subject,
    ...(place !== undefined && { path: place }),
    because: lasting(because.replaceAll(dir, '.')),
    ...(from !== undefined && { from: lasting(from) }),
    ...(to !== undefined && { to: lasting(to) }),
  });
}

/** Without what changes by itself. A date in a reference (`…/2024-01-01`) is a name. */
const lasting = (text: string): string =>
  text
    .replace(/(?<![\w/=.:-])\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d)?Z?)?/g, 'DATE')
    .replace(/\d+ (second|minute|hour|day|week|month|year)s?/g, 'AGE');

/** The wishes that acknowledged findings alone make different, undecided or blocked. `now`: seconds since 1970. */
export function acknowledgedIn(
  { steps }: Pick<Plan, 'steps'>,
  { spec: { ack = [] }, now }: Pick<Wishes, 'spec' | 'now'>,
): readonly Acknowledged[] {
  const today = dayOf(now);
  const valid = ack.filter(({ until }) => until === undefined || today <= until);
  if (valid.length === 0) return [];
  const findings = steps.flatMap((step) => step.findings).filter(({ id }) => id !== undefined);
  const open = steps.flatMap(({ verdicts }) => verdicts).filter(({ verdict }) => verdict !== 'holds');
  return open.flatMap(({ wish, host }): Acknowledged[] => {
    const own = findings.filter(
      (finding) => finding.wish === wish && (host === undefined || (finding.hosts?.includes(host) ?? true)),
    );
    const acks = own.map(({ id }) => valid.find(({ finding }) => id!.startsWith(finding)));
    const [first] = acks;
    // A wish that another wish's finding bars has no finding of its own.
    if (first === undefined || acks.some((one) => one === undefined)) return [];
    const { reason, until } = first;
    return [
      { wish, ...(host !== undefined && { host }), findings: own, reason, ...(until !== undefined && { until }) },
    ];
  });
}

/** The findings that could be acknowledged and are not: each has an id, and its wish does not hold. */
export function openIn({ steps, acknowledged = [] }: Pick<Plan, 'steps' | 'acknowledged'>): readonly Identified[] {
  const known = new Set(acknowledged.map(keyOf));
  const open = steps
    .flatMap(({ verdicts }) => verdicts)
    .filter((one) => one.verdict !== 'holds' && !known.has(keyOf(one)));
  const concerns = ({ wish, hosts }: Finding): boolean =>
    open.some((one) => one.wish === wish && (one.host === undefined || (hosts?.includes(one.host) ?? true)));
  const found = steps.flatMap(({ findings }) => findings).filter(isIdentified);
  return [...new Map(found.filter(concerns).map((finding) => [finding.id, finding])).values()];
}

export type Identified = Finding & { readonly id: Digest; readonly wish: JsonPointer };

const isIdentified = (finding: Finding): finding is Identified =>
  finding.id !== undefined && finding.wish !== undefined;

/**
 * Warnings for acknowledgements that do nothing: nothing like it is found any more, or its last day is over and the
 * finding is still there. `plan`: of all wishes; where it is not (`isPart`), nothing says that the first is so.
 */
export function idleIn(
  { steps, acknowledged = [] }: Pick<Plan, 'steps' | 'acknowledged'>,
  { spec: { ack = [] }, now }: Pick<Wishes, 'spec' | 'now'>,
  isPart = false,
): readonly Diagnostic[] {
  const today = dayOf(now);
  const all = [...steps.flatMap(({ findings }) => findings), ...acknowledged.flatMap(({ findings }) => findings)];
  return ack.flatMap(({ finding, reason, until }, index): Diagnostic[] => {
    const isFound = all.some(({ id }) => id?.startsWith(finding));
    const isOver = until !== undefined && until < today;
    if (isFound ? !isOver : isPart) return [];
    const name = `the acknowledgement "${reason}"`;
    const pointer = `/ack/${index}/finding`;
    const ended = `${name} ended on ${until}, and what it is about is still there`;
    if (isFound)
      return [{ severity: 'warning', code: 'RF1019', summary: ended, hint: 'mend it, or give a later day', pointer }];
    const idle = `${name} is about nothing that is found here`;
    const hint = 'remove it; a finding that changed is another one';
    return [{ severity: 'warning', code: 'RF1016', summary: idle, hint, pointer }];
  });
}

/** `now`: seconds since 1970. */
const dayOf = (now: number): string => new Date(now * 1000).toISOString().slice(0, 10);

/** The wishes without those to be left as they are, so that no provider edits for them. */
export const leaving = ({ features, ...wishes }: Wishes, leftAlone: ReadonlySet<JsonPointer>): Wishes => ({
  ...wishes,
  leftAlone,
  ...(features &&
    !leftAlone.has(keyOf({ wish: '/features', ...(wishes.key && { host: wishes.key }) })) && { features }),
});
