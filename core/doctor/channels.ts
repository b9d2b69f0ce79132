// Examines where a nixpkgs comes from that no flake names: root's channels, NIX_PATH; and whether the release that runs still
// gets updates.

import { BUILT_IN, endOfSupport } from '../formats/end-of-support.ts';
import { follow, textThroughLinks } from '../machine/follow-links.ts';
import type { Reader } from '../machine/reader.ts';
import { absolute } from '../path.ts';
import { CHANNEL_LISTS, channelsIn } from '../survey/nixpkgs.ts';
import { runningRelease } from '../survey/release.ts';
import type { Observation } from './examined.ts';

/** `hasFlake`: the configuration is a flake, which no channel concerns. Throws `unreadable`. */
export function channels(reader: Reader, hasFlake: boolean): Observation {
  for (const path of CHANNEL_LISTS) {
    const found = channelsIn(textThroughLinks(reader, path));
    if (found.length === 0) continue;
    const told = found.map(({ name, url }) => `${name} (${url})`).join(', ');
    return hasFlake
      ? {
          state: 'doubtful',
          saw: `root follows ${told}: nix-shell and nix-env go by it, and the flake does not`,
          advice: `once nothing needs it, wish for channels: retire, or run sudo nix-channel --remove ${found[0]!.name}`,
          path,
        }
      : { state: 'good', saw: `root follows ${told}`, path };
  }
  return { state: 'good', saw: 'root follows none' };
}

/** `value`: of NIX_PATH. A relative entry is none of the machine's. */
export function nixPath(reader: Reader, value: string | undefined): Observation {
  if (value === undefined || value === '') return { state: 'good', saw: 'not set' };
  const gone = nixPathEntries(value)
    .map((entry) => entry.replace(/^[^=]*=/, ''))
    .filter((place) => place.startsWith('/') && !isThere(reader, place));
  if (gone.length === 0) return { state: 'good', saw: nixPathEntries(value).join(', ') };
  return {
    state: 'doubtful',
    saw: `it names what is not there: ${gone.join(', ')}`,
    advice: 'log in anew after a change of channels, or set nix.nixPath in the configuration',
  };
}

/** A colon parts entries, but not the scheme of a url from its rest. */
export function nixPathEntries(value: string): readonly string[] {
  const entries: string[] = [];
  for (const part of value.split(':')) {
    const before = entries.at(-1);
    if (before !== undefined && SCHEME.test(before)) entries[entries.length - 1] = `${before}:${part}`;
    else entries.push(part);
  }
  return entries;
}

const SCHEME = /^(?:[^=]*=)?(?:https?|file|flake|channel)$/;

const isThere = (reader: Reader, place: string): boolean => follow(reader, absolute(place)).entry.type !== 'absent';

/** `now`: seconds since 1970. */
export function release(reader: Reader, now: number): Observation {
  const running = runningRelease(reader);
  if (running === undefined) return { state: 'unknown', saw: 'no file of this machine says that it is NixOS' };
  const { value, source } = running;
  const end = endOfSupport(BUILT_IN, value);
  if (end === undefined || now <= Date.parse(`${end}T23:59:59Z`) / 1000)
    return { state: 'good', saw: `${value}, by ${source}${end === undefined ? '' : `; it gets updates until ${end}`}` };
  return {
    state: 'doubtful',
    saw: `${value}, by ${source}, which has had no updates since ${end}`,
    advice: 'name a newer release as inputs.nixpkgs, once its release notes are read',
  };
}
