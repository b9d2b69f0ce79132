// The characters of the Nix language: which class each is in, and the runs of them that need no token.
// Character codes are UTF-16; NaN, the code beyond the end, is in no class.

/** The classes that may begin a token, as bits of {@link classOf}. */
export const LETTER = 1;
export const DIGIT = 2;
export const PATH_CHAR = 4;
const URI_CHAR = 8;
const WORD_CHAR = 16;

const classes = new Uint8Array(128);
for (let code = 48; code < 58; code++) classes[code] = DIGIT | PATH_CHAR | URI_CHAR | WORD_CHAR;
for (let code = 65; code < 91; code++) {
  classes[code] = LETTER | PATH_CHAR | URI_CHAR | WORD_CHAR;
  classes[code + 32] = LETTER | PATH_CHAR | URI_CHAR | WORD_CHAR;
}
for (const character of "%/?:@&=+$,-_.!~*'") classes[character.charCodeAt(0)]! |= URI_CHAR;
for (const character of '._-+') classes[character.charCodeAt(0)]! |= PATH_CHAR;
for (const character of "_'-") classes[character.charCodeAt(0)]! |= WORD_CHAR;
classes[95]! |= LETTER;

/** The classes of a character code as bits; 0 for none. */
export function classOf(code: number): number {
  return code < 128 ? classes[code]! : 0;
}

/** True if Nix allows the character code in a path; false for NaN. */
export function isPathChar(code: number): boolean {
  return code < 128 && (classes[code]! & PATH_CHAR) !== 0;
}

/** 0 to 9. */
export function isDigit(code: number): boolean {
  return code >= 48 && code < 58;
}

/** True if it may stand behind the colon of a URI literal. */
export function isUriChar(code: number): boolean {
  return code < 128 && (classes[code]! & URI_CHAR) !== 0;
}

/** True if it may continue an identifier. */
export function isWordChar(code: number): boolean {
  return code < 128 && (classes[code]! & WORD_CHAR) !== 0;
}

/** The offset of the next CR or LF, or of the end. */
export function lineEnd(text: string, from: number): number {
  let at = from;
  for (;;) {
    const code = text.charCodeAt(at);
    if (code === 10 || code === 13 || Number.isNaN(code)) return at;
    at++;
  }
}

/** The offset behind white space and comments; the end where a comment is not closed. */
export function skipTrivia(text: string, from: number): number {
  let at = from;
  for (;;) {
    const code = text.charCodeAt(at);
    if (code === 32 || code === 10 || code === 9 || code === 13) at++;
    else if (code === 35) at = lineEnd(text, at);
    else if (code === 47 && text.charCodeAt(at + 1) === 42) {
      const close = text.indexOf('*/', at + 2);
      if (close < 0) return text.length;
      at = close + 2;
    } else return at;
  }
}

/** The offset behind `>` of `<a/b>`, or 0 where it is no search path. */
export function searchPathEnd(text: string, from: number): number {
  let at = from;
  for (;;) {
    if (!isPathChar(text.charCodeAt(at))) return 0;
    while (isPathChar(text.charCodeAt(at))) at++;
    const code = text.charCodeAt(at);
    if (code === 62) return at + 1;
    if (code !== 47) return 0;
    at++;
  }
}
