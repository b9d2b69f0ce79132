// The attribute set form of a reference, as written in flake.nix and in flake.lock: which attributes a type may have.

import { defaultNix, type NixVersion } from '../nix-version.ts';
import { parseNarHash, parseSha1 } from './hash.ts';
import { type Attrs, type RefResult, textAttr } from './model.ts';
import { isFlakeId, isForgeRef, isGitRef, isHost, isSimpleRef } from './ref-name.ts';
import { badUrl, done, failed, parseUrl, renderUrl, type Step, splitScheme } from './url.ts';

/**
 * Reads the attribute set form (`type` and the rest, `dir` included). A type that nobody knows passes in Nix 2.8 until it
 * is fetched; newer Nix dies of it.
 */
export function refFromAttrs(attrs: Attrs, nix: NixVersion = defaultNix): RefResult {
  const { dir, ...input } = attrs;
  if (dir !== undefined && typeof dir !== 'string')
    return { ok: false, error: "input attribute 'dir' is not a string" };
  if (typeof input.type !== 'string')
    return { ok: false, error: "'type' attribute to specify input scheme is required but not provided" };
  if (nix !== '2.8' && !isKnownType(input.type))
    return { ok: false, error: `input '${JSON.stringify(input)}' is unsupported` };
  const checked = checkInput(input, nix);
  const wrong = checked.ok ? stillWrong(checked.value, nix) : checked.error;
  if (!checked.ok || wrong !== undefined) return { ok: false, error: wrong ?? '' };
  const all = dir === undefined || dir === '' ? checked.value : { ...checked.value, dir };
  return { ok: true, ref: { attrs: all } };
}

// These errors come only when Nix asks whether the reference is relative, or final.
function stillWrong(attrs: Attrs, nix: NixVersion): string | undefined {
  if (Object.hasOwn(attrs, FINAL) && typeof attrs[FINAL] !== 'boolean')
    return `input attribute '${FINAL}' is not a Boolean`;
  const url = attrs.type === 'git' && nix === '2.26' ? parseUrl(textAttr(attrs, 'url') ?? '', nix) : undefined;
  return url?.ok === false ? url.error : undefined;
}

/** The attribute that newer Nix gives to what it has fetched; it never stands in a lock. */
export const FINAL = '__final';

/** The types this reader knows; other types are kept as they are and fail when Nix fetches them. */
export const isKnownType = (type: string): boolean => Object.hasOwn(allowed['2.34'], type);

/** Checks attributes (without `dir`) as the fetcher of their type does, and repairs a git `url` as it does. */
export function checkInput(attrs: Attrs, nix: NixVersion): Step<Attrs> {
  const type = textAttr(attrs, 'type') ?? '';
  const rules = Object.hasOwn(allowed[nix], type) ? allowed[nix][type] : undefined;
  if (rules === undefined) return done(attrs);
  for (const name of Object.keys(attrs))
    if (name !== 'type' && !(name === FINAL && nix !== '2.8') && !rules.split(' ').includes(name))
      return failed(unsupported(name, type, nix));
  if (type === 'git' && gated.some((name) => Object.hasOwn(attrs, name))) return failed(needsFeature);
  for (const name of required[type] ?? [])
    if (!Object.hasOwn(attrs, name)) return failed(`input attribute '${name}' is missing`);
  for (const [name, value] of Object.entries(attrs)) {
    const isUnread = nix !== '2.8' && unread[name]?.includes(type);
    const wanted = isUnread ? undefined : kinds[name];
    if (wanted !== undefined && typeof value !== wanted.is)
      return failed(
        `input attribute '${name}' is not ${wanted.words}${wanted === aText ? ` ${JSON.stringify(attrs)}` : ''}`,
      );
  }
  return checkValues(type, attrs, nix);
}

function checkValues(type: string, attrs: Attrs, nix: NixVersion): Step<Attrs> {
  const ref = textAttr(attrs, 'ref');
  const rev = textAttr(attrs, 'rev');
  if (nix === '2.8') {
    const hashes = [rev === undefined ? done('') : parseSha1(rev), parseNarHash(textAttr(attrs, 'narHash') ?? '')];
    for (const hash of hashes) if (!hash.ok) return hash;
  }
  switch (type) {
    case 'github':
    case 'gitlab':
    case 'sourcehut':
      return nix === '2.34' ? checkForge(attrs, ref, rev) : done(attrs);
    case 'git':
      if (ref !== undefined && !isGitRef(ref, nix)) return badUrl(`invalid Git branch/tag name '${ref}'`);
      return fixGitUrl(attrs, nix);
    case 'hg': {
      if (ref !== undefined && !isSimpleRef(ref, nix)) return badUrl(`invalid Mercurial branch/tag name '${ref}'`);
      const url = parseUrl(textAttr(attrs, 'url') ?? '', nix);
      return url.ok ? done(attrs) : url;
    }
    case 'indirect': {
      const id = textAttr(attrs, 'id') ?? '';
      return isFlakeId(id) ? done(attrs) : badUrl(`'${id}' is not a valid flake ID`);
    }
  }
  return done(attrs);
}

function checkForge(attrs: Attrs, ref: string | undefined, rev: string | undefined): Step<Attrs> {
  if (ref !== undefined && rev !== undefined)
    return badUrl(`input contains both a commit hash ('${rev}') and a branch/tag name ('${ref}')`);
  if (ref !== undefined && !isForgeRef(ref, '2.34')) return badUrl(`'${ref}' is not a branch/tag name`);
  const host = textAttr(attrs, 'host');
  if (host !== undefined && !isHost(host, '2.34')) return badUrl(`'${host}' is an invalid instance host`);
  const hash = rev === undefined ? undefined : parseSha1(rev);
  return hash === undefined || hash.ok ? done(attrs) : hash;
}

// An absolute path becomes file://, user@host:path becomes ssh://, git+X becomes X.
function fixGitUrl(attrs: Attrs, nix: NixVersion): Step<Attrs> {
  const url = textAttr(attrs, 'url') ?? '';
  if (nix === '2.8') {
    const parsed = parseUrl(url, nix);
    return parsed.ok ? done(attrs) : parsed;
  }
  const fixed = fromScp(url);
  if (!/^(?:git\+)?file:/.test(fixed) && !fixed.includes('://')) {
    const segments = fixed.split('/');
    if (nix === '2.34' && (segments[0] ?? '').includes(':'))
      return badUrl(`SCP-like URL '${fixed}' is not supported; use SSH URL syntax instead (ssh://...)`);
    const authority = nix === '2.26' || fixed.startsWith('/') ? { authority: '' } : {};
    const local = renderUrl({ scheme: 'file', ...authority, segments, query: new Map(), fragment: '' }, nix);
    // Mid reads again what it made, where `user@` before the first slash is an authority, which no file has.
    const again = nix === '2.26' ? parseUrl(local, nix) : undefined;
    return again?.ok === false ? again : done({ ...attrs, url: local });
  }
  const parsed = parseUrl(fixed, nix);
  if (!parsed.ok) return parsed;
  if (nix === '2.26') return done({ ...attrs, url: fixed });
  const { application, transport } = splitScheme(parsed.value.scheme);
  const scheme = application === 'git' ? transport : parsed.value.scheme;
  return done({ ...attrs, url: renderUrl({ ...parsed.value, scheme }, nix) });
}

// `user@host:path` to ssh://user@host/path. Nix matches `([^/]*)@(.*):(.*)`; by hand, for a url of nothing but `@` would
// cost the square of its length.
function fromScp(url: string): string {
  const colon = url.lastIndexOf(':');
  const slash = url.indexOf('/');
  const at = colon < 1 ? -1 : url.lastIndexOf('@', Math.min(colon - 1, slash < 0 ? colon : slash));
  if (at < 0 || url.startsWith('/') || /[\n\r\u2028\u2029]/.test(url.slice(at))) return url;
  return `ssh://${url.slice(0, colon)}/${url.slice(colon + 1)}`;
}

const unsupported = (name: string, type: string, nix: NixVersion): string => {
  if (nix !== '2.8') return `input attribute '${name}' not supported by scheme '${type}'`;
  const word = { git: 'Git ', hg: 'Mercurial ', github: '', gitlab: '', sourcehut: '' }[type] ?? `${type} `;
  return `unsupported ${word}input attribute '${name}'`;
};

// A signed commit is checked only where somebody turned that on; what is read here has the features that flakes need.
const gated = ['verifyCommit', 'keytype', 'publicKey', 'publicKeys'];
const needsFeature =
  "experimental Nix feature 'verified-fetches' is disabled; add '--extra-experimental-features verified-fetches' to enable it";

const forge = 'owner repo ref rev host narHash lastModified';
const path = 'path rev revCount lastModified narHash';
const mercurial = 'url ref rev revCount narHash name';
const git = 'url ref rev shallow submodules lastModified revCount narHash allRefs name';
const gitKeys = 'exportIgnore dirtyRev dirtyShortRev verifyCommit keytype publicKey publicKeys';
const download = 'url narHash name unpack rev revCount lastModified';
const indirect = 'id ref rev narHash';
const newForge = `${forge} treeHash`;
const common = { path, hg: mercurial, indirect };

const allowed: Readonly<Record<NixVersion, Readonly<Record<string, string>>>> = {
  '2.8': { ...common, github: forge, gitlab: forge, sourcehut: forge, git, tarball: 'url narHash name' },
  '2.26': {
    ...common,
    ...{ github: newForge, gitlab: newForge, sourcehut: newForge, tarball: download, file: download },
    git: `${git} ${gitKeys}`,
  },
  '2.34': {
    ...common,
    ...{ github: newForge, gitlab: newForge, sourcehut: newForge, tarball: download, file: download },
    git: `${git} ${gitKeys} lfs`,
  },
};

const required: Readonly<Record<string, readonly string[]>> = {
  github: ['owner', 'repo'],
  gitlab: ['owner', 'repo'],
  sourcehut: ['owner', 'repo'],
  git: ['url'],
  hg: ['url'],
  path: ['path'],
  indirect: ['id'],
};

// Newer Nix does not look at these before it fetches.
const unread: Readonly<Record<string, readonly string[]>> = Object.assign(Object.create(null), {
  rev: ['path', 'tarball', 'file'],
  narHash: ['git', 'hg', 'indirect'],
});

interface Kind {
  readonly is: 'string' | 'number' | 'boolean';
  readonly words: string;
}

const aText: Kind = { is: 'string', words: 'a string' };
const aNumber: Kind = { is: 'number', words: 'an integer' };
const aFlag: Kind = { is: 'boolean', words: 'a Boolean' };

// Only what Nix looks at when it parses; the other attributes may have any type until they are used.
const kinds: Readonly<Record<string, Kind | undefined>> = Object.assign(Object.create(null), {
  ...{ owner: aText, repo: aText, ref: aText, rev: aText, host: aText, url: aText, path: aText, id: aText },
  ...{ narHash: aText, revCount: aNumber, lastModified: aNumber },
  ...{ shallow: aFlag, submodules: aFlag, allRefs: aFlag, exportIgnore: aFlag, lfs: aFlag },
});
