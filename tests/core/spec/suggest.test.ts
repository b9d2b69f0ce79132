// The nearest known word, or none.
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { fromPointer, pointerWords, toPointer } from '../../../core/formats/json-pointer.ts';
import { closest, editDistance } from '../../../core/spec/suggest.ts';

test.each([
  ['featurs', ['features', 'lock'], 'features'],
  ['SWITCH', ['switch'], 'switch'],
  ['gt', ['git', 'lock'], 'git'],
  ['x', ['a', 'b'], undefined],
  ['abcdef', ['uvwxyz'], undefined],
  ['plan', [], undefined],
])('%s among %j: %s', (word, candidates, found) => expect(closest(word, candidates)).toBe(found));

test('the distance is a metric', () => {
  const word = fc.string({ maxLength: 8 });
  fc.assert(
    fc.property(word, word, word, (a, b, c) => {
      expect(editDistance(a, a)).toBe(0);
      expect(editDistance(a, b)).toBe(editDistance(b, a));
      expect(editDistance(a, c)).toBeLessThanOrEqual(editDistance(a, b) + editDistance(b, c));
    }),
  );
});

test('pointers come back as they were', () => {
  fc.assert(fc.property(fc.array(fc.string()), (keys) => expect(fromPointer(toPointer(keys))).toEqual(keys)));
  expect(pointerWords('/config/modules/0')).toBe('config.modules[0]');
  expect(pointerWords('')).toBe('the spec');
});
