// Reads one host of nixosConfigurations: its call of nixosSystem, its modules, and the place of each.
// The only place that decides which modules of a host are paths of this flake.

import { describe, spanOf } from '../nix/describe.ts';
import { type Bound, frameOf, type Lambda, type ListExpr, lambdaScope, type Source, sourceOf } from '../nix/scope.ts';
import type { Expr, Span } from '../nix/syntax.ts';
import { attributesOf, callIn, settle } from '../nix-value/constant.ts';
import * as made from '../nix-value/made.ts';
import { listParts } from '../nix-value/read.ts';
import type { Resolved } from '../nix-value/static.ts';
import { type HostNameRead, hostNameOf } from './host-name.ts';
import { inFile, isForeign, isHere, moduleBody, modulePath } from './module-item.ts';
import { platformOf, type SystemRead } from './platform.ts';
import { mergeAttrs, type SetNode } from './tree.ts';
import { isPassedOnce } from './uses.ts';

/** One module of a host. `in`: the file that says so, where it is another than flake.nix. */
type ModuleRead = {
  readonly span: Span;
  readonly in?: Source;
} /** `./a.nix`, `(import ./a.nix)`, `"${self}/a.nix"`; or among the `imports` of an inline module. */ & (
  | { readonly kind: 'path'; readonly path: string }
  /** A module that is no path of this flake. */
  | { readonly kind: 'other' }
  /** A part of the list that can't be read, or of an inline module's `imports`: it may be, or hold, any module. */
  | { readonly kind: 'unknown' }
);

export type HostDecl =
  | {
      readonly kind: 'static';
      readonly name: string;
      readonly system: SystemRead;
      readonly modules: readonly ModuleRead[];
      readonly span: Span;
      readonly in?: Source;
    }
  | {
      readonly kind: 'opaque';
      readonly name: string;
      readonly reason: string;
      readonly span: Span;
      readonly in?: Source;
    };

/** A host with the parts of the tree that an editor changes. */
export type OpenHost =
  | { readonly kind: 'opaque'; readonly decl: HostDecl & { readonly kind: 'opaque' } }
  | {
      readonly kind: 'static';
      readonly decl: HostDecl & { readonly kind: 'static' };
      /** As its modules say it too, those in other files among them. */
      readonly platform: (wished?: string) => SystemRead;
      /** As its modules say it. */
      readonly hostName: () => HostNameRead;
      /** The function that makes it, as it stands in flake.nix, and its argument; undefined where a helper calls it. */
      readonly call?: { readonly fn: Expr; readonly args: SetNode };
      /** The list literal in `modules` that belongs to this host alone. */
      readonly list?: ListExpr;
      readonly value: Bound;
    };

/** Reads the value of `nixosConfigurations.<name>`, as the set has it. */
export function openHost(name: string, value: Bound): OpenHost {
  const span = spanOf(value.expr);
  const place = { span, ...inFile(value.scope) };
  const opaque = (reason: string): OpenHost => ({ kind: 'opaque', decl: { kind: 'opaque', name, reason, ...place } });
  const host = throughSystem(settle(value.expr, value.scope));
  const { name: fn, args: given } = callIn(host);
  const [argument, ...more] = given;
  if (fn !== 'nixosSystem' || argument === undefined || more.length > 0)
    return opaque(`it is ${describe(host.expr)}, not a plain call of \`nixosSystem\``);
  const args = attributesOf(argument);
  const settled = settle(argument.expr, argument.scope);
  if (args === undefined) return opaque(`the argument of \`nixosSystem\` is ${describe(settled.expr)}`);
  if (args.unknown[0] !== undefined) {
    const has =
      settled.expr.kind === 'attrs' ? 'has computed attribute names' : `is joined with ${args.unknown[0].reason}`;
    return opaque(`the argument of \`nixosSystem\` ${has}`);
  }
  const odd = ['baseModules', 'extraModules'].find((one) => args.entries.has(one));
  if (odd !== undefined) return opaque(`the argument of \`nixosSystem\` has ${odd}`);
  const handed = args.entries.get('specialArgs');
  const special = (handed && attributesOf(handed)?.entries) ?? new Map<string, Bound>();
  const walk: Walk = { via: [], budget: { left: MAX_STEPS }, special };
  const modules = args.entries.get('modules');
  const parts = modules ? listParts(modules.expr, modules.scope) : [];
  const own = { start: span.start, end: span.end, source: sourceOf(value.scope) };
  const isOwn = ({ expr, scope }: Bound): boolean =>
    own.start <= expr.start && expr.end <= own.end && sourceOf(scope) === own.source;
  const call = isHere(host.scope) && host.expr.kind === 'apply' && isOwn(host) ? host.expr : undefined;
  const literal = call && settled.expr.kind === 'attrs' && made.isWritten(settled.expr) ? settled.expr : undefined;
  const list = parts.findLast(
    (part): part is Resolved & { readonly expr: ListExpr } =>
      part.expr.kind === 'list' &&
      isHere(part.scope) &&
      (literal ? part.direct : isOwn(part) && modules !== undefined && isPassedOnce(modules, part.expr)),
  );
  const isWhole = own.source?.tree.isWhole === true;
  const platform = (isDeep: boolean, wished?: string): SystemRead =>
    platformOf({ argument, args: args.entries, special, parts, isOwn, isDeep }, wished);
  return {
    kind: 'static',
    decl: {
      kind: 'static',
      name,
      system: platform(false),
      modules: parts.flatMap((part) => readPart(part, walk)),
      ...place,
    },
    platform: (wished) => platform(isWhole, wished),
    hostName: () => hostNameOf({ special, parts, isDeep: isWhole }),
    ...(call && literal && { call: { fn: call.fn, args: mergeAttrs(literal, settled.scope) } }),
    ...(list && { list: list.expr }),
    value,
  };
}

/** `withSystem "x86_64-linux" ({ system, … }: nixosSystem { … })`, as modules of flake-parts have it. */
function throughSystem(value: Resolved): Resolved {
  const { expr, scope } = value;
  if (expr.kind !== 'apply' || expr.fn.kind !== 'apply') return value;
  const { fn, arg: system } = expr.fn;
  const isGiven =
    fn.kind === 'var' && fn.name === 'withSystem' && frameOf(fn.name, scope)?.bound.get(fn.name) === undefined;
  const body = settle(expr.arg, scope);
  if (!isGiven || body.expr.kind !== 'lambda') return value;
  const inner = lambdaScope(body.expr as Lambda, body.scope);
  const bound = new Map(inner.bound);
  if (bound.has('system')) bound.set('system', { expr: system, scope });
  return { ...settle(body.expr.body, { ...inner, bound }), direct: false };
}

/**
 * `via`: where it came from, since `let l = l ++ l; in l` has no end. `budget`: since sixty variables can mean 2^60 modules.
 */
interface Walk {
  readonly special: ReadonlyMap<string, Bound>;
  readonly via: readonly Expr[];
  readonly budget: { left: number };
}

const MAX_STEPS = 5000;

function enter(walk: Walk, expr: Expr): Walk | undefined {
  if (walk.budget.left-- <= 0 || walk.via.includes(expr)) return undefined;
  return { ...walk, via: [...walk.via, expr] };
}

function readPart({ expr, scope }: Resolved, walk: Walk): ModuleRead[] {
  const inner = expr.kind === 'list' ? enter(walk, expr) : undefined;
  if (!inner || expr.kind !== 'list') return [{ kind: 'unknown', span: spanOf(expr), ...inFile(scope) }];
  return expr.items.flatMap((item) => readModule({ expr: item, scope }, inner));
}

function readModule(item: Bound, walk: Walk): ModuleRead[] {
  const place = { span: spanOf(item.expr), ...inFile(item.scope) };
  const path = modulePath(item);
  if (path !== undefined) return [{ kind: 'path', path, ...place }];
  const { expr, scope } = moduleBody(item, walk.special);
  if (expr.kind !== 'attrs') return [{ kind: isForeign({ expr, scope }) ? 'other' : 'unknown', ...place }];
  const imports = attributesOf({ expr, scope })?.entries.get('imports');
  const parts = imports ? listParts(imports.expr, imports.scope) : [];
  const imported = parts.flatMap((part) => readPart(part, walk));
  return [{ kind: 'other', ...place }, ...imported.filter((module) => module.kind !== 'other')];
}
