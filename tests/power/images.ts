// File systems in image files that can lose power: what had not reached the image is gone, and the next mount replays
// the journal. Everything is mounted in this process's namespace, and vanishes with it.

import { execFileSync } from 'node:child_process';
import { mkdirSync, rmdirSync, rmSync } from 'node:fs';

export type Kind = 'ext4' | 'xfs' | 'btrfs';

/** A file system and its mount point below the directory that loses power; '' is that directory itself. */
export interface Layout {
  readonly kind: Kind;
  readonly on: string;
}

/** MiB. Each kind refuses to be much smaller. Images are sparse. */
const SIZES: Readonly<Record<Kind, number>> = { ext4: 64, xfs: 320, btrfs: 128 };

/** Makes a new, empty file system in `file`. */
export function makeImage(kind: Kind, file: string): void {
  run('truncate', '-s', `${SIZES[kind]}M`, file);
  if (kind === 'ext4') run('mkfs.ext4', '-q', '-F', file);
  else run(`mkfs.${kind}`, '-q', '-f', file);
}

/** Outermost first. Creates the mount points. */
export function mountAll(layouts: readonly Layout[], files: readonly string[], disk: string): void {
  for (const [at, { kind, on }] of layouts.entries()) {
    const dir = `${disk}/${on}`;
    mkdirSync(dir, { recursive: true });
    run('mount', '-o', kind === 'xfs' ? 'loop,nouuid' : 'loop', '-t', kind, files[at]!, dir);
  }
}

/** Removes lost+found of new images: it would count as a part of the machine, and only ext4 has it. */
export function clearAll(layouts: readonly Layout[], disk: string): void {
  for (const { kind, on } of layouts) if (kind === 'ext4') rmdirSync(`${disk}/${on}/lost+found`);
}

/** umount(8) frees the loop devices, too. */
export function unmountAll(layouts: readonly Layout[], disk: string): void {
  for (const { on } of layouts.toReversed()) unmount(`${disk}/${on}`);
}

/** umount2(2) gives EBUSY while a process that was killed still ends in the directory: tried again for five seconds. */
function unmount(at: string): void {
  for (let tries = 1; ; tries++)
    try {
      run('umount', at);
      return;
    } catch (thrown) {
      if (tries === 50 || !/busy/.test(String(thrown))) throw thrown;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100);
    }
}

/**
 * The power fails and returns: everything is mounted again as it was on the disks. ext4 and xfs are shut down without a
 * flush of their log; btrfs has no such ioctl, so its image is copied as it is. Returns the files that are mounted
 * afterwards.
 */
export function cutPower(layouts: readonly Layout[], files: readonly string[], disk: string): readonly string[] {
  for (const { kind, on } of layouts) if (kind !== 'btrfs') run('perl', '-e', SHUTDOWN, `${disk}/${on}/.`);
  const after = layouts.map(({ kind }, at) => {
    if (kind !== 'btrfs') return files[at]!;
    // Under another name, because a loop device may still cache the blocks of the old one.
    const copy = `${files[at]}.cut`;
    copyImage(files[at]!, copy);
    return copy;
  });
  unmountAll(layouts, disk);
  for (const [at, file] of files.entries()) if (after[at] !== file) rmSync(file);
  mountAll(layouts, after, disk);
  return after;
}

/** FS_IOC_SHUTDOWN, _IOR('X', 125, u32), with NOLOGFLUSH. */
const SHUTDOWN =
  'open(my $dir, "<", $ARGV[0]) or die "open: $!"; my $how = pack("L", 2); ioctl($dir, 0x8004587d, $how) or die "ioctl: $!"';

export const copyImage = (from: string, to: string): void => run('cp', '--sparse=always', from, to);

function run(...[command, ...args]: readonly [string, ...string[]]): void {
  execFileSync(command, args, {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { PATH: `${process.env.PATH}:/usr/sbin:/sbin` },
  });
}
