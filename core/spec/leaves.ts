// The wishes of a spec, one by one: every leaf by its JSON pointer, and those that are implied. Pure.
// The descriptor of a provider says which wishes it answers; a test compares both with the schema.

import { digestOfJson } from '../canonical.ts';
import type { JsonPointer } from '../diagnostic.ts';
import { fromPointer, toPointer } from '../formats/json-pointer.ts';
import { isOfHost, isOfRepository, keyOf, type Leaf } from '../leaf.ts';
import type { Digest } from '../model.ts';
import type { HostView, Spec } from './hosts-over-defaults.ts';

/** A pointer in which a `*` stands for one key, and a `**` at its end for one or more. */
export type Pattern = string;

/**
 * Wishes of every spec, written or not: the configuration exists, has these modules, and its lock is fresh. Each with the
 * pointer that implies it.
 */
export const IMPLIED: Readonly<Record<JsonPointer, JsonPointer>> = {
  '/config/path': '/host',
  '/config/modules': '/host',
  '/lock': '/inputs',
};

const TOLD = ['warning', 'note', 'off'] as const;

/** Members that are no wish: about the format, or values that ask for nothing. */
export const NO_WISH: Readonly<Record<JsonPointer, readonly unknown[] | 'always'>> = {
  '/version': 'always',
  '/ack': 'always',
  '/expect': 'always',
  '/proof': 'always',
  '/git': ['off'],
  '/activate': ['none'],
  '/channels': ['keep'],
  '/config/link': [false],
  // Told, and no drift.
  '/lock/eol': TOLD,
  '/lock/indirect': TOLD,
  '/lock/narHash': TOLD,
  '/lock/duplicates': TOLD,
};

/** In the order of the spec, the implied ones behind what is written beside them. */
export function leavesOf(spec: Spec): readonly JsonPointer[] {
  const found = new Set<JsonPointer>();
  const visit = (value: unknown, keys: readonly string[]): void => {
    const pointer = toPointer(keys);
    // A list is one wish: its items are wished together.
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
      for (const [key, member] of Object.entries(value)) if (member !== undefined) visit(member, [...keys, key]);
      return;
    }
    const silent = Object.hasOwn(NO_WISH, pointer) ? NO_WISH[pointer] : undefined;
    if (silent !== 'always' && !silent?.includes(value)) found.add(pointer);
  };
  visit(spec, []);
  for (const pointer of Object.keys(IMPLIED)) found.add(pointer);
  return [...found];
}

/** The hosts that a run is about. */
export interface Among {
  /** The spec of this machine's host. */
  readonly spec: Spec;
  /** Its name among several. */
  readonly key?: string;
  readonly hosts: readonly HostView[];
  readonly gone: readonly string[];
  /** False: no wish of a machine is looked at. */
  readonly isMachine: boolean;
}

/** The wishes of a run: those of this machine and of the repository, of other hosts what the repository has of them. */
export function wishesOf({ spec, key, hosts, gone, isMachine }: Among): readonly Leaf[] {
  if (hosts.every((one) => one.key === undefined))
    return leavesOf(spec).flatMap((wish) => (isMachine || isOfRepository(wish) ? [{ wish }] : []));
  const theirs = hosts.flatMap((one): readonly Leaf[] => {
    const isOwn = isMachine && one.key === key;
    const own = leavesOf(isOwn ? spec : one.spec).filter((wish) => isOfHost(wish) && (isOwn || isOfRepository(wish)));
    return own.map((wish) => ({ wish, ...(one.key !== undefined && { host: one.key }) }));
  });
  const shared = leavesOf(spec).filter((wish) => !isOfHost(wish));
  return [
    ...theirs,
    ...gone.map((name) => ({ wish: toPointer(['hosts', name]) })),
    ...shared.map((wish) => ({ wish })),
  ];
}

/** What each of these wishes asks for, by `keyOf`, as a digest; of an implied one what implies it. */
export function askedBy(wishes: readonly Leaf[], { spec, key, hosts }: Among): Readonly<Record<JsonPointer, Digest>> {
  const specOf = (host: string | undefined): Spec =>
    host === undefined || host === key ? spec : (hosts.find((one) => one.key === host)?.spec ?? spec);
  const asked = ({ wish, host }: Leaf): unknown =>
    valueAt(specOf(host), wish) ?? valueAt(specOf(host), IMPLIED[wish] ?? wish) ?? null;
  return Object.fromEntries(wishes.map((one) => [keyOf(one), digestOfJson(asked(one))]));
}

const valueAt = (spec: Spec, pointer: JsonPointer): unknown =>
  fromPointer(pointer).reduce<unknown>(
    (value, key) =>
      typeof value === 'object' && value !== null && Object.hasOwn(value, key)
        ? (value as Readonly<Record<string, unknown>>)[key]
        : undefined,
    spec,
  );

/** What a checkout can't tell of these hosts: the wishes of their machines, by `keyOf`. */
export const machineWishesOf = (hosts: readonly HostView[]): readonly JsonPointer[] =>
  hosts.flatMap(({ key, spec }) =>
    leavesOf(spec)
      .filter((wish) => !isOfRepository(wish))
      .map((wish) => keyOf({ wish, ...(key !== undefined && { host: key }) })),
  );

export function isMatch(pointer: JsonPointer, pattern: Pattern): boolean {
  const [keys, wanted] = [fromPointer(pointer), fromPointer(pattern)];
  if (wanted.at(-1) === '**')
    return keys.length >= wanted.length && isMatch(toPointer(keys.slice(0, wanted.length)), `${pattern.slice(0, -1)}`);
  return keys.length === wanted.length && wanted.every((key, at) => key === '*' || key === keys[at]);
}

export const isAnyMatch = (pointer: JsonPointer, patterns: readonly Pattern[]): boolean =>
  patterns.some((pattern) => isMatch(pointer, pattern));

/** True if a wish falls under a word of the spec: `features`, `config`, `inputs.nixpkgs`, `/config/owner`. */
export function isUnder(pointer: JsonPointer, word: string): boolean {
  const keys = word.startsWith('/') ? fromPointer(word) : word.split('.');
  return fromPointer(pointer).slice(0, keys.length).join('\0') === keys.join('\0');
}
