// Tells the names of stores (as in `substituters`) that Nix 2.34 refuses. Older ones take anything.
// The grammar was found by trying the binary, word by word.

import { decodeQuery, parseUrl } from '../flake-ref/url.ts';

/** The reason it is no name of a store, in the words of Nix. A relative path is a name: Nix takes it from its cwd. */
export function storeProblem(text: string): string | undefined {
  const url = parseUrl(text, '2.34');
  if (url.ok) return undefined;
  if (!url.bad) return url.error;
  const [, name = '', query = ''] = /^([^?]*)(?:\?(.*))?$/s.exec(text) ?? [];
  if (!isPlace(name)) return `Cannot parse Nix store '${text}'`;
  const decoded = decodeQuery(query, '2.34');
  return decoded.ok ? undefined : decoded.error;
}

/** True for a name that is no URL: a word, a path, or `ssh://user@fe80::1%25eth0`, an address without its brackets. */
const isPlace = (name: string): boolean =>
  ['', 'auto', 'daemon', 'local'].includes(name) ||
  BARE_ADDRESS.test(name) ||
  (name.includes('/') && !name.includes('://'));

const BARE_ADDRESS = /^[a-zA-Z][a-zA-Z0-9+.-]*:\/\/(?:[^@/]*@)?[0-9a-fA-F:.]*:[0-9a-fA-F:.]*(?:%25[\w.~-]+)?$/;
