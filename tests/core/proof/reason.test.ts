// Nix's words as a reason, in the words of each version.

import { expect, test } from '@jest/globals';
import { reasonFor } from '../../../core/proof/reason.ts';

test.each([
  ['2.8', "error: getting status of '/s/nix/store/aaa-source/flake.nix': No such file or directory"],
  ['2.8, as it is told', "error: getting status of './flake.nix': No such file or directory"],
  ['2.26', "error: path '/s/nix/store/aaa-source/flake.nix' does not exist"],
  ['2.34', "error: path '«git+file:///r?ref=refs/heads/master&rev=44»/flake.nix' does not exist"],
  ['others', "error: source tree referenced by 'git+file:///r' does not contain a '/flake.nix' file"],
])('a commit without flake.nix, in the words of %s', (_, words) => {
  expect(reasonFor('its first line', words)).toMatchObject({ why: 'it has no flake.nix: git shows Nix none there' });
});

test.each(['-source/my-flake.nix', '-source/hosts/flake.nix', '-source/flake.nix.old'])(
  'that is no missing flake: %s',
  (file) => {
    const words = `error: getting status of '/s/nix/store/aaa${file}': No such file or directory`;
    expect(reasonFor('its first line', words).why).toBe('its first line');
  },
);
