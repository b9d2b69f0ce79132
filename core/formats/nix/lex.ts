// The tokens of the Nix language, one at a time, by Nix's own longest-match rules (lexer.l of Nix 2.8 to 2.34).
// Holds the position in the text and the comments passed; strings and paths are read further by strings.ts.
import {
  classOf,
  DIGIT,
  isDigit,
  isPathChar,
  isUriChar,
  isWordChar,
  LETTER,
  lineEnd,
  PATH_CHAR,
  searchPathEnd,
  skipTrivia,
} from './characters.ts';
import type { Comment, Span } from './syntax.ts';
import { keywords, Token } from './tokens.ts';

/** The parser throws this on the first error, and `parseNix` turns it into a value. */
export class Broken {
  readonly error: Span & { readonly message: string };
  constructor(message: string, start: number, end: number) {
    this.error = { start, end, message };
  }
}

/** A cursor over the text: `type`, `start` and `end` are the current token, `prevEnd` the end of the one before. */
export class Lexer {
  readonly text: string;
  readonly comments: Comment[] = [];
  type: number = Token.end;
  start = 0;
  end = 0;
  prevEnd = 0;
  /** Nesting of expressions, kept by the parser. */
  depth = 0;
  usesPipes = false;
  /** End of the run of path characters around the cursor, and its last underscore: scanned once, not per token. */
  private runEnd = 0;
  private runUnderscore = -1;

  constructor(text: string) {
    this.text = text;
  }

  /** Continues behind `offset`, where a string, path or interpolation ended, with the next token. */
  resume(offset: number): void {
    this.end = offset;
    this.next();
  }

  /** Moves to the next token; throws {@link Broken} on a character no token starts with. */
  next(): void {
    this.prevEnd = this.end;
    this.start = this.skipTrivia(this.end);
    this.end = this.start;
    this.type = this.scan(this.start);
  }

  /** The first character code of the token after the current one, or NaN at the end. */
  peek(): number {
    return this.text.charCodeAt(skipTrivia(this.text, this.end));
  }

  private skipTrivia(from: number): number {
    const { text } = this;
    let at = from;
    for (;;) {
      const code = text.charCodeAt(at);
      if (code === 32 || code === 10 || code === 9 || code === 13) {
        at++;
      } else if (code === 35) {
        const end = lineEnd(text, at);
        this.comments.push({ kind: 'line', start: at, end });
        at = end;
      } else if (code === 47 && text.charCodeAt(at + 1) === 42) {
        const close = text.indexOf('*/', at + 2);
        if (close < 0) throw new Broken('the comment is not closed', at, at + 2);
        this.comments.push({ kind: 'block', start: at, end: close + 2 });
        at = close + 2;
      } else {
        return at;
      }
    }
  }

  private scan(at: number): number {
    const { text } = this;
    const code = text.charCodeAt(at);
    if (Number.isNaN(code)) return Token.end;
    const kind = classOf(code);
    // Letters, digits and . - + may begin a path, and a path is the longest match wherever it matches.
    if (kind & PATH_CHAR) {
      const run = this.pathRun(at);
      const after = text.charCodeAt(run);
      if (after === 47) {
        const beyond = text.charCodeAt(run + 1);
        if (isPathChar(beyond)) return this.path(run);
        if (beyond === 36 && text.charCodeAt(run + 2) === 123) return this.accept(run + 1, Token.path);
      }
      if (kind & LETTER) {
        if (after === 58 && this.runUnderscore < at && code !== 95 && isUriChar(text.charCodeAt(run + 1))) {
          return this.uri(run + 1);
        }
        return this.word(at);
      }
      if (kind & DIGIT) return this.number(at);
    }
    return this.symbol(at, code);
  }

  private accept(end: number, type: number): number {
    this.end = end;
    return type;
  }

  private pathRun(at: number): number {
    if (at < this.runEnd) return this.runEnd;
    const { text } = this;
    let end = at;
    for (;;) {
      const code = text.charCodeAt(end);
      if (!isPathChar(code)) break;
      if (code === 95) this.runUnderscore = end;
      end++;
    }
    this.runEnd = end;
    return end;
  }

  /** The first piece of a path, from its first slash on; pieces behind it and interpolations are read by strings.ts. */
  private path(slash: number): number {
    const { text } = this;
    let end = slash;
    while (text.charCodeAt(end) === 47 && isPathChar(text.charCodeAt(end + 1))) {
      end++;
      while (isPathChar(text.charCodeAt(end))) end++;
    }
    if (text.charCodeAt(end) === 47) end++;
    return this.accept(end, Token.path);
  }

  private uri(from: number): number {
    let end = from;
    while (isUriChar(this.text.charCodeAt(end))) end++;
    return this.accept(end, Token.uri);
  }

  private word(at: number): number {
    const { text } = this;
    let end = at + 1;
    while (isWordChar(text.charCodeAt(end))) end++;
    this.end = end;
    const length = end - at;
    return length > 1 && length < 8 ? (keywords.get(text.slice(at, end)) ?? Token.id) : Token.id;
  }

  private number(at: number): number {
    const { text } = this;
    let end = at;
    while (isDigit(text.charCodeAt(end))) end++;
    // A float has no leading zero, but 0.5 has: `00.5` are two tokens.
    const zero = text.charCodeAt(at) === 48;
    if (text.charCodeAt(end) === 46 && (!zero || (end === at + 1 && isDigit(text.charCodeAt(end + 1))))) {
      return this.float(at, end);
    }
    this.end = end;
    if (end - at >= 19 && BigInt(text.slice(at, end)) > 9223372036854775807n) {
      throw new Broken('the integer is too large', at, end);
    }
    return Token.int;
  }

  private float(at: number, dot: number): number {
    const { text } = this;
    let end = dot + 1;
    while (isDigit(text.charCodeAt(end))) end++;
    const mark = text.charCodeAt(end) | 32;
    if (mark === 101) {
      const sign = text.charCodeAt(end + 1);
      let digits = sign === 43 || sign === 45 ? end + 2 : end + 1;
      if (isDigit(text.charCodeAt(digits))) {
        while (isDigit(text.charCodeAt(digits))) digits++;
        end = digits;
      }
    }
    const literal = text.slice(at, end);
    const value = Number(literal);
    // strtod(3) sets ERANGE for these: infinity, and a number above zero but below the smallest normal double.
    const mantissa = literal.split(/e/i, 1)[0]!;
    if (value === Number.POSITIVE_INFINITY || (value < 2.2250738585072014e-308 && /[1-9]/.test(mantissa))) {
      throw new Broken('the number is out of range', at, end);
    }
    return this.accept(end, Token.float);
  }

  private symbol(at: number, code: number): number {
    const { text } = this;
    const second = text.charCodeAt(at + 1);
    switch (code) {
      case 33: // !
        return second === 61 ? this.accept(at + 2, Token.unequal) : this.accept(at + 1, Token.not);
      case 34: // "
        return this.accept(at + 1, Token.string);
      case 36: // $
        if (second === 123) return this.accept(at + 2, Token.dollarBrace);
        break;
      case 38: // &
        if (second === 38) return this.accept(at + 2, Token.and2);
        break;
      case 39: // '
        if (second === 39) return this.accept(at + 2, Token.indented);
        break;
      case 40:
        return this.accept(at + 1, Token.parenOpen);
      case 41:
        return this.accept(at + 1, Token.parenClose);
      case 42:
        return this.accept(at + 1, Token.times);
      case 43: // +
        return second === 43 ? this.accept(at + 2, Token.concat) : this.accept(at + 1, Token.plus);
      case 44:
        return this.accept(at + 1, Token.comma);
      case 45: // -
        return second === 62 ? this.accept(at + 2, Token.implies) : this.accept(at + 1, Token.minus);
      case 46: // .
        if (isDigit(second)) return this.float(at, at);
        if (second === 46 && text.charCodeAt(at + 2) === 46) return this.accept(at + 3, Token.ellipsis);
        return this.accept(at + 1, Token.dot);
      case 47: // /
        if (isPathChar(second)) return this.path(at);
        if (second === 36 && text.charCodeAt(at + 2) === 123) return this.accept(at + 1, Token.path);
        return second === 47 ? this.accept(at + 2, Token.update) : this.accept(at + 1, Token.divide);
      case 58:
        return this.accept(at + 1, Token.colon);
      case 59:
        return this.accept(at + 1, Token.semicolon);
      case 60: // <
        if (isPathChar(second)) {
          const close = searchPathEnd(text, at + 1);
          if (close > 0) return this.accept(close, Token.searchPath);
        }
        if (second === 61) return this.accept(at + 2, Token.lessEqual);
        if (second === 124) return this.accept(at + 2, Token.pipeFrom);
        return this.accept(at + 1, Token.less);
      case 61: // =
        return second === 61 ? this.accept(at + 2, Token.equal) : this.accept(at + 1, Token.assign);
      case 62: // >
        return second === 61 ? this.accept(at + 2, Token.greaterEqual) : this.accept(at + 1, Token.greater);
      case 63:
        return this.accept(at + 1, Token.hasAttr);
      case 64:
        return this.accept(at + 1, Token.at);
      case 91:
        return this.accept(at + 1, Token.bracketOpen);
      case 93:
        return this.accept(at + 1, Token.bracketClose);
      case 123:
        return this.accept(at + 1, Token.braceOpen);
      case 124: // |
        if (second === 124) return this.accept(at + 2, Token.or2);
        if (second === 62) return this.accept(at + 2, Token.pipeInto);
        break;
      case 125:
        return this.accept(at + 1, Token.braceClose);
      case 126: // ~
        if (second === 47) {
          if (isPathChar(text.charCodeAt(at + 2))) return this.path(at + 1);
          if (text.charCodeAt(at + 2) === 36 && text.charCodeAt(at + 3) === 123) return this.accept(at + 2, Token.path);
        }
        break;
    }
    const character = String.fromCodePoint(text.codePointAt(at)!);
    throw new Broken(`unexpected character ${JSON.stringify(character)}`, at, at + character.length);
  }
}
