// Reads the outputs function of flake.nix: its arguments, and the hosts of nixosConfigurations.
// The only place that looks for hosts; a part that it can't read for certain it calls opaque, with a reason.

import { calledName, describe, spanOf } from '../nix/describe.ts';
import { type Bound, innerScope, type Lambda, lambdaScope, type Scope, type Source } from '../nix/scope.ts';
import type { Expr, Span } from '../nix/syntax.ts';
import { attributesOf, callIn, settle, settleBody } from '../nix-value/constant.ts';
import * as made from '../nix-value/made.ts';
import type { Place } from '../nix-value/static.ts';
import { hostsInModules } from './flake-parts.ts';
import { type HostDecl, openHost } from './host.ts';
import { inFile, isHere } from './module-item.ts';
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

/** The part that can't be read: the result of outputs, made by flake-parts or not, or nixosConfigurations alone. */
type OpaquePart = 'flake-parts' | 'outputs' | 'nixosConfigurations';

/**
 * The place of hosts, or for new ones; for the editor. `hosts`: nixosConfigurations itself, where `at` is the set in flake.nix
 * that a new host can be written into; `body`: the set that outputs returns, where it has none yet. `scope`: the variables
 * there; `args`: those of them that are arguments of outputs.
 */
export type HostsPlace =
  | {
      readonly kind: 'hosts';
      readonly hosts: ReadonlyMap<string, Bound>;
      /** Parts that may hold other hosts. */
      readonly unknown: readonly Place[];
      readonly at?: SetNode;
      readonly scope: Scope | undefined;
      readonly args: Scope;
      readonly of: OpaquePart;
      readonly span: Span;
    }
  | { readonly kind: 'body'; readonly at: SetNode; readonly scope: Scope | undefined; readonly args: Scope }
  | Opaque;

interface Opaque {
  readonly kind: 'opaque';
  readonly reason: string;
  readonly span: Span;
  readonly in?: Source;
  readonly of: OpaquePart;
}

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
    hosts: [...place.hosts].map(([name, value]) => openHost(name, value).decl),
    complete: place.unknown.length === 0,
  };
}

/** Finds nixosConfigurations, or the set it belongs into. */
export function hostsPlace(lambda: Lambda, outer: Scope | undefined): HostsPlace {
  const args = lambdaScope(lambda, outer);
  const body = settle(lambda.body, args);
  const call = callIn(body);
  if (call.name === 'mkFlake' && call.args[1] !== undefined) return placeInModules(call.args[1], body, args);
  const operands = updateOperands(body);
  let last: { set: SetNode; scope: Scope | undefined } | undefined;
  // From the right, since the right operand of `//` wins.
  for (const operand of operands.reverse()) {
    const { expr, scope } = operand;
    if (expr.kind !== 'attrs') {
      if (isPerSystem(operand)) continue;
      return opaque(
        operand,
        operands.length > 1 ? 'outputs is joined by `//` from parts, one of which is ' : 'outputs returns ',
      );
    }
    const all = attributesOf(operand) ?? { entries: new Map<string, Bound>(), unknown: [] };
    const hosts = all.entries.get('nixosConfigurations');
    if (hosts) return placeOfValue(hosts, nodeOf(operand), innerScope(operand), args);
    const [computed] = all.unknown;
    if (computed)
      return { ...placeAt(computed), kind: 'opaque', reason: 'outputs has computed attribute names', of: 'outputs' };
    if (made.isWritten(expr) && isHere(scope)) last ??= { set: mergeAttrs(expr, scope), scope: innerScope(operand) };
  }
  if (last) return { kind: 'body', at: last.set, scope: last.scope, args };
  return opaque(body, 'outputs returns ');
}

const placeAt = ({ expr, scope }: Bound): { readonly span: Span; readonly in?: Source } => ({
  span: spanOf(expr),
  ...inFile(scope),
});

/** nixosConfigurations in the modules of flake-parts. */
function placeInModules(module: Bound, body: Bound, args: Scope): HostsPlace {
  const { hosts, unknown, at } = hostsInModules(module);
  const [first] = unknown;
  if (hosts.size === 0) {
    const reason = first
      ? `${describe(body.expr)} of flake-parts, with ${first.reason}`
      : `${describe(body.expr)} of flake-parts`;
    return { ...placeAt(first ?? body), kind: 'opaque', reason: `outputs returns ${reason}`, of: 'flake-parts' };
  }
  const node = at && { at: at.set, scope: at.scope };
  return { kind: 'hosts', hosts, unknown, scope: args, ...node, args, of: 'flake-parts', span: spanOf(body.expr) };
}

/** The value of `nixosConfigurations`. `node`: it as the set has it that is written in flake.nix. */
function placeOfValue(value: Bound, node: SetNode | undefined, scope: Scope | undefined, args: Scope): HostsPlace {
  const settled = settle(value.expr, value.scope);
  const all = attributesOf(settled);
  const [first] = all?.unknown ?? [];
  const isOpaque = all === undefined || (all.entries.size === 0 && first !== undefined && first.reason !== COMPUTED);
  if (isOpaque)
    return opaque(
      first && settled.expr.kind === 'binary' ? first : settled,
      'nixosConfigurations is ',
      'nixosConfigurations',
    );
  const of = 'nixosConfigurations';
  const place = {
    kind: 'hosts',
    hosts: all.entries,
    unknown: all.unknown,
    args,
    of,
    span: spanOf(settled.expr),
  } as const;
  const own = node?.children.get('nixosConfigurations');
  if (own?.kind === 'set') return { ...place, at: own, scope: scopeIn(own, scope) };
  const literal = updateOperands(settled).findLast(
    (part) => part.expr.kind === 'attrs' && made.isWritten(part.expr) && isHere(part.scope),
  );
  if (literal?.expr.kind !== 'attrs') return { ...place, scope };
  return { ...place, at: mergeAttrs(literal.expr, literal.scope), scope: innerScope(literal) };
}

const COMPUTED = 'a computed attribute name';

const nodeOf = ({ expr, scope }: Bound): SetNode | undefined =>
  expr.kind === 'attrs' && made.isWritten(expr) && isHere(scope) ? mergeAttrs(expr, scope) : undefined;

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
  const { name, args } = callIn({ expr, scope });
  const fn = args.at(-1);
  if (!/^each(DefaultSystem|System)/.test(name ?? '') || fn === undefined) return false;
  if (settle(fn.expr, fn.scope).expr.kind !== 'lambda') return false;
  const body = attributesOf(settleBody(fn.expr, fn.scope));
  return body?.unknown.length === 0 && !body.entries.has('nixosConfigurations');
}

function opaque({ expr, scope }: Bound, lead: string, part: OpaquePart = 'outputs'): Opaque {
  const isFlakeParts = calledName(expr) === 'mkFlake';
  return {
    kind: 'opaque',
    reason: lead + describe(expr) + (isFlakeParts ? ' of flake-parts' : ''),
    ...placeAt({ expr, scope }),
    of: isFlakeParts ? 'flake-parts' : part,
  };
}
