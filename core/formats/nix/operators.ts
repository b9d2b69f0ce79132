// The operators of Nix: how tightly each binds and to which side, as parser.y declares them, and chains of them.
// Knows nothing of operands; the functions passed in read them.
import { Broken, type Lexer } from './lex.ts';
import type { AttrPath, BinaryOp, Expr, UnaryOp } from './syntax.ts';
import { Token } from './tokens.ts';

/** Reads what stands between operators; the lexer is left on the token behind it. */
export interface OperandReader {
  readonly operand: (lexer: Lexer) => Expr;
  readonly attrPath: (lexer: Lexer) => AttrPath;
}

/** `a |> f |> g` and `f <| g <| a`; a mixture is an error in Nix too. */
export function parsePipes(lexer: Lexer, read: OperandReader): Expr {
  let left = parseOperators(lexer, read);
  if (lexer.type !== Token.pipeInto && lexer.type !== Token.pipeFrom) return left;
  lexer.usesPipes = true;
  if (lexer.type === Token.pipeInto) {
    while (lexer.type === Token.pipeInto) {
      lexer.next();
      left = binary('|>', left, parseOperators(lexer, read));
    }
    return left;
  }
  const operands = [left];
  while (lexer.type === Token.pipeFrom) {
    lexer.next();
    operands.push(parseOperators(lexer, read));
  }
  return operands.reduceRight((right, operand) => binary('<|', operand, right));
}

/** An operator waiting for its right operand. */
interface Pending {
  readonly op: BinaryOp | UnaryOp;
  readonly unary: boolean;
  readonly precedence: number;
  readonly associativity: Associativity;
  readonly start: number;
}

/** Operators by two stacks, so that a chain of thousands costs no call depth. */
function parseOperators(lexer: Lexer, read: OperandReader): Expr {
  if (lexer.type !== Token.not && lexer.type !== Token.minus) {
    const first = read.operand(lexer);
    if (lexer.type < Token.implies) return first;
    return parseChain(lexer, read, [first]);
  }
  return parseChain(lexer, read, []);
}

function parseChain(lexer: Lexer, read: OperandReader, operands: Expr[]): Expr {
  const pending: Pending[] = [];
  let wantsOperand = operands.length === 0;
  for (;;) {
    if (wantsOperand) {
      const { start } = lexer;
      if (lexer.type === Token.not || lexer.type === Token.minus) {
        const isNot = lexer.type === Token.not;
        const precedence = isNot ? notPrecedence : negatePrecedence;
        pending.push({ op: isNot ? '!' : '-', unary: true, precedence, associativity: 'none', start });
        lexer.next();
        continue;
      }
      operands.push(read.operand(lexer));
      wantsOperand = false;
      continue;
    }
    if (lexer.type === Token.hasAttr) {
      reduceWhile(operands, pending, (top) => top.precedence > hasAttrPrecedence);
      lexer.next();
      const path = read.attrPath(lexer);
      const target = operands.pop()!;
      operands.push({ kind: 'hasAttr', target, path, start: target.start, end: path.end });
      continue;
    }
    const operator = binaryOperators[lexer.type];
    if (operator === undefined) break;
    const { op, precedence, associativity } = operator;
    reduceWhile(
      operands,
      pending,
      (top) => top.precedence > precedence || (top.precedence === precedence && associativity === 'left'),
    );
    if (associativity === 'none' && pending.at(-1)?.precedence === precedence) {
      throw new Broken(`'${op}' cannot be chained without parentheses`, lexer.start, lexer.end);
    }
    pending.push({ op, unary: false, precedence, associativity, start: 0 });
    lexer.next();
    wantsOperand = true;
  }
  reduceWhile(operands, pending, () => true);
  return operands[0]!;
}

function reduceWhile(operands: Expr[], pending: Pending[], holds: (top: Pending) => boolean): void {
  for (let top = pending.at(-1); top !== undefined && holds(top); top = pending.at(-1)) {
    pending.pop();
    const right = operands.pop()!;
    if (top.unary) {
      operands.push({ kind: 'unary', op: top.op as UnaryOp, operand: right, start: top.start, end: right.end });
    } else {
      operands.push(binary(top.op as BinaryOp, operands.pop()!, right));
    }
  }
}

function binary(op: BinaryOp, left: Expr, right: Expr): Expr {
  return { kind: 'binary', op, left, right, start: left.start, end: right.end };
}

/** How operators of one level chain: `a - b - c` to the left, `a ++ b ++ c` to the right, `a < b < c` is an error. */
type Associativity = 'left' | 'right' | 'none';

interface Operator {
  readonly op: BinaryOp;
  readonly precedence: number;
  readonly associativity: Associativity;
}

/** `!` binds looser than arithmetic: `!a + b` is `!(a + b)`. */
const notPrecedence = 7;

/** `?` takes an attribute path, not an operand. */
const hasAttrPrecedence = 11;

/** `-a` binds tighter than every binary operator. */
const negatePrecedence = 12;

/** Binary operators by token type; undefined for every other token, pipes and `?` included. */
const binaryOperators: readonly (Operator | undefined)[] = [];

const define = (token: number, op: BinaryOp, precedence: number, associativity: Associativity): void => {
  (binaryOperators as (Operator | undefined)[])[token] = { op, precedence, associativity };
};
for (let token = 0; token <= Token.hasAttr; token++) (binaryOperators as (Operator | undefined)[])[token] = undefined;
define(Token.implies, '->', 1, 'right');
define(Token.or2, '||', 2, 'left');
define(Token.and2, '&&', 3, 'left');
define(Token.equal, '==', 4, 'none');
define(Token.unequal, '!=', 4, 'none');
define(Token.less, '<', 5, 'none');
define(Token.lessEqual, '<=', 5, 'none');
define(Token.greater, '>', 5, 'none');
define(Token.greaterEqual, '>=', 5, 'none');
define(Token.update, '//', 6, 'right');
define(Token.plus, '+', 8, 'left');
define(Token.minus, '-', 8, 'left');
define(Token.times, '*', 9, 'left');
define(Token.divide, '/', 9, 'left');
define(Token.concat, '++', 10, 'right');
