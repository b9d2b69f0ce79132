// Following links of the machine by hand, where it matters what they lead through.

import { MOST } from '../limits.ts';
import { ABSENT, type Entry, type Owner } from '../model.ts';
import { type AbsPath, absolute, basename, fromBytes, isWithin, join, parent, ROOT } from '../path.ts';
import type { Reader } from './reader.ts';

const STORE = absolute('/nix/store');

export interface Followed {
  /** The first path that is no link. */
  readonly path: AbsPath;
  readonly entry: Entry;
  /** Some link on the way, or the end, lies in the Nix store: the file belongs to whoever built it. */
  readonly viaStore: boolean;
  /** The first link on the way that somebody else than root can have put there. */
  readonly by?: TheirLink;
}

/** `uid`: who decides where it leads; undefined where that is not one person. */
export interface TheirLink {
  readonly link: AbsPath;
  readonly uid: number | undefined;
}

/** A link that leads to what is not its owner's: root must not follow it. `owner`: of what is at `end`. */
export interface Stray extends TheirLink {
  readonly end: AbsPath;
  readonly owner: Owner;
}

/**
 * Where a path leads, links in its parents included; a loop ends as `absent`. Part by part, as the kernel goes: after a
 * link, `..` is the parent of where it led.
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
    // A link into a store that is not there (yet) belongs to the store all the same.
    viaStore ||= isInStore(join(parent(at), entry.target));
    return ++hops > MOST.links ? { path: at, entry: ABSENT } : walk(parent(at), entry.target);
  };
  const { path: end, entry } = walk(ROOT, path);
  return by === undefined ? { path: end, entry, viaStore } : { path: end, entry, viaStore, by };
}

const ROOT_ALONE = 0;

/**
 * Who besides root decides what the name `at` in its (real) directory is: 0 for nobody, undefined for several. `entry`: what
 * is there.
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
  // A directory that somebody else can write decides more than the owner of a link that root has put there.
  if (voices.size === 0) return entry.owner.uid;
  return voices.size === 1 ? [...voices][0] : undefined;
}

/**
 * Who besides root can change the names in a directory, as far as they are root's: 0 for nobody, undefined for several. In a
 * sticky directory on the way (/tmp, /nix/store) nobody can rename what is root's.
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
 * Where `path` really is: its parents' links followed, the last part not. It stays as it is where all links on the way are
 * root's. `stray`: a link of somebody's on the way leads to a directory that is not theirs.
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

/** Whether what was followed leads to what is not the link's owner's; of what is not there, the directory above counts. */
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
 * The real directory that a link's `target` names, seen from the real directory `dir`. `enter` says which real directory
 * a path whose parent is real leads to.
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

/** `name` in `dir`: a name as it is, where join() would read it. */
export const below = (dir: AbsPath, name: string): AbsPath => (dir === ROOT ? `/${name}` : `${dir}/${name}`) as AbsPath;

const parts = (target: string): readonly string[] => target.split('/').filter((part) => part !== '' && part !== '.');

const isInStore = (path: AbsPath): boolean => isWithin(path, STORE) || path.startsWith('/etc/static/');

/** The root, and whatever `..` leads to, is a directory; its mode and owner do not matter here. */
const DIRECTORY: Entry = { type: 'dir', mode: 0o755, owner: { uid: 0, gid: 0 } };

/** The text of a regular file; empty where there is none. Throws `unreadable` for one that is larger than a text. */
export const textAt = (reader: Pick<Reader, 'read'>, path: AbsPath, most: number = MOST.textBytes): string =>
  fromBytes(Buffer.from(reader.read(path, most) ?? []));

/** The text of a file, wherever links lead; empty where there is none. NixOS has most of /etc in the store. */
export function textThroughLinks(reader: Pick<Reader, 'stat' | 'read'>, path: AbsPath): string {
  const { path: end, entry } = follow(reader, path);
  return entry.type === 'file' ? textAt(reader, end) : '';
}
