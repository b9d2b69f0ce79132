// The parser of Nix expressions: text to a lossless tree, accepting what Nix 2.8 to 2.34 accept (parser.y).
// It does not resolve variables: an undefined variable is no error here.
import { rejectDuplicateFormals, rejectDuplicates } from './duplicates.ts';
import { expect, unexpected } from './expect.ts';
import { parseFormals, parseParam, startsFormals } from './formals.ts';
import { Broken, Lexer } from './lex.ts';
import { parsePipes } from './operators.ts';
import { readIndented, readPath, readString } from './strings.ts';
import type { AttrName, AttrPath, Binding, Expr, Formals, Parsed } from './syntax.ts';
import { Token } from './tokens.ts';

/** Expressions nested deeper than this are refused: each level costs stack here and in whatever walks the tree. */
export const maxNesting = 400;

/** Parses one Nix expression, comments listed in order. Every offset is exact; a broken text gives its first error. */
export function parseNix(text: string): Parsed {
  try {
    if (text.charCodeAt(0) === 0xfeff) throw new Broken('the file starts with a byte order mark', 0, 1);
    const nul = text.indexOf('\0');
    if (nul >= 0) throw new Broken('the file contains a NUL byte', nul, nul + 1);
    const lexer = new Lexer(text);
    lexer.next();
    const root = parseExpr(lexer);
    if (lexer.type !== Token.end) throw unexpected(lexer, 'the end of the file');
    return { ok: true, root, comments: lexer.comments, usesPipes: lexer.usesPipes };
  } catch (error) {
    if (error instanceof Broken) return { ok: false, error: error.error };
    throw error;
  }
}

/** `expr_function` and all below it. */
function parseExpr(lexer: Lexer): Expr {
  deepen(lexer);
  const expr = parseUnguarded(lexer);
  lexer.depth--;
  return expr;
}

function parseUnguarded(lexer: Lexer): Expr {
  const { start } = lexer;
  switch (lexer.type) {
    case Token.id: {
      const after = lexer.peek();
      if (after === 58 || after === 64) return parseLambda(lexer);
      return parsePipes(lexer, operands);
    }
    case Token.braceOpen:
      return startsFormals(lexer) ? parseLambda(lexer) : parsePipes(lexer, operands);
    case Token.let: {
      if (lexer.peek() === 123) return parsePipes(lexer, operands);
      lexer.next();
      const bindings = parseBindings(lexer, Token.in);
      for (const binding of bindings) {
        const first = binding.kind === 'bind' ? binding.path.names[0]! : undefined;
        // `a.${x} = …` is fine: only the set of the let itself cannot be dynamic.
        if (first?.kind === 'dynamic')
          throw new Broken("'let' cannot define a dynamic attribute", first.start, first.end);
      }
      lexer.next();
      const body = parseExpr(lexer);
      return { kind: 'let', bindings, body, start, end: body.end };
    }
    case Token.with: {
      lexer.next();
      const scope = parseExpr(lexer);
      expect(lexer, Token.semicolon, "';'");
      const body = parseExpr(lexer);
      return { kind: 'with', scope, body, start, end: body.end };
    }
    case Token.assert: {
      lexer.next();
      const cond = parseExpr(lexer);
      expect(lexer, Token.semicolon, "';'");
      const body = parseExpr(lexer);
      return { kind: 'assert', cond, body, start, end: body.end };
    }
    case Token.if: {
      lexer.next();
      const cond = parseExpr(lexer);
      expect(lexer, Token.thenWord, "'then'");
      const then = parseExpr(lexer);
      expect(lexer, Token.else, "'else'");
      const otherwise = parseExpr(lexer);
      return { kind: 'if', cond, then, else: otherwise, start, end: otherwise.end };
    }
    default:
      return parsePipes(lexer, operands);
  }
}

function parseLambda(lexer: Lexer): Expr {
  const { start } = lexer;
  let param = lexer.type === Token.id ? parseParam(lexer) : undefined;
  let formals: Formals | undefined;
  if (param === undefined) {
    formals = parseFormals(lexer, parseExpr);
    if (lexer.type === Token.at) {
      lexer.next();
      if (lexer.type !== Token.id) throw unexpected(lexer, 'an identifier');
      param = parseParam(lexer);
    }
  } else if (lexer.type === Token.at) {
    lexer.next();
    if (lexer.type !== Token.braceOpen) throw unexpected(lexer, "'{'");
    formals = parseFormals(lexer, parseExpr);
  }
  expect(lexer, Token.colon, "':'");
  if (formals !== undefined) rejectDuplicateFormals(formals.formals, param);
  const body = parseExpr(lexer);
  return {
    kind: 'lambda',
    ...(param === undefined ? {} : { param }),
    ...(formals === undefined ? {} : { formals }),
    body,
    start,
    end: body.end,
  };
}

/** Readers of the operands between operators. */
const operands = { operand: parseApply, attrPath: parseAttrPath };

function parseApply(lexer: Lexer): Expr {
  let fn = parseSelect(lexer);
  while (startsSimple(lexer.type)) {
    const arg = parseSelect(lexer);
    fn = { kind: 'apply', fn, arg, start: fn.start, end: arg.end };
  }
  return fn;
}

function startsSimple(type: number): boolean {
  return type >= Token.id && type <= Token.let;
}

function parseSelect(lexer: Lexer): Expr {
  const target = parseSimple(lexer);
  const { start } = target;
  if (lexer.type === Token.dot) {
    lexer.next();
    const path = parseAttrPath(lexer);
    if (lexer.type !== Token.or) return { kind: 'select', target, path, start, end: path.end };
    lexer.next();
    deepen(lexer);
    const fallback = parseSelect(lexer);
    lexer.depth--;
    return { kind: 'select', target, path, fallback, start, end: fallback.end };
  }
  if (lexer.type === Token.or) {
    // `map or` applies to a variable named `or`: an old habit of nixpkgs that Nix keeps.
    const arg: Expr = { kind: 'var', name: 'or', start: lexer.start, end: lexer.end };
    lexer.next();
    return { kind: 'apply', fn: target, arg, start, end: arg.end };
  }
  return target;
}

function parseSimple(lexer: Lexer): Expr {
  const { type, start, end, text } = lexer;
  switch (type) {
    case Token.id:
      lexer.next();
      return { kind: 'var', name: text.slice(start, end), start, end };
    case Token.int:
      lexer.next();
      return { kind: 'int', text: text.slice(start, end), start, end };
    case Token.float:
      lexer.next();
      return { kind: 'float', text: text.slice(start, end), start, end };
    case Token.searchPath:
      lexer.next();
      return { kind: 'searchPath', name: text.slice(start + 1, end - 1), start, end };
    case Token.uri:
      lexer.next();
      return { kind: 'uri', value: text.slice(start, end), start, end };
    case Token.path: {
      const parts = readPath(lexer, parseExpr);
      return { kind: 'path', parts, start, end: lexer.prevEnd };
    }
    case Token.string: {
      const { parts } = readString(lexer, parseExpr);
      return { kind: 'string', style: '"', parts, start, end: lexer.prevEnd };
    }
    case Token.indented: {
      const { parts } = readIndented(lexer, parseExpr);
      return { kind: 'string', style: "''", parts, start, end: lexer.prevEnd };
    }
    case Token.parenOpen: {
      lexer.next();
      const inner = parseExpr(lexer);
      expect(lexer, Token.parenClose, "')'");
      return { kind: 'paren', inner, start, end: lexer.prevEnd };
    }
    case Token.bracketOpen: {
      const items: Expr[] = [];
      deepen(lexer);
      lexer.next();
      while (startsSimple(lexer.type)) items.push(parseSelect(lexer));
      expect(lexer, Token.bracketClose, "']'");
      lexer.depth--;
      return { kind: 'list', items, start, end: lexer.prevEnd };
    }
    case Token.braceOpen:
      return parseAttrs(lexer, start, false);
    case Token.rec:
      lexer.next();
      if (lexer.type !== Token.braceOpen) throw unexpected(lexer, "'{'");
      return parseAttrs(lexer, start, true);
    case Token.let: {
      lexer.next();
      expect(lexer, Token.braceOpen, "'{'");
      const bindings = parseBindings(lexer, Token.braceClose);
      lexer.next();
      return { kind: 'letAttrs', bindings, start, end: lexer.prevEnd };
    }
    default:
      throw unexpected(lexer, 'an expression');
  }
}

function parseAttrs(lexer: Lexer, start: number, rec: boolean): Expr {
  const open = lexer.start;
  lexer.next();
  const bindings = parseBindings(lexer, Token.braceClose);
  const close = lexer.start;
  lexer.next();
  return { kind: 'attrs', rec, bindings, open, close, start, end: lexer.prevEnd };
}

/** The bindings up to `closing`, which is left as the current token. */
function parseBindings(lexer: Lexer, closing: number): readonly Binding[] {
  const bindings: Binding[] = [];
  while (lexer.type !== closing) {
    const { start } = lexer;
    if (lexer.type === Token.inherit) {
      bindings.push(parseInherit(lexer, start));
      continue;
    }
    if (!startsName(lexer.type))
      throw unexpected(lexer, closing === Token.in ? "a binding or 'in'" : "a binding or '}'");
    const path = parseAttrPath(lexer);
    // Each name of a binding is a set in the one before; a selection nests nothing.
    if (path.names.length > maxNesting) throw new Broken('the attribute path is too long', path.start, path.end);
    expect(lexer, Token.assign, "'.' or '='");
    const value = parseExpr(lexer);
    expect(lexer, Token.semicolon, "';'");
    bindings.push({ kind: 'bind', path, value, start, end: lexer.prevEnd });
  }
  rejectDuplicates(bindings);
  return bindings;
}

function parseInherit(lexer: Lexer, start: number): Binding {
  lexer.next();
  let from: Expr | undefined;
  if (lexer.type === Token.parenOpen) {
    lexer.next();
    from = parseExpr(lexer);
    expect(lexer, Token.parenClose, "')'");
  }
  const names: AttrName[] = [];
  while (startsName(lexer.type)) {
    const name = parseAttrName(lexer);
    if (name.kind === 'dynamic') throw new Broken("'inherit' cannot take a dynamic attribute", name.start, name.end);
    names.push(name);
  }
  expect(lexer, Token.semicolon, "an attribute name or ';'");
  return { kind: 'inherit', ...(from === undefined ? {} : { from }), names, start, end: lexer.prevEnd };
}

function parseAttrPath(lexer: Lexer): AttrPath {
  const { start } = lexer;
  const names = [parseAttrName(lexer)];
  while (lexer.type === Token.dot) {
    lexer.next();
    names.push(parseAttrName(lexer));
  }
  return { names, start, end: lexer.prevEnd };
}

function startsName(type: number): boolean {
  return type === Token.id || type === Token.or || type === Token.string || type === Token.dollarBrace;
}

function parseAttrName(lexer: Lexer): AttrName {
  const { start, end } = lexer;
  if (lexer.type === Token.id || lexer.type === Token.or) {
    lexer.next();
    return { kind: 'static', name: lexer.text.slice(start, end), quoted: false, start, end };
  }
  if (lexer.type === Token.string) {
    const { parts, constant } = readString(lexer, parseExpr);
    const span = { start, end: lexer.prevEnd };
    if (constant !== undefined) return { kind: 'static', name: constant, quoted: true, ...span };
    return { kind: 'dynamic', expr: { kind: 'string', style: '"', parts, ...span }, ...span };
  }
  if (lexer.type !== Token.dollarBrace) throw unexpected(lexer, 'an attribute name');
  lexer.next();
  const expr = parseExpr(lexer);
  expect(lexer, Token.braceClose, "'}'");
  const span = { start, end: lexer.prevEnd };
  const name = constantOf(expr, lexer);
  return name === undefined ? { kind: 'dynamic', expr, ...span } : { kind: 'static', name, quoted: true, ...span };
}

/** `${"x"}` names what `"x"` names, through parentheses; a URI is a string as well. */
function constantOf(name: Expr, lexer: Lexer): string | undefined {
  let expr = name;
  while (expr.kind === 'paren') expr = expr.inner;
  if (expr.kind === 'uri') return expr.value;
  if (expr.kind !== 'string') return undefined;
  if (expr.parts.some((part) => part.kind === 'interpolation')) return undefined;
  if (expr.style === '"') return expr.parts[0]?.kind === 'text' ? expr.parts[0].value : '';
  // Nix takes an indented string for a constant by its pieces, which the tree no longer has.
  const again = new Lexer(lexer.text);
  again.end = expr.start;
  again.next();
  return readIndented(again, parseExpr).constant;
}

function deepen(lexer: Lexer): void {
  if (++lexer.depth > maxNesting) throw new Broken('the expression is nested too deeply', lexer.start, lexer.end);
}
