// The channels that a user follows, place by place: the list, the profile with its generations, and the links for nix-env. What
// each is, in words. Only reads.

import { below, follow, textAt } from '../machine/follow-links.ts';
import { type Reader, unlessUnreadable } from '../machine/reader.ts';
import type { Entry } from '../model.ts';
import { type AbsPath, absolute, basename, isWithin, join } from '../path.ts';
import { channelsIn, STORE } from './nixpkgs.ts';

/** Who follows; `home` as the machine's passwd has it. */
export interface Follower {
  readonly name: string;
  readonly home: AbsPath;
}

export interface FollowedPlace {
  /** `list`: what nix-channel updates. `profile`: what it unpacked, the present one or an older generation. `link`: to a profile. */
  readonly kind: 'list' | 'profile' | 'link';
  readonly path: AbsPath;
  readonly entry: Exclude<Entry, { type: 'absent' }>;
  /** `nixos https://nixos.org/channels/nixos-26.05`, `nixos 26.05.1234.abcdef0 (4c1018d)`, or where a link leads. */
  readonly was: string;
}

/** The directories and files of a user's channels, of every Nix. */
export function placesOf({ name, home }: Follower): {
  readonly lists: readonly AbsPath[];
  readonly profiles: readonly AbsPath[];
  readonly links: readonly AbsPath[];
} {
  return {
    lists: [join(home, './.nix-channels'), join(home, './.local/state/nix/channels')],
    profiles: [below(PROFILES, name), join(home, './.local/state/nix/profiles')],
    links: [join(home, './.nix-defexpr'), join(home, './.local/state/nix/defexpr')],
  };
}

const PROFILES = absolute('/nix/var/nix/profiles/per-user');

/** A name that a channel has in a directory of profiles. */
export const PROFILE_NAME = /^channels(?:-\d+-link)?$/;
export const LINK_NAME = /^channels(?:_root)?$/;

/** What there is; `closed`: places that may not be looked into. */
export function followedBy(
  who: Follower,
  reader: Reader,
): { readonly places: readonly FollowedPlace[]; readonly closed: readonly AbsPath[] } {
  const { lists, profiles, links } = placesOf(who);
  const closed: AbsPath[] = [];
  const seen = <T>(path: AbsPath, look: () => readonly T[]): readonly T[] => {
    const found = unlessUnreadable(look);
    if (found === undefined) closed.push(path);
    return found ?? [];
  };
  const real = new Set<AbsPath>();
  const named = (kind: 'profile' | 'link', dirs: readonly AbsPath[], pattern: RegExp): readonly FollowedPlace[] =>
    dirs.flatMap((dir) =>
      seen(dir, () => {
        // It may be a link, perhaps to another of these; whether that may lead there, the planner sees.
        const { path } = follow(reader, dir);
        if (real.has(path)) return [];
        real.add(path);
        return reader
          .entries(path)
          .filter(({ name }) => pattern.test(name))
          .flatMap(({ name, entry }) => placeAt(kind, below(dir, name), entry, reader));
      }),
    );
  const places = [
    ...lists.flatMap((path) => seen(path, () => placeAt('list', path, reader.stat(path), reader))),
    ...named('profile', profiles, PROFILE_NAME),
    ...named('link', links, LINK_NAME),
  ];
  return { places, closed };
}

/** Nothing, or one: a list without a channel follows none. */
function placeAt(kind: FollowedPlace['kind'], path: AbsPath, entry: Entry, reader: Reader): readonly FollowedPlace[] {
  if (entry.type === 'absent') return [];
  if (kind !== 'list')
    return [{ kind, path, entry, was: entry.type === 'link' ? treesAt(path, entry.target, reader) : '' }];
  const end = follow(reader, path);
  const text = end.entry.type === 'file' ? textAt(reader, end.path) : '';
  const was = channelsIn(text).map(({ name, url }) => `${name} ${url}`);
  return was.length === 0 ? [] : [{ kind, path, entry, was: was.join(', ') }];
}

/** The trees that a profile holds, with what they say of themselves; else where the link leads. */
function treesAt(path: AbsPath, target: string, reader: Reader): string {
  const end = unlessUnreadable(() => follow(reader, path));
  if (end?.entry.type !== 'dir' || !isWithin(end.path, STORE)) return target;
  const trees = (unlessUnreadable(() => reader.list(end.path)) ?? []).filter((name) => name !== 'manifest.nix');
  const told = trees.map((name) => {
    const text = (file: string): string =>
      unlessUnreadable(() => textAt(reader, follow(reader, join(end.path, `./${name}/${file}`)).path))?.trim() ?? '';
    const revision = text('.git-revision').slice(0, 7);
    return [name, `${text('.version')}${text('.version-suffix')}`, revision && `(${revision})`]
      .filter(Boolean)
      .join(' ');
  });
  return told.length === 0 ? basename(end.path) : told.join(', ');
}

/** True of an entry of NIX_PATH that leads into a channel's profile. */
export const isOfChannel = (entry: string): boolean =>
  /\/(?:per-user\/[^/]+|nix\/profiles|\.nix-defexpr|defexpr)\/channels(?:_root)?(?:\/|$)/.test(entry);
