// Where a text stops being JSON, found without recursion, so that no nesting is too deep.

/** The offset (UTF-16) of the first mistake and what is wrong there; undefined when the text is JSON. */
export function jsonMistake(text: string): { readonly offset: number; readonly message: string } | undefined {
  const open: string[] = [];
  let at = 0;
  let expect: Expectation = 'value';
  for (;;) {
    at = skip(space, text, at);
    const char = text[at] ?? '';
    if (expect === 'end') return char === '' ? undefined : { offset: at, message: 'unexpected text after the end' };
    if (char === '') return { offset: at, message: 'the text ends too early' };
    if (expect === 'key' || expect === 'key-or-close') {
      if (char === '}' && expect === 'key-or-close') {
        expect = close(open);
        at++;
        continue;
      }
      const end = char === '"' ? string(text, at) : -1;
      if (end < 0) return { offset: at, message: 'expected a key in double quotes' };
      at = skip(space, text, end);
      if (text[at] !== ':') return { offset: at, message: 'expected ":"' };
      at++;
      expect = 'value';
      continue;
    }
    if (expect === 'comma-or-close') {
      const closing = open.at(-1) === '{' ? '}' : ']';
      if (char === closing) expect = close(open);
      else if (char === ',') expect = open.at(-1) === '{' ? 'key' : 'value';
      else return { offset: at, message: `expected "," or "${closing}"` };
      at++;
      continue;
    }
    if (char === ']' && expect === 'value-or-close') {
      expect = close(open);
      at++;
      continue;
    }
    if (char === '{' || char === '[') {
      open.push(char);
      expect = char === '{' ? 'key-or-close' : 'value-or-close';
      at++;
      continue;
    }
    const end = char === '"' ? string(text, at) : skip(scalar, text, at);
    if (end <= at) return { offset: at, message: char === '"' ? 'malformed string' : 'expected a value' };
    at = end;
    expect = open.length === 0 ? 'end' : 'comma-or-close';
  }
}

type Expectation = 'value' | 'value-or-close' | 'key' | 'key-or-close' | 'comma-or-close' | 'end';

function close(open: string[]): Expectation {
  open.pop();
  return open.length === 0 ? 'end' : 'comma-or-close';
}

const space = /[ \t\n\r]*/y;
const scalar = /true|false|null|-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;

// One character or escape at a time: a repeated group would overflow the regular expression engine on long strings.
const plain = /[^"\\\x00-\x1f]+/y;
const escaped = /\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y;

function skip(pattern: RegExp, text: string, at: number): number {
  pattern.lastIndex = at;
  const match = pattern.exec(text);
  return match === null ? at : at + match[0].length;
}

// The offset after the closing quote, or -1. An escaped surrogate without its partner is a mistake, as it is in Nix.
function string(text: string, start: number): number {
  let at = start + 1;
  for (;;) {
    at = skip(plain, text, at);
    if (text[at] === '"') return at + 1;
    const end = skip(escaped, text, at);
    if (end === at) return -1;
    const unit = text[at + 1] === 'u' ? Number.parseInt(text.slice(at + 2, end), 16) : 0;
    if (unit >= 0xdc00 && unit <= 0xdfff) return -1;
    at = end;
    if (unit < 0xd800 || unit > 0xdbff) continue;
    if (!/^\\u[dD][c-fC-F][0-9a-fA-F]{2}$/.test(text.slice(at, at + 6))) return -1;
    at += 6;
  }
}
