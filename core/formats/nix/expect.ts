// Demands a token of the parser's cursor, and words the error where another one is there.
import { Broken, type Lexer } from './lex.ts';
import { Token } from './tokens.ts';

/** Moves behind a token of that type; throws {@link Broken} on another one. */
export function expect(lexer: Lexer, type: number, wanted: string): void {
  if (lexer.type !== type) throw unexpected(lexer, wanted);
  lexer.next();
}

/** The error for a token that is not `wanted`, which is worded to stand behind "expected". */
export function unexpected(lexer: Lexer, wanted: string): Broken {
  if (lexer.type === Token.end) return new Broken(`the file ends where ${wanted} is expected`, lexer.start, lexer.end);
  const found = lexer.text.slice(lexer.start, lexer.end);
  const shown = found.length > 30 ? `${found.slice(0, 30)}…` : found;
  return new Broken(`unexpected '${shown}', expected ${wanted}`, lexer.start, lexer.end);
}
