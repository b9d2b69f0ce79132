// SHA-1 and SHA-256 (FIPS 180-4) for few bytes. node:crypto is faster, but to load it costs Node 24 a quarter of its start, and
// an in-sync plan has only a few thousand bytes to hash.

import { createHash } from 'node:crypto';

/** Bytes in all; above this, loading node:crypto pays. */
const LITTLE = 32 << 10;
let hashed = 0;

/** The digest of `bytes`, however many they are. */
export function hashOf(algorithm: 'sha1' | 'sha256', bytes: Uint8Array): Buffer {
  hashed += bytes.length;
  if (hashed > LITTLE) return createHash(algorithm).update(bytes).digest();
  return littleHash(algorithm, bytes);
}

/** By our own code: 256 MiB at most. Exported for its test. */
export function littleHash(algorithm: 'sha1' | 'sha256', bytes: Uint8Array): Buffer {
  const { state, block } =
    algorithm === 'sha1' ? { state: [...SHA1], block: sha1 } : { state: [...SHA256], block: sha256 };
  // One bit, zeros, and the length in bits at the end of a block.
  const padded = Buffer.alloc(((bytes.length + 8) & ~63) + 64);
  padded.set(bytes);
  padded[bytes.length] = 0x80;
  padded.writeUInt32BE(bytes.length * 8, padded.length - 4);
  const words = new Int32Array(80);
  for (let at = 0; at < padded.length; at += 64) {
    for (let n = 0, from = at; n < 16; n++, from += 4)
      words[n] = (padded[from]! << 24) | (padded[from + 1]! << 16) | (padded[from + 2]! << 8) | padded[from + 3]!;
    block(state, words);
  }
  const digest = Buffer.alloc(state.length * 4);
  for (let n = 0; n < state.length; n++) digest.writeInt32BE(state[n]! | 0, n * 4);
  return digest;
}

const SHA1 = [0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0];

function sha1(state: number[], words: Int32Array): void {
  let [a, b, c, d, e] = state as [number, number, number, number, number];
  for (let n = 16; n < 80; n++) {
    const word = words[n - 3]! ^ words[n - 8]! ^ words[n - 14]! ^ words[n - 16]!;
    words[n] = (word << 1) | (word >>> 31);
  }
  for (let n = 0; n < 80; n++) {
    const mixed =
      n < 20
        ? (d ^ (b & (c ^ d))) + 0x5a827999
        : n < 40
          ? (b ^ c ^ d) + 0x6ed9eba1
          : n < 60
            ? ((b & c) | (d & (b | c))) + 0x8f1bbcdc
            : (b ^ c ^ d) + 0xca62c1d6;
    const next = (((a << 5) | (a >>> 27)) + mixed + e + words[n]!) | 0;
    e = d;
    d = c;
    c = (b << 30) | (b >>> 2);
    b = a;
    a = next;
  }
  add(state, [a, b, c, d, e]);
}

const SHA256 = [0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19];
/** 32 bits of the fractional parts of the cube roots of the first 64 primes. */
const ROUNDS = new Int32Array([
  0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98,
  0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786,
  0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8,
  0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13,
  0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819,
  0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a,
  0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7,
  0xc67178f2,
]);

function sha256(state: number[], words: Int32Array): void {
  let [a, b, c, d, e, f, g, h] = state as [number, number, number, number, number, number, number, number];
  for (let n = 0; n < 64; n++) {
    if (n >= 16) {
      const [x, y] = [words[n - 15]!, words[n - 2]!];
      const low = ((x >>> 7) | (x << 25)) ^ ((x >>> 18) | (x << 14)) ^ (x >>> 3);
      const high = ((y >>> 17) | (y << 15)) ^ ((y >>> 19) | (y << 13)) ^ (y >>> 10);
      words[n] = words[n - 16]! + low + words[n - 7]! + high;
    }
    const right = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7));
    const one = (h + right + ((e & f) ^ (~e & g)) + ROUNDS[n]! + words[n]!) | 0;
    const left = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10));
    const two = (left + ((a & b) ^ (a & c) ^ (b & c))) | 0;
    h = g;
    g = f;
    f = e;
    e = (d + one) | 0;
    d = c;
    c = b;
    b = a;
    a = (one + two) | 0;
  }
  add(state, [a, b, c, d, e, f, g, h]);
}

function add(state: number[], more: readonly number[]): void {
  for (let n = 0; n < more.length; n++) state[n] = (state[n]! + more[n]!) | 0;
}
