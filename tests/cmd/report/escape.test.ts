// A terminal obeys no control character in text from outside: in a line, in a text of lines, in JSON.
import { describe, expect, test } from '@jest/globals';
import { escapeLine, escapeText, jsonLine } from '../../../cmd/report/escape.ts';

const HOSTILE: readonly (readonly [string, string])[] = [
  ['CSI', '\u001b[2J'],
  ['CSI as C1', '\u009b2J'],
  ['OSC 8, a link', '\u001b]8;;http://evil\u0007x\u001b]8;;\u0007'],
  ['OSC 52, the clipboard', '\u001b]52;c;ZXZpbA==\u001b\\'],
  ['DCS as C1', '\u0090q\u009c'],
  ['CR', 'good\rbad'],
  ['backspace', 'a\bb'],
  ['turned text', 'a\u202eb'],
  ['isolates', '\u2066a\u2069'],
  ['marks', '\u200ea\u200f\u061c'],
  ['line separators', 'a\u2028b\u2029c'],
  ['tags', '\u{e0041}\u{e007f}'],
  ['no width', 'a\u200bb\ufeff'],
  ['raw bytes', '\udc9b2J'],
  ['DEL', '\u007f'],
  ['NUL', '\0'],
];
const OBEYED =
  /[\u0000-\u001f\u007f-\u009f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\u{e0000}-\u{e007f}\p{Cs}]/u;

describe.each(HOSTILE)('%s', (_what, text) => {
  test('is written out', () => {
    expect(text).toMatch(OBEYED);
    expect(escapeLine(text)).not.toMatch(OBEYED);
    expect(escapeText(text)).not.toMatch(OBEYED);
  });

  test('in JSON, of the same value', () => {
    const line = jsonLine({ [text]: [text] });
    expect(line).not.toMatch(OBEYED);
    expect(JSON.parse(line)).toEqual({ [text]: [text] });
  });
});
