// Adds a host to `hosts` in the text of a spec, and changes nothing else of it: one line behind the last host, in its style. Pure.

import type { Span } from '../formats/placed-text.ts';
import { edited, flowOf, isJsonName, isMap, keyOf } from './spec-edit.ts';

/** What a host says itself, over the defaults. */
export interface HostEntry {
  readonly host: { readonly system: string };
  readonly config?: { readonly modules: readonly string[] };
}

/**
 * The new text; undefined where `hosts` is missing or has a form in which one more cannot be added safely. `file`: JSON if it
 * ends in .json, else YAML.
 */
export async function withHost(
  file: string,
  text: string,
  name: string,
  entry: HostEntry,
): Promise<string | undefined> {
  const isJson = isJsonName(file);
  return await edited(
    file,
    text,
    ({ hosts }, placeOf) => {
      const map = placeOf(['hosts'])?.value;
      const last = isMap(hosts) ? Object.keys(hosts).at(-1) : undefined;
      const place = last === undefined ? undefined : placeOf(['hosts', last]);
      return (
        map &&
        place &&
        behind(
          text,
          map,
          { start: place.key?.start ?? place.value.start, end: place.value.end },
          hostLine(name, entry, isJson),
        )
      );
    },
    (value) => ({ ...value, hosts: { ...(value.hosts as object), [name]: entry } }),
  );
}

/** `web: { host: { system: "x86_64-linux" } }` */
export const hostLine = (name: string, entry: HostEntry, isJson = false): string =>
  `${keyOf(name, isJson)}: ${flowOf(entry, isJson)}`;

/** `last`: from the key to the end of the value. A block scalar or map may end with the lines and comments behind it. */
function behind(text: string, map: Span, last: Span, line: string): string {
  const begin = text.lastIndexOf('\n', last.start) + 1;
  const indent = text.slice(begin, last.start);
  const end = last.start + text.slice(last.start, last.end).trimEnd().length;
  if (text[map.start] === '{') {
    const gap = /^\s+$/.test(indent) ? `,\n${indent}` : ', ';
    return `${text.slice(0, end)}${gap}${line}${text.slice(end)}`;
  }
  // A comment behind the last host stays with it.
  const newline = text.indexOf('\n', end);
  const at = newline === -1 ? text.length : newline + 1;
  return `${text.slice(0, at)}${newline === -1 ? '\n' : ''}${indent}${line}\n${text.slice(at)}`;
}
