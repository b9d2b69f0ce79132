// Finds the system of a host: from `nixpkgs.hostPlatform` and its older spellings in its modules, which override the argument
// `system`, and from the packages that it is given.

import { spanOf } from '../nix/describe.ts';
import type { Bound, Source } from '../nix/scope.ts';
import type { Span } from '../nix/syntax.ts';
import { attributesOf, callIn, constantOf, settle } from '../nix-value/constant.ts';
import { definedIn, type Searched, type Sought } from './definitions.ts';
import { inFile } from './module-item.ts';

const WORDS = /(?<!stdenv\.|stdenvNoCC\.)\b(hostPlatform|localSystem|crossSystem)\b/;
const DEFINES = new RegExp(`${WORDS.source}|nixpkgs["}]*\\s*(\\.\\s*(system|pkgs|"|\\$)|=|;)`);

/** The last of them is the one that the argument `system` defines. */
const PLATFORM: Sought = {
  options: ['hostPlatform', 'localSystem', 'system'].map((name) => ['nixpkgs', name]),
  member: 'system',
  spoilers: [
    ['nixpkgs', 'crossSystem'],
    ['nixpkgs', 'pkgs'],
  ],
  defines: DEFINES,
  // The inputs of flake.nix say `nixpkgs =` too.
  named: WORDS,
};
const ARGUMENT = 2;

/** The `system` of a host. `shared`: the value stands outside of the host: in a variable, or in another file. */
export type SystemRead =
  /** No `system` argument, nor `nixpkgs.hostPlatform` in an inline module: its other modules say it. */
  | { readonly kind: 'unset' }
  | {
      readonly kind: 'static';
      readonly value: string;
      readonly span: Span;
      readonly shared: boolean;
      readonly in?: Source;
    }
  | { readonly kind: 'opaque'; readonly reason: string; readonly span: Span; readonly in?: Source };

/** A call of nixosSystem. */
export interface PlatformOf extends Searched {
  /** The argument of nixosSystem. */
  readonly argument: Bound;
  /** Its attributes. */
  readonly args: ReadonlyMap<string, Bound>;
  /** True if an expression stands in text that belongs to this host alone. */
  readonly isOwn: (bound: Bound) => boolean;
}

/**
 * The system of a host. `wished`: if the call and its inline modules name this one, and so does every file of the flake that
 * names any, the imports need not be known.
 */
export function platformOf(asked: PlatformOf, wished?: string): SystemRead {
  if (!asked.isDeep || wished === undefined) return found(asked, false);
  const near = found({ ...asked, isDeep: false }, true);
  return near.kind === 'static' && near.value === wished ? near : found(asked, false);
}

/** `isAll`: every file that may define it counts as one that perhaps does. */
function found({ argument: whole, args, isOwn, ...modules }: PlatformOf, isAll: boolean): SystemRead {
  const { isDeep, parts } = modules;
  const argument = args.get('system');
  const pkgs = isDeep || isAll ? args.get('pkgs') : undefined;
  const byPackages = pkgs && packagesSystem(pkgs);
  const anywhere = isAll ? (args.values().next().value ?? parts[0])?.scope : undefined;
  const said = definedIn(modules, PLATFORM, {
    // nixosSystem passes it on as a default.
    ...(argument && { default: { of: ARGUMENT, value: argument } }),
    ...(byPackages?.why !== undefined && { hidden: { at: byPackages.at, why: byPackages.why } }),
    ...(anywhere && { all: anywhere }),
  });
  const open = ({ expr, scope }: Bound, reason: string): SystemRead => ({
    kind: 'opaque',
    reason,
    span: spanOf(expr),
    ...inFile(scope),
  });
  if (said.kind === 'open') return open(said.at, said.reason);
  if (said.kind === 'none') {
    if (!isDeep) return { kind: 'unset' };
    return open(args.get('modules') ?? whole, 'no module that can be read says nixpkgs.hostPlatform');
  }
  const { value, at } = said;
  if (byPackages?.value !== undefined && byPackages.value !== value)
    return open(at, 'its packages are for another system than it says');
  const read = constantOf(at.expr, at.scope);
  const span = read.kind === 'static' ? read.span : spanOf(at.expr);
  const settled = settle(at.expr, at.scope);
  const isShared = !isOwn(settled) || inFile(settled.scope).in !== undefined;
  return { kind: 'static', value, span, shared: isShared, ...inFile(settled.scope) };
}

/**
 * `pkgs = import nixpkgs { system = "…"; }`, `pkgs = nixpkgs.legacyPackages."…"`: these packages are taken, whatever modules
 * say.
 */
function packagesSystem(
  pkgs: Bound,
): { readonly value?: string; readonly why?: string; readonly at: Bound } | undefined {
  const { expr, scope } = settle(pkgs.expr, pkgs.scope);
  const at: Bound = { expr, scope };
  const { name, args } = callIn(at);
  const given = name === 'import' ? args[1] : undefined;
  const system =
    given && (attributesOf(given)?.entries.get('system') ?? attributesOf(given)?.entries.get('localSystem'));
  if (system) return textOf(system);
  const [of, last] = expr.kind === 'select' ? expr.path.names.slice(-2) : [];
  if (of?.kind === 'static' && of.name === 'legacyPackages' && last) {
    if (last.kind === 'static') return { value: last.name, at };
    return textOf({ expr: last.expr, scope });
  }
  const read = constantOf(expr, scope);
  return read.kind === 'static' && read.value.kind === 'null'
    ? undefined
    : { why: 'its packages are given, and computed', at };

  function textOf(value: Bound): ReturnType<typeof packagesSystem> {
    const text = constantOf(value.expr, value.scope);
    if (text.kind === 'static' && text.value.kind === 'string') return { value: text.value.value, at };
    return { why: 'its packages are for a system that is computed', at };
  }
}
