// Trees as literals, laid into an existing machine: those of tests/support/trees.ts, and what only this folder needs
// (devices, sockets, replaced parents). Owners and modes are exact, whatever the umask.

import { execFileSync } from 'node:child_process';
import { chmodSync, lchownSync, linkSync, lstatSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Owner } from '../../core/model.ts';

/** `text`: a file. `nod`: made by mknod(1). `null`: nothing may be there. */
export type Leaf =
  | { readonly text: string; readonly mode?: number; readonly by?: Owner }
  | { readonly dir: number; readonly by?: Owner }
  | { readonly link: string; readonly by?: Owner }
  | { readonly hard: string }
  | { readonly nod: 'fifo' | 'socket' | 'device'; readonly by?: Owner; readonly mode?: number }
  | null;

export type Layout = Readonly<Record<string, Leaf>>;

export const ROOT: Owner = { uid: 0, gid: 0 };

/** Lays the leaves out in their order. A missing parent gets the owner of the directory above it. */
export function lay(machine: string, layout: Layout): void {
  for (const [path, leaf] of Object.entries(layout)) {
    const disk = machine + path;
    if (leaf === null || !('dir' in leaf)) rmSync(disk, { recursive: true, force: true });
    if (leaf === null) continue;
    parents(dirname(disk));
    const by = ('by' in leaf ? leaf.by : undefined) ?? ROOT;
    if ('text' in leaf) writeFileSync(disk, leaf.text);
    else if ('dir' in leaf) {
      if (lstatSync(disk, { throwIfNoEntry: false })?.isDirectory() !== true) {
        rmSync(disk, { force: true });
        mkdirSync(disk);
      }
    } else if ('link' in leaf) symlinkSync(leaf.link, disk);
    else if ('hard' in leaf) linkSync(machine + leaf.hard, disk);
    else node(disk, leaf.nod);
    if ('hard' in leaf) continue;
    lchownSync(disk, by.uid, by.gid);
    if (!('link' in leaf)) chmodSync(disk, 'dir' in leaf ? leaf.dir : (leaf.mode ?? 0o644));
  }
}

function parents(dir: string): void {
  if (lstatSync(dir, { throwIfNoEntry: false }) !== undefined) return;
  parents(dirname(dir));
  const { uid, gid } = lstatSync(dirname(dir));
  mkdirSync(dir, { mode: 0o755 });
  lchownSync(dir, uid, gid);
}

function node(disk: string, what: 'fifo' | 'socket' | 'device'): void {
  if (what === 'fifo') execFileSync('mkfifo', [disk]);
  // /dev/mem, which nobody should open; not a terminal.
  else if (what === 'device') execFileSync('mknod', [disk, 'c', '1', '1']);
  else
    execFileSync('perl', [
      '-MSocket',
      '-e',
      'socket(my $s, PF_UNIX, SOCK_STREAM, 0); bind($s, pack_sockaddr_un($ARGV[0])) or die',
      disk,
    ]);
}
