// Which nodes of a lock are nixpkgs, and of which release: by branch or tag, by the url of a channel, by FlakeHub's version.

import { type Attrs, textAttr } from '../flake-ref/model.ts';
import type { LockNode } from './model.ts';

/** `rolling`: a branch without releases. `unknown`: only a revision, or a name that tells none. */
export type NixpkgsRelease =
  | { readonly kind: 'release'; readonly release: string }
  | { readonly kind: 'rolling' }
  | { readonly kind: 'unknown' };

/** The locked source is what counts; the one asked for where that is a tarball, which leads elsewhere each time. */
export const isNixpkgs = ({ locked = {}, original = {} }: LockNode): boolean =>
  isNixpkgsRef(locked) || (locked.type === 'tarball' && isNixpkgsRef(original));

const isNixpkgsRef = (attrs: Attrs): boolean => {
  const owner = textAttr(attrs, 'owner')?.toLowerCase();
  const repo = textAttr(attrs, 'repo')?.toLowerCase();
  return (owner === 'nixos' && repo?.startsWith('nixpkgs') === true) || URLS.test(textAttr(attrs, 'url') ?? '');
};

/** Channels and their releases, archives of the repository, FlakeHub, git. */
const URLS =
  /^(?:https?:\/\/(?:channels\.nixos\.org|nixos\.org\/channels|releases\.nixos\.org\/(?:nixos|nixpkgs))\/|https?:\/\/(?:api\.)?flakehub\.com\/f\/(?:pinned\/)?nixos\/nixpkgs\/|.*github\.com[/:]nixos\/nixpkgs(?:[/.?#]|$))/i;

/** Of a node that is nixpkgs. */
export function nixpkgsReleaseOf({ locked = {}, original = {} }: LockNode): NixpkgsRelease {
  for (const attrs of [original, locked]) {
    const said = releaseIn(attrs);
    if (said.kind !== 'unknown') return said;
  }
  // Asked for without a branch, a forge gives the default one.
  const isDefault = original.owner !== undefined && original.ref === undefined && original.rev === undefined;
  return isDefault ? { kind: 'rolling' } : { kind: 'unknown' };
}

function releaseIn(attrs: Attrs): NixpkgsRelease {
  const words = [textAttr(attrs, 'ref'), textAttr(attrs, 'url')].filter((one) => one !== undefined);
  for (const text of words) {
    const release = /(?:^|[-/])(\d\d\.(?:03|05|09|11))(?!\d)/.exec(text)?.[1] ?? hubRelease(text);
    if (release !== undefined) return { kind: 'release', release };
    if (/unstable|^(?:refs\/heads\/)?(?:master|main)$|\/archive\/master\b|\/nixpkgs\/0\.1(?:\.|$)/i.test(text))
      return { kind: 'rolling' };
  }
  return { kind: 'unknown' };
}

/** FlakeHub numbers a release as 0.2405.N. */
function hubRelease(url: string): string | undefined {
  const [, year, month] = /\/nixos\/nixpkgs\/[^/]*?0\.(\d\d)(\d\d)(?:\.|$)/i.exec(url) ?? [];
  return year === undefined ? undefined : `${year}.${month}`;
}
