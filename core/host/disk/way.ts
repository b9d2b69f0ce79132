// The way to a file, name by name, as the kernel goes it. Only lstat(2) and readlink(2); nothing is opened.

import { lstatSync, readlinkSync, type Stats } from 'node:fs';
import { MOST } from '../../limits.ts';
import type { Waypoint } from '../../machine/file-trust.ts';

/**
 * The waypoints of `file`, an absolute path; `look` says what lies at a path. The list ends with `absent` if something
 * is missing or may not be looked at, or if links lead in a circle.
 */
export function wayTo(file: string, look: (path: string) => Waypoint): readonly Waypoint[] {
  const way: Waypoint[] = [look('/')];
  let at = '';
  let rest = parts(file);
  for (let links = 0; rest.length > 0; ) {
    const [name, ...more] = rest as [string, ...string[]];
    rest = more;
    if (name === '..') {
      at = at.slice(0, Math.max(0, at.lastIndexOf('/')));
      continue;
    }
    const point = look(`${at}/${name}`);
    way.push(point);
    if (point.type === 'link') {
      const target = links++ < MOST.links ? point.target : undefined;
      if (target === undefined) return [...way, ABSENT(point.path)];
      if (target.startsWith('/')) at = '';
      rest = [...parts(target), ...more];
    } else {
      at = point.path;
      if (point.type !== 'dir' && more.length > 0) return [...way, ABSENT(`${at}/${more[0]}`)];
    }
  }
  return way;
}

/** The file at the path itself; a link is not followed. */
export function waypoint(path: string): Waypoint {
  try {
    const stat = lstatSync(path);
    const { uid, gid, mode, nlink } = stat;
    const target = stat.isSymbolicLink() ? readlinkSync(path) : undefined;
    const link = target === undefined ? {} : { target };
    return { path, type: typeOf(stat), uid, gid, mode: mode & 0o7777, links: nlink, ...link };
  } catch {
    return ABSENT(path);
  }
}

const ABSENT = (path: string): Waypoint => ({ path, type: 'absent', uid: 0, gid: 0, mode: 0, links: 0 });

const parts = (path: string): readonly string[] => path.split('/').filter((part) => part !== '' && part !== '.');

function typeOf(stat: Stats): Waypoint['type'] {
  if (stat.isDirectory()) return 'dir';
  if (stat.isSymbolicLink()) return 'link';
  return stat.isFile() ? 'file' : 'other';
}
