// Our own SHA-1 and SHA-256 beside node:crypto's: each length around the ends of blocks, and bytes of every kind.
import { createHash } from 'node:crypto';
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { hashOf, littleHash } from '../../core/little-hash.ts';

const theirs = (algorithm: string, bytes: Uint8Array): string => createHash(algorithm).update(bytes).digest('hex');

test.each(['sha1', 'sha256'] as const)('%s of each length up to four blocks', (algorithm) => {
  for (let length = 0; length <= 256; length++) {
    const bytes = Buffer.from(Array.from({ length }, (_, at) => (at * 167 + length) & 0xff));
    expect(littleHash(algorithm, bytes).toString('hex')).toBe(theirs(algorithm, bytes));
  }
});

test.each(['sha1', 'sha256'] as const)('%s of anything', (algorithm) => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 2000, size: 'max' }), (bytes) => {
      expect(littleHash(algorithm, bytes).toString('hex')).toBe(theirs(algorithm, bytes));
    }),
  );
});

test('of much, it is the same', () => {
  const much = Buffer.alloc(100_000, 'much');
  for (const bytes of [much, much.subarray(0, 10), Buffer.alloc(0)])
    expect(hashOf('sha256', bytes).toString('hex')).toBe(theirs('sha256', bytes));
});
