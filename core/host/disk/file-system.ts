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

/** Those that are known to keep names, owners, modes and flushes; of RAM; and without owners. */
const LOCAL: ReadonlyMap<number, readonly [name: string, keeps: 'all' | 'until-boot' | 'no-owners']> = new Map([
  [0xef53, ['ext4', 'all']],
  [0x9123683e, ['btrfs', 'all']],
  [0x58465342, ['XFS', 'all']],
  [0x2fc12fc1, ['ZFS', 'all']],
  [0xca451a4e, ['bcachefs', 'all']],
  [0xf2f52010, ['F2FS', 'all']],
  [OVERLAY, ['overlayfs', 'all']],
  [0x01021994, ['tmpfs', 'until-boot']],
  [0x858458f6, ['ramfs', 'until-boot']],
  [0x4d44, ['FAT', 'no-owners']],
  [0x2011bab0, ['exFAT', 'no-owners']],
]);

/** The file system that the path is, or will be, on; undefined where a link of somebody else's hides it. */
export function fileSystemOf(
  held: Host['held'],
  path: AbsPath,
):
  | { readonly name: string; readonly keeps: 'all' | 'until-boot' | 'as-its-server' | 'no-owners' | 'other' }
  | undefined {
  const magic = unlessTheirLink(() => fileSystemAt(held, path));
  if (magic === undefined) return undefined;
  const remote = REMOTE.get(magic);
  if (remote !== undefined) return { name: remote, keeps: 'as-its-server' };
  const [name, keeps] = LOCAL.get(magic) ?? [`file system 0x${magic.toString(16)}`, 'other' as const];
  return { name, keeps };
}

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
