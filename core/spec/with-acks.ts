// Adds acknowledgements to the text of a spec, and changes nothing else of it: one line for each, in the style of the list.
// Pure.

import { digestOfJson } from '../canonical.ts';
import { parseJson } from '../formats/json.ts';
import type { PlacedText, Span } from '../formats/placed-text.ts';
import { parseYaml } from '../formats/yaml.ts';
import type { Spec } from './hosts.ts';

export type Ack = NonNullable<Spec['ack']>[number];

/** The new text; undefined where an edit would change more than the list. `file`: JSON if it ends in .json, else YAML. */
export async function withAcks(file: string, text: string, added: readonly Ack[]): Promise<string | undefined> {
  const isJson = file.toLowerCase().endsWith('.json');
  const parse = async (one: string): Promise<PlacedText> => (isJson ? parseJson(one) : await parseYaml(one));
  const before = await parse(text);
  if (!before.ok || !isMap(before.value)) return undefined;
  const { ack = [] } = before.value;
  if (!Array.isArray(ack)) return undefined;
  const list = before.placeOf(['ack'])?.value;
  const last = ack.length === 0 ? undefined : before.placeOf(['ack', String(ack.length - 1)])?.value;
  const made =
    list === undefined
      ? asMember(text, added, isJson)
      : last === undefined
        ? inEmpty(text, list, added, isJson)
        : behind(text, list, last, added, isJson);
  if (made === undefined) return undefined;
  const after = await parse(made);
  const due = { ...before.value, ack: [...ack, ...added] };
  return after.ok && digestOfJson(after.value) === digestOfJson(due) ? made : undefined;
}

/** The lines to paste where the text is not edited. */
export const ackLines = (added: readonly Ack[]): string => `ack:\n${blockOf(added, '  ')}`;

const isMap = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** A flow map in one line. YAML reads strings as JSON does. */
const flowOf = (one: Ack, isJson = false): string =>
  `{ ${Object.entries(one)
    .map(([key, value]) => `${isJson ? JSON.stringify(key) : key}: ${JSON.stringify(value)}`)
    .join(', ')} }`;

const blockOf = (added: readonly Ack[], indent: string): string =>
  added.map((one) => `${indent}- ${flowOf(one)}\n`).join('');

/** As the last member of the whole. */
function asMember(text: string, added: readonly Ack[], isJson: boolean): string | undefined {
  const end = text.trimEnd().length;
  if (!isJson) return text.trimStart().startsWith('{') ? undefined : `${text.slice(0, end)}\n${ackLines(added)}`;
  const inner = text.slice(0, end - 1).trimEnd();
  const comma = inner.endsWith('{') ? '' : ',';
  return `${inner}${comma}\n  "ack": [\n${added.map((one) => `    ${flowOf(one, true)}`).join(',\n')}\n  ]\n}${text.slice(end)}`;
}

/** `[]` becomes a list of one line. */
const inEmpty = (text: string, { start, end }: Span, added: readonly Ack[], isJson: boolean): string =>
  `${text.slice(0, start)}[${added.map((one) => flowOf(one, isJson)).join(', ')}]${text.slice(end)}`;

function behind(text: string, list: Span, last: Span, added: readonly Ack[], isJson: boolean): string {
  const end = list.start + text.slice(list.start, last.end).trimEnd().length;
  if (text[list.start] === '[') {
    const line = text.slice(text.lastIndexOf('\n', last.start) + 1, last.start);
    const gap = /^\s+$/.test(line) ? `,\n${line}` : ', ';
    return `${text.slice(0, end)}${added.map((one) => `${gap}${flowOf(one, isJson)}`).join('')}${text.slice(end)}`;
  }
  const dash = text.lastIndexOf('-', last.start);
  const indent = text.slice(text.lastIndexOf('\n', dash) + 1, dash);
  // A comment behind the last entry stays with it.
  const line = text.indexOf('\n', end);
  const at = line === -1 ? text.length : line + 1;
  return `${text.slice(0, at)}${line === -1 ? '\n' : ''}${blockOf(added, indent)}${text.slice(at)}`;
}
