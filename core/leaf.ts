// How a wish is named where several hosts have it: by its pointer in the spec of one host, and the host. Pure.

import type { JsonPointer } from './diagnostic.ts';

/** A wish by its pointer in the spec of its host. `host`: which of several; undefined: of all, or of the only one. */
export interface Leaf {
  readonly wish: JsonPointer;
  readonly host?: string;
}

/** The one string for a wish, in lists and sets: a pointer into the spec in which each host holds all of its own. */
export const keyOf = ({ wish, host }: Leaf): JsonPointer => (host === undefined ? wish : underHost(host, wish));

export const underHost = (key: string, pointer: JsonPointer): JsonPointer =>
  `/hosts/${key.replaceAll('~', '~0').replaceAll('/', '~1')}${pointer}`;

/** The inverse of `keyOf`. */
export function leafFrom(pointer: JsonPointer): Leaf {
  const [, key, wish] = /^\/hosts\/([^/]+)(\/.+)$/s.exec(pointer) ?? [];
  return key === undefined || wish === undefined
    ? { wish: pointer }
    : { wish, host: key.replaceAll('~1', '/').replaceAll('~0', '~') };
}

/** True for what each host has of its own; all else is of the repository, the same for every host. */
export const isOfHost = (wish: JsonPointer): boolean => /^\/(host|config|features|channels|activate)(\/|$)/.test(wish);

/** True for a wish that the repository grants, on whichever machine it lies: inputs, hosts and their modules, lock, git. */
export const isOfRepository = (wish: JsonPointer): boolean =>
  !isOfHost(wish) || /^\/(host|config\/modules)(\/|$)/.test(wish);
