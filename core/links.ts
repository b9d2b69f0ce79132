// Following links of the machine by hand, where it matters what they lead through.

import type { Reader } from './host/host.ts';
import { MOST } from './limits.ts';
import { ABSENT, type Entry } from './model.ts';
import { type AbsPath, absolute, isWithin, join, parent, ROOT } from './path.ts';

const STORE = absolute('/nix/store');

export interface Followed {
  /** The first path that is no link. */
  readonly path: AbsPath;
  readonly entry: Entry;
  /** Some link on the way, or the end, lies in the Nix store: the file belongs to whoever built it. */
  readonly viaStore: boolean;
}

/**
 * Where a path leads, links in its parents included; a loop ends as `absent`. Part by part, as the kernel goes: after a
 * link, `..` is the parent of where it led.
 */
export function follow(reader: Pick<Reader, 'stat'>, path: AbsPath): Followed {
  let viaStore = isInStore(path);
  let hops = 0;
  const walk = (dir: AbsPath, target: string): Omit<Followed, 'viaStore'> => {
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
  const enter = (at: AbsPath): Omit<Followed, 'viaStore'> => {
    const entry = reader.stat(at);
    viaStore ||= isInStore(at);
    if (entry.type !== 'link') return { path: at, entry };
    // A link into a store that is not there (yet) belongs to the store all the same.
    viaStore ||= isInStore(join(parent(at), entry.target));
    return ++hops > MOST.links ? { path: at, entry: ABSENT } : walk(parent(at), entry.target);
  };
  const { path: end, entry } = walk(ROOT, path);
  return { path: end, entry, viaStore };
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
  Buffer.from(reader.read(path, most) ?? []).toString('utf8');

/** The text of a file, wherever links lead; empty where there is none. NixOS has most of /etc in the store. */
export function textThroughLinks(reader: Pick<Reader, 'stat' | 'read'>, path: AbsPath): string {
  const { path: end, entry } = follow(reader, path);
  return entry.type === 'file' ? textAt(reader, end) : '';
}
