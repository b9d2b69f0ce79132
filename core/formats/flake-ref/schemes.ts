// Turns a URL into the attributes of a reference, one function per fetcher (docs/nix.md, "References").

import type { NixVersion } from '../nix-version.ts';
import { parseSha1 } from './hash.ts';
import type { Attr, Attrs } from './model.ts';
import { checkInput } from './ref-attrs.ts';
import { isFlakeId, isForgeRef, isHost, isRev } from './ref-name.ts';
import { badUrl, done, failed, renderUrl, type Step, splitScheme, type Url } from './url.ts';

/** The attributes (without `dir`) of the reference that `url` is. A file and a tarball differ by `flake` only. */
export function inputFromUrl(url: Url, flake: boolean, nix: NixVersion): Step<Attrs> {
  const attrs = dispatch(url, flake, nix);
  return attrs.ok ? checkInput(attrs.value, nix) : attrs;
}

function dispatch(url: Url, flake: boolean, nix: NixVersion): Step<Attrs> {
  const { application, transport } = splitScheme(url.scheme);
  const show = renderUrl(url, nix);
  switch (url.scheme) {
    case 'github':
    case 'gitlab':
    case 'sourcehut':
      return fromForge(url, nix, show);
    case 'path':
      return fromPath(url, nix, show);
    case 'flake':
      return fromIndirect(url, nix, show);
    case 'git':
      return done(fromGit(url, 'git', nix));
  }
  if (application === 'git' && (nix === '2.34' || ['http', 'https', 'ssh', 'file'].includes(transport)))
    return done(fromGit(url, transport, nix));
  if (application === 'hg' && ['http', 'https', 'ssh', 'file'].includes(transport))
    return done(fromMercurial(url, transport, nix));
  const type = ['http', 'https', 'file'].includes(transport) ? downloadType(url, application, flake, nix) : undefined;
  if (type !== undefined) return done(fromDownload(url, type, transport, nix));
  const hint = application === 'file' && transport === 'git' ? "; did you mean 'git+file' instead of 'file+git'?" : '';
  return failed(`input '${show}' is unsupported${hint}`);
}

function fromForge(url: Url, nix: NixVersion, show: string): Step<Attrs> {
  const path = url.segments.filter((part) => part !== '');
  const [owner, repo] = path;
  if (owner === undefined || repo === undefined) return badUrl(`URL '${show}' is invalid`);
  const last = path.slice(2).join('/');
  const asRev = path.length === 3 && isRev(last);
  const refText = last === '' || asRev ? undefined : last;
  const named = path.length === 3 ? 'is not a commit hash or branch/tag name' : 'is not a branch/tag name';
  if (refText !== undefined && !isForgeRef(refText, nix)) return badUrl(`in URL '${show}', '${last}' ${named}`);

  const queryRev = url.query.get('rev');
  const queryRef = url.query.get('ref');
  const host = url.query.get('host');
  const narHash = nix === '2.8' ? undefined : url.query.get('narHash');
  // Nix walks the query in sorted order, so the first mistake in that order is the one it names.
  if (host !== undefined && !isHost(host, nix)) return badUrl(`URL '${show}' contains an invalid instance host`);
  if (queryRef !== undefined && !isForgeRef(queryRef, nix))
    return badUrl(`URL '${show}' contains an invalid branch/tag name`);
  if (queryRef !== undefined && refText !== undefined)
    return badUrl(`URL '${show}' contains multiple branch/tag names`);
  if (queryRev !== undefined && asRev) return badUrl(`URL '${show}' contains multiple commit hashes`);
  const rev = asRev ? last : queryRev;
  const ref = refText ?? queryRef;
  const both = badUrl(`URL '${show}' contains both a commit hash and a branch/tag name ${ref} ${rev}`);
  const hasBoth = rev !== undefined && ref !== undefined;
  // Nix 2.8 and 2.26 read the hash first, and a bad hash is no BadURL there.
  if (nix === '2.34' && hasBoth) return both;
  const hash = rev === undefined ? undefined : parseSha1(rev);
  if (hash !== undefined && !hash.ok) return hash;
  if (hasBoth) return both;
  return done(compact({ type: url.scheme, owner, repo, rev: nix === '2.34' ? rev : hash?.value, ref, host, narHash }));
}

function fromIndirect(url: Url, nix: NixVersion, show: string): Step<Attrs> {
  const path = url.segments.filter((part) => part !== '');
  const [id = '', second, third] = path;
  if (path.length < 1 || path.length > 3) return badUrl(`GitHub URL '${show}' is invalid`);
  const alone = second !== undefined && third === undefined && isRev(second);
  if (second !== undefined && !alone && !isForgeRef(second, nix)) {
    const what = third === undefined ? 'a commit hash or branch/tag name' : 'a branch/tag name';
    return badUrl(`in flake URL '${show}', '${second}' is not ${what}`);
  }
  if (third !== undefined && !isRev(third)) return badUrl(`in flake URL '${show}', '${third}' is not a commit hash`);
  if (!isFlakeId(id)) return badUrl(`'${id}' is not a valid flake ID`);
  const rev = (alone ? second : third)?.toLowerCase();
  return done(compact({ type: 'indirect', id, rev, ref: alone ? undefined : second }));
}

function fromPath(url: Url, nix: NixVersion, show: string): Step<Attrs> {
  if ((url.authority ?? '') !== '')
    return failed(`path URL '${show}' should not have an authority ('${url.authority}')`);
  const path = pathOf(url, nix);
  if (!path.ok) return path;
  const attrs: Record<string, Attr> = { type: 'path', path: path.value };
  for (const [name, value] of [...url.query].sort(([a], [b]) => (a < b ? -1 : 1))) {
    if (name === 'rev' || name === 'narHash') attrs[name] = value;
    else if (name === 'revCount' || name === 'lastModified') {
      const count = natural(value);
      if (count === undefined) return failed(`path URL '${show}' has invalid parameter '${name}'`);
      attrs[name] = count;
    } else return failed(`path URL '${show}' has unsupported parameter '${name}'`);
  }
  return done(attrs);
}

/** The file system path in a URL. New Nix refuses an encoded `/` or NUL, joins runs of `/`, and makes '' into `/`. */
function pathOf(url: Pick<Url, 'segments'>, nix: NixVersion): Step<string> {
  const path = url.segments.join('/');
  if (nix !== '2.34') return done(path);
  const wrong = url.segments.find((part) => part.includes('/') || part.includes('\0'));
  if (wrong !== undefined) return badUrl(`URL path component '${wrong}' is not allowed in file names`);
  return done(path.replace(/\/{2,}/g, '/') || '/');
}

function fromGit(url: Url, transport: string, nix: NixVersion): Attrs {
  const texts = nix === '2.8' ? ['ref', 'rev'] : ['ref', 'rev', 'keytype', 'publicKey', 'publicKeys'];
  const flags = [
    'shallow',
    'submodules',
    ...(nix === '2.8' ? [] : ['allRefs', 'exportIgnore', 'verifyCommit']),
    ...(nix === '2.34' ? ['lfs'] : []),
  ];
  const attrs: Record<string, Attr> = { type: 'git' };
  const query = new Map<string, string>();
  for (const [name, value] of url.query) {
    if (texts.includes(name)) attrs[name] = value;
    else if (flags.includes(name)) attrs[name] = value === '1';
    else query.set(name, value);
  }
  // New Nix takes `git+` away last, after it has looked for `user@host:path`.
  const scheme = nix === '2.34' ? url.scheme : transport;
  return { ...attrs, url: renderUrl({ ...url, scheme, query, fragment: '' }, nix) };
}

function fromMercurial(url: Url, transport: string, nix: NixVersion): Attrs {
  const query = new Map([...url.query].filter(([name]) => name !== 'rev' && name !== 'ref'));
  const [rev, ref] = [url.query.get('rev'), url.query.get('ref')];
  return compact({ type: 'hg', url: renderUrl({ ...url, scheme: transport, query, fragment: '' }, nix), rev, ref });
}

function downloadType(url: Url, application: string | undefined, flake: boolean, nix: NixVersion): string | undefined {
  const isArchive = /\.(?:zip|tar|tgz|tar\.gz|tar\.xz|tar\.bz2|tar\.zst)$/.test(url.segments.at(-1) ?? '');
  if (nix === '2.8') return application === undefined && isArchive ? 'tarball' : undefined;
  if (application !== undefined) return application === 'tarball' || application === 'file' ? application : undefined;
  return flake || isArchive ? 'tarball' : 'file';
}

function fromDownload(url: Url, type: string, transport: string, nix: NixVersion): Attrs {
  const narHash = url.query.get('narHash');
  if (nix === '2.8') return compact({ type, url: renderUrl({ ...url, fragment: '' }, nix), narHash });
  const own = ['url', 'name', 'unpack', 'narHash', 'rev', 'revCount', 'lastModified'];
  if (nix === '2.26') own.push('type');
  const query = new Map([...url.query].filter(([name]) => !own.includes(name)));
  return compact({
    type,
    url: renderUrl({ ...url, scheme: transport, query, fragment: '' }, nix),
    narHash,
    rev: url.query.get('rev'),
    revCount: natural(url.query.get('revCount') ?? ''),
    lastModified: natural(url.query.get('lastModified') ?? ''),
  });
}

const natural = (text: string): number | undefined =>
  /^[0-9]+$/.test(text) && BigInt(text) < 2n ** 64n ? Number(text) : undefined;

function compact(attrs: Readonly<Record<string, Attr | undefined>>): Attrs {
  const present = Object.entries(attrs).filter((entry): entry is [string, Attr] => entry[1] !== undefined);
  return Object.fromEntries(present);
}
