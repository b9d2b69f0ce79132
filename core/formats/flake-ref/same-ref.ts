// Compares two flake references: as Nix does when it checks a lock against flake.nix, and as the forge does (ignoring case).

import { defaultNix, type NixVersion } from '../nix-version.ts';
import { type Attrs, subdir, textAttr } from './model.ts';
import { parseUrl, renderUrl } from './url.ts';

/** The form in which Nix 2.29 and later compare `original` with flake.nix: without `dir` in `url`. Older Nix compares as is. */
export function canonical(attrs: Attrs, nix: NixVersion = defaultNix): Attrs {
  const url = textAttr(attrs, 'url');
  if (nix !== '2.34' || url === undefined) return attrs;
  const parsed = parseUrl(url, nix);
  if (!parsed.ok) return attrs;
  const query = new Map(parsed.value.query);
  if (subdir(attrs) !== '' && query.get('dir') === subdir(attrs)) query.delete('dir');
  return { ...attrs, url: renderUrl({ ...parsed.value, query }, nix) };
}

/** True if Nix takes two references for the same one when it compares a lock with flake.nix. An empty `dir` equals none. */
export function sameRef(a: Attrs, b: Attrs, nix: NixVersion = defaultNix): boolean {
  const left = withoutEmptyDir(canonical(a, nix));
  const right = withoutEmptyDir(canonical(b, nix));
  const names = Object.keys(left);
  return (
    names.length === Object.keys(right).length &&
    names.every((name) => Object.hasOwn(right, name) && left[name] === right[name])
  );
}

function withoutEmptyDir(attrs: Attrs): Attrs {
  if (attrs.dir !== '') return attrs;
  return Object.fromEntries(Object.entries(attrs).filter(([name]) => name !== 'dir'));
}

/**
 * A printed reference with owner and repository in lower case where the forge ignores their case (GitHub, GitLab). Branches,
 * tags and other hosts stay as they are. Takes patterns of references as well.
 */
export const asForgeKnows = (text: string): string =>
  text.replace(FORGE_PATH, (_, before: string, owner: string) => before + owner.toLowerCase());

/** `github:OWNER/REPO`, and the urls of both forges, whatever fetches them. */
const FORGE_PATH =
  /^(git(?:hub|lab):|(?:(?:git|tarball|file)\+)?(?:https?|ssh|git):\/\/(?:[^/@]*@)?git(?:hub|lab)\.com\/)([^/?#]*(?:\/[^/?#]*)?)/i;
