// Adds acknowledgements to the text of a spec, and changes nothing else of it: one line for each, in the style of the list.
// Pure.

import type { Span } from '../formats/placed-text.ts';
import type { Spec } from './hosts-over-defaults.ts';
import { edited, flowOf, isJsonName } from './spec-edit.ts';

export type Ack = NonNullable<Spec['ack']>[number];

/** The new text; undefined where an edit would change more than the list. `file`: JSON if it ends in .json, else YAML. */
export async function withAcks(file: string, text: string, added: readonly Ack[]): Promise<string | undefined> {
  const isJson = isJsonName(file);
  return await edited(
    file,
    text,
    ({ ack = [] }, placeOf) => {
      if (!Array.isArray(ack)) return undefined;
      const list = placeOf(['ack'])?.value;
      const last = ack.length === 0 ? undefined : placeOf(['ack', String(ack.length - 1)])?.value;
      if (list === undefined) return asMember(text, added, isJson);
      return last === undefined ? inEmpty(text, list, added, isJson) : behind(text, list, last, added, isJson);
    },
    (value) => ({ ...value, ack: [...((value.ack as readonly unknown[] | undefined) ?? []), ...added] }),
  );
}

/** The lines to paste where the text is not edited. */
export const ackLines = (added: readonly Ack[]): string => `ack:\n${blockOf(added, '  ')}`;

const blockOf = (added: readonly Ack[], indent: string): string =>
  added.map((one) => `${indent}- ${flowOf(one, false)}\n`).join('');

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
