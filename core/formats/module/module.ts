// Reads a NixOS module (configuration.nix) for the facts a flake needs, from the text alone, without evaluating.
// A fact that the text does not say for certain is reported as not static, with the reason and the place.

import { spanOf } from '../nix/describe.ts';
import { innerScope, type Scope } from '../nix/scope.ts';
import type { AttrName, Expr, Parsed, Span } from '../nix/syntax.ts';
import { find, nameOf, settle } from '../nix-value/constant.ts';
import { listParts, readAt, readBoolean, readString } from '../nix-value/read.ts';
import type { Static } from '../nix-value/static.ts';
import { findOption, type ModuleSet, openModule } from './config.ts';
import { type ModuleFeatures, readFeatures } from './features.ts';

/** An item of `imports`: a path literal relative to the module, or something else, with its text. */
export type Import =
  | { readonly kind: 'relative'; readonly path: string; readonly span: Span }
  | {
      readonly kind: 'absolute' | 'home' | 'search-path' | 'modules-path' | 'inline' | 'dynamic';
      readonly text: string;
      readonly span: Span;
    };

/** The facts of a module. Spans are UTF-16 offsets into its text. */
export interface ModuleFacts {
  readonly hostName: Static<string>;
  readonly stateVersion: Static<string>;
  /** Nix's system, `x86_64-linux`. */
  readonly hostPlatform: Static<string>;
  /** Users with `isNormalUser = true`; one not static for each user or set of users out of sight. */
  readonly users: readonly Static<string>[];
  readonly features: ModuleFeatures;
  readonly imports: readonly Import[];
  readonly copySystemConfiguration: Static<boolean>;
  readonly autoUpgrade: {
    readonly enable: Static<boolean>;
    readonly channel: Static<string>;
    readonly flake: Static<string>;
  };
}

export type ReadModule =
  | ({ readonly ok: true } & ModuleFacts)
  | { readonly ok: false; readonly reason: string; readonly at: Span };

/**
 * Reads a module; not ok where it does not parse or is not a literal set behind arguments and `let`. `parsed`: of this text.
 */
export function readModule(text: string, parsed?: Parsed): ReadModule {
  const opened = openModule(text, parsed);
  if (!opened.ok) return opened;
  const { module } = opened;
  const string = (...option: string[]): Static<string> => readAt(findOption(module, option), readString);
  const boolean = (...option: string[]): Static<boolean> => readAt(findOption(module, option), readBoolean);
  return {
    ok: true,
    hostName: string('networking', 'hostName'),
    stateVersion: string('system', 'stateVersion'),
    hostPlatform: readPlatform(module),
    users: readUsers(module),
    features: readFeatures(module),
    imports: readImports(module),
    copySystemConfiguration: boolean('system', 'copySystemConfiguration'),
    autoUpgrade: {
      enable: boolean('system', 'autoUpgrade', 'enable'),
      channel: string('system', 'autoUpgrade', 'channel'),
      flake: string('system', 'autoUpgrade', 'flake'),
    },
  };
}

/** `hostPlatform = "…"`, `hostPlatform.system = "…"`, or the older `nixpkgs.system`. */
function readPlatform(module: ModuleSet): Static<string> {
  const spellings = [['hostPlatform', 'system'], ['hostPlatform'], ['system'], ['localSystem', 'system']];
  let refused: Static<string> = { kind: 'absent' };
  for (const spelling of spellings) {
    const value = readAt(findOption(module, ['nixpkgs', ...spelling]), readString);
    if (value.kind === 'static') return value;
    if (refused.kind === 'absent') refused = value;
  }
  return refused;
}

function readUsers(module: ModuleSet): readonly Static<string>[] {
  const users: Static<string>[] = [];
  for (const group of ['users', 'extraUsers']) {
    const { definitions, unknown } = findOption(module, ['users', group]);
    for (const { reason, span } of unknown) users.push({ kind: 'not-static', reason, span });
    const names = new Map<string, Span>();
    const note = (name: AttrName, scope: Scope | undefined): void => {
      const known = nameOf(name, scope);
      if (known === undefined)
        users.push({ kind: 'not-static', reason: 'the name of a user is computed', span: spanOf(name) });
      else if (!names.has(known)) names.set(known, spanOf(name));
    };
    for (const definition of definitions) {
      if (definition.rest.length > 0) {
        note(definition.rest[0]!, definition.scope);
        continue;
      }
      const value = settle(definition.expr, definition.scope);
      if (value.expr.kind !== 'attrs') {
        users.push({ kind: 'not-static', reason: `users.${group} is computed`, span: spanOf(value.expr) });
        continue;
      }
      const scope = innerScope(value);
      for (const { binding, rest } of find(value.expr.bindings, [], scope).definitions) {
        if (rest[0] !== undefined) note(rest[0], scope);
        else users.push({ kind: 'not-static', reason: 'a user is computed', span: spanOf(binding) });
      }
    }
    for (const [name, span] of names) {
      const lookup = findOption(module, ['users', group, name, 'isNormalUser']);
      // A computed name elsewhere says nothing of this user.
      const isNormal = readAt({ ...lookup, unknown: lookup.unknown.filter((one) => !one.isName) }, readBoolean);
      if (isNormal.kind === 'not-static') users.push(isNormal);
      else if (isNormal.kind === 'static' && isNormal.value) users.push({ kind: 'static', value: name, span });
    }
  }
  return users;
}

function readImports(module: ModuleSet): readonly Import[] {
  const { definitions, unknown } = find(module.set.bindings, ['imports'], module.scope);
  const imports: Import[] = unknown.map(({ span }) => ({
    kind: 'dynamic',
    text: module.text.slice(span.start, span.end),
    span,
  }));
  for (const part of definitions.flatMap(({ expr, scope }) => listParts(expr, scope))) {
    const { expr, scope } = part;
    if (expr.kind === 'list') for (const item of expr.items) imports.push(importOf(module, item, scope));
    else imports.push({ kind: 'dynamic', text: module.text.slice(expr.start, expr.end), span: spanOf(expr) });
  }
  return imports;
}

function importOf(module: ModuleSet, item: Expr, scope: Scope | undefined): Import {
  const { expr } = settle(item, scope);
  const span = spanOf(item);
  const text = module.text.slice(span.start, span.end);
  if (expr.kind === 'path') {
    const [first, ...others] = expr.parts;
    if (first?.kind !== 'text' || others.length > 0) return { kind: 'dynamic', text, span };
    if (first.value.startsWith('/')) return { kind: 'absolute', text, span };
    if (first.value.startsWith('~')) return { kind: 'home', text, span };
    return { kind: 'relative', path: first.value, span };
  }
  if (expr.kind === 'searchPath') return { kind: 'search-path', text, span };
  if (expr.kind === 'attrs' || expr.kind === 'lambda') return { kind: 'inline', text, span };
  const asString = readString(expr, scope);
  if (asString.kind === 'static' && asString.value.startsWith('/')) return { kind: 'absolute', text, span };
  if (/^\(?\s*(modulesPath\s*\+\s*"|"\$\{(toString )?modulesPath\}\/)/.test(text))
    return { kind: 'modules-path', text, span };
  return { kind: 'dynamic', text, span };
}
