// Finds the name that the modules of a host give the machine: networking.hostName, by value.

import { spanOf } from '../nix/describe.ts';
import type { Source } from '../nix/scope.ts';
import type { Span } from '../nix/syntax.ts';
import { settle } from '../nix-value/constant.ts';
import { definedIn, type Searched, type Sought } from './definitions.ts';
import { inFile } from './module-item.ts';

/** `in`: the file of the place, where it is not flake.nix. `reason`: a clause. */
export type HostNameRead =
  /** No module of this flake says it. */
  | { readonly kind: 'unset' }
  | { readonly kind: 'static'; readonly value: string; readonly span: Span; readonly in?: Source }
  | { readonly kind: 'opaque'; readonly reason: string; readonly span: Span; readonly in?: Source };

const HOST_NAME: Sought = {
  options: [['networking', 'hostName']],
  spoilers: [],
  // Arguments and uses of that name are no definitions.
  defines:
    /"hostName"|\bhostName[}]*\s*=(?!=)|\binherit\b[^;]*\b(hostName|networking)\b|\bnetworking["}]*\s*(\.\s*\$|=(?!=)\s*[^{=\s])/,
  named: /\bhostName\b/,
};

/** The files of the modules are read where they are at hand. */
export function hostNameOf(modules: Searched): HostNameRead {
  const said = definedIn(modules, HOST_NAME);
  if (said.kind === 'none') return { kind: 'unset' };
  const { expr, scope } = said.kind === 'static' ? settle(said.at.expr, said.at.scope) : said.at;
  const place = { span: spanOf(expr), ...inFile(scope) };
  return said.kind === 'static'
    ? { kind: 'static', value: said.value, ...place }
    : { kind: 'opaque', reason: said.reason, ...place };
}
