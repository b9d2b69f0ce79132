// Which paths of the environment can be trusted: directories of PATH, files of certificates, places for temporary files.

import { accessSync, constants, lstatSync, readlinkSync, type Stats, statSync } from 'node:fs';
import { MOST } from '../../limits.ts';
import type { Looks, Who } from './environment.ts';

export const isRoot = (): boolean => process.geteuid?.() === 0;

/** Directories of PATH that can be trusted: absolute ones; for root, only those that nobody else can write. */
export function searchPath(): readonly string[] {
  return (process.env.PATH ?? '').split(':').filter((dir) => dir.startsWith('/') && (!isRoot() || isRoots(dir)));
}

/**
 * Nobody but root can change what is found there: not the directory or file, nor a link or a directory on the way to it.
 * Each is looked at before the next: what lies in somebody else's directory is not for root to look at.
 */
function isRoots(path: string): boolean {
  let at = '';
  let links = 0;
  const rest = path.split('/');
  for (let part = rest.shift(); part !== undefined; part = rest.shift()) {
    if (part === '' || part === '.') continue;
    if (part === '..') {
      at = at.slice(0, at.lastIndexOf('/'));
      continue;
    }
    const stat = quietly(() => lstatSync(`${at}/${part}`));
    if (stat === undefined || stat.uid !== 0) return false;
    if (stat.isSymbolicLink()) {
      const target = quietly(() => readlinkSync(`${at}/${part}`));
      if (target === undefined || ++links > MOST.links) return false;
      if (target.startsWith('/')) at = '';
      rest.unshift(...target.split('/'));
      continue;
    }
    // On the way, a sticky directory (/nix/store) will do: others can add names to it, but not take one away.
    if ((stat.mode & 0o022) !== 0 && (rest.length === 0 || !isSticky(stat))) return false;
    at = `${at}/${part}`;
  }
  return true;
}

const isSticky = (stat: Stats): boolean => (stat.mode & 0o1000) !== 0;

/**
 * A sticky directory of root's, as /tmp is one, or one that leads into the person's own: what they can't use there is then
 * their own affair. Links are not followed: who needs one can name its end.
 */
function isUsable(path: string, { uid }: Who): boolean {
  for (const part of prefixes(path)) {
    const stat = quietly(() => lstatSync(part));
    if (stat === undefined || !stat.isDirectory()) return false;
    if (stat.uid === uid && (stat.mode & 0o022) === 0) {
      if (uid !== 0 || part === path) return true;
      continue;
    }
    if (stat.uid !== 0 || ((stat.mode & 0o022) !== 0 && !isSticky(stat))) return false;
    if (part === path) return isSticky(stat) && (stat.mode & 0o002) !== 0;
  }
  return false;
}

/** A tool that root can't do without: on PATH, or where systems keep it. */
export const findSystemTool = (tool: string): string | undefined =>
  find(tool, [...searchPath(), ...['/run/current-system/sw/bin', '/usr/bin', '/bin'].filter(isRoots)]);

/** For `environmentOf`. */
export const LOOKS: Looks = { isRoots, isUsable };

/** Where temporary files of ours can lie: $TMPDIR where the environment of our own programs may have it, else /tmp. */
export function temporaryDirectory(): string {
  const dir = process.env.TMPDIR;
  if (dir === undefined || !dir.startsWith('/')) return '/tmp';
  return !isRoot() || isUsable(dir, { uid: 0, name: 'root', home: '/root' }) ? dir : '/tmp';
}

/** `/a/b` → `/a`, `/a/b`. */
const prefixes = (path: string): string[] =>
  path.split('/').flatMap((part, index, parts) => (part === '' ? [] : [parts.slice(0, index + 1).join('/')]));

/** Where a program is; undefined: nowhere. */
export function find(tool: string, path: readonly string[]): string | undefined {
  return path
    .map((dir) => `${dir}/${tool}`)
    .find((file) => {
      try {
        accessSync(file, constants.X_OK);
        return statSync(file).isFile();
      } catch {
        return false;
      }
    });
}

export function quietly<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch {
    return undefined;
  }
}
