// The value of `external-builders`: JSON, read as strictly as Nix 2.34 reads it.

import { sortedEntries } from '../flake-ref/byte-order.ts';
import { LENIENT, parseJson } from '../json.ts';

/** The reason Nix refuses the value: in its words, except where the text is no JSON at all. */
export function externalBuildersProblem(text: string): string | undefined {
  const read = parseJson(text, LENIENT);
  if (!read.ok) return `no JSON at column ${read.problems[0]!.span.start + 1}: ${read.problems[0]!.message}`;
  if (!Array.isArray(read.value)) return typeError('array', read.value);
  for (const one of read.value as readonly unknown[]) {
    const problem = problemOf(one);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

/** A type, and what should have it. */
type Part = readonly ['array' | 'string', unknown];

function problemOf(value: unknown): string | undefined {
  if (typeName(value) !== 'object')
    return `error: Expected JSON value to be of type 'object' but it is of type '${typeName(value)}': ${dump(value)}`;
  const builder = value as Readonly<Record<string, unknown>>;
  const missing = ['systems', 'program', 'args'].find((key) => !Object.hasOwn(builder, key));
  if (missing !== undefined)
    return `error: Expected JSON object to contain key '${missing}' but it doesn't: ${dump(builder)}`;
  const { systems, program, args } = builder;
  const parts: readonly Part[] = [
    ['array', systems],
    ...all(systems),
    ['string', program],
    ['array', args],
    ...all(args),
  ];
  const wrong = parts.find(([kind, part]) => typeName(part) !== kind);
  return wrong && typeError(...wrong);
}

const all = (list: unknown): readonly Part[] =>
  Array.isArray(list) ? list.map((one: unknown) => ['string', one] as const) : [];

const typeError = (wanted: string, found: unknown): string =>
  `[json.exception.type_error.302] type must be ${wanted}, but is ${typeName(found)}`;

const typeName = (value: unknown): string => (value === null ? 'null' : Array.isArray(value) ? 'array' : typeof value);

/** JSON with the keys in order. */
const dump = (value: unknown): string =>
  JSON.stringify(value, (_, inner: unknown) =>
    typeName(inner) === 'object' ? Object.fromEntries(sortedEntries(Object.entries(inner as object))) : inner,
  );
