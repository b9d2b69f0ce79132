// The nixpkgs that root's channel has unpacked into the store: which release it says it is, and the urls of its tarball. What it
// is, anybody may read; only reads.

import { follow, textThroughLinks } from '../machine/follow-links.ts';
import { type Reader, unlessUnreadable } from '../machine/reader.ts';
import { type AbsPath, absolute, isWithin, join } from '../path.ts';
import { branchOfVersion, CHANNELS, familyOf, STORE } from './nixpkgs.ts';

/** A release of NixOS as nix-channel leaves it. */
export interface ChannelTree {
  /** Its directory in the store, which no one changes. */
  readonly path: AbsPath;
  /** `nixos-26.05`; the tree does not tell `-small`. */
  readonly branch: string;
  /** `26.05.1234.abcdef012345`. */
  readonly version: string;
  readonly revision?: string;
}

/** Undefined: there is none, it lies outside of the store, is no flake, or does not say which release it is. */
export function channelTree(reader: Reader): ChannelTree | undefined {
  const found = unlessUnreadable(() => follow(reader, absolute(`${CHANNELS}/nixos`)));
  if (found?.entry.type !== 'dir' || !isWithin(found.path, STORE)) return undefined;
  const { path } = found;
  const text = (file: string): string =>
    unlessUnreadable(() => textThroughLinks(reader, join(path, `./${file}`)))?.trim() ?? '';
  const version = `${text('.version')}${text('.version-suffix')}`;
  const branch = branchOfVersion(version);
  if (branch === undefined || !RELEASE.test(version) || text('flake.nix') === '') return undefined;
  const revision = text('.git-revision');
  return { path, branch, version, ...(/^[0-9a-f]{40}$/.test(revision) && { revision }) };
}

/** A version that the project has released, and not one that somebody built. */
const RELEASE = /^\d\d\.\d\d(?:pre|\.)\d+\.[0-9a-f]{7,40}$/;

/** The url that a flake names to follow a channel. Nix before 2.26 can't unpack zstd, which releases from 26.05 on have. */
export const tarballUrl = (branch: string, readsZstd: boolean): string =>
  `https://channels.nixos.org/${branch}/nixexprs.tar.${readsZstd && hasZstd(branch) ? 'zst' : 'xz'}`;

const hasZstd = (branch: string): boolean => {
  const release = /\d\d\.\d\d/.exec(branch)?.[0];
  return release === undefined || release >= '26.05';
};

/** The url under which the project keeps the very tarball of the tree, if `url` follows the channel that the tree is of. */
export function releaseUrl(url: string, { branch, version }: ChannelTree): string | undefined {
  const [, channel, ending] = CHANNEL_TARBALL.exec(url) ?? [];
  if (channel === undefined || familyOf(channel) !== familyOf(branch)) return undefined;
  return `https://releases.nixos.org/nixos/${channel.slice('nixos-'.length)}/nixos-${version}/nixexprs.tar.${ending}`;
}

const CHANNEL_TARBALL =
  /^https:\/\/(?:channels\.nixos\.org|nixos\.org\/channels)\/(nixos-[\w.-]+)\/nixexprs\.tar\.(\w+)$/;
