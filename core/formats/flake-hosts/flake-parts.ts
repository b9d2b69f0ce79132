// Reads hosts in the modules of mkFlake (flake-parts): `flake.nixosConfigurations.x`, in flake.nix or in files of the flake.

import { describe } from '../nix/describe.ts';
import { type Bound, innerScope, type Scope, sourceOf } from '../nix/scope.ts';
import { attributesOf, settle, settleBody } from '../nix-value/constant.ts';
import * as made from '../nix-value/made.ts';
import { listParts } from '../nix-value/read.ts';
import type { Place } from '../nix-value/static.ts';
import { isHere, modulePath } from './module-item.ts';
import { mergeAttrs, nodeAt, type SetNode } from './tree.ts';

/** `at`: the set in flake.nix that a new host can be written into. */
export interface FoundHosts {
  readonly hosts: ReadonlyMap<string, Bound>;
  /** Parts that may hold other hosts. */
  readonly unknown: readonly Place[];
  readonly at?: { readonly set: SetNode; readonly scope: Scope | undefined };
}

const MOST_MODULES = 2000;

/** Looks through a module and all that it imports. */
export function hostsInModules(first: Bound): FoundHosts {
  const hosts = new Map<string, Bound>();
  const unknown: Place[] = [];
  let at: FoundHosts['at'];
  const seen = new Set<unknown>();
  const waiting: Bound[] = [first];
  for (let item = waiting.shift(); item !== undefined && seen.size < MOST_MODULES; item = waiting.shift()) {
    const module = opened(item);
    if (module === undefined || seen.has(module.expr)) {
      if (module === undefined) unknown.push(unread(item));
      continue;
    }
    seen.add(module.expr);
    const all = attributesOf(module);
    if (all === undefined) {
      unknown.push(unread(module));
      continue;
    }
    unknown.push(...all.unknown);
    const config = all.entries.get('config');
    for (const top of [all, ...(config ? [attributesOf(config)] : [])]) {
      const flake = top?.entries.get('flake');
      const outputs = flake && attributesOf(flake);
      if (top === undefined || (flake && outputs === undefined)) unknown.push(unread(flake ?? config ?? module));
      unknown.push(...(outputs?.unknown ?? []));
      const value = outputs?.entries.get('nixosConfigurations');
      const found = value && attributesOf(value);
      if (value && found === undefined) unknown.push(unread(value));
      unknown.push(...(found?.unknown ?? []));
      for (const [name, host] of found?.entries ?? []) hosts.set(name, host);
    }
    at ??= writtenIn(module);
    const imports = all.entries.get('imports');
    for (const part of imports ? listParts(imports.expr, imports.scope) : []) {
      if (part.expr.kind === 'list') waiting.push(...part.expr.items.map((expr) => ({ expr, scope: part.scope })));
      else unknown.push(unread(part));
    }
  }
  return { hosts, unknown, ...(at && { at }) };
}

function unread(bound: Bound): Place {
  const settled = settle(bound.expr, bound.scope);
  return { ...bound, reason: describe(settled.expr) };
}

/** The body of a module, behind its path and its arguments. */
function opened(item: Bound): Bound | undefined {
  const path = modulePath(item);
  if (path === undefined) return settleBody(item.expr, item.scope);
  const file = sourceOf(item.scope)?.tree.nix(path);
  return file?.ok ? settleBody(file.root.expr, file.root.scope) : undefined;
}

function writtenIn({ expr, scope }: Bound): FoundHosts['at'] {
  if (expr.kind !== 'attrs' || !made.isWritten(expr) || !isHere(scope)) return undefined;
  const set = mergeAttrs(expr, scope);
  const node = nodeAt(set, ['flake', 'nixosConfigurations']);
  if (node?.kind !== 'set') return undefined;
  const literal = node.literals.at(-1);
  return { set: node, scope: literal ? innerScope({ expr: literal, scope }) : innerScope({ expr, scope }) };
}
