// Finds the set in the text of a NixOS module that assigns options.
// Knows the shapes of modules (function, plain set, let, config/options split), and no single option.

import { describe, spanOf } from '../nix/describe.ts';
import { parseNix } from '../nix/parse.ts';
import { type AttrsExpr, innerScope, type Scope } from '../nix/scope.ts';
import type { Page } from '../nix/splice.ts';
import type { Binding, Expr, Parsed, Span } from '../nix/syntax.ts';
import { find, settle, settleBody } from '../nix-value/constant.ts';
import type { Lookup } from '../nix-value/static.ts';

/** The literal set a module consists of. */
export interface ModuleSet extends Page {
  readonly root: Expr;
  /** The scope its values are read in. */
  readonly scope: Scope | undefined;
  /** True if options are assigned under `config`, as they must be beside `options`. */
  readonly isSplit: boolean;
}

export type OpenedModule =
  | { readonly ok: true; readonly module: ModuleSet }
  | { readonly ok: false; readonly reason: string; readonly at: Span };

/** Finds the set behind arguments, `let`, `with` and `assert`; refuses a computed module, with the place. `parsed`: of it. */
export function openModule(text: string, parsed: Parsed = parseNix(text)): OpenedModule {
  if (!parsed.ok) {
    const { message, start, end } = parsed.error;
    return { ok: false, reason: message, at: { start, end } };
  }
  const { root, comments } = parsed;
  const body = settleBody(root, undefined);
  const { expr } = body;
  if (expr.kind !== 'attrs')
    return { ok: false, reason: `the module is ${describe(expr)}, not a set`, at: spanOf(expr) };
  const scope = innerScope(body);
  const names = expr.bindings.flatMap((binding) =>
    binding.kind === 'bind' ? [binding.path.names[0]!] : binding.names,
  );
  const isSplit = names.some((name) => name.kind === 'static' && (name.name === 'config' || name.name === 'options'));
  return { ok: true, module: { text, root, comments, set: expr, scope, isSplit } };
}

/** All definitions of an option, `['networking', 'hostName']`, in the module. */
export function findOption({ set, scope, isSplit }: ModuleSet, option: readonly string[]): Lookup {
  return find(set.bindings, isSplit ? ['config', ...option] : option, scope);
}

/** The literal sets that stand for an option group (`nix = { … };`), in the order of the text. */
export function setsOf(module: ModuleSet, option: readonly string[]): readonly AttrsExpr[] {
  return findOption(module, option).definitions.flatMap((definition) => {
    if (definition.rest.length > 0 || !definition.direct) return [];
    const value = settle(definition.expr, definition.scope);
    return value.direct && value.expr.kind === 'attrs' ? [value.expr] : [];
  });
}

/** The binding of a set that has exactly this name. */
export function bindingAt(set: AttrsExpr, name: string): Binding | undefined {
  return set.bindings.find((binding) => {
    if (binding.kind !== 'bind' || binding.path.names.length > 1) return false;
    const [only] = binding.path.names;
    return only?.kind === 'static' && only.name === name;
  });
}
