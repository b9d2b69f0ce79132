// The git repository that a directory belongs to, read without git: its place, its index, its ignore rules. As Nix
// does, it takes the nearest .git upwards, whatever that is; core/machine/nix-opens-repository.ts says whether Nix can open it.

import { readGitConfig } from '../formats/git/config.ts';
import { type IgnoreRules, ignored } from '../formats/git/ignore.ts';
import type { ObjectFormat } from '../formats/git/index.ts';
import { NO_PATHS, readIndexPaths } from '../formats/git/index-paths.ts';
import { MOST } from '../limits.ts';
import { type AbsPath, isWithin, join, parent, ROOT, relativeTo } from '../path.ts';
import { follow, type Stray, strayed, textAt, voiceOver } from './follow-links.ts';
import { pathNamedIn, type Reader } from './reader.ts';

type Tracked = ReturnType<typeof readIndexPaths>;

export interface Repository {
  /** The work tree. */
  readonly top: AbsPath;
  readonly gitDir: AbsPath;
  /** What has the name .git there. */
  readonly named: 'dir' | 'file' | 'neither';
  /** The git directory lies elsewhere, and the user who can redirect .git does not own it. */
  readonly stray?: Stray;
  readonly format: ObjectFormat;
  readonly index: AbsPath;
  /** Undefined if no index was written yet. */
  readonly indexBytes: Uint8Array | undefined;
  readonly tracked: Tracked;
}

/** The nearest repository upwards from `dir`; undefined if there is none. */
export function repositoryOf(dir: AbsPath, reader: Reader): Repository | undefined {
  for (let top = dir; ; top = parent(top)) {
    const found = gitDirAt(top, reader);
    if (found !== undefined) return open(top, found, reader);
    if (top === ROOT) return undefined;
  }
}

/**
 * The rule that hides `path` from git, in words for people; undefined if there is none. `home`: the home of the
 * repository's owner.
 */
export function ignoredBy(
  { top, gitDir }: Pick<Repository, 'top' | 'gitDir'>,
  path: AbsPath,
  home: string,
  reader: Reader,
): string | undefined {
  const rules: IgnoreRules[] = [];
  const add = (file: AbsPath, dir: string): void => {
    const text = textAt(reader, file);
    if (text !== '') rules.push({ dir, text, source: file });
  };
  const settings = join(gitDir, 'config');
  const config = readGitConfig(textAt(reader, settings));
  const excludes = config.get('core.excludesfile')?.at(-1) ?? '~/.config/git/ignore';
  // The lowest precedence first (gitignore(5)).
  add(pathNamedIn(settings, ROOT, excludes.replace(/^~(?=\/)/, home)), '');
  add(join(gitDir, 'info/exclude'), '');
  const dirs: AbsPath[] = [];
  for (let dir = parent(path); isWithin(dir, top); dir = parent(dir)) {
    dirs.unshift(dir);
    if (dir === ROOT) break;
  }
  for (const dir of dirs) add(join(dir, '.gitignore'), dir === top ? '' : relativeTo(dir, top));
  const found = ignored(rules, relativeTo(path, top), false);
  return found && `"${found.rule}" (${found.source}:${found.line})`;
}

type Found = Pick<Repository, 'gitDir' | 'stray' | 'named'>;

function gitDirAt(top: AbsPath, reader: Reader): Found | undefined {
  const path = join(top, '.git');
  const entry = reader.stat(path);
  if (entry.type === 'absent') return undefined;
  if (entry.type === 'dir') return { gitDir: path, named: 'dir' };
  const led = entry.type === 'link' ? follow(reader, path) : undefined;
  if (led?.entry.type === 'dir') {
    const stray = strayed(reader, led);
    return { gitDir: led.path, named: 'dir', ...(stray && { stray }) };
  }
  // In a linked work tree or a submodule, .git is a file that names the git directory.
  const file = led?.entry ?? entry;
  const target = file.type === 'file' ? namedIn(textAt(reader, led?.path ?? path)) : undefined;
  if (target === undefined) return { gitDir: path, named: file.type === 'file' ? 'file' : 'neither' };
  const gitDir = pathNamedIn(path, top, target);
  // The file leads elsewhere as a link does.
  const uid = voiceOver(reader, path, entry);
  const stray = uid === 0 ? undefined : strayed(reader, { ...follow(reader, gitDir), by: { link: path, uid } });
  return { gitDir, named: 'file', ...(stray && { stray }) };
}

/** The path in a `gitdir:` file as git reads it: from the first byte on, without line ends at the end. */
function namedIn(text: string): string | undefined {
  const begin = 'gitdir: ';
  if (!text.startsWith(begin)) return undefined;
  let end = text.length;
  while (text[end - 1] === '\n' || text[end - 1] === '\r') end--;
  return end > begin.length ? text.slice(begin.length, end) : undefined;
}

/** A linked work tree shares the settings and objects of its main repository. */
export function commonDirOf(gitDir: AbsPath, reader: Reader): AbsPath {
  const file = join(gitDir, 'commondir');
  const text = textAt(reader, file).trim();
  return text === '' ? gitDir : pathNamedIn(file, gitDir, text);
}

function open(top: AbsPath, { gitDir, named, stray }: Found, reader: Reader): Repository {
  const config = readGitConfig(textAt(reader, join(commonDirOf(gitDir, reader), 'config')));
  const format: ObjectFormat = config.get('extensions.objectformat')?.at(-1) === 'sha256' ? 'sha256' : 'sha1';
  const index = join(gitDir, 'index');
  const indexBytes = reader.read(index, MOST.indexBytes);
  const tracked: Tracked = indexBytes === undefined ? NOTHING_TRACKED : trackedIn(indexBytes, format);
  return { top, gitDir, named, ...(stray && { stray }), format, index, indexBytes, tracked };
}

const NOTHING_TRACKED: Tracked = { ok: true, paths: NO_PATHS, extensions: [] };

/** Parses equal bytes once, because several providers ask about the same repository. */
function trackedIn(bytes: Uint8Array, format: ObjectFormat): Tracked {
  const known = readBefore.get(bytes);
  if (known?.format === format) return known.tracked;
  const tracked = readIndexPaths(bytes, format);
  readBefore.set(bytes, { format, tracked });
  return tracked;
}

const readBefore = new WeakMap<Uint8Array, { readonly format: ObjectFormat; readonly tracked: Tracked }>();

/** True if git shows the path to Nix: it is in the index. */
export const isShown = (path: AbsPath, { tracked, top }: Pick<Repository, 'tracked' | 'top'>): boolean =>
  tracked.ok && tracked.paths.has(relativeTo(path, top));
