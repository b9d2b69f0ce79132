// The names of stores, as in `substituters`: what Nix 2.34 takes for one, and how it prints it. Older ones take anything.
// The grammar was asked of the binary, word by word.

import { byteOrder } from '../flake-ref/byte-order.ts';
import { canonicalPath } from '../flake-ref/parse-ref.ts';
import { badUrl, decodeQuery, done, parseUrl, renderUrl, type Step, type Url } from '../flake-ref/url.ts';

/** A store as Nix prints it, and what it warns of. */
export interface StoreRef {
  readonly text: string;
  readonly warnings: readonly string[];
}

/** Reads the name of a store; the failure is in the words of Nix. A relative path stays one: Nix takes it from its cwd. */
export function parseStoreRef(text: string): Step<StoreRef> {
  const url = parseUrl(text, '2.34');
  if (url.ok) return done(printed(url.value));
  if (!url.bad) return url;
  const [, name = '', query = ''] = /^([^?]*)(?:\?(.*))?$/s.exec(text) ?? [];
  const place = placeOf(name);
  if (place === undefined) return badUrl(`Cannot parse Nix store '${text}'`);
  const decoded = decodeQuery(query, '2.34');
  if (!decoded.ok) return decoded;
  const word = names.get(name);
  if (word !== undefined && (decoded.value.query.size === 0 || word === 'auto'))
    return done({ ...printed({ ...place, ...decoded.value }), text: word + queryOf(decoded.value.query) });
  return done(printed({ ...place, ...decoded.value }));
}

/** The order of a set of stores as Nix prints them: by scheme, place and query, `daemon` and `local` behind them. */
export function storeOrder(a: string, b: string): number {
  const rank = (text: string): number =>
    /^auto(\?|$)/.test(text) ? 0 : text === 'daemon' ? 2 : text === 'local' ? 3 : 1;
  const parts = (text: string): string => text.replace('://', '\0').replace('?', '\0');
  return rank(a) - rank(b) || byteOrder(parts(a), parts(b));
}

const names: ReadonlyMap<string, string> = new Map([
  ['', 'auto'],
  ['auto', 'auto'],
  ['daemon', 'daemon'],
  ['local', 'local'],
]);

type Place = Pick<Url, 'scheme' | 'authority' | 'segments'>;

/** What is no URL: a word, a path, or `ssh://user@fe80::1%25eth0`, an address without its brackets. */
function placeOf(name: string): Place | undefined {
  if (names.has(name)) return { scheme: name === 'daemon' ? 'unix' : 'local', authority: '', segments: [''] };
  const [, scheme = '', user = '', address = ''] = bareAddress.exec(name) ?? [];
  if (scheme !== '') return { scheme, authority: `${user}[${address}]`, segments: [''] };
  if (!name.includes('/') || name.includes('://')) return undefined;
  const path = name.startsWith('/') ? canonicalPath(name) : name;
  return { scheme: 'local', authority: '', segments: path.split('/') };
}

const bareAddress = /^([a-zA-Z][a-zA-Z0-9+.-]*):\/\/([^@/]*@)?([0-9a-fA-F:.]*:[0-9a-fA-F:.]*(?:%25[\w.~-]+)?)$/;

function printed(url: Place & Pick<Url, 'query' | 'warnings'>): StoreRef {
  const { authority = '', warnings } = url;
  return { text: renderUrl({ ...url, authority, fragment: '' }, '2.34'), warnings };
}

const queryOf = (query: Url['query']): string => {
  const url = { scheme: '', authority: '', segments: [''], query, fragment: '' };
  return renderUrl(url, '2.34').slice('://'.length);
};
