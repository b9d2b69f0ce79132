// The wishes of a spec, one by one: every leaf by its JSON pointer, and those that are implied. Pure.
// Who answers each stands in the descriptor of its provider; a test holds both against the schema.

import type { Spec } from '../../schemas/spec.gen.ts';
import type { JsonPointer } from '../diagnostic.ts';
import { fromPointer, toPointer } from '../formats/json-pointer.ts';

/** A pointer in which a `*` stands for one key, and a `**` at its end for one or more. */
export type Pattern = string;

/**
 * Wished by every spec, written or not: a configuration is there, of these modules, and its lock is fresh. By what stands in
 * the spec and implies it.
 */
export const IMPLIED: Readonly<Record<JsonPointer, JsonPointer>> = {
  '/config/path': '/host',
  '/config/modules': '/host',
  '/lock': '/inputs',
};

/** Written, and no wish: about the format, or that something is not looked at. */
export const NO_WISH: Readonly<Record<JsonPointer, readonly unknown[] | 'always'>> = {
  '/version': 'always',
  '/ack': 'always',
  '/git': ['off'],
  '/activate': ['none'],
  '/channels': ['keep'],
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

export function isMatch(pointer: JsonPointer, pattern: Pattern): boolean {
  const [keys, wanted] = [fromPointer(pointer), fromPointer(pattern)];
  if (wanted.at(-1) === '**')
    return keys.length >= wanted.length && isMatch(toPointer(keys.slice(0, wanted.length)), `${pattern.slice(0, -1)}`);
  return keys.length === wanted.length && wanted.every((key, at) => key === '*' || key === keys[at]);
}

export const isAnyMatch = (pointer: JsonPointer, patterns: readonly Pattern[]): boolean =>
  patterns.some((pattern) => isMatch(pointer, pattern));

/** Whether a wish is meant by a word of the spec: `features`, `config`, `inputs.nixpkgs`, `/config/owner`. */
export function isUnder(pointer: JsonPointer, word: string): boolean {
  const keys = word.startsWith('/') ? fromPointer(word) : word.split('.');
  return fromPointer(pointer).slice(0, keys.length).join('\0') === keys.join('\0');
}
