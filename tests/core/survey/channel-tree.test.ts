// The urls of a channel's tree: which of them its tarball has, by the url that a flake names.
import { expect, test } from '@jest/globals';
import { absolute } from '../../../core/path.ts';
import { releaseUrl, tarballUrl } from '../../../core/survey/channel-tree.ts';

const stable = { path: absolute('/nix/store/x'), branch: 'nixos-26.05', version: '26.05.1234.abcdef012345' };
const unstable = { path: absolute('/nix/store/y'), branch: 'nixos-unstable', version: '26.11pre5678.abcdef012345' };
const RELEASES = 'https://releases.nixos.org/nixos';

test.each([
  [
    stable,
    'https://channels.nixos.org/nixos-26.05/nixexprs.tar.zst',
    '26.05/nixos-26.05.1234.abcdef012345/nixexprs.tar.zst',
  ],
  [
    stable,
    'https://nixos.org/channels/nixos-26.05/nixexprs.tar.xz',
    '26.05/nixos-26.05.1234.abcdef012345/nixexprs.tar.xz',
  ],
  [
    stable,
    'https://channels.nixos.org/nixos-26.05-small/nixexprs.tar.xz',
    '26.05-small/nixos-26.05.1234.abcdef012345/nixexprs.tar.xz',
  ],
  [
    unstable,
    'https://channels.nixos.org/nixos-unstable/nixexprs.tar.xz',
    'unstable/nixos-26.11pre5678.abcdef012345/nixexprs.tar.xz',
  ],
])('the tarball of %j as %s', (tree, url, expected) => {
  expect(releaseUrl(url, tree)).toBe(`${RELEASES}/${expected}`);
});

test.each([
  'https://channels.nixos.org/nixos-25.11/nixexprs.tar.xz',
  'https://channels.nixos.org/nixos-unstable/nixexprs.tar.xz',
  // The repository has neither the version nor the list of programs in it, so its hash is another.
  'https://github.com/NixOS/nixpkgs/archive/nixos-26.05.tar.gz',
  'https://channels.nixos.org.example.org/nixos-26.05/nixexprs.tar.xz',
  'http://channels.nixos.org/nixos-26.05/nixexprs.tar.xz',
])('%s is something else', (url) => {
  expect(releaseUrl(url, stable)).toBeUndefined();
});

test('zstd where both the release and Nix have it', () => {
  const endings = [
    ['nixos-26.05', true],
    ['nixos-unstable-small', true],
    ['nixos-25.11', true],
    ['nixos-26.05', false],
  ] as const;
  expect(endings.map(([branch, reads]) => tarballUrl(branch, reads).split('.').at(-1))).toEqual([
    'zst',
    'zst',
    'xz',
    'xz',
  ]);
});
