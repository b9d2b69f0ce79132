// Finds the nixpkgs of a machine without a flake, from the most direct source: the url of the channel first, os-release last.
// An unstable or small branch is kept as it is.

import { parseFlakeRef } from '../formats/flake-ref/parse-ref.ts';
import { follow, textThroughLinks } from '../machine/follow-links.ts';
import { type Reader, unlessUnreadable } from '../machine/reader.ts';
import { absolute, isWithin } from '../path.ts';
import type { Fact } from './fact.ts';

/** `value`: a branch of nixpkgs (`nixos-24.05-small`), or a whole reference. */
export interface Nixpkgs extends Fact {
  /** A flake reference. */
  readonly url: string;
}

/** The places of root's list of channels in older and newer Nix. */
export const CHANNEL_LISTS = ['/root/.nix-channels', '/root/.local/state/nix/channels'].map(absolute);
/** Where nix-channel unpacks what root follows. */
export const CHANNELS = absolute('/nix/var/nix/profiles/per-user/root/channels');
export const STORE = absolute('/nix/store');

/** `note`: a fact that contradicts the result. */
export function nixpkgsOf(reader: Reader): { readonly found: Nixpkgs | undefined; readonly notes: readonly string[] } {
  const text = (path: string): string => unlessUnreadable(() => textThroughLinks(reader, absolute(path))) ?? '';
  const running = branchOfVersion(text('/run/current-system/nixos-version').trim());
  const fromRunning = running === undefined ? undefined : branch(running, 'the running system');
  const found =
    fromChannelList(reader) ?? fromChannelTree(reader, text) ?? fromRunning ?? fromOsRelease(text('/etc/os-release'));
  const isOther = found !== undefined && running !== undefined && familyOf(found.value) !== familyOf(running);
  const notes = isOther ? [`the running system is ${running}, and ${found.source} is ${found.value}: that counts`] : [];
  return { found, notes };
}

/** Reads an answer: `24.05`, `nixos-unstable-small` or a flake reference; undefined if it is none of these. */
export function nixpkgsNamed(text: string, source: string): Nixpkgs | undefined {
  const name = /^(?:nixos-)?((?:unstable|\d\d\.\d\d)(?:-small)?)$/.exec(text)?.[1];
  if (name !== undefined) return branch(`nixos-${name}`, source);
  if (!/[:/]/.test(text) || !parseFlakeRef(text, { context: 'input' }).ok) return undefined;
  return { value: text, url: text, source };
}

const branch = (name: string, source: string): Nixpkgs => ({
  value: name,
  url: `github:NixOS/nixpkgs/${name}`,
  source,
});

/** The branch without `-small`: both are of one release. */
export const familyOf = (name: string): string => name.replace(/-small$/, '');

function fromChannelList(reader: Reader): Nixpkgs | undefined {
  for (const path of CHANNEL_LISTS) {
    const url = channelIn(unlessUnreadable(() => textThroughLinks(reader, path)) ?? '');
    const found = url === undefined ? undefined : ofChannel(url, 'the root channel');
    if (found !== undefined) return found;
  }
  return undefined;
}

/** The channels that a list of nix-channel names. */
export const channelsIn = (list: string): readonly { readonly url: string; readonly name: string }[] =>
  list.split('\n').flatMap((line) => {
    const [url = '', name = ''] = line.trim().split(/\s+/);
    if (url === '' || url.startsWith('#')) return [];
    // nix-channel gives this name to a channel without one.
    return [{ url, name: name || url.replace(/\/+$/, '').replace(/^.*\//, '') }];
  });

/** The url of the channel `nixos`, which NIX_PATH names. */
function channelIn(list: string): string | undefined {
  const channels = channelsIn(list);
  const named = (pattern: RegExp): string | undefined => channels.find(({ name }) => pattern.test(name))?.url;
  return named(/^nixos$/) ?? named(/^nixos-/) ?? named(/^nixpkgs(-|$)/);
}

/** The nixpkgs of a channel's url; undefined if no flake reference can name it. */
export function ofChannel(url: string, source: string): Nixpkgs | undefined {
  const plain = url.replace(/\/+$/, '').replace(/\/nixexprs\.tar\.\w+$/, '');
  // A release: https://releases.nixos.org/nixos/24.05-small/nixos-24.05.1234.abcdef
  const release = /\/nixos\/((?:unstable|\d\d\.\d\d)(?:-\w+)?)\/nixos-[^/]+$/.exec(plain)?.[1];
  if (release !== undefined) return branch(`nixos-${release}`, source);
  if (/\/nixpkgs\/nixpkgs-\d\d\.\d\d[^/]*$/.test(plain)) return branch('nixpkgs-unstable', source);
  const name = /\/((?:nixos|nixpkgs)-(?:unstable|\d\d\.\d\d)(?:-\w+)?)$/.exec(plain)?.[1];
  if (name !== undefined) return branch(name, source);
  const archive =
    /^https:\/\/github\.com\/([^/]+)\/([^/]+)\/archive\/(?:refs\/(?:heads|tags)\/)?(.+?)\.(?:tar\.gz|zip)$/.exec(plain);
  if (archive !== null) {
    const [, owner, repo, ref = ''] = archive;
    const isOwn = /^nixos$/i.test(owner!) && /^nixpkgs(-channels)?$/i.test(repo!);
    return isOwn ? branch(ref, source) : reference(`github:${owner}/${repo}/${ref}`, source);
  }
  if (!/^(https?|file):\/\//.test(plain)) return undefined;
  const isWhole = plain.includes('?') || /\.(tar(\.\w+)?|tgz|zip)$/.test(plain);
  return reference(isWhole ? plain : `${plain}/nixexprs.tar.xz`, source);
}

function reference(url: string, source: string): Nixpkgs | undefined {
  return parseFlakeRef(url, { context: 'input' }).ok ? { value: url, url, source } : undefined;
}

/** From the channel as nix-channel unpacked it: its store path, or a file in it, has the version. Any user may read it. */
function fromChannelTree(reader: Reader, text: (path: string) => string): Nixpkgs | undefined {
  const tree = unlessUnreadable(() => follow(reader, absolute(`${CHANNELS}/nixos`)).path);
  const name = tree && isWithin(tree, STORE) ? /-nixos-(\d\d\.\d\d[^/]*)/.exec(tree)?.[1] : undefined;
  const inTree = (file: string): string => text(`${CHANNELS}/nixos/${file}`).trim();
  const found = branchOfVersion(name ?? `${inTree('.version')}${inTree('.version-suffix')}`);
  return found === undefined ? undefined : branch(found, 'the tree of the root channel');
}

/** From `ID` and `BUILD_ID`, else `VERSION_ID`, which unstable has before a release is out too. */
function fromOsRelease(text: string): Nixpkgs | undefined {
  const value = (name: string): string | undefined => new RegExp(`^${name}="?([^"\\n]*)"?$`, 'm').exec(text)?.[1];
  if (value('ID') !== 'nixos') return undefined;
  const found = [value('BUILD_ID'), value('VERSION_ID')]
    .map((one) => branchOfVersion(one ?? ''))
    .find((one) => one !== undefined);
  return found === undefined ? undefined : branch(found, '/etc/os-release');
}

/** The branch that has versions like `24.05.1234.abcdef`, `26.11pre5678.abcdef` or `26.11.20261001.abcdef` (a flake's). */
export function branchOfVersion(version: string): string | undefined {
  const [, release, rest = ''] = /^(\d\d\.\d\d)(?!\d)(.*)$/.exec(version) ?? [];
  if (release === undefined) return undefined;
  const month = /^\.(20\d{4})\d\d\./.exec(rest)?.[1];
  const isBefore = month !== undefined && month < `20${release.replace('.', '')}`;
  return rest.startsWith('pre') || isBefore ? 'nixos-unstable' : `nixos-${release}`;
}
