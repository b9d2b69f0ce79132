// The store path of a source, as `nix store add-path --name source` printed it.

import { expect, test } from '@jest/globals';
import { sourcePath } from '../../../../core/formats/nar/store-path.ts';

test('is what Nix makes of the hash', () => {
  expect(sourcePath('sha256-h4gyzSK14DjhF7cBN4VY+Km2ytc4Gg5tV6noZdNPhaY=')).toBe(
    '/nix/store/ms37m6i4z2hfa1lm7a6lch7lw9vcr26l-source',
  );
});

test.each(['', 'sha256-x', 'sha1-h4gyzSK14DjhF7cBN4VY+Km2ytc4Gg5tV6noZdNPhaY=', 'sha256-h4gyzSK14DjhF7cBN4VY'])(
  '%j is no hash of a source',
  (text) => expect(sourcePath(text)).toBeUndefined(),
);
