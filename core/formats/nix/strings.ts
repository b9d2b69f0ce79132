// Strings and paths: finds their pieces in the text and cooks them as Nix does (escapes, indentation, line ends).
// Knows nothing of expressions: an interpolation is read by the function passed in.
import { isPathChar } from './characters.ts';
import { type Piece, stripIndentation } from './indentation.ts';
import { Broken, type Lexer } from './lex.ts';
import type { Expr, StringPart } from './syntax.ts';
import { Token } from './tokens.ts';

/** Reads the expression behind `${`; the lexer stands on its first token, and is left on the closing `}`. */
export type ReadExpr = (lexer: Lexer) => Expr;

/** A string literal as read; `constant` is its value where Nix itself takes it for a constant (an attribute name). */
export interface StringLiteral {
  readonly parts: readonly StringPart[];
  readonly constant?: string;
}

/** Reads `"…"`; the lexer stands on the opening quote and is left behind the closing one. */
export function readString(lexer: Lexer, read: ReadExpr): StringLiteral {
  const { text, start: open } = lexer;
  const parts: StringPart[] = [];
  let value = '';
  let flushed = lexer.end;
  let partStart = flushed;
  let at = flushed;
  for (;;) {
    const code = text.charCodeAt(at);
    if (code === 34) break;
    if (code === 92) {
      if (at + 1 >= text.length) throw new Broken('the string is not closed', open, open + 1);
      value += text.slice(flushed, at) + unescaped(text.charAt(at + 1));
      at += 2;
      flushed = at;
    } else if (code === 13) {
      // CR and CR LF are line feeds, as Nix reads them.
      value += text.slice(flushed, at) + '\n';
      at += text.charCodeAt(at + 1) === 10 ? 2 : 1;
      flushed = at;
    } else if (code === 36) {
      const second = text.charCodeAt(at + 1);
      if (second === 123) {
        value += text.slice(flushed, at);
        if (value !== '') parts.push({ kind: 'text', value, start: partStart, end: at });
        parts.push(readInterpolation(lexer, at, read));
        at = lexer.end;
        flushed = at;
        partStart = at;
        value = '';
      } else {
        // `$$` is taken as a pair: `$${` is no interpolation.
        at += second === 36 ? 2 : 1;
      }
    } else if (Number.isNaN(code)) {
      throw new Broken('the string is not closed', open, open + 1);
    } else {
      at++;
    }
  }
  value += text.slice(flushed, at);
  lexer.resume(at + 1);
  if (parts.length === 0) {
    return { parts: value === '' ? none : [{ kind: 'text', value, start: partStart, end: at }], constant: value };
  }
  if (value !== '') parts.push({ kind: 'text', value, start: partStart, end: at });
  return { parts };
}

const none: readonly StringPart[] = [];

/** Reads `''…''`; the lexer stands on the opening quotes and is left behind the closing ones. */
export function readIndented(lexer: Lexer, read: ReadExpr): StringLiteral {
  const { text, start: open } = lexer;
  const pieces: Piece[] = [];
  let isSplit = false;
  let at = lexer.end;
  // Spaces behind the opening quotes and their line feed are no part of the string; a CR makes them one.
  let first = at;
  while (text.charCodeAt(first) === 32) first++;
  if (text.charCodeAt(first) === 10) at = first + 1;
  let flushed = at;
  const flush = (end: number): void => {
    if (end > flushed) pieces.push({ text: text.slice(flushed, end), raw: true, start: flushed, end });
  };
  const literal = (value: string, length: number): void => {
    flush(at);
    pieces.push({ text: value, raw: false, start: at, end: at + length });
    at += length;
    flushed = at;
  };
  for (;;) {
    const code = text.charCodeAt(at);
    if (code === 39) {
      const second = text.charCodeAt(at + 1);
      if (second === 39) {
        const third = text.charCodeAt(at + 2);
        if (third === 36) literal('$', 3);
        else if (third === 39) literal("''", 3);
        else if (third === 92 && at + 3 < text.length) {
          literal(unescaped(text.charAt(at + 3)), 4);
          // Nix escapes one byte: the others of its character are a piece of their own, so the string is no constant.
          if (text.charCodeAt(at - 1) > 127) isSplit = true;
        } else break;
      } else if (second === 36) {
        literal("'", 1);
      } else {
        at += 2;
      }
    } else if (code === 36) {
      const second = text.charCodeAt(at + 1);
      if (second === 123) {
        flush(at);
        const { start, end, expr } = readInterpolation(lexer, at, read);
        pieces.push({ start, end, expr });
        at = lexer.end;
        flushed = at;
      } else if (second === 39) {
        literal('$', 1);
      } else {
        at += 2;
      }
    } else if (Number.isNaN(code)) {
      throw new Broken('the string is not closed', open, open + 2);
    } else {
      at++;
    }
  }
  flush(at);
  lexer.resume(at + 2);
  const parts = stripIndentation(pieces);
  // Nix takes only a string of one piece for a constant: `''a''$b''` is not.
  if (isSplit || pieces.length > 1 || (pieces.length === 1 && 'expr' in pieces[0]!)) return { parts };
  return { parts, constant: parts[0]?.kind === 'text' ? parts[0].value : '' };
}

/** Reads a path; the lexer stands on its first piece and is left behind its last. */
export function readPath(lexer: Lexer, read: ReadExpr): readonly StringPart[] {
  const { text, start } = lexer;
  const parts: StringPart[] = [];
  let flushed = start;
  let at = lexer.end;
  const second = secondPieceEnd(text, at);
  for (;;) {
    const code = text.charCodeAt(at);
    if (code === 47 || isPathChar(code)) {
      at++;
    } else if (code === 36 && text.charCodeAt(at + 1) === 123) {
      // Before the first interpolation Nix takes a path and at most one piece more: `a//b` is none, `a//${b}` is.
      if (parts.length === 0 && at > second) throw new Broken('the path has an empty component', second, second + 1);
      if (at > flushed) parts.push({ kind: 'text', value: text.slice(flushed, at), start: flushed, end: at });
      parts.push(readInterpolation(lexer, at, read));
      at = lexer.end;
      flushed = at;
    } else {
      break;
    }
  }
  if (at > flushed) {
    if (text.charCodeAt(at - 1) === 47) throw new Broken('the path has a trailing slash', at - 1, at);
    if (parts.length === 0 && at > lexer.end)
      throw new Broken('the path has an empty component', lexer.end, lexer.end + 1);
    parts.push({ kind: 'text', value: text.slice(flushed, at), start: flushed, end: at });
  }
  lexer.resume(at);
  return parts;
}

/** The end of the piece that Nix's lexer would take behind `a/`: `/b/c/`, or a lone `/`. */
function secondPieceEnd(text: string, from: number): number {
  let at = from;
  while (text.charCodeAt(at) === 47 && isPathChar(text.charCodeAt(at + 1))) {
    at++;
    while (isPathChar(text.charCodeAt(at))) at++;
  }
  return text.charCodeAt(at) === 47 ? at + 1 : at;
}

function readInterpolation(lexer: Lexer, at: number, read: ReadExpr): StringPart & { readonly kind: 'interpolation' } {
  lexer.resume(at + 2);
  const expr = read(lexer);
  if (lexer.type !== Token.braceClose)
    throw new Broken("expected '}' to close the interpolation", lexer.start, lexer.end);
  return { kind: 'interpolation', expr, start: at, end: lexer.end };
}

function unescaped(character: string): string {
  if (character === 'n') return '\n';
  if (character === 'r') return '\r';
  if (character === 't') return '\t';
  return character;
}
