// What all edits of a spec's text share: its parser, the writing of a value on one line, and the proof that the edit says what it
// was to say and nothing else. Pure.

import { digestOfJson } from '../canonical.ts';
import { parseJson } from '../formats/json.ts';
import type { PlacedText } from '../formats/placed-text.ts';
import { parseYaml } from '../formats/yaml.ts';

type Mapping = Readonly<Record<string, unknown>>;

export const isMap = (value: unknown): value is Mapping =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** JSON where the name ends in .json, else YAML; as `loadSpec` has it. */
export const isJsonName = (file: string): boolean => file.toLowerCase().endsWith('.json');

/** A value on one line. YAML reads strings as JSON writes them. */
export function flowOf(value: unknown, isJson: boolean): string {
  if (Array.isArray(value)) return `[${value.map((one) => flowOf(one, isJson)).join(', ')}]`;
  if (!isMap(value)) return JSON.stringify(value);
  const pairs = Object.entries(value).map(([key, one]) => `${keyOf(key, isJson)}: ${flowOf(one, isJson)}`);
  return pairs.length === 0 ? '{}' : `{ ${pairs.join(', ')} }`;
}

/** A key: plain in YAML if every reader takes it for the same text. */
export const keyOf = (key: string, isJson: boolean): string =>
  !isJson && /^[a-zA-Z][\w-]*$/.test(key) && !/^(true|false|yes|no|on|off|y|n|null)$/i.test(key)
    ? key
    : JSON.stringify(key);

/**
 * The text that `edit` makes, if it parses to `due` of what the text said before; else undefined, as where the text is no map.
 * `edit` gets undefined back where it knows no safe place.
 */
export async function edited(
  file: string,
  text: string,
  edit: (value: Mapping, placeOf: Extract<PlacedText, { ok: true }>['placeOf']) => string | undefined,
  due: (value: Mapping) => Mapping,
): Promise<string | undefined> {
  const parse = async (one: string): Promise<PlacedText> => (isJsonName(file) ? parseJson(one) : await parseYaml(one));
  const before = await parse(text);
  if (!before.ok || !isMap(before.value)) return undefined;
  const made = edit(before.value, before.placeOf);
  if (made === undefined) return undefined;
  const after = await parse(made);
  return after.ok && digestOfJson(after.value) === digestOfJson(due(before.value)) ? made : undefined;
}
