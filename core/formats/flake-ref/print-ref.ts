// Writes a reference as a URL, as Nix's flakeRefToString does (docs/nix.md, "References").

import { defaultNix, type NixVersion } from '../nix-version.ts';
import { parseNarHash, parseRev } from './hash.ts';
import { type Attrs, subdir, textAttr } from './model.ts';
import { checkInput } from './ref-attrs.ts';
import { done, failed, parseUrl, renderUrl, type Step, type Url } from './url.ts';

export type PrintResult = { readonly ok: true; readonly text: string } | { readonly ok: false; readonly error: string };

/** The URL form. Fails on an unknown type, a malformed narHash or rev, and a `url` that is none, as Nix does. */
export function printFlakeRef(attrs: Attrs, nix: NixVersion = defaultNix): PrintResult {
  const { dir, ...rest } = attrs;
  if (dir !== undefined && typeof dir !== 'string')
    return { ok: false, error: "input attribute 'dir' is not a string" };
  const input = checkInput(rest, nix);
  const url = input.ok ? toUrl(input.value, nix) : input;
  if (!url.ok) return { ok: false, error: url.error };
  const query = new Map(url.value.query);
  // Nix inserts `dir` without replacing one that the URL already carries.
  if (subdir(attrs) !== '' && !query.has('dir')) query.set('dir', subdir(attrs));
  return { ok: true, text: renderUrl({ ...url.value, query }, nix) };
}

/** The URL form for people: never fails, an unprintable reference is shown as its attributes. */
export function showFlakeRef(attrs: Attrs, nix: NixVersion = defaultNix): string {
  const printed = printFlakeRef(attrs, nix);
  return printed.ok ? printed.text : JSON.stringify(attrs);
}

type Parts = Pick<Url, 'scheme' | 'authority' | 'segments' | 'query' | 'fragment'>;

function toUrl(attrs: Attrs, nix: NixVersion): Step<Parts> {
  const rev = textAttr(attrs, 'rev');
  const hash = rev === undefined || attrs.type === 'path' ? done(undefined) : parseRev(rev, nix);
  const narHash = narHashOf(attrs, nix);
  if (!narHash.ok) return narHash;
  switch (attrs.type) {
    case 'github':
    case 'gitlab':
    case 'sourcehut':
      if (nix !== '2.34' && rev !== undefined && attrs.ref !== undefined)
        return failed('a reference with both a commit hash and a branch/tag name has no URL');
      return hash.ok ? done(forgeUrl(attrs, hash.value, narHash.value, nix)) : hash;
    case 'indirect':
      return hash.ok ? done(indirectUrl(attrs, hash.value, nix)) : hash;
    case 'path':
      return done(pathUrl(attrs));
    case 'git':
    case 'hg':
      return hash.ok ? gitUrl(attrs, hash.value, nix) : hash;
    case 'tarball':
    case 'file': {
      const url = parseUrl(textAttr(attrs, 'url') ?? '', nix);
      if (!url.ok || narHash.value === undefined) return url;
      return done({ ...url.value, query: new Map(url.value.query).set('narHash', narHash.value) });
    }
  }
  return failed(`cannot show unsupported input '${JSON.stringify(attrs)}'`);
}

// Only where Nix parses the hash in order to print it.
function narHashOf(attrs: Attrs, nix: NixVersion): Step<string | undefined> {
  const text = textAttr(attrs, 'narHash');
  const type = attrs.type;
  const unused = type === 'path' || type === 'git' || type === 'hg' || type === 'indirect';
  if (text === undefined || unused || (nix === '2.8' && type !== 'tarball')) return done(undefined);
  return parseNarHash(text);
}

function forgeUrl(attrs: Attrs, rev: string | undefined, narHash: string | undefined, nix: NixVersion): Parts {
  const ref = textAttr(attrs, 'ref');
  const path = [textAttr(attrs, 'owner') ?? '', textAttr(attrs, 'repo') ?? ''];
  if (ref !== undefined) path.push(ref);
  if (rev !== undefined) path.push(rev);
  const host = nix === '2.34' ? textAttr(attrs, 'host') : undefined;
  const query = new Map<string, string>();
  if (narHash !== undefined) query.set('narHash', narHash);
  if (host !== undefined) query.set('host', host);
  return { scheme: String(attrs.type), segments: segmentsOf(path, nix), query, fragment: '' };
}

// New Nix writes a slash inside a part as %2F, older Nix as a slash.
const segmentsOf = (parts: readonly string[], nix: NixVersion): readonly string[] =>
  nix === '2.34' ? parts : parts.join('/').split('/');

function indirectUrl(attrs: Attrs, rev: string | undefined, nix: NixVersion): Parts {
  const segments = [textAttr(attrs, 'id') ?? ''];
  const ref = textAttr(attrs, 'ref');
  if (ref !== undefined) segments.push(ref);
  if (rev !== undefined) segments.push(rev);
  return { scheme: 'flake', segments: segmentsOf(segments, nix), query: new Map(), fragment: '' };
}

function pathUrl(attrs: Attrs): Parts {
  const query = new Map<string, string>();
  for (const [name, value] of Object.entries(attrs)) {
    if (name === 'path' || name === 'type' || name === '__final') continue;
    query.set(name, typeof value === 'boolean' ? (value ? '1' : '0') : String(value));
  }
  return { scheme: 'path', segments: (textAttr(attrs, 'path') ?? '').split('/'), query, fragment: '' };
}

function gitUrl(attrs: Attrs, rev: string | undefined, nix: NixVersion): Step<Parts> {
  const url = parseUrl(textAttr(attrs, 'url') ?? '', nix);
  if (!url.ok) return url;
  const isGit = attrs.type === 'git';
  const query = new Map(url.value.query);
  const ref = textAttr(attrs, 'ref');
  if (rev !== undefined) query.set('rev', rev);
  if (ref !== undefined) query.set('ref', ref);
  const flags = nix === '2.8' ? ['shallow'] : ['shallow', 'submodules', 'exportIgnore', 'verifyCommit', 'lfs'];
  if (isGit) for (const name of flags) if (attrs[name] === true) query.set(name, '1');
  const scheme = isGit ? (url.value.scheme === 'git' ? 'git' : `git+${url.value.scheme}`) : `hg+${url.value.scheme}`;
  return done({ ...url.value, scheme, query });
}
