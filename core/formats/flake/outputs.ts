// Reads the outputs function of flake.nix: its arguments, and the hosts of nixosConfigurations in the layouts that say
// everything literally. The only place that looks for hosts; what it can't read for certain it calls opaque, with a reason.

import { settle, settleBody } from '../nix/constant.ts';
import { calledName, describe } from '../nix/describe.ts';
import { type Bound, innerScope, type Lambda, lambdaScope, type Scope } from '../nix/scope.ts';
import type { Expr, Span } from '../nix/syntax.ts';
import { type HostDecl, openHost } from './host.ts';
import { mergeAttrs, type SetNode } from './tree.ts';

type HostsRead =
  /** `complete: false` where other hosts may exist, under computed names. */
  | { readonly kind: 'static'; readonly hosts: readonly HostDecl[]; readonly complete: boolean }
  /** outputs certainly has no nixosConfigurations. */
  | { readonly kind: 'none' }
  | { readonly kind: 'opaque'; readonly reason: string; readonly span: Span };

export interface OutputsRead {
  /** The names in `{ self, nixpkgs, ... }:`; left out for `inputs:`. */
  readonly formals?: { readonly names: readonly string[]; readonly ellipsis: boolean; readonly span: Span };
  /** The name of the whole argument: `inputs:`, `inputs@{ … }:`, `{ … }@inputs:`. */
  readonly param?: string;
  readonly hosts: HostsRead;
  readonly span: Span;
}

/** What it is that can't be read: what outputs returns, made by flake-parts or not, or nixosConfigurations alone. */
type OpaquePart = 'flake-parts' | 'outputs' | 'nixosConfigurations';

/**
 * Where hosts are, or could be added; for the editor. `hosts`: nixosConfigurations itself; `body`: the set that outputs
 * returns, where it has none yet. `scope`: the variables there; `args`: those of them that are arguments of outputs.
 */
export type HostsPlace =
  | { readonly kind: 'hosts' | 'body'; readonly at: SetNode; readonly scope: Scope | undefined; readonly args: Scope }
  | { readonly kind: 'opaque'; readonly reason: string; readonly span: Span; readonly of: OpaquePart };

/** Reads the value of `outputs`. `scope`: the variables around it. */
export function readOutputs(lambda: Lambda, scope: Scope | undefined): OutputsRead {
  const place = hostsPlace(lambda, scope);
  return {
    ...(lambda.formals
      ? {
          formals: {
            names: lambda.formals.formals.map((formal) => formal.name),
            ellipsis: lambda.formals.ellipsis !== undefined,
            span: { start: lambda.formals.start, end: lambda.formals.end },
          },
        }
      : {}),
    ...(lambda.param ? { param: lambda.param.name } : {}),
    hosts: readHosts(place),
    span: { start: lambda.start, end: lambda.end },
  };
}

function readHosts(place: HostsPlace): HostsRead {
  if (place.kind === 'body') return { kind: 'none' };
  if (place.kind === 'opaque') return { kind: 'opaque', reason: place.reason, span: place.span };
  return {
    kind: 'static',
    hosts: [...place.at.children.values()].map((node) => openHost(node).decl),
    complete: place.at.dynamic.length === 0,
  };
}

/** Finds nixosConfigurations, or the set it belongs into. */
export function hostsPlace(lambda: Lambda, outer: Scope | undefined): HostsPlace {
  const args = lambdaScope(lambda, outer);
  const operands = updateOperands(settle(lambda.body, args));
  let last: { set: SetNode; scope: Scope | undefined } | undefined;
  // From the right, since the right operand of `//` wins.
  for (const { expr, scope } of operands.reverse()) {
    if (expr.kind !== 'attrs') {
      if (isPerSystem({ expr, scope })) continue;
      return opaque(
        expr,
        operands.length > 1 ? 'outputs is joined by `//` from parts, one of which is ' : 'outputs returns ',
      );
    }
    const set = mergeAttrs(expr, scope);
    const inner = innerScope({ expr, scope });
    const hosts = set.children.get('nixosConfigurations');
    if (hosts?.kind === 'set') return { kind: 'hosts', at: hosts, scope: scopeIn(hosts, inner), args };
    if (hosts) return placeOfValue(settle(hosts.value, hosts.scope), args);
    if (set.dynamic[0]) {
      return {
        kind: 'opaque',
        reason: 'outputs has computed attribute names',
        span: set.dynamic[0],
        of: 'outputs',
      };
    }
    last ??= { set, scope: inner };
  }
  if (last) return { kind: 'body', at: last.set, scope: last.scope, args };
  return opaque(lambda.body, 'outputs returns ');
}

/** The value of `nixosConfigurations = …;` where it is no plain literal. */
function placeOfValue({ expr, scope }: Bound, args: Scope): HostsPlace {
  if (expr.kind !== 'attrs') return opaque(expr, 'nixosConfigurations is ', 'nixosConfigurations');
  const at = mergeAttrs(expr, scope);
  return { kind: 'hosts', at, scope: innerScope({ expr, scope }), args };
}

function scopeIn(set: SetNode, scope: Scope | undefined): Scope | undefined {
  const expr = set.literals.at(-1);
  return expr ? innerScope({ expr, scope }) : scope;
}

/** `a // b // c` as its operands. `via`: the operators on the way, since `let s = s // s; in s` has no end. */
function updateOperands({ expr, scope }: Bound, via: readonly Expr[] = []): Bound[] {
  // No one writes deeper; variables of variables could mean 2^n operands.
  const tooDeep = via.length >= 12 || (expr.kind === 'binary' && via.includes(expr));
  if (expr.kind !== 'binary' || expr.op !== '//' || tooDeep) return [{ expr, scope }];
  return [expr.left, expr.right].flatMap((side) => updateOperands(settle(side, scope), [...via, expr]));
}

/** `flake-utils.lib.eachDefaultSystem (system: { … })` whose set has no nixosConfigurations: it can't touch the hosts. */
function isPerSystem({ expr, scope }: Bound): boolean {
  if (expr.kind !== 'apply') return false;
  if (!/^each(DefaultSystem|System)/.test(calledName(expr) ?? '')) return false;
  if (settle(expr.arg, scope).expr.kind !== 'lambda') return false;
  const body = settleBody(expr.arg, scope);
  if (body.expr.kind !== 'attrs') return false;
  const set = mergeAttrs(body.expr, body.scope);
  return set.dynamic.length === 0 && !set.children.has('nixosConfigurations');
}

function opaque(expr: Expr, lead: string, part: OpaquePart = 'outputs'): HostsPlace & { kind: 'opaque' } {
  const isFlakeParts = calledName(expr) === 'mkFlake';
  return {
    kind: 'opaque',
    reason: lead + describe(expr) + (isFlakeParts ? ' of flake-parts' : ''),
    span: { start: expr.start, end: expr.end },
    of: isFlakeParts ? 'flake-parts' : part,
  };
}
