// Follows links of the machine part by part, where it matters which links and directories are passed.

import { MOST } from '../limits.ts';
import { ABSENT, type Entry, type Owner } from '../model.ts';
import { type AbsPath, absolute, basename, fromBytes, isWithin, join, parent, ROOT } from '../path.ts';
import type { Reader } from './reader.ts';

const STORE = absolute('/nix/store');

export interface Followed {
  /** The first path that is no link. */
  readonly path: AbsPath;
  readonly entry: Entry;
  /** A link on the way, or the end, lies in the Nix store: the file belongs to whoever built it. */
  readonly viaStore: boolean;
  /** The first link on the way that somebody other than root can have put there. */
  readonly by?: TheirLink;
}

/** `uid`: the user who decides its target; undefined if several can. */
export interface TheirLink {
  readonly link: AbsPath;
  readonly uid: number | undefined;
}

/** A link to something that its owner does not own: root must not follow it. `owner`: the owner of what is at `end`. */
export interface Stray extends TheirLink {
  readonly end: AbsPath;
  readonly owner: Owner;
}

/**
 * Follows a path, with links in its parents. A loop ends as `absent`. It goes part by part, as the kernel does: after a
 * link, `..` is the parent of the link's target.
 */
export function follow(reader: Pick<Reader, 'stat'>, path: AbsPath): Followed {
  let viaStore = isInStore(path);
  let by: TheirLink | undefined;
  let hops = 0;
  const walk = (dir: AbsPath, target: string): Omit<Followed, 'viaStore' | 'by'> => {
    let at = target.startsWith('/') ? ROOT : dir;
    let entry: Entry = DIRECTORY;
    const names = parts(target);
    for (const [index, part] of names.entries()) {
      if (entry.type !== 'dir') return { path: join(at, names.slice(index).join('/')), entry: ABSENT };
      const step = part === '..' ? { path: parent(at), entry: DIRECTORY } : enter(below(at, part));
      at = step.path;
      entry = step.entry;
    }
    return { path: at, entry };
  };
  const enter = (at: AbsPath): Omit<Followed, 'viaStore' | 'by'> => {
    const entry = reader.stat(at);
    viaStore ||= isInStore(at);
    if (entry.type !== 'link') return { path: at, entry };
    const voice = voiceOver(reader, at, entry);
    if (voice !== ROOT_ALONE) {
      const uid = by === undefined || by.uid === voice ? voice : undefined;
      by = { link: by?.link ?? at, uid };
    }
    // A link into a store that does not exist (yet) belongs to the store all the same.
    viaStore ||= isInStore(join(parent(at), entry.target));
    return ++hops > MOST.links ? { path: at, entry: ABSENT } : walk(parent(at), entry.target);
  };
  const { path: end, entry } = walk(ROOT, path);
  return by === undefined ? { path: end, entry, viaStore } : { path: end, entry, viaStore, by };
}

const ROOT_ALONE = 0;

/**
 * The user besides root who decides what the name `at` in its (real) directory is: 0 for nobody, undefined for several.
 * `entry`: what has the name.
 */
export function voiceOver(
  reader: Pick<Reader, 'stat'>,
  at: AbsPath,
  entry: Exclude<Entry, { type: 'absent' }>,
): number | undefined {
  const voices = new Set<number | undefined>();
  for (let dir = parent(at); ; dir = parent(dir)) {
    const found = reader.stat(dir);
    if ('owner' in found) voices.add(voiceIn(found, dir === parent(at)));
    if (dir === ROOT) break;
  }
  voices.delete(ROOT_ALONE);
  // If somebody else can write a directory on the way, that counts more than the owner of a link that root has put
  // there.
  if (voices.size === 0) return entry.owner.uid;
  return voices.size === 1 ? [...voices][0] : undefined;
}

/**
 * The user besides root who can change root's names in a directory: 0 for nobody, undefined for several. In a sticky
 * directory on the way (/tmp, /nix/store) nobody can rename what is root's.
 */
function voiceIn(dir: Exclude<Entry, { type: 'absent' }>, isLast: boolean): number | undefined {
  if (dir.owner.uid !== 0) return dir.owner.uid;
  const mode = 'mode' in dir ? dir.mode : 0;
  const isSticky = (mode & 0o1000) !== 0;
  const isGroups = (mode & 0o020) !== 0 && dir.owner.gid !== 0;
  const isOpen = (mode & 0o002) !== 0;
  if (isSticky && !(isLast && isOpen)) return ROOT_ALONE;
  return isOpen || isGroups ? undefined : ROOT_ALONE;
}

/**
 * The real place of `path`: links in its parents are followed, the last part is not. Unchanged if all links on the way
 * are root's. `stray`: a link of somebody's on the way leads to a directory that is not theirs.
 */
export function settle(
  reader: Pick<Reader, 'stat'>,
  path: AbsPath,
): { readonly path: AbsPath; readonly stray?: Stray } {
  if (path === ROOT) return { path };
  const dir = follow(reader, parent(path));
  if (dir.by === undefined) return { path };
  const stray = strayed(reader, dir);
  return { path: below(dir.path, basename(path)), ...(stray && { stray }) };
}

/**
 * The stray link, if what was followed leads to something that the link's owner does not own. If the end does not
 * exist, the directory above it counts.
 */
export function strayed(reader: Pick<Reader, 'stat'>, { path, by }: Followed): Stray | undefined {
  if (by === undefined) return undefined;
  let end = path;
  let entry = reader.stat(end);
  while (entry.type === 'absent' && end !== ROOT) {
    end = parent(end);
    entry = reader.stat(end);
  }
  const owner = 'owner' in entry ? entry.owner : { uid: 0, gid: 0 };
  return owner.uid === by.uid ? undefined : { ...by, end, owner };
}

/**
 * The real directory that a link's `target` names, seen from the real directory `dir`. `enter`: maps a path whose
 * parent is real to the real directory that it leads to.
 */
export function traverse(
  dir: AbsPath,
  target: string,
  enter: (path: AbsPath) => AbsPath | undefined,
): AbsPath | undefined {
  let at: AbsPath | undefined = target.startsWith('/') ? ROOT : dir;
  for (const part of parts(target)) {
    at = part === '..' ? parent(at) : enter(below(at, part));
    if (at === undefined) return undefined;
  }
  return at;
}

/** `name` in `dir`, taken literally, where join() would interpret it. */
export const below = (dir: AbsPath, name: string): AbsPath => (dir === ROOT ? `/${name}` : `${dir}/${name}`) as AbsPath;

const parts = (target: string): readonly string[] => target.split('/').filter((part) => part !== '' && part !== '.');

const isInStore = (path: AbsPath): boolean => isWithin(path, STORE) || path.startsWith('/etc/static/');

/** Stands for the root and for the target of `..`; only its type matters here. */
const DIRECTORY: Entry = { type: 'dir', mode: 0o755, owner: { uid: 0, gid: 0 } };

/** The text of a regular file; empty if there is none. Throws `unreadable` if it is larger than `most` bytes. */
export const textAt = (reader: Pick<Reader, 'read'>, path: AbsPath, most: number = MOST.textBytes): string =>
  fromBytes(Buffer.from(reader.read(path, most) ?? []));

/** The text of a file, with all links followed; empty if there is none. On NixOS, most of /etc is links into the store. */
export function textThroughLinks(reader: Pick<Reader, 'stat' | 'read'>, path: AbsPath): string {
  const { path: end, entry } = follow(reader, path);
  return entry.type === 'file' ? textAt(reader, end) : '';
}
