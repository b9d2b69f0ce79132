// Mounts as the kernel lists them (proc_pid_mountinfo(5)), so that no mount point itself need be looked at.

import { readFileSync } from 'node:fs';
import { type AbsPath, absolute, fromBytes, isWithin, rebase } from '../../path.ts';

/** The mount points below `top`, a real path of this disk, renamed to lie below `path`, the machine's name for it. */
export const mountsBelow = (top: AbsPath, path: AbsPath): readonly AbsPath[] =>
  mountPoints().flatMap((at) => (at !== top && isWithin(at, top) ? [rebase(at, top, path)!] : []));

/**
 * One name for the directory at a real path of this disk, the same through all bind mounts: the device, and the path in
 * its file system.
 */
export function placeOnDevice(path: AbsPath): AbsPath {
  let nearest: Mount | undefined;
  // If several mounts are at one point, the last one hides the others.
  for (const mount of mounts())
    if (isWithin(path, mount.point) && mount.point.length >= (nearest?.point.length ?? 0)) nearest = mount;
  return nearest === undefined ? path : rebase(path, nearest.point, nearest.what)!;
}

interface Mount {
  readonly point: AbsPath;
  /** The number of the device, then the path in its file system that is mounted. */
  readonly what: AbsPath;
}

const mountPoints = (): readonly AbsPath[] => mounts().map(({ point }) => point);

/** Fields 3 to 5 of each line. Some characters in them are escaped in octal. */
const mounts = (): readonly Mount[] =>
  fromBytes(readFileSync('/proc/self/mountinfo'))
    .split('\n')
    .flatMap((line) => {
      const [, , device, what, point] = line
        .split(' ')
        .map((field) =>
          field.replace(/\\([0-7]{3})/g, (_, code: string) => String.fromCharCode(Number.parseInt(code, 8))),
        );
      return point?.startsWith('/') ? [{ point: absolute(point), what: absolute(`/${device}/${what}`) }] : [];
    });
