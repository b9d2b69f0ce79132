// Reads the name that a configuration gives the machine of a host: one of flake.nix, or one that it does not have yet.

import { type FlakeFiles, type OpenedFlake, openFlake } from '../formats/flake/flake.ts';
import { newFlake } from '../formats/flake/new.ts';
import { DEFAULT_MODULES } from '../formats/flake/wish.ts';
import { openHost } from '../formats/flake-hosts/host.ts';
import type { HostNameRead } from '../formats/flake-hosts/host-name.ts';
import { hostsPlace } from '../formats/flake-hosts/outputs.ts';
import type { HostRoots, UntoldModules } from './host-modules.ts';

/** `untold`: the place in flake.nix that hides modules of the host. `files`: the other files of the flake. */
export function hostNameIn(
  opened: OpenedFlake | undefined,
  untold: UntoldModules | undefined,
  files: FlakeFiles,
  { attribute, modules }: HostRoots,
): HostNameRead {
  if (untold?.isWhole) return { kind: 'opaque', ...untold };
  const declared = opened?.ok ? nameDeclared(opened, attribute) : undefined;
  if (declared && (declared.kind !== 'unset' || modules === undefined)) return declared;
  // Modules that the spec wishes are read as if a host had them alone.
  const planned = openFlake(
    newFlake({ inputs: [], hosts: [{ name: attribute, modules: modules ?? DEFAULT_MODULES }] }),
    undefined,
    files,
  );
  return (planned.ok ? nameDeclared(planned, attribute) : undefined) ?? { kind: 'unset' };
}

/** Undefined: there is no such host. */
function nameDeclared(
  { lambda, scope }: OpenedFlake & { readonly ok: true },
  attribute: string,
): HostNameRead | undefined {
  const place = hostsPlace(lambda, scope);
  const value = place.kind === 'hosts' ? place.hosts.get(attribute) : undefined;
  const host = value && openHost(attribute, value);
  return host?.kind === 'static' ? host.hostName() : undefined;
}
