// A reference given on the command line: relative to a directory, searched upward for flake.nix, turned into its git
// repository (NIX.md section 1.6). Alone looks at files, and only through the interface it is given.

import { parseRev } from './hash.ts';
import { type Attrs, defaultNix, type NixVersion, type RefResult, subdir, textAttr } from './model.ts';
import {
  canonicalPath,
  finish,
  fromPathRef,
  fromUrl,
  oldPathRef,
  type Parsed,
  type PathRef,
  parseIdRef,
  parseUrlRef,
  splitPathRef,
} from './parse-ref.ts';
import { pathOf } from './schemes.ts';
import { badUrl, decodeQuery, done, failed, parseUrl, percentDecode, type Step, type Url } from './url.ts';

/** The little a reference needs to know of the file system. Paths are absolute. */
export interface RefFileSystem {
  /** What is at the path itself (a link is not followed); undefined when nothing is. */
  readonly kind: (path: string) => 'directory' | 'file' | 'link' | undefined;
  /** The path with every link resolved; parts that do not exist stay as they are. */
  readonly realpath: (path: string) => string;
  /** Identifies the mounted file system; left out, no boundary is seen. */
  readonly device?: (path: string) => number | undefined;
}

export interface CliOptions {
  /** Absolute: the working directory. */
  readonly baseDir: string;
  readonly fs: RefFileSystem;
  readonly nix?: NixVersion;
}

/** Parses `nix flake metadata TEXT` as run in `baseDir`. */
export function parseCliRef(text: string, options: CliOptions): RefResult {
  const nix = options.nix ?? defaultNix;
  return finish(text, nix === '2.8' ? parseOld(text, options) : parseNew(text, options, nix));
}

/** Why Nix could not open a local flake (path or git+file), or undefined when it is there, not local, or in a bare repository. */
export function missingFlake(attrs: Attrs, options: CliOptions): string | undefined {
  const url = attrs.type === 'git' ? parseUrl(textAttr(attrs, 'url') ?? '', defaultNix) : undefined;
  const isRepository = url?.ok === true && url.value.scheme === 'file';
  if (attrs.type !== 'path' && !isRepository) return undefined;
  const place = isRepository ? pathOf(url.value, defaultNix) : done(textAttr(attrs, 'path') ?? '');
  if (!place.ok) return place.error;
  const tree = absolute(place.value, options.baseDir);
  const exists = (path: string): boolean => options.fs.kind(path) !== undefined;
  if (isRepository && !exists(`${tree}/.git`))
    return exists(`${tree}/HEAD`) ? undefined : `Git repository "${tree}" does not exist.`;
  const rev = textAttr(attrs, 'rev');
  const hash = rev === undefined ? undefined : parseRev(rev, options.nix ?? defaultNix);
  if (hash?.ok === false) return hash.error;
  // Within its tree `..` leads no higher than the top; old Nix refuses to leave it.
  const below = options.nix === '2.8' ? subdir(attrs) : canonicalPath(`/${subdir(attrs)}`);
  const flake = canonicalPath(`${tree}/${below}/flake.nix`);
  const link = linkOnTheWay(attrs, tree, flake, options);
  if (link !== undefined) return `path '${link}' is a symlink`;
  return exists(flake) ? undefined : `path '${flake}' does not exist`;
}

/** A link that Nix does not follow: it copies the tree by its own name, and takes of a repository what git tracks. */
function linkOnTheWay(attrs: Attrs, tree: string, flake: string, { fs, nix }: CliOptions): string | undefined {
  const isLink = (path: string): boolean => fs.kind(path) === 'link';
  const ends = textAttr(attrs, 'path')?.endsWith('/');
  const above = attrs.type === 'git' ? [] : nix !== '2.8' ? ancestors(tree) : ends ? [] : [tree];
  const place = parent(flake);
  const inside = attrs.type === 'git' ? ancestors(place).filter((path) => path.length > tree.length) : [];
  const link = [...above, ...inside].find(isLink);
  if (link !== undefined || attrs.type === 'git') return link;
  return `${fs.realpath(place)}/`.startsWith(`${fs.realpath(tree)}/`) ? undefined : place;
}

const ancestors = (path: string): readonly string[] => (path === '/' ? [] : [path, ...ancestors(parent(path))]);

function parseNew(text: string, options: CliOptions, nix: NixVersion): Step<Parsed> {
  const place = (url: Url): Step<Url> => {
    if (url.scheme !== 'path' && url.scheme !== 'git+file') return done(url);
    const path = pathOf(url, nix);
    if (!path.ok) return path;
    return done(
      path.value.startsWith('/') ? url : { ...url, segments: absolute(path.value, options.baseDir).split('/') },
    );
  };
  const first = parseIdRef(text, nix) ?? parseUrlRef(text, true, nix, place);
  if (first !== undefined) return first;
  const split = splitPathRef(text, nix);
  if (!split.ok) return split;
  const joined = (nix === '2.34' ? resolved : absolute)(split.value.path, options.baseDir, options.fs);
  const found = findFlake(joined, options.fs);
  if (!found.ok) return found;
  const ref = { ...split.value, path: found.value.path, warnings: [...split.value.warnings, ...found.value.warnings] };
  return inRepository(text, ref, options.fs, nix) ?? fromPathRef(ref, true, nix);
}

function parseOld(text: string, options: CliOptions): Step<Parsed> {
  const id = parseIdRef(text, '2.8');
  if (id !== undefined) return id;
  const match = oldPathRef.exec(text);
  if (match === null) {
    const url = parseUrl(text, '2.8');
    return url.ok ? fromUrl(url.value, true, '2.8') : url;
  }
  const query = decodeQuery(match[2] ?? '', '2.8');
  const fragment = percentDecode(match[3] ?? '');
  const found = findFlake(absolute(match[1] ?? '', options.baseDir), options.fs);
  for (const part of [found, query, fragment]) if (!part.ok) return part;
  if (!found.ok || !query.ok || !fragment.ok) return badUrl(text);
  const { path, warnings } = found.value;
  const ref = { path, ...query.value, fragment: fragment.value, warnings };
  // Without a repository, old Nix forgets the query.
  return (
    inRepository(text, ref, options.fs, '2.8') ??
    done({ attrs: { type: 'path', path }, fragment: fragment.value, warnings })
  );
}

const absolute = (path: string, baseDir: string): string =>
  canonicalPath(path.startsWith('/') ? path : `${baseDir}/${path}`);

/** The same with every link resolved; a `..` behind a link leads to where the link's end lies, as everywhere in Unix. */
function resolved(path: string, baseDir: string, fs: RefFileSystem): string {
  let at = path.startsWith('/') ? '/' : fs.realpath(baseDir);
  for (const part of path.split('/')) {
    if (part === '..') at = parent(at);
    else if (part !== '' && part !== '.') at = fs.realpath(at === '/' ? `/${part}` : `${at}/${part}`);
  }
  return at;
}

const parent = (path: string): string => path.slice(0, path.lastIndexOf('/')) || '/';

interface Found {
  readonly path: string;
  readonly warnings: readonly string[];
}

function findFlake(start: string, fs: RefFileSystem): Step<Found> {
  const warnings: string[] = [];
  const kind = fs.kind(start);
  let path = start;
  if (kind === undefined) return failed(`getting status of "${path}": No such file or directory`);
  if (kind !== 'directory') {
    if (!path.endsWith('/flake.nix')) return badUrl(`path "${path}" is not a flake (because it's not a directory)`);
    path = parent(path);
    warnings.push(
      `Path "${start}" should point at the directory containing the 'flake.nix' file, not the file itself. Pretending that you meant "${path}"`,
    );
  }
  if (fs.kind(`${path}/flake.nix`) !== undefined) return done({ path, warnings });
  warnings.push(`path "${path}" does not contain a 'flake.nix', searching up`);
  const device = fs.device?.(path);
  for (; path !== '/'; path = parent(path)) {
    if (fs.kind(`${path}/flake.nix`) !== undefined) return done({ path, warnings });
    if (fs.kind(`${path}/.git`) !== undefined)
      return failed(
        `path "${path}" is not part of a flake (neither it nor its parent directories contain a 'flake.nix' file)`,
      );
    if (fs.device?.(path) !== device)
      return failed(`unable to find a flake before encountering filesystem boundary at "${path}"`);
  }
  return badUrl('could not find a flake.nix file');
}

function inRepository(text: string, ref: PathRef, fs: RefFileSystem, nix: NixVersion): Step<Parsed> | undefined {
  let root = ref.path;
  while (root !== '/' && fs.kind(`${root}/.git`) === undefined) root = parent(root);
  if (root === '/') return undefined;
  const query = new Map(ref.query);
  const dir = ref.path.slice(root.length + 1);
  if (dir !== '' && query.has('dir')) return failed(`flake URL '${text}' has an inconsistent 'dir' parameter`);
  if (dir !== '') query.set('dir', dir);
  if (fs.kind(`${root}/.git/shallow`) !== undefined) query.set('shallow', '1');
  return fromUrl({ ...ref, scheme: 'git+file', authority: '', segments: root.split('/'), query }, true, nix);
}
