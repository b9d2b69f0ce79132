// The naive twin: the same edits as an ordinary careful program makes them, each checked and then made by its path. An
// attack that the twin withstands proves nothing.

import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  lchownSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmdirSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { digestOf } from '../../core/canonical.ts';
import type { Blobs } from '../../core/machine/host.ts';
import type { Edit, Move, Put } from '../../core/model.ts';

/** Makes all edits, each checked just before. Throws if one is not as expected; earlier edits stay. */
export function naively(root: string, edits: readonly Edit[], blobs: Blobs): void {
  for (const edit of edits) {
    if (edit.op === 'move') moved(root, edit);
    else if (edit.op === 'put') made(root, edit, blobs);
  }
}

function made(root: string, { path, before, after }: Put, blobs: Blobs): void {
  const disk = root + path;
  const stat = lstatSync(disk, { throwIfNoEntry: false });
  const kind = stat === undefined ? 'absent' : stat.isDirectory() ? 'dir' : stat.isSymbolicLink() ? 'link' : 'file';
  if (kind !== before.type) throw new Error(`not as planned: ${path}`);
  if (before.type === 'file' && before.content !== undefined && digestOf(readFileSync(disk)) !== before.content)
    throw new Error(`changed since: ${path}`);
  if (after.type === 'absent') {
    if (before.type === 'dir') rmdirSync(disk);
    else unlinkSync(disk);
  } else if (after.type === 'dir') {
    if (before.type === 'absent') mkdirSync(disk);
    chownSync(disk, after.owner.uid, after.owner.gid);
    chmodSync(disk, after.mode);
  } else if (after.type === 'link') {
    if (before.type === 'link' && readlinkSync(disk) !== before.target) throw new Error(`changed since: ${path}`);
    symlinkSync(after.target, disk);
    lchownSync(disk, after.owner.uid, after.owner.gid);
  } else if (after.content === undefined) {
    chownSync(disk, after.owner.uid, after.owner.gid);
    chmodSync(disk, after.mode);
  } else {
    const cut = disk.lastIndexOf('/');
    const work = `${disk.slice(0, cut)}/.reflake-naive`;
    const staged = work + disk.slice(cut);
    rmSync(work, { recursive: true, force: true });
    mkdirSync(work, { mode: 0o700 });
    writeFileSync(staged, blobs[after.content]!);
    if (digestOf(readFileSync(staged)) !== after.content) throw new Error(`not written: ${path}`);
    chownSync(staged, after.owner.uid, after.owner.gid);
    chmodSync(staged, after.mode);
    renameSync(staged, disk);
    rmdirSync(work);
  }
}

function moved(root: string, { from, to }: Move): void {
  if (!existsSync(root + from) || existsSync(root + to)) throw new Error(`not as planned: ${from}`);
  try {
    renameSync(root + from, root + to);
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code !== 'EXDEV') throw thrown;
    cpSync(root + from, root + to, { recursive: true, preserveTimestamps: true, verbatimSymlinks: true });
    rmSync(root + from, { recursive: true });
  }
}

/** Takes the moves back by their names. */
export function naivelyBack(root: string, edits: readonly Edit[]): void {
  for (const edit of edits.toReversed())
    if (edit.op === 'move' && existsSync(root + edit.to) && !existsSync(root + edit.from))
      renameSync(root + edit.to, root + edit.from);
}
