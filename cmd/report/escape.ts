// Escapes text from outside before it is shown: control characters that a terminal would obey are written out.

import { UNSAFE } from '../../core/formats/unsafe.ts';

/**
 * One line of harmless text. Control characters become `\e`, `\n`, `\x07`; raw bytes of names (U+DC80..U+DCFF, see
 * core/path.ts) become `\x80`..`\xff`; marks that turn or hide text, and lone surrogates, become `\u{202e}`.
 */
export const escapeLine = (text: string): string => text.replace(UNSAFE, written);

/** The same for text of several lines: line ends and tabs stay. */
export const escapeText = (text: string): string =>
  text.replace(UNSAFE, (char) => (char === '\n' || char === '\t' ? char : written(char)));

/** JSON on one line: the same value, with unsafe characters as `\u…`, so that a terminal obeys none of them. */
export const jsonLine = (value: unknown): string =>
  JSON.stringify(value).replace(UNSAFE, (char) =>
    Array.from({ length: char.length }, (_, at) => `\\u${char.charCodeAt(at).toString(16).padStart(4, '0')}`).join(''),
  );

const NAMED: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t', '\u001b': '\\e', '\0': '\\0' };

function written(char: string): string {
  const code = char.codePointAt(0)!;
  if (NAMED[char] !== undefined) return NAMED[char];
  const byte = code >= 0xdc80 && code <= 0xdcff ? code - 0xdc00 : code;
  return byte < 0x100 && (byte < 0x80 || byte !== code)
    ? `\\x${byte.toString(16).padStart(2, '0')}`
    : `\\u{${code.toString(16)}}`;
}
