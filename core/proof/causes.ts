// The causes for which two systems are not the same derivation, most general first. Pure: derivations in, causes out.

import { digestOfJson } from '../canonical.ts';
import { byteOrder } from '../path.ts';
import type { Cause, Change } from '../proven.ts';
import { buildSame, type Derivations, type DifferentPair, differentPairs, type Pair } from './graph.ts';
import { changesIn, type SourceText } from './own-changes.ts';

/**
 * The causes of the difference of two systems, at least one if they differ; none if they are one derivation or build the same. A cause that
 * stands in several derivations is told once.
 */
export function causesOf(
  top: Pair,
  derivations: Derivations,
  sourceText: SourceText = () => undefined,
): readonly Cause[] {
  if (top.from === top.to || buildSame(top, derivations)) return [];
  const pairs = differentPairs(top, derivations);
  const found = new Map<string, { readonly change: Change; readonly at: number[] }>();
  const tell = (change: Change, index: number): void => {
    const key = digestOfJson(change);
    const known = found.get(key);
    if (known === undefined) found.set(key, { change, at: [index] });
    else known.at.push(index);
  };
  for (const [index, one] of pairs.entries()) for (const change of changesOf(one, sourceText)) tell(change, index);
  const causes = [...found.values()].map(
    ({ change, at }): Cause => ({
      change,
      way: pairs[at[0]!]!.names,
      places: at.length,
      reach: reachOf(at, pairs),
    }),
  );
  return causes.sort(byReach);
}

/** The sources that differ in some pair: whoever has their texts can show the lines. */
export const sourcesToRead = (top: Pair, derivations: Derivations): readonly Pair[] =>
  top.from === top.to
    ? []
    : differentPairs(top, derivations).flatMap(({ both }) => (both === undefined ? [] : changesIn(both).sources));

/** The own changes of a pair; where neither it nor what it needs has one, the change that is unknown. */
function changesOf({ both, pair }: DifferentPair, sourceText: SourceText): readonly Change[] {
  if (both === undefined) return [{ kind: 'unknown', why: 'its derivation could not be read' }];
  const { changes } = changesIn(both, sourceText);
  const { needs } = both;
  if (changes.length > 0 || needs.pairs.length > 0) return changes;
  return [{ kind: 'unknown', why: `${pair.from} and ${pair.to} differ in nothing that is compared` }];
}

/** How many pairs need one of these, or are one. */
function reachOf(at: readonly number[], pairs: readonly DifferentPair[]): number {
  const reached = new Set(at);
  const open = [...at];
  for (let index = open.pop(); index !== undefined; index = open.pop())
    for (const other of pairs[index]!.neededBy)
      if (!reached.has(other)) {
        reached.add(other);
        open.push(other);
      }
  return reached.size;
}

const byReach = (one: Cause, other: Cause): number =>
  other.reach - one.reach ||
  other.places - one.places ||
  one.way.length - other.way.length ||
  byteOrder(one.way.join('\0'), other.way.join('\0'));
