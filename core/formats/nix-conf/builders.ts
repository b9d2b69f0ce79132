// The value of `external-builders`: JSON, read as strictly as Nix 2.34 reads it.

import { sortedEntries } from '../flake-ref/byte-order.ts';
import { LENIENT, parseJson } from '../json.ts';

/** The value as Nix prints it, or why it refuses it: in its words, except where the text is no JSON at all. */
export type Builders = { readonly ok: true; readonly text: string } | { readonly ok: false; readonly message: string };

export function externalBuilders(text: string): Builders {
  const read = parseJson(text, LENIENT);
  if (!read.ok) return wrong(`no JSON at column ${read.problems[0]!.span.start + 1}: ${read.problems[0]!.message}`);
  const list = read.value;
  if (!Array.isArray(list)) return wrong(typeError('array', list));
  const builders = [];
  for (const one of list as readonly unknown[]) {
    const builder = builderOf(one);
    if (!builder.ok) return builder;
    builders.push(builder.text);
  }
  return { ok: true, text: `[${builders.join(',')}]` };
}

function builderOf(value: unknown): Builders {
  if (typeName(value) !== 'object')
    return wrong(
      `error: Expected JSON value to be of type 'object' but it is of type '${typeName(value)}': ${dump(value)}`,
    );
  const builder = value as Readonly<Record<string, unknown>>;
  const missing = ['systems', 'program', 'args'].find((key) => !Object.hasOwn(builder, key));
  if (missing !== undefined)
    return wrong(`error: Expected JSON object to contain key '${missing}' but it doesn't: ${dump(builder)}`);
  const { systems, program, args } = builder;
  for (const [kind, part] of [
    ['array', systems],
    ...all(systems),
    ['string', program],
    ['array', args],
    ...all(args),
  ] as const)
    if (typeName(part) !== kind) return wrong(typeError(kind, part));
  return { ok: true, text: dump({ args, program, systems }) };
}

const all = (list: unknown): readonly (readonly ['string', unknown])[] =>
  Array.isArray(list) ? list.map((one: unknown) => ['string', one] as const) : [];

const wrong = (message: string): Builders => ({ ok: false, message });

const typeError = (wanted: string, found: unknown): string =>
  `[json.exception.type_error.302] type must be ${wanted}, but is ${typeName(found)}`;

const typeName = (value: unknown): string => (value === null ? 'null' : Array.isArray(value) ? 'array' : typeof value);

/** With the keys in order. */
const dump = (value: unknown): string =>
  JSON.stringify(value, (_, inner: unknown) =>
    typeName(inner) === 'object' ? Object.fromEntries(sortedEntries(Object.entries(inner as object))) : inner,
  );
