// Reads a directory of this disk into a disk in memory, where a recording starts; and writes the states of a crash
// back.

import {
  chmodSync,
  lchownSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { contentOf, type Disk, diskOf, type Id, type Inode, reachable } from './disk.ts';
import type { Pretence, Seen } from './pretend.ts';
import type { Start } from './recording.ts';

/** `root` must be a real path. */
export function snapshot(root: string): Start {
  const inodes: Inode[] = [];
  const entries = new Map<Id, Map<string, Id>>();
  const known = new Map<string, Id>();
  const visit = (path: Buffer): Id => {
    const stat = lstatSync(path);
    const key = `${stat.dev}:${stat.ino}`;
    const before = known.get(key);
    if (before !== undefined) return before;
    const id = inodes.length;
    known.set(key, id);
    const kind = stat.isDirectory() ? 'dir' : stat.isSymbolicLink() ? 'link' : 'file';
    inodes.push({
      kind,
      device: stat.dev,
      mode: stat.mode & 0o7777,
      uid: stat.uid,
      gid: stat.gid,
      seen: { ino: stat.ino, mtimeMs: stat.mtimeMs, ctimeMs: stat.ctimeMs },
      ...(kind === 'file' && { bytes: readFileSync(path) }),
      ...(kind === 'link' && { target: readlinkSync(path, 'latin1') }),
    });
    if (kind !== 'dir') return id;
    const names = new Map<string, Id>();
    entries.set(id, names);
    for (const name of readdirSync(path, { encoding: 'buffer' }))
      names.set(name.toString('latin1'), visit(Buffer.concat([path, Buffer.from('/'), name])));
    return id;
  };
  visit(Buffer.from(root));
  return { root, inodes, entries };
}

/**
 * Makes `root` hold exactly this disk, and returns how its inodes were seen before. Directories where another file
 * system is mounted stay and are refilled.
 */
export function materialise(root: string, what: Disk | Start): Pretence {
  const disk = 'nodes' in what ? what : diskOf(what.inodes, what.entries);
  clear(root);
  const first = new Map<Id, Buffer>();
  const dirs: (readonly [Buffer, number])[] = [];
  for (const [path, id, found] of reachable(disk)) {
    const { born, mode, uid, gid } = found;
    const at = Buffer.from(`${root}/${path}`, 'latin1');
    const before = first.get(id);
    if (before !== undefined && born.kind !== 'dir') {
      linkSync(before, at);
      continue;
    }
    first.set(id, at);
    if (born.kind === 'dir') {
      if (!lstatSync(at, { throwIfNoEntry: false })) mkdirSync(at);
      dirs.push([at, mode]);
    } else if (born.kind === 'link') symlinkSync(Buffer.from(born.target!, 'latin1'), at);
    else writeFileSync(at, contentOf(found));
    lchownSync(at, uid, gid);
    if (born.kind === 'file') chmodSync(at, mode);
  }
  // Last, because files made in a set-group-id directory would get its group.
  for (const [at, mode] of dirs) chmodSync(at, mode);
  const pretence = new Map<string, Seen>();
  for (const [id, at] of first) {
    const { born, isTouched } = disk.nodes.get(id)!;
    if (born.seen === undefined) continue;
    const { dev, ino } = lstatSync(at);
    pretence.set(`${dev}:${ino}`, isTouched ? { ino: born.seen.ino } : born.seen);
  }
  return pretence;
}

/** Removes everything but mount points. */
export const clear = (root: string): void => empty(Buffer.from(root), lstatSync(root).dev);

function empty(dir: Buffer, device: number): void {
  for (const name of readdirSync(dir, { encoding: 'buffer' })) {
    const at = Buffer.concat([dir, Buffer.from('/'), name]);
    const stat = lstatSync(at);
    if (stat.isDirectory() && (stat.dev !== device || holdsMount(at, device))) empty(at, stat.dev);
    else rmSync(at, { recursive: true, force: true });
  }
}

/** Looks only as deep as the scenarios mount. */
const holdsMount = (dir: Buffer, device: number): boolean =>
  readdirSync(dir, { encoding: 'buffer' }).some((name) => {
    const stat = lstatSync(Buffer.concat([dir, Buffer.from('/'), name]));
    return stat.isDirectory() && stat.dev !== device;
  });
