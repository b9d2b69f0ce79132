// Hash texts inside flake references: SHA-1 revisions in any notation Nix knows, and SRI narHashes.

import { done, failed, type Step } from './url.ts';

/** Reads a SHA-1 in base 16, nix-base 32 or base 64, `sha1:` before any, or as SRI; gives lower-case hex (Nix's gitRev). */
export function parseSha1(text: string): Step<string> {
  const [, kind, digits = text] = /^(sha1[:-])?(.*)$/s.exec(text) ?? [];
  const prefix = /^([a-z0-9]+)[:-]/.exec(digits)?.[1];
  if (prefix !== undefined) return failed(`hash '${text}' should have type 'sha1' but has type '${prefix}'`);
  const isSri = kind === 'sha1-';
  if (!isSri && /^[0-9a-fA-F]{40}$/.test(digits)) return done(digits.toLowerCase());
  if (!isSri && /^[0-9a-df-np-sv-z]{32}$/.test(digits)) return done(fromNix32(digits));
  const bytes = isSri || digits.length === 28 ? fromBase64(digits) : undefined;
  if (bytes?.length === 20) return done(hex(bytes));
  return failed(`hash '${text}' has wrong length for hash algorithm 'sha1'`);
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
function fromNix32(digits: string): string {
  const alphabet = '0123456789abcdfghijklmnpqrsvwxyz';
  const bytes = new Array<number>(20).fill(0);
  for (let n = 0; n < digits.length; n++) {
    const digit = alphabet.indexOf(digits[digits.length - n - 1] ?? '');
    const bit = n * 5;
    const at = bit >> 3;
    bytes[at] = ((bytes[at] ?? 0) | (digit << (bit & 7))) & 0xff;
    if (at + 1 < bytes.length) bytes[at + 1] = (bytes[at + 1] ?? 0) | (digit >> (8 - (bit & 7)));
  }
  return hex(bytes);
}

const hex = (bytes: readonly number[]): string => bytes.map((byte) => byte.toString(16).padStart(2, '0')).join('');
