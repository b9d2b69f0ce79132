// Whether Nix 2.34 takes a text for the name of a store, as in `substituters`: older ones take anything.
// The grammar was asked of the binary, word by word.

import { decodeQuery, parseUrl } from './flake-ref/url.ts';

/** Why Nix 2.34 refuses a store reference, in its words; undefined where it takes it. */
export function storeRefError(text: string): string | undefined {
  const url = parseUrl(text, '2.34');
  if (url.ok) return undefined;
  if (!url.bad) return url.error;
  const [, name = '', query = ''] = /^([^?]*)(?:\?(.*))?$/s.exec(text) ?? [];
  const isPath = name.includes('/') && !name.includes('://');
  if (!isPath && !names.has(name) && !bareAddress.test(name)) return `Cannot parse Nix store '${text}'`;
  const parameters = decodeQuery(query, '2.34');
  return parameters.ok ? undefined : parameters.error;
}

const names = new Set(['', 'auto', 'daemon', 'local']);

/** `ssh://user@fe80::1%25eth0`: an IPv6 address without its brackets, and nothing behind it. */
const bareAddress = /^[a-zA-Z][a-zA-Z0-9+.-]*:\/\/(?:[^@/]*@)?[0-9a-fA-F:.]*:[0-9a-fA-F:.]*(?:%25[\w.~-]+)?$/;
