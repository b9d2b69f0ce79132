// Computes the store path of a fetched source from its NAR hash, the only name that a lock has for it.

import { digestOf } from '../../canonical.ts';

const DIGITS = '0123456789abcdfghijklmnpqrsvwxyz';
/** Bytes of the hash in a store path. */
const SHORT = 20;

/**
 * `/nix/store/…-source` of a NAR hash in SRI, as Nix's makeFixedOutputPath has it for what is hashed recursively by sha256.
 * Undefined: it is no such hash.
 */
export function sourcePath(narHash: string): string | undefined {
  const [, digits] = /^sha256-([A-Za-z0-9+/]{43}=)$/.exec(narHash) ?? [];
  if (digits === undefined) return undefined;
  const hex = Buffer.from(digits, 'base64').toString('hex');
  const whole = Buffer.from(digestOf(`source:sha256:${hex}:/nix/store:source`).slice('sha256:'.length), 'hex');
  const short = Buffer.alloc(SHORT);
  for (const [index, byte] of whole.entries()) short[index % SHORT]! ^= byte;
  return `/nix/store/${nix32(short)}-source`;
}

/** Nix's base 32 writes the last five bits first. */
function nix32(bytes: Buffer): string {
  const count = Math.ceil((bytes.length * 8) / 5);
  return Array.from({ length: count }, (_, index) => {
    const bit = (count - 1 - index) * 5;
    const [at, shift] = [bit >> 3, bit & 7];
    return DIGITS[(((bytes[at] ?? 0) >> shift) | ((bytes[at + 1] ?? 0) << (8 - shift))) & 0x1f];
  }).join('');
}
