// What reflake has left on this disk for the user of this process: state, cache, downloads, scratch directories, each with its
// size. Removes them with this process's rights, through open directories, and follows no link.

import { type BigIntStats, lstatSync, readdirSync, realpathSync } from 'node:fs';
import type { Left } from '../event.ts';
import { wordsOf } from '../machine/failure.ts';
import { type AbsPath, absolute, fromBytes, ROOT, toBytes } from '../path.ts';
import { mountsBelow } from './disk/mounts.ts';
import { removeTree } from './disk/remove-tree.ts';
import { cachePlace } from './process/private-cache.ts';
import { downloadsPlace } from './process/scratch.ts';
import { leftOver } from './process/temporary.ts';
import { temporaryDirectory } from './process/trusted.ts';
import { diskStore, hasOpenEnds, removeState, stateNames } from './state-directory.ts';
import { nameOfUser, stateDir, systemUser } from './surroundings.ts';

/** As it is found. */
export type LeftHere = Omit<Left, 'owner' | 'applies'> & {
  /** Of a state: `recover` has something to do first. */
  readonly isOpen?: true;
};

/** How the removal of one thing ended; without `why` it is gone. */
export interface Removal {
  readonly path: AbsPath;
  readonly why?: string;
}

/** All that is left of this ordinary user's on the running machine. */
export const leftOfUser = (): readonly LeftHere[] => [...stateAt(stateOfUser()), ...ownPlaces()];

/** Removes it. `holder`: what another process is told that meets us at the mutex. */
export const removeLeftOfUser = (wanted: readonly AbsPath[], holder: string): readonly Removal[] =>
  removeLeft({ dir: stateOfUser(), isLocked: false }, wanted, holder);

const stateOfUser = (): string => stateDir(ROOT, {}, systemUser(process.geteuid?.() ?? 0));

/** The places that a process of this user has written to besides the state directory. */
export const ownPlaces = (): readonly LeftHere[] => [
  ...treeAt('cache', cachePlace()),
  ...treeAt('downloads', downloadsPlace()),
  ...leftOver(temporaryDirectory()).flatMap((path) => treeAt('scratch', path)),
];

/** What the service of the NixOS module keeps (integrations/nixos/module.nix). systemd made the directory, and removes it. */
export const serviceCache = (): readonly LeftHere[] =>
  seen(SERVICE_CACHE) === undefined
    ? []
    : [{ what: 'other', path: SERVICE_CACHE, ...sizeOf(SERVICE_CACHE), stays: CLEAN }];

const SERVICE_CACHE = absolute('/var/cache/reflake-check');
const CLEAN = 'its service keeps it: systemctl clean --what=cache reflake-check.service';

/** What is in the state directory. Throws errno errors. */
export function stateAt(dir: string): readonly LeftHere[] {
  const { removable, aside, foreign } = stateNames(dir);
  const at = (name: string): AbsPath => absolute(`${dir}/${name}`);
  const one = (what: Left['what'], path: AbsPath, stays: string): LeftHere => ({ what, path, ...sizeOf(path), stays });
  const sizes = removable.map((name) => sizeOf(at(name)));
  const sum = (of: 'bytes' | 'entries'): number => sizes.reduce((all, size) => all + size[of], 0);
  const bytes = { bytes: sum('bytes'), entries: sum('entries') };
  return [
    ...(removable.length === 0
      ? []
      : [
          {
            what: 'state' as const,
            path: absolute(dir),
            ...bytes,
            ...(hasOpenEnds(dir) && { isOpen: true as const }),
            // A directory of somebody's that --state names may have a `history` of its own.
            ...(foreign.length > 0 && { stays: `it holds ${JSON.stringify(foreign[0])}, which is none of reflake’s` }),
          },
        ]),
    ...aside.map((name) => one('set aside', at(`set-aside/${name}`), 'it is a configuration that was in the way')),
    ...foreign.map((name) => one('other', at(name), 'it is none of reflake’s')),
  ];
}

/** Nothing, or one entry: a tree of this user's, or what stands in its place. */
function treeAt(what: Left['what'], path: string | undefined): readonly LeftHere[] {
  if (path === undefined) return [];
  const stat = seen(path);
  if (stat === undefined) return [];
  const place = absolute(path);
  const stays = whyNot(path, stat);
  return [{ what: stays === undefined ? what : 'other', path: place, ...sizeOf(place), ...(stays && { stays }) }];
}

/** Why the tree is not ours to remove. */
function whyNot(path: string, stat: BigIntStats): string | undefined {
  if (stat.isSymbolicLink()) return 'it is a link, and reflake made a directory';
  if (!stat.isDirectory()) return 'it is no directory';
  if (Number(stat.uid) !== process.geteuid?.()) return `it belongs to ${nameOfUser(Number(stat.uid))}`;
  const real = absolute(fromBytes(realpathSync(toBytes(path), 'buffer')));
  const [mounted] = mountsBelow(real, real);
  return mounted === undefined ? undefined : `a file system is mounted at ${mounted}`;
}

/**
 * Removes those of `wanted` that are still found. `state`: the state directory, whose mutex is taken here unless `isLocked`; its
 * holder is what another process is told.
 */
export function removeLeft(
  { dir, isLocked }: { readonly dir: string; readonly isLocked: boolean },
  wanted: readonly AbsPath[],
  holder: string,
): readonly Removal[] {
  const isWanted = ({ path, stays }: LeftHere): boolean => stays === undefined && wanted.includes(path);
  const removal = (path: AbsPath, act: () => string | undefined): Removal => {
    try {
      const why = act();
      return { path, ...(why && { why }) };
    } catch (thrown) {
      return { path, why: wordsOf(thrown) };
    }
  };
  const trees = ownPlaces().filter(isWanted);
  return [
    ...trees.map(({ path }) => removal(path, () => removeOwn(path))),
    ...(wanted.includes(absolute(dir))
      ? [removal(absolute(dir), () => (isLocked ? void removeState(dir) : removeUnlocked(dir, holder)))]
      : []),
  ];
}

/** The reason where it stays. */
function removeOwn(path: AbsPath): string | undefined {
  const then = seen(path);
  if (then === undefined) return undefined;
  const isIt = ({ dev, ino }: BigIntStats): boolean => dev === then.dev && ino === then.ino;
  return whyNot(path, then) ?? (removeTree(toBytes(path), isIt) ? undefined : 'it was exchanged meanwhile');
}

function removeUnlocked(dir: string, holder: string): string | undefined {
  const mutex = diskStore(dir).takeMutex(holder);
  if ('heldBy' in mutex) return `another apply is running: ${mutex.heldBy}`;
  try {
    if (hasOpenEnds(dir)) return 'an apply was cut off meanwhile';
    removeState(dir);
    return undefined;
  } finally {
    mutex.release();
  }
}

const seen = (path: string): BigIntStats | undefined =>
  lstatSync(toBytes(path), { bigint: true, throwIfNoEntry: false });

/** Of all below a path; what may not be looked into counts as empty. */
function sizeOf(top: AbsPath): { readonly bytes: number; readonly entries: number } {
  let [bytes, entries] = [0, 0];
  for (const rest = [toBytes(top)]; rest.length > 0; ) {
    const place = rest.pop()!;
    const stat = lstatSync(place, { throwIfNoEntry: false });
    if (stat === undefined) continue;
    entries++;
    // The unit of st_blocks, whatever the file system's own is.
    bytes += stat.blocks * 512;
    if (!stat.isDirectory()) continue;
    for (const name of namesIn(place)) rest.push(Buffer.concat([place, Buffer.from('/'), name]));
  }
  return { bytes, entries };
}

function namesIn(dir: Buffer): readonly Buffer[] {
  try {
    return readdirSync(dir, { encoding: 'buffer' });
  } catch {
    return [];
  }
}
