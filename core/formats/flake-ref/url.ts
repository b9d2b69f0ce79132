// URLs as Nix reads and writes them: neither WHATWG nor quite RFC 3986, and different in each Nix series.
// Alone knows their grammar, percent-encoding and query rules (docs/nix.md, "References").

import type { NixVersion } from '../nix-version.ts';
import { byteOrder } from './byte-order.ts';

/** A parsed URL. `segments` is the path split at `/`: decoded, except in Nix 2.8, which never decodes a path. */
export interface Url {
  readonly scheme: string;
  /** As it is rendered; '' is an authority that is present and empty. */
  readonly authority?: string;
  readonly segments: readonly string[];
  readonly query: ReadonlyMap<string, string>;
  readonly fragment: string;
}

/** `bad` marks Nix's BadURL, after which newer Nix tries to read the text as a path; other errors are final. */
export interface Failure {
  readonly ok: false;
  readonly error: string;
  readonly bad: boolean;
}

export type Step<T> = { readonly ok: true; readonly value: T } | Failure;

export const done = <T>(value: T): Step<T> => ({ ok: true, value });
export const badUrl = (error: string): Failure => ({ ok: false, error, bad: true });
export const failed = (error: string): Failure => ({ ok: false, error, bad: false });

/** Splits `scheme` at its first `+`: `git+https` is application `git`, transport `https`. */
export function splitScheme(scheme: string): { readonly application?: string; readonly transport: string } {
  const plus = scheme.indexOf('+');
  return plus < 0 ? { transport: scheme } : { application: scheme.slice(0, plus), transport: scheme.slice(plus + 1) };
}

/** Parses a URL as `parseURL(lenient)` of that Nix. Every failure is a BadURL. */
export function parseUrl(text: string, nix: NixVersion): Step<Url> {
  const match = /^([A-Za-z][A-Za-z0-9+.-]*):([^?#]*)(?:\?([^#]*))?(?:#(.*))?$/s.exec(text);
  if (match === null) return badUrl(`'${text}' is not a valid URL`);
  const [, scheme = '', hierarchy = '', query = '', fragment = ''] = match;
  if (nix !== '2.34' && !/^[a-z][a-z0-9+.-]*$/.test(scheme)) return badUrl(`'${text}' is not a valid URL`);
  const split = splitHierarchy(hierarchy, nix);
  const fragmentChars = nix === '2.8' ? queryChars : nix === '2.26' ? oldFragmentChars : newFragmentChars;
  const valid = split !== undefined && allowed(split.path, nix === '2.34' ? pathChars : oldPathChars);
  if (!valid || !allowed(fragment, fragmentChars) || (nix !== '2.34' && !allowed(query, queryChars)))
    return badUrl(`'${text}' is not a valid URL`);

  const authority = split.authority === undefined ? undefined : readAuthority(split.authority, nix);
  if (authority !== undefined && !authority.ok) return authority;
  const isFile = nix === '2.8' ? scheme.includes('file') : splitScheme(scheme).transport === 'file';
  if (isFile && authority !== undefined && authority.value.host !== '')
    return badUrl(`file:// URL '${text}' has unexpected authority '${authority.value.text}'`);

  const segments = decodePath(isFile && split.path === '' ? '/' : split.path, nix);
  if (!segments.ok) return segments;
  const params = decodeQuery(query, nix);
  if (!params.ok) return params;
  const decodedFragment = percentDecode(fragment);
  if (!decodedFragment.ok) return decodedFragment;
  return done({
    scheme,
    ...(authority === undefined ? {} : { authority: authority.value.text }),
    segments: segments.value,
    query: params.value,
    fragment: decodedFragment.value,
  });
}

/** Writes a URL the way that Nix does: query sorted by name, everything outside a short list percent-encoded. */
export function renderUrl(
  url: Pick<Url, 'scheme' | 'authority' | 'segments' | 'query' | 'fragment'>,
  nix: NixVersion,
): string {
  const path = nix === '2.8' ? url.segments.join('/') : url.segments.map((part) => percentEncode(part, ':@')).join('/');
  const authority = url.authority === undefined ? '' : `//${url.authority}`;
  const query = url.query.size === 0 ? '' : `?${encodeQuery(url.query, nix)}`;
  return `${url.scheme}:${authority}${path}${query}${url.fragment === '' ? '' : `#${percentEncode(url.fragment, '')}`}`;
}

/** Decodes a query; the first of equal names wins, an item without `=` is dropped. */
export function decodeQuery(text: string, nix: NixVersion): Step<ReadonlyMap<string, string>> {
  if (nix === '2.34' && !allowed(text, newQueryChars)) return failed(`invalid URI query '${text}': leftover`);
  const query = new Map<string, string>();
  for (const item of text.split('&')) {
    if (item === '' && (nix !== '2.34' || text === '')) continue;
    const equals = item.indexOf('=');
    if (equals < 0) continue;
    const rawName = item.slice(0, equals);
    const name = nix === '2.34' ? percentDecode(rawName) : done(rawName);
    const value = percentDecode(item.slice(equals + 1));
    if (!name.ok || !value.ok) return badUrl(`invalid URI query '${text}': leftover`);
    if (!query.has(name.value)) query.set(name.value, value.value);
  }
  return done(query);
}

/** Decodes `%XX`; refuses a stray `%`. Bytes that are no UTF-8 become U+DC80 and up, which {@link percentEncode} undoes. */
export function percentDecode(text: string): Step<string> {
  if (!text.includes('%')) return done(text);
  if (/%(?![0-9a-fA-F]{2})/.test(text)) return badUrl(`invalid URI parameter '${text}'`);
  try {
    return done(decodeURIComponent(text));
  } catch {
    return done(text.replace(/(?:%[0-9a-fA-F]{2})+/g, decodeBytes));
  }
}

function decodeBytes(escapes: string): string {
  let out = '';
  for (let at = 0; at < escapes.length; ) {
    // A character of UTF-8 has at most four bytes.
    const taken = [12, 9, 6, 3].find((length) => isCharacter(escapes.slice(at, at + length))) ?? 0;
    const byte = Number.parseInt(escapes.slice(at + 1, at + 3), 16);
    out += taken > 0 ? decodeURIComponent(escapes.slice(at, at + taken)) : String.fromCharCode(0xdc00 + byte);
    at += taken || 3;
  }
  return out;
}

function isCharacter(escapes: string): boolean {
  try {
    return [...decodeURIComponent(escapes)].length === 1;
  } catch {
    return false;
  }
}

/** Encodes every byte outside `A-Za-z0-9-._~` and `keep` as `%XX` with upper-case digits. */
function percentEncode(text: string, keep: string): string {
  let out = '';
  for (const char of text) out += /^[A-Za-z0-9._~-]$/.test(char) || keep.includes(char) ? char : escapeBytes(char);
  return out;
}

function encodeQuery(query: ReadonlyMap<string, string>, nix: NixVersion): string {
  const encode = nix === '2.8' ? encodeOld : (part: string) => percentEncode(part, ':@/?');
  return [...query]
    .sort(([a], [b]) => byteOrder(a, b))
    .map(([name, value]) => `${encode(name)}=${encode(value)}`)
    .join('&');
}

// Nix 2.8 keeps the sub-delimiters even where they break the query, and writes hex digits in lower case.
const encodeOld = (part: string): string =>
  percentEncode(part, "!$&'()*+,;=:@").replace(/%[0-9A-F]{2}/g, (code) => code.toLowerCase());

const encoder = new TextEncoder();
const bytesOf = (char: string): Iterable<number> =>
  /^[\udc80-\udcff]$/.test(char) ? [char.charCodeAt(0) - 0xdc00] : encoder.encode(char);
const escapeBytes = (char: string): string =>
  Array.from(bytesOf(char), (byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join('');

// A trailing hyphen would start a range once more characters follow it.
const unreserved = "A-Za-z0-9\\-._~!$&'()*+,;=";
const pathChars = new RegExp(`^[${unreserved}:@/%]*$`);
const oldPathChars = new RegExp(`^[${unreserved}:@/%"]*$`);
const queryChars = new RegExp(`^[${unreserved}:@/%? "]*$`);
const newQueryChars = new RegExp(`^[${unreserved}:@/%? "[\\]]*$`);
const oldFragmentChars = new RegExp(`^[${unreserved}:@/%? "^]*$`);
const newFragmentChars = new RegExp(`^[${unreserved}:@/%? "^#]*$`);

// A percent sign must start an escape in every part.
const allowed = (part: string, chars: RegExp): boolean => chars.test(part) && !/%(?![0-9a-fA-F]{2})/.test(part);

interface Hierarchy {
  readonly authority?: string;
  readonly path: string;
}

function splitHierarchy(text: string, nix: NixVersion): Hierarchy | undefined {
  const match = /^\/\/([^/]*)(.*)$/s.exec(text);
  if (match === null) return { path: text };
  const [, authority = '', path = ''] = match;
  if (readAuthority(authority, nix).ok) return { authority, path };
  // The regular expressions of old and mid then match the same text as a path that starts with two slashes.
  return nix === '2.34' ? undefined : { path: text };
}

function readAuthority(text: string, nix: NixVersion): Step<{ readonly text: string; readonly host: string }> {
  if (nix !== '2.34')
    return oldAuthority.test(text) ? done({ text, host: text }) : badUrl(`invalid URL authority: '${text}'`);
  const match = /^(?:([^@]*)@)?(\[[^\]]*\]|[^:@[\]]*)(?::([0-9]*))?$/.exec(text);
  const hostOk =
    match !== null && (match[2]?.startsWith('[') ? isIpLiteral(match[2]) : allowed(match[2] ?? '', nameChars));
  if (match === null || !hostOk || !allowed(match[1] ?? '', userChars))
    return badUrl(`invalid URL authority: '${text}'`);
  const [, user, host = '', port = ''] = match;
  if (port !== '' && (Number(port) < 1 || Number(port) > 65535)) return badUrl(`port '${port}' is invalid`);
  const colon = user?.indexOf(':') ?? -1;
  const parts = user === undefined ? [] : colon < 0 ? [user] : [user.slice(0, colon), user.slice(colon + 1)];
  const userText = parts.map(recode).join(':') + (user === undefined ? '' : '@');
  const hostText = host.startsWith('[') ? host : recode(host);
  return done({ text: `${userText}${hostText}${port === '' ? '' : `:${Number(port)}`}`, host });
}

const nameChars = new RegExp(`^[${unreserved}%]*$`);
const userChars = new RegExp(`^[${unreserved}:%]*$`);

// Old and mid take an address without brackets, quotes, and no port that is empty.
const oldName = `(?:[${unreserved}"]|%[0-9a-fA-F]{2})*`;
const oldAddress = '[0-9a-fA-F:]+(?:%\\w+)?';
const oldAuthority = new RegExp(
  `^(?:(?:[${unreserved}:"]|%[0-9a-fA-F]{2})*@)?(?:\\[${oldAddress}\\]|${oldAddress}|${oldName})(?::[0-9]+)?$`,
);

const recode = (text: string): string => {
  const decoded = percentDecode(text);
  return decoded.ok ? percentEncode(decoded.value, '') : text;
};

function isIpLiteral(host: string): boolean {
  const inner = host.slice(1, -1);
  if (/^[vV][0-9a-fA-F]+\.[A-Za-z0-9._~!$&'()*+,;=:-]+$/.test(inner)) return true;
  const [address = '', zone] = inner.split('%25');
  if (zone !== undefined && !/^[A-Za-z0-9._~-]+$/.test(zone)) return false;
  const dotted = address.replace(ipv4AtEnd, '0:0');
  const halves = dotted.split('::');
  const groups = halves.flatMap((half) => (half === '' ? [] : half.split(':')));
  if (!groups.every((group) => /^[0-9a-fA-F]{1,4}$/.test(group))) return false;
  return halves.length === 1 ? groups.length === 8 : halves.length === 2 && groups.length < 8;
}

// A number has no leading zero, and no other digit may stand before it.
const octet = '(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)';
const ipv4AtEnd = new RegExp(`(?<=:)(?:${octet}\\.){3}${octet}$`);

function decodePath(path: string, nix: NixVersion): Step<readonly string[]> {
  if (nix === '2.8') return done(path.split('/'));
  if (nix === '2.26') {
    // Mid decodes before it splits, so an encoded slash becomes a separator for good.
    const decoded = percentDecode(path);
    return decoded.ok ? done(decoded.value.split('/')) : decoded;
  }
  const segments: string[] = [];
  for (const part of path.split('/')) {
    const decoded = percentDecode(part);
    if (!decoded.ok) return decoded;
    segments.push(decoded.value);
  }
  return done(segments);
}
