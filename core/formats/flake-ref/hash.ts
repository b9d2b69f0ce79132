// Hash texts inside flake references: revisions in any notation Nix knows, and SRI narHashes.

import type { NixVersion } from '../nix-version.ts';
import { done, failed, type Step } from './url.ts';

/** Reads a SHA-1 in base 16, nix-base 32 or base 64, `sha1:` before any, or as SRI; gives lower-case hex (Nix's gitRev). */
export function parseSha1(text: string): Step<string> {
  const [, kind, digits = text] = /^(sha1[:-])?(.*)$/s.exec(text) ?? [];
  const prefix = /^([a-z0-9]+)[:-]/.exec(digits)?.[1];
  if (prefix !== undefined) return failed(`hash '${text}' should have type 'sha1' but has type '${prefix}'`);
  const isSri = kind === 'sha1-';
  const hash = hexOf(digits, sizes.sha1, isSri);
  return hash === undefined ? failed(`hash '${text}' has wrong length for hash algorithm 'sha1'`) : done(hash);
}

/** Bytes of a hash. */
const sizes: Readonly<Record<string, number>> & { readonly sha1: number } = {
  md5: 16,
  sha1: 20,
  sha256: 32,
  sha512: 64,
};

/** Reads the digits by their length, which tells the notation. An SRI hash has one notation only: base 64. */
function hexOf(digits: string, size: number, isSri: boolean): string | undefined {
  if (!isSri && digits.length === size * 2 && /^[0-9a-fA-F]*$/.test(digits)) return digits.toLowerCase();
  if (!isSri && digits.length === Math.ceil((size * 8) / 5) && /^[0-9a-df-np-sv-z]*$/.test(digits))
    return fromNix32(digits, size);
  const bytes = isSri || digits.length === Math.ceil(size / 3) * 4 ? fromBase64(digits) : undefined;
  return bytes?.length === size ? hex(bytes) : undefined;
}

/** A `rev` where Nix uses it; gives lower-case hex. A prefix may name any algorithm, except in Nix 2.8. */
export function parseRev(text: string, nix: NixVersion): Step<string> {
  const [, kind = '', mark = '', digits = ''] = /^(md5|sha1|sha256|sha512)([:-])(.*)$/s.exec(text) ?? [];
  const size = nix === '2.8' ? undefined : sizes[kind];
  const hash = size === undefined ? undefined : hexOf(digits, size, mark === '-');
  return hash === undefined ? parseSha1(text) : done(hash);
}

/** Reads a narHash: SRI, sha256; '' is the hash of zeros. Gives the padded SRI text. */
export function parseNarHash(text: string): Step<string> {
  if (text === '') return done(`sha256-${'A'.repeat(43)}=`);
  const match = /^([a-z0-9]+)-(.*)$/s.exec(text);
  if (match === null) return failed(`hash '${text}' is not SRI`);
  if (match[1] !== 'sha256') return failed(`hash '${text}' should have type 'sha256'`);
  const digits = match[2] ?? '';
  const bytes = fromBase64(digits);
  if (bytes?.length !== 32) return failed(`invalid SRI hash '${digits}'`);
  return done(`sha256-${btoa(String.fromCharCode(...bytes))}`);
}

// As Nix reads it: line breaks are left out, `=` ends it whatever follows, and bits that fill no byte are dropped.
function fromBase64(text: string): readonly number[] | undefined {
  const digits = text.replace(/=.*$/s, '').replaceAll('\n', '');
  if (!/^[A-Za-z0-9+/]*$/.test(digits) || digits.length % 4 === 1) return undefined;
  return Array.from(atob(digits), (char) => char.charCodeAt(0));
}

// Nix's base 32 writes the last five bits first.
function fromNix32(digits: string, size: number): string {
  const alphabet = '0123456789abcdfghijklmnpqrsvwxyz';
  const bytes = new Array<number>(size).fill(0);
  for (let n = 0; n < digits.length; n++) {
    const digit = alphabet.indexOf(digits[digits.length - n - 1] ?? '');
    const bit = n * 5;
    const at = bit >> 3;
    bytes[at] = ((bytes[at] ?? 0) | (digit << (bit & 7))) & 0xff;
    if (at + 1 < size) bytes[at + 1] = (bytes[at + 1] ?? 0) | (digit >> (8 - (bit & 7)));
  }
  return hex(bytes);
}

const hex = (bytes: readonly number[]): string => bytes.map((byte) => byte.toString(16).padStart(2, '0')).join('');
