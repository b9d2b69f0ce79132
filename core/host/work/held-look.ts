// Looks at the paths of a transaction through open directories: what we see is what we would change.

import { closeSync, constants, fstatSync, openSync, readdirSync, statfsSync } from 'node:fs';
import { MOST } from '../../limits.ts';
import { below } from '../../machine/follow-links.ts';
import type { Host } from '../../machine/host.ts';
import { type Named, type Reader, tooLarge, unreadable } from '../../machine/reader.ts';
import { ABSENT, type Entry } from '../../model.ts';
import { type AbsPath, fromBytes, inByteOrder, ROOT } from '../../path.ts';
import { type Anchors, anchors } from '../disk/anchor.ts';
import { entryOf, linkTarget, readAll } from '../disk/look.ts';
import { isStagingName } from '../disk/staging-name.ts';
import { hindranceIn, roomIn } from './hindrances.ts';
import { openPinned } from './pinned.ts';
import { there } from './staging.ts';
import { thereOrNot } from './staging-directory.ts';

const TOP: Entry = { type: 'dir', mode: 0o755, owner: { uid: 0, gid: 0 } };

export type HeldLook = Host['held'] & {
  readonly release: () => void;
  /** As `read` and `list`, but only of an inode that belongs to this user; throws `unreadable` otherwise. */
  readonly readOf: (path: AbsPath, uid: number, most?: number) => Uint8Array | undefined;
  readonly listOf: (path: AbsPath, uid: number) => readonly string[];
} & Pick<Reader, 'hindrance' | 'room'>;

/** Throws EPERM if a link of somebody else's is on the way, and `unreadable` for a file that is too large. */
export function heldLook(root: AbsPath): HeldLook {
  const held: Anchors = anchors(root);
  const pinned = <T>(path: AbsPath, see: (pin: number) => T): T | undefined => {
    const pin = thereOrNot(() => openPinned(held.at(path)));
    if (pin === undefined) return undefined;
    try {
      return see(pin);
    } finally {
      closeSync(pin);
    }
  };
  const stat = (path: AbsPath): Entry => {
    if (path === ROOT) return TOP;
    const place = thereOrNot(() => held.at(path));
    const found = place && there(place);
    return place === undefined || found === undefined ? ABSENT : entryOf(found, () => linkTarget(place));
  };
  const namesIn = (pin: number): readonly string[] => {
    if (!fstatSync(pin).isDirectory()) return [];
    const names = readdirSync(`/proc/self/fd/${pin}`, { encoding: 'buffer' }).map(fromBytes);
    return inByteOrder(names.filter((name) => !isStagingName(name)));
  };
  const list = (path: AbsPath): readonly string[] => pinned(path, namesIn) ?? [];
  const bytesOf =
    (path: AbsPath, most: number = MOST.fileBytes) =>
    (pin: number): Uint8Array | undefined => {
      const { size, isFile } = describe(pin);
      if (!isFile) return undefined;
      if (size > most) throw tooLarge(path, size, most);
      const fd = openSync(`/proc/self/fd/${pin}`, constants.O_RDONLY | constants.O_NONBLOCK);
      try {
        return readAll(fd, size);
      } finally {
        closeSync(fd);
      }
    };
  /** Checks the owner of the same inode that `see` then reads. */
  const of =
    <T>(path: AbsPath, uid: number, see: (pin: number) => T) =>
    (pin: number): T => {
      if (fstatSync(pin).uid !== uid) throw unreadable(path, `it is not the user ${uid}'s`);
      return see(pin);
    };
  return {
    stat,
    list,
    entries: (path) => list(path).map((name): Named => ({ name, entry: stat(below(path, name)) })),
    read: (path, most) => pinned(path, bytesOf(path, most)),
    readOf: (path, uid, most) => pinned(path, of(path, uid, bytesOf(path, most))),
    listOf: (path, uid) => pinned(path, of(path, uid, namesIn)) ?? [],
    fileSystem: (path) => thereOrNot(() => statfsSync(`/proc/self/fd/${held.dir(path).fd}`).type),
    hindrance: hindranceIn(held),
    room: roomIn(held),
    release: () => held.release(),
  };
}

function describe(pin: number): { readonly size: number; readonly isFile: boolean } {
  const stat = fstatSync(pin);
  return { size: stat.size, isFile: stat.isFile() };
}
