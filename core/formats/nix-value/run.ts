// The state of an evaluation: its limits, and the interface by which the files of the evaluator call each other.

import type { Bound, Scope } from '../nix/scope.ts';
import type { AttrName, Binding, Expr } from '../nix/syntax.ts';
import type { Attributes, Constant, Lookup, Resolved, Static } from './static.ts';

/** How far an evaluation goes. */
export interface Rules {
  /**
   * Only values that Nix takes in flake.nix before it evaluates (docs/nix.md): sees through parentheses and variables, joins
   * nothing.
   */
  readonly literal?: boolean;
  /** Files that are imported stay `import ./x`. */
  readonly here?: boolean;
}

/** The functions that the parts call of each other. */
export interface Evaluator {
  readonly settle: (run: Run, expr: Expr, scope: Scope | undefined) => Resolved;
  readonly constant: (run: Run, expr: Expr, scope: Scope | undefined, wanted: string) => Static<Constant>;
  readonly member: (run: Run, bound: Bound, name: string) => Bound | 'absent' | undefined;
  readonly entries: (run: Run, bound: Bound) => Attributes | undefined;
  readonly items: (run: Run, bound: Bound) => readonly Bound[] | undefined;
  readonly find: (run: Run, bindings: readonly Binding[], path: readonly string[], scope: Scope | undefined) => Lookup;
}

/** Variables of variables may mean 2^n steps, or never end. */
export interface Run extends Rules {
  readonly depth: number;
  readonly spent: { steps: number };
  readonly by: Evaluator;
}

const MAX_DEPTH = 60;
const MAX_STEPS = 20_000;

export const begin = (by: Evaluator, rules: Rules = {}): Run => ({
  ...rules,
  by,
  depth: MAX_DEPTH,
  spent: { steps: 0 },
});
export const deeper = (run: Run): Run => ({ ...run, depth: run.depth - 1 });
export const isSpent = ({ depth, spent }: Run): boolean => depth <= 0 || spent.steps++ >= MAX_STEPS;

export const settleIn: Evaluator['settle'] = (run, ...args) => run.by.settle(run, ...args);
export const constantIn: Evaluator['constant'] = (run, ...args) => run.by.constant(run, ...args);
export const memberIn: Evaluator['member'] = (run, ...args) => run.by.member(run, ...args);
export const entriesIn: Evaluator['entries'] = (run, ...args) => run.by.entries(run, ...args);
export const itemsIn: Evaluator['items'] = (run, ...args) => run.by.items(run, ...args);
export const findIn: Evaluator['find'] = (run, ...args) => run.by.find(run, ...args);

export function truthIn(run: Run, { expr, scope }: Bound): boolean | undefined {
  const read = constantIn(deeper(run), expr, scope, 'a boolean');
  return read.kind === 'static' && read.value.kind === 'bool' ? read.value.value : undefined;
}

/** The name of an attribute, if the text tells it: `a`, `"a"`, `${constant}`. */
export function nameIn(run: Run, name: AttrName, scope: Scope | undefined): string | undefined {
  if (name.kind === 'static') return name.name;
  const read = constantIn(deeper(run), name.expr, scope, 'a string');
  return read.kind === 'static' && read.value.kind === 'string' ? read.value.value : undefined;
}
