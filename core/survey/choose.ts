// Chooses the host of a flake that is this machine, and this machine's flake among several: by names, never by a silent guess.

import type { AdoptedHost, Hosts } from './adopt.ts';
import { isSameName } from './who.ts';

/** `isSure`: chosen by name; else it is the only one. */
export type HostChoice =
  | { readonly kind: 'one'; readonly host: AdoptedHost; readonly why: string; readonly isSure: boolean }
  | { readonly kind: 'open'; readonly candidates: readonly AdoptedHost[]; readonly why: string };

/** `wanted`: a name that was given. `running`: the name that the machine has now. */
export function hostOfMachine(
  { hosts, unread }: Hosts,
  wanted: string | undefined,
  running: string | undefined,
): HostChoice {
  const name = wanted ?? running;
  const whose = wanted === undefined ? 'of this machine' : 'that you gave';
  const ways: readonly (readonly [why: string, isIt: (host: AdoptedHost, name: string) => boolean])[] = [
    [`the name ${whose}`, ({ attribute }, one) => attribute === one],
    [`the name ${whose}, "${name}"`, ({ attribute }, one) => isSameName(attribute, one)],
    [
      `its networking.hostName, the name ${whose}`,
      ({ hostName }, one) => hostName !== undefined && isSameName(hostName.value, one),
    ],
  ];
  if (name !== undefined)
    for (const [why, isIt] of ways) {
      const found = hosts.filter((host) => isIt(host, name));
      if (found.length === 1) return { kind: 'one', host: found[0]!, why, isSure: true };
      if (found.length > 1) return { kind: 'open', candidates: found, why: `several hosts are called "${name}"` };
    }
  const [only] = hosts;
  if (only !== undefined && hosts.length === 1 && unread === undefined && wanted === undefined)
    return { kind: 'one', host: only, why: 'being the only host', isSure: false };
  const why = name === undefined ? 'this machine has no name yet' : `no host is called "${name}"`;
  return { kind: 'open', candidates: hosts, why };
}

/** The host that a flake needs for this machine, if its hosts can't be read or it has none. */
export const newHost = (name: string): AdoptedHost => ({
  attribute: name,
  hostName: undefined,
  system: undefined,
  modules: undefined,
});
