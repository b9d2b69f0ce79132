// Canonical JSON: its digest, without the text.
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { digestOf, digestOfJson } from '../../core/canonical.ts';
import { canonicalJson } from '../support/canonical-json.ts';

describe('canonical JSON', () => {
  test('has the digest of the text that its definition says', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 4, stringUnit: 'binary' }), fc.uint8Array(), (value, bytes) => {
        // Shared, as entries are by the edits of a plan.
        const all = { value, bytes, again: [value, value, { value, nothing: undefined }] };
        expect(digestOfJson(all)).toBe(digestOf(canonicalJson(all)));
      }),
    );
  });

  test('is hashed in pieces that do not cut a character', () => {
    const long = Array.from({ length: 3000 }, (_, index) => '\u{1F600}'.repeat(index % 37));
    expect(digestOfJson({ long })).toBe(digestOf(canonicalJson({ long })));
  });
});
