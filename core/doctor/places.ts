// Examines the places that an apply writes to: the room that is left, and whether their file systems can keep what reflake
// promises.

import type { Reader } from '../machine/reader.ts';
import { type AbsPath, join } from '../path.ts';
import { hindranceProblem } from '../plan/hindrances.ts';
import type { Observation } from './examined.ts';

export interface Place {
  /** `configuration`, `state`, … */
  readonly what: string;
  readonly path: AbsPath;
  /** Bytes below which nothing can be done, and below which little can. */
  readonly least: number;
  readonly little: number;
}

const MIB = 1 << 20;
const GIB = 1 << 30;

export const configurationAt = (path: AbsPath): Place => ({
  what: 'the configuration',
  path,
  least: 8 * MIB,
  little: 64 * MIB,
});
export const stateAt = (path: AbsPath): Place => ({ what: 'the state', path, least: 8 * MIB, little: 64 * MIB });
/** Evaluating fetches a nixpkgs of 200 MiB; a system that is built anew takes gigabytes. */
export const storeAt = (path: AbsPath): Place => ({ what: 'the store', path, least: 256 * MIB, little: 4 * GIB });
/** Each generation puts a kernel and its initrd there. */
export const bootAt = (path: AbsPath): Place => ({
  what: 'the boot partition',
  path,
  least: 32 * MIB,
  little: 128 * MIB,
});

/** The places with the least room first; those of one volume are told once. */
export function room(reader: Pick<Reader, 'room'>, places: readonly Place[]): Observation {
  const seen = places.flatMap((place) => {
    const found = reader.room(place.path);
    return found === undefined ? [] : [{ place, ...found }];
  });
  if (seen.length === 0) return { state: 'unknown', saw: 'no file system here says how much room is left' };
  const short = (limit: (place: Place) => number) =>
    seen.filter(({ place, bytes, files }) => bytes < limit(place) || files < 100).map(wordsOf);
  const [full, scarce] = [short(({ least }) => least), short(({ little }) => little)];
  const advice = 'make room: sudo nix-collect-garbage --delete-older-than 30d; df tells what is where';
  if (full.length > 0) return { state: 'bad', saw: full.join('; '), advice };
  if (scarce.length > 0) return { state: 'doubtful', saw: scarce.join('; '), advice };
  const volumes = [...new Set(seen.map(({ volume }) => volume))];
  const told = volumes.map((volume) => {
    const all = seen.filter((one) => one.volume === volume);
    return `${size(all[0]!.bytes)} for ${all.map(({ place }) => place.what).join(', ')}`;
  });
  return { state: 'good', saw: told.join('; ') };
}

const wordsOf = ({ place, bytes, files }: { place: Place; bytes: number; files: number }): string =>
  `${size(bytes)}${files < 100 ? ` and ${files} files` : ''} for ${place.what} (${place.path})`;

/** `17.2 GiB`, `940 MiB`. */
function size(bytes: number): string {
  if (bytes >= 10 * GIB) return `${Math.round(bytes / GIB)} GiB`;
  return bytes >= GIB ? `${(bytes / GIB).toFixed(1)} GiB` : `${Math.round(bytes / MIB)} MiB`;
}

/**
 * A file system by what it keeps: everything, nothing after a boot, what its server or program keeps, or no owners. `other`:
 * reflake does not know it.
 */
export interface FileSystem {
  readonly name: string;
  readonly keeps: 'all' | 'until-boot' | 'as-its-server' | 'no-owners' | 'other';
}

export interface Located extends Place {
  readonly on: FileSystem | undefined;
}

/** Of the places of the configuration and of the state: what is on them is written as a transaction. */
export function fitness(reader: Pick<Reader, 'hindrance' | 'mounts'>, places: readonly Located[]): Observation {
  for (const { path } of places) {
    const problem = hindranceProblem(reader.hindrance(join(path, './flake.nix'), 'name'));
    if (problem !== undefined)
      return { state: 'bad', saw: problem.summary, ...(problem.hint && { advice: problem.hint }) };
  }
  const found = places.flatMap(({ what, path, on }) => {
    const [state, words, advice] = FITNESS[on?.keeps ?? 'other'];
    return [
      { state, advice, saw: `${what} is on ${on?.name ?? 'a file system that says nothing of itself'}${words}`, path },
    ];
  });
  const worst = ['bad', 'doubtful'].flatMap((state) => found.filter((one) => one.state === state))[0];
  if (worst !== undefined) return { state: worst.state, saw: worst.saw, ...(worst.advice && { advice: worst.advice }) };
  return { state: 'good', saw: [...new Set(found.map(({ saw }) => saw))].join('; ') };
}

const FITNESS: Readonly<Record<FileSystem['keeps'], readonly [Observation['state'], words: string, advice?: string]>> =
  {
    all: ['good', ''],
    'until-boot': [
      'doubtful',
      ', which forgets everything at the next boot, and with it the way back',
      'keep /var/lib/reflake on a disk (impermanence: add it to what persists)',
    ],
    'as-its-server': [
      'doubtful',
      ': what a loss of power leaves there is its server’s affair',
      'read: reflake explain RF3016',
    ],
    'no-owners': ['bad', ', which keeps no owners and modes', 'keep it on a file system of Linux'],
    other: ['good', ', which reflake was not tried on'],
  };
