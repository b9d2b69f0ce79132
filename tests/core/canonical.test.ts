// Canonical JSON: one text for one value, however it was put together, and its digest without the text.
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { canonicalJson, digestOf, digestOfJson } from '../../core/canonical.ts';

/** As the definition has it. */
function plainly(value: unknown): string {
  if (value instanceof Uint8Array) return JSON.stringify(Buffer.from(value).toString('base64'));
  if (Array.isArray(value)) return `[${value.map(plainly).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  const members = Object.entries(value).filter(([, member]) => member !== undefined);
  members.sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${members.map(([key, member]) => `${JSON.stringify(key)}:${plainly(member)}`).join(',')}}`;
}

describe('canonical JSON', () => {
  test('is what its definition says, and its digest is that of the text', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 4, stringUnit: 'binary' }), fc.uint8Array(), (value, bytes) => {
        // Shared, as entries are by the edits of a plan.
        const all = { value, bytes, again: [value, value, { value, nothing: undefined }] };
        expect(canonicalJson(all)).toBe(plainly(all));
        expect(digestOfJson(all)).toBe(digestOf(plainly(all)));
      }),
    );
  });

  test('is hashed in pieces that do not cut a character', () => {
    const long = Array.from({ length: 3000 }, (_, index) => '\u{1F600}'.repeat(index % 37));
    expect(digestOfJson({ long })).toBe(digestOf(plainly({ long })));
  });
});
