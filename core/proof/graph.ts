// The pairs of derivations that differ between two systems, found from both tops down. Pure.

import type { Derivation } from '../formats/derivation/derivation.ts';
import { storeName, versioned } from '../formats/derivation/store-name.ts';
import { byteOrder } from '../path.ts';

/** Derivations by store path. Undefined: it was not read. */
export type Derivations = (path: string) => Derivation | undefined;

/** Two derivations, one of each system, in the same role. */
export interface Pair {
  readonly from: string;
  readonly to: string;
}

/** A package in another version; what it is made of is not looked into. */
export interface NewVersion {
  readonly name: string;
  readonly from: string;
  readonly to: string;
}

/** What two derivations of a pair need: what is in both is left out. */
export interface Needs {
  readonly pairs: readonly Pair[];
  readonly versions: readonly NewVersion[];
  /** Names without a counterpart. */
  readonly went: readonly string[];
  readonly came: readonly string[];
}

/** A pair that differs. `names`: the shortest way to it from the top, without the top. */
export interface DifferentPair {
  readonly pair: Pair;
  readonly names: readonly string[];
  /** Undefined: one of the two was not read. */
  readonly both?: { readonly from: Derivation; readonly to: Derivation; readonly needs: Needs };
  /** Where it was found: the pairs that need it, as indices. */
  readonly neededBy: number[];
}

/** All pairs that differ, from the top down, nearer ones first; each once. The tops must differ. */
export function differentPairs(top: Pair, derivations: Derivations): readonly DifferentPair[] {
  const found: DifferentPair[] = [pairAt(top, [], derivations)];
  const known = new Map([[keyOf(top), 0]]);
  for (let index = 0; index < found.length; index += 1) {
    const { both, names } = found[index]!;
    for (const pair of both?.needs.pairs ?? []) {
      const key = keyOf(pair);
      const at = known.get(key);
      if (at !== undefined) found[at]!.neededBy.push(index);
      else {
        known.set(key, found.length);
        found.push({ ...pairAt(pair, [...names, storeName(pair.to)], derivations), neededBy: [index] });
      }
    }
  }
  return found;
}

const keyOf = ({ from, to }: Pair): string => `${from} ${to}`;

function pairAt(pair: Pair, names: readonly string[], derivations: Derivations): DifferentPair {
  const [from, to] = [derivations(pair.from), derivations(pair.to)];
  const both = from && to && { from, to, needs: needsOf(from, to, derivations) };
  return { pair, names, neededBy: [], ...(both && { both }) };
}

/** True if both build what is in one place: of a file with a fixed hash only the address is another one. */
export function buildSame({ from, to }: Pair, derivations: Derivations): boolean {
  const [olds, news] = [derivations(from)?.outputs, derivations(to)?.outputs];
  if (olds === undefined || news === undefined || olds.size !== news.size) return false;
  return [...olds].every(([name, { path }]) => path !== '' && path === news.get(name)?.path);
}

/**
 * Inputs of one name are a pair where one is left on each side; of several those that are most alike. One that is left over is
 * a new version where exactly one of its name without version is left on the other side.
 */
function needsOf(from: Derivation, to: Derivation, derivations: Derivations): Needs {
  const [left, right] = [byName(from, to), byName(to, from)];
  const pairs: Pair[] = [];
  const went: string[] = [];
  const came: string[] = [];
  for (const [name, olds] of left) {
    const news = right.get(name) ?? [];
    const matched = matches(olds, news, derivations);
    pairs.push(...matched.filter((pair) => !buildSame(pair, derivations)));
    for (const _ of olds.slice(matched.length)) went.push(name);
    for (const _ of news.slice(matched.length)) came.push(name);
  }
  for (const [name, news] of right) if (!left.has(name)) for (const _ of news) came.push(name);
  return { pairs, ...versionsIn(went, came) };
}

function byName(of: Derivation, without: Derivation): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const path of of.inputs.keys()) {
    if (without.inputs.has(path)) continue;
    const name = storeName(path);
    const others = found.get(name);
    if (others === undefined) found.set(name, [path]);
    else others.push(path);
  }
  return found;
}

/** The order of several of one name is that of their hashes and says nothing. */
function matches(olds: readonly string[], news: readonly string[], derivations: Derivations): readonly Pair[] {
  const count = Math.min(olds.length, news.length);
  if (olds.length === 1 && news.length === 1) return [{ from: olds[0]!, to: news[0]! }];
  const ranked = olds
    .flatMap((from) => news.map((to) => ({ from, to, alike: likeness(derivations(from), derivations(to)) })))
    .sort((one, other) => other.alike - one.alike);
  const used = new Set<string>();
  const found: Pair[] = [];
  for (const { from, to } of ranked) {
    if (found.length === count) break;
    if (used.has(from) || used.has(to)) continue;
    used.add(from).add(to);
    found.push({ from, to });
  }
  return found;
}

/** How many variables and inputs they share. */
function likeness(one: Derivation | undefined, other: Derivation | undefined): number {
  if (one === undefined || other === undefined) return 0;
  let alike = 0;
  for (const [name, value] of one.env) if (other.env.get(name) === value) alike += 1;
  for (const path of one.inputs.keys()) if (other.inputs.has(path)) alike += 1;
  return alike;
}

function versionsIn(went: readonly string[], came: readonly string[]): Omit<Needs, 'pairs'> {
  const [olds, news] = [byPackage(went), byPackage(came)];
  const versions: NewVersion[] = [];
  const gone = new Set<string>();
  for (const [name, [from, ...more]] of olds) {
    const [to, ...others] = news.get(name) ?? [];
    if (to === undefined || more.length > 0 || others.length > 0) continue;
    if (versioned(from!).version === '' || versioned(to).version === '') continue;
    versions.push({ name, from: versioned(from!).version, to: versioned(to).version });
    gone.add(from!).add(to);
  }
  const rest = (names: readonly string[]): readonly string[] => names.filter((name) => !gone.has(name)).sort(byteOrder);
  return { versions, went: rest(went), came: rest(came) };
}

function byPackage(names: readonly string[]): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const full of names) {
    const { name } = versioned(full);
    found.set(name, [...(found.get(name) ?? []), full]);
  }
  return found;
}
