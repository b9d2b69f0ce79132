// The operators of Nix: how tightly each binds and to which side, as parser.y declares them.
import { Token } from './lex.ts';
import type { BinaryOp } from './syntax.ts';

/** What an operator chain in two equal levels does: `a - b - c`, `a ++ b ++ c`, or an error (`a < b < c`). */
export type Associativity = 'left' | 'right' | 'none';

export interface Operator {
  readonly op: BinaryOp;
  readonly precedence: number;
  readonly associativity: Associativity;
}

/** `!` binds looser than arithmetic: `!a + b` is `!(a + b)`. */
export const notPrecedence = 7;

/** `?` takes an attribute path, not an operand. */
export const hasAttrPrecedence = 11;

/** `-a` binds tighter than every binary operator. */
export const negatePrecedence = 12;

/** Binary operators by token type; undefined for every other token, pipes and `?` included. */
export const binaryOperators: readonly (Operator | undefined)[] = [];

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
