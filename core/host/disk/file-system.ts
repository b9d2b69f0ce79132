// Decides which kind of file system a directory is on, where our guarantees depend on it.

import { lstatSync, statfsSync } from 'node:fs';
import type { Host } from '../../machine/host.ts';
import { type AbsPath, parent, ROOT } from '../../path.ts';
import { unlessTheirLink } from './anchor.ts';

/** Magic numbers (statfs(2)) of file systems whose guarantees depend on another program or machine. */
const REMOTE: ReadonlyMap<number, string> = new Map([
  [0x6969, 'NFS'],
  [0xff534d42, 'CIFS'],
  [0xfe534d42, 'SMB2'],
  [0x517b, 'SMB'],
  [0x01021997, '9P'],
  [0x65735546, 'FUSE'],
  [0x00c36400, 'Ceph'],
  [0x5346414f, 'AFS'],
  [0x0bd00bd0, 'Lustre'],
]);

const OVERLAY = 0x794c7630;

/** Those of `paths` that are, or will be, on a network or FUSE file system; one path for each kind. */
export function remotePlaces(
  held: Host['held'],
  paths: readonly AbsPath[],
): readonly { readonly path: AbsPath; readonly kind: string }[] {
  const found = new Map<string, AbsPath>();
  for (const path of paths) {
    const kind = REMOTE.get(unlessTheirLink(() => fileSystemAt(held, path)) ?? 0);
    if (kind !== undefined && !found.has(kind)) found.set(kind, path);
  }
  return [...found].map(([kind, path]) => ({ kind, path }));
}

function fileSystemAt(held: Host['held'], path: AbsPath): number | undefined {
  let at = path;
  while (at !== ROOT && held.fileSystem(at) === undefined) at = parent(at);
  return held.fileSystem(at);
}

/**
 * True if the directory is on overlayfs, which cannot rename a directory of a lower layer; only the attempt shows
 * whether it is one.
 */
export const isOverlay = (fd: number): boolean => statfsSync(`/proc/self/fd/${fd}`).type === OVERLAY;

/** True if `name`, which must be in the directory and have letters, is also found in capitals. */
export const foldsCase = (dir: number, name: string): boolean =>
  lstatSync(`/proc/self/fd/${dir}/${name.toUpperCase()}`, { throwIfNoEntry: false }) !== undefined;
