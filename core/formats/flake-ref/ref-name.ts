// Tells the branch and tag names, commit hashes and hosts that Nix accepts in a flake reference (docs/nix.md, "References").

import type { NixVersion } from '../nix-version.ts';

/** A full SHA-1 in hex, either case: what makes a path segment a revision. */
export const isRev = (text: string): boolean => /^[0-9a-fA-F]{40}$/.test(text);

/** Legal as a `ref` of a `git` reference. */
export const isGitRef = (name: string, nix: NixVersion): boolean =>
  nix === '2.34' ? isGitRefName(name) : !badOldGitRef.test(name);

/** Legal as a `ref` of github, gitlab, sourcehut and indirect references. */
export const isForgeRef = (name: string, nix: NixVersion): boolean =>
  nix === '2.34' ? isGitRefName(name) : oldRef(nix).test(name);

/** Legal as a `ref` of a Mercurial reference, and as the second part of `ID/REF`. */
export const isSimpleRef = (name: string, nix: NixVersion): boolean => oldRef(nix).test(name);

/** Legal as `host=`; a port is impossible. */
export const isHost = (host: string, nix: NixVersion): boolean =>
  (nix === '2.8' ? /^[a-zA-Z0-9.]*$/ : /^[a-zA-Z0-9.-]*$/).test(host);

/** A name of the flake registry, an input name that `follows` can reach. */
export const isFlakeId = (id: string): boolean => /^[a-zA-Z][a-zA-Z0-9_-]*$/.test(id);

const oldRef = (nix: NixVersion): RegExp =>
  nix === '2.8' ? /^[a-zA-Z0-9][a-zA-Z0-9_./-]*$/ : /^[a-zA-Z0-9@][a-zA-Z0-9_./@+-]*$/;

const badOldGitRef = /\/\/|^[./]|\/\.|\.\.|[\x00-\x20\x7f:?^~[]|\\|\*|\.lock$|\.lock\/|@\{|[/.]$|^@$|^$/;

// git-check-ref-format(1) on refs/heads/NAME, as libgit2 does it. A name with a slash may begin with a hyphen: libgit2 also
// takes it for a full name (`refs/tags/x`).
function isGitRefName(name: string): boolean {
  if (name === '' || name === '@' || /^-[^/]*$/.test(name) || name.endsWith('.')) return false;
  if (/[\x00-\x20\x7f~^:?*[\\]|\.\.|@\{/.test(name)) return false;
  return name.split('/').every((part) => part !== '' && !part.startsWith('.') && !part.endsWith('.lock'));
}
