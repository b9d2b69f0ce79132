// The arguments of a function: `{ a, b ? x, ... }`, told apart from a set by the tokens that follow the brace.
// Knows nothing of expressions: a default is read by the function passed in.
import { expect, unexpected } from './expect.ts';
import { Lexer } from './lex.ts';
import type { ReadExpr } from './strings.ts';
import type { Formal, Formals, Span } from './syntax.ts';
import { Token } from './tokens.ts';

/** True if `{` opens the arguments of a function: decided by at most two tokens behind it. */
export function startsFormals(lexer: Lexer): boolean {
  const ahead = new Lexer(lexer.text);
  ahead.end = lexer.end;
  const code = lexer.peek();
  if (code === 46) {
    ahead.next();
    return ahead.type === Token.ellipsis;
  }
  if (code === 125) {
    ahead.next();
    const after = ahead.peek();
    return after === 58 || after === 64;
  }
  // Only an identifier can be a formal; quotes, ${ and so on are bindings.
  if (!(code === 95 || (code | 32) >= 97) || code > 122) return false;
  ahead.next();
  if (ahead.type !== Token.id) return false;
  const after = ahead.peek();
  return after === 44 || after === 63 || after === 125;
}

/** The identifier that the lexer stands on, as the name of an argument. */
export function parseParam(lexer: Lexer): Span & { readonly name: string } {
  const { start, end } = lexer;
  lexer.next();
  return { name: lexer.text.slice(start, end), start, end };
}

/** Reads `{ a, b ? x, ... }`; the lexer stands on the brace. Names that occur twice are the caller's to refuse. */
export function parseFormals(lexer: Lexer, read: ReadExpr): Formals {
  const { start } = lexer;
  const formals: Formal[] = [];
  let ellipsis: number | undefined;
  lexer.next();
  while (lexer.type !== Token.braceClose) {
    if (lexer.type === Token.ellipsis) {
      ellipsis = lexer.start;
      lexer.next();
      break;
    }
    if (lexer.type !== Token.id) throw unexpected(lexer, "an argument or '}'");
    const param = parseParam(lexer);
    if (lexer.type === Token.hasAttr) {
      lexer.next();
      const fallback = read(lexer);
      formals.push({ ...param, fallback, end: fallback.end });
    } else {
      formals.push(param);
    }
    if (lexer.type !== Token.comma) break;
    lexer.next();
  }
  expect(lexer, Token.braceClose, "',' or '}'");
  return { formals, start, end: lexer.prevEnd, ...(ellipsis === undefined ? {} : { ellipsis }) };
}
