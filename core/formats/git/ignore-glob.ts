// The glob language of gitignore patterns, matched byte by byte and in time linear in pattern times path.
// Written from gitignore(5) and tried against git; knows nothing of files and negation.

/** Tests a byte string (one character a byte). */
export type Glob = (text: string) => boolean;

type Token =
  | { readonly type: 'byte'; readonly code: number }
  /** `?` and `[…]`: one byte, never a slash. */
  | { readonly type: 'one'; readonly has: (code: number) => boolean }
  /** `*` within a name, or a bounded `**` across slashes. */
  | { readonly type: 'star'; readonly crosses: boolean }
  /** A bounded `**` and its slash: nothing, or anything that ends in a slash. */
  | { readonly type: 'deep' };

/** Compiles a pattern given as a byte string. One that can never match (an open `[`, a last `\`) gives `() => false`. */
export function compileGlob(pattern: string): Glob {
  const tokens = tokenize(pattern);
  return tokens === undefined ? () => false : (text) => matches(tokens, text);
}

const SLASH = 0x2f;

function tokenize(pattern: string): readonly Token[] | undefined {
  const tokens: Token[] = [];
  for (let at = 0; at < pattern.length; ) {
    const char = pattern[at]!;
    if (char === '*') {
      const end = at + /^\*+/.exec(pattern.slice(at))![0].length;
      const isBounded = end - at > 1 && (at === 0 || pattern[at - 1] === '/') && /^($|\\?\/)/.test(pattern.slice(end));
      const isDeep = isBounded && pattern[end] === '/';
      tokens.push(isDeep ? { type: 'deep' } : { type: 'star', crosses: isBounded });
      at = isDeep ? end + 1 : end;
    } else if (char === '?') {
      tokens.push({ type: 'one', has: () => true });
      at++;
    } else if (char === '[') {
      const found = readClass(pattern, at + 1);
      if (!found) return undefined;
      tokens.push({ type: 'one', has: found.has });
      at = found.end;
    } else {
      const literal = char === '\\' ? at + 1 : at;
      if (literal >= pattern.length) return undefined;
      tokens.push({ type: 'byte', code: pattern.charCodeAt(literal) });
      at = literal + 1;
    }
  }
  return tokens;
}

/** Follows all ways through the pattern at once, so that no pattern takes exponential time. */
function matches(tokens: readonly Token[], text: string): boolean {
  let states = new Set<number>();
  enter(tokens, 0, states);
  for (let at = 0; at < text.length && states.size > 0; at++) {
    const code = text.charCodeAt(at);
    const next = new Set<number>();
    for (const state of states) {
      const token = tokens[state];
      if (token === undefined) continue;
      if (token.type === 'byte' ? token.code === code : token.type === 'one' && code !== SLASH && token.has(code)) {
        enter(tokens, state + 1, next);
      } else if (token.type === 'star' && (token.crosses || code !== SLASH)) {
        enter(tokens, state, next);
      } else if (token.type === 'deep') {
        next.add(state);
        if (code === SLASH) enter(tokens, state + 1, next);
      }
    }
    states = next;
  }
  return states.has(tokens.length);
}

/** `star` and `deep` may match nothing at the moment they are reached. */
function enter(tokens: readonly Token[], state: number, into: Set<number>): void {
  for (let at = state; ; at++) {
    into.add(at);
    const type = tokens[at]?.type;
    if (type !== 'star' && type !== 'deep') return;
  }
}

interface Class {
  readonly has: (code: number) => boolean;
  readonly end: number;
}

/** `start` is after the `[`. The first character is a member even if it is `]`. */
function readClass(pattern: string, start: number): Class | undefined {
  const isNegated = pattern[start] === '!' || pattern[start] === '^';
  const first = isNegated ? start + 1 : start;
  const members: ((code: number) => boolean)[] = [];
  let low: number | undefined;
  let at = first;
  while (at === first || pattern[at] !== ']') {
    const named = /^\[:([^\]]*):\]/.exec(pattern.slice(at));
    if (at >= pattern.length || (pattern.startsWith('[:', at) && !pattern.includes(']', at + 2))) return undefined;
    if (named) {
      const test = NAMED[named[1]!];
      if (!test) return undefined;
      members.push((code) => test.test(String.fromCharCode(code)));
      low = undefined;
      at += named[0].length;
      continue;
    }
    if (pattern[at] === '-' && low !== undefined && at + 1 < pattern.length && pattern[at + 1] !== ']') {
      const to = pattern[at + 1] === '\\' ? at + 2 : at + 1;
      if (to >= pattern.length) return undefined;
      const [from, high] = [low, pattern.charCodeAt(to)];
      members.push((code) => code >= from && code <= high);
      low = undefined;
      at = to + 1;
      continue;
    }
    const literal = pattern[at] === '\\' ? at + 1 : at;
    if (literal >= pattern.length) return undefined;
    const only = pattern.charCodeAt(literal);
    members.push((code) => code === only);
    low = only;
    at = literal + 1;
  }
  return { has: (code) => members.some((member) => member(code)) !== isNegated, end: at + 1 };
}

const NAMED: Readonly<Record<string, RegExp>> = {
  alnum: /[A-Za-z0-9]/,
  alpha: /[A-Za-z]/,
  blank: /[ \t]/,
  cntrl: /[\x00-\x1f\x7f]/,
  digit: /[0-9]/,
  graph: /[!-~]/,
  lower: /[a-z]/,
  print: /[ -~]/,
  punct: /[!-/:-@[-`{-~]/,
  space: /[ \t\n\v\f\r]/,
  upper: /[A-Z]/,
  xdigit: /[0-9A-Fa-f]/,
};
