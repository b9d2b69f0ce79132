// Parses a flake reference: first as a registry id, then as a URL, then as a path (docs/nix.md, "References").

import { defaultNix, type NixVersion } from '../nix-version.ts';
import type { Attrs, RefResult } from './model.ts';
import { inputFromUrl } from './schemes.ts';
import { badUrl, decodeQuery, done, failed, parseUrl, percentDecode, type Step, type Url } from './url.ts';

/**
 * The place a reference stands in; it decides what relative paths mean:
 * `input` the `url` of a flake input, `input-nonflake` the same with `flake = false`,
 * `parse` the argument of builtins.parseFlakeRef and of `nix registry add`.
 */
export type RefContext = 'input' | 'input-nonflake' | 'parse';

export interface RefOptions {
  readonly context: RefContext;
  readonly nix?: NixVersion;
}

/**
 * Parses a flake reference without a fragment, as that Nix does in that context. Errors are worded as Nix words them.
 * In Nix 2.8 a relative path in a flake input depends on the store path of the flake; that is an error here.
 */
export function parseFlakeRef(text: string, options: RefOptions): RefResult {
  const nix = options.nix ?? defaultNix;
  const parsed = nix === '2.8' ? parseOld(text) : parseNew(text, options.context, nix);
  return finish(text, parsed);
}

/** A parsed reference before its fragment is judged. */
interface Parsed {
  readonly attrs: Attrs;
  readonly fragment: string;
}

/** Refuses a fragment: only installables may have one. */
function finish(text: string, parsed: Step<Parsed>): RefResult {
  if (!parsed.ok) return { ok: false, error: parsed.error };
  const { attrs, fragment } = parsed.value;
  if (fragment !== '') return { ok: false, error: `unexpected fragment '${fragment}' in flake reference '${text}'` };
  // A lock file could not hold them; in a URL the bytes are written as escapes again.
  const wrong = Object.values(attrs).find(
    (value) => typeof value === 'string' && /[\udc80-\udcff]/.test(notPaired(value)),
  );
  if (wrong !== undefined) return { ok: false, error: `flake reference '${text}' does not decode to UTF-8` };
  return { ok: true, ref: { attrs } };
}

const notPaired = (text: string): string => text.replaceAll(/[\ud800-\udbff][\udc00-\udfff]/g, '');

function parseNew(text: string, context: RefContext, nix: NixVersion): Step<Parsed> {
  const flake = context !== 'input-nonflake';
  const first = parseIdRef(text, nix) ?? parseUrlRef(text, flake, nix, (url) => done(url));
  if (first !== undefined) return first;
  const path = splitPathRef(text, nix);
  if (!path.ok) return path;
  if (context === 'parse' && !path.value.path.startsWith('/'))
    return badUrl(`flake reference '${text}' is not an absolute path`);
  return fromPathRef(path.value, flake, nix);
}

/** First attempt: `ID[/REF][/REV]`. A match is final, undefined means "not an id". */
function parseIdRef(text: string, nix: NixVersion): Step<Parsed> | undefined {
  const match = (nix === '2.8' ? oldIdRef : newIdRef).exec(text);
  if (match === null) return undefined;
  const [, path = '', fragment = ''] = match;
  const url: Url = { scheme: 'flake', segments: path.split('/'), query: new Map(), fragment: '' };
  const attrs = inputFromUrl(url, true, nix);
  if (!attrs.ok) return attrs;
  const decoded = percentDecode(fragment);
  return decoded.ok ? done({ attrs: attrs.value, fragment: decoded.value }) : decoded;
}

/** Second attempt; undefined means a BadURL, after which the text is a path. `place` may make a relative path absolute. */
function parseUrlRef(
  text: string,
  flake: boolean,
  nix: NixVersion,
  place: (url: Url) => Step<Url>,
): Step<Parsed> | undefined {
  const url = parseUrl(text, nix);
  const placed = url.ok ? place(url.value) : url;
  const parsed = placed.ok ? fromUrl(placed.value, flake, nix) : placed;
  return parsed.ok || !parsed.bad ? parsed : undefined;
}

/** A URL's attributes: `dir` is taken out of the query first, except in Nix 2.8, which also leaves it there. */
function fromUrl(url: Url, flake: boolean, nix: NixVersion): Step<Parsed> {
  const dir = url.query.get('dir') ?? '';
  const query = nix === '2.8' ? url.query : new Map([...url.query].filter(([name]) => name !== 'dir'));
  const attrs = inputFromUrl({ ...url, query, fragment: '' }, flake, nix);
  if (!attrs.ok) return attrs;
  const all = dir === '' ? attrs.value : { ...attrs.value, dir };
  return done({ attrs: all, fragment: url.fragment });
}

/** The parts of a reference read as a path: the path is literal, only query and fragment are decoded. */
interface PathRef {
  readonly path: string;
  readonly query: ReadonlyMap<string, string>;
  readonly fragment: string;
}

/** Third attempt, first half: split at `?` and `#`. */
function splitPathRef(text: string, nix: NixVersion): Step<PathRef> {
  const match = /^([^?#]*)(?:\?([^#]*))?(?:#(.*))?$/.exec(text);
  if (match === null) return failed(`invalid flakeref '${text}'`);
  const query = decodeQuery(match[2] ?? '', nix);
  if (!query.ok) return query;
  const fragment = percentDecode(match[3] ?? '');
  if (!fragment.ok) return fragment;
  return done({ path: match[1] ?? '', query: query.value, fragment: fragment.value });
}

/** Third attempt, second half: the path as a `path:` URL. */
function fromPathRef(ref: PathRef, flake: boolean, nix: NixVersion): Step<Parsed> {
  const authority = nix === '2.26' || ref.path.startsWith('/') ? { authority: '' } : {};
  const path = nix === '2.34' ? ref.path.replace(/\/{2,}/g, '/') : ref.path;
  return fromUrl({ ...ref, scheme: 'path', ...authority, segments: path.split('/') }, flake, nix);
}

function parseOld(text: string): Step<Parsed> {
  const id = parseIdRef(text, '2.8');
  if (id !== undefined) return id;
  const path = oldPathRef.exec(text);
  if (path === null) {
    const url = parseUrl(text, '2.8');
    return url.ok ? fromUrl(url.value, true, '2.8') : url;
  }
  const absolute = path[1] ?? '';
  if (!absolute.startsWith('/')) return badUrl(`flake reference '${text}' is not an absolute path`);
  const fragment = percentDecode(path[3] ?? '');
  if (!fragment.ok) return fragment;
  const attrs = { type: 'path', path: canonicalPath(absolute) };
  return done({ attrs, fragment: fragment.value });
}

/** The path that Nix 2.8 takes for a path rather than a URL: groups are path, query, fragment. */
const oldPathRef =
  /^(\/?[0-9a-zA-Z._~!$&'"()*+,;=-]+(?:\/[0-9a-zA-Z._~!$&'"()*+,;=-]+)*\/?)(?:\?((?:[A-Za-z0-9._~!$&'()*+,;=:@/? "-]|%[0-9a-fA-F]{2})*))?(?:#((?:[A-Za-z0-9._~!$&'()*+,;=:@/? "-]|%[0-9a-fA-F]{2})*))?$/;

/** Nix's canonPath: absolute, without `.`, `..`, doubled and trailing slashes; looks at no file. */
export function canonicalPath(path: string): string {
  const parts: string[] = [];
  for (const part of path.split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '' && part !== '.') parts.push(part);
  }
  return `/${parts.join('/')}`;
}

const newIdRef =
  /^([a-zA-Z][a-zA-Z0-9_-]*(?:\/(?:[0-9a-fA-F]{40}|[a-zA-Z0-9@][a-zA-Z0-9_./@+-]*(?:\/[0-9a-fA-F]{40})?))?)(?:#((?:[A-Za-z0-9._~!$&'()*+,;=:@/? "^-]|%[0-9a-fA-F]{2})*))?$/;
const oldIdRef =
  /^([a-zA-Z][a-zA-Z0-9_-]*(?:\/(?:[0-9a-fA-F]{40}|[a-zA-Z0-9][a-zA-Z0-9_./-]*(?:\/[0-9a-fA-F]{40})?))?)(?:#((?:[A-Za-z0-9._~!$&'()*+,;=:@/? "-]|%[0-9a-fA-F]{2})*))?$/;
