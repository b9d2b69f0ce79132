// Decides which paths of the environment can be trusted: directories of PATH, certificate files, places for temporary
// files.

import { accessSync, constants, lstatSync, readlinkSync, type Stats, statSync } from 'node:fs';
import { MOST } from '../../limits.ts';
import type { Looks, Who } from './environment.ts';

export const isRoot = (): boolean => process.geteuid?.() === 0;

/** The directories of PATH that can be trusted: absolute ones; for root, only those that nobody else can write. */
export function searchPath(): readonly string[] {
  return (process.env.PATH ?? '').split(':').filter((dir) => dir.startsWith('/') && (!isRoot() || isRoots(dir)));
}

/**
 * True if nobody but root can change what is found there: not the file or directory, nor a link or a directory on the
 * way. We check each part before we look at the next, so root never looks into a directory of somebody else's.
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
    // A sticky directory on the way (/nix/store) is safe: others can add names to it, but not remove one.
    if ((stat.mode & 0o022) !== 0 && (rest.length === 0 || !isSticky(stat))) return false;
    at = `${at}/${part}`;
  }
  return true;
}

const isSticky = (stat: Stats): boolean => (stat.mode & 0o1000) !== 0;

/**
 * True of a sticky, world-writable directory of root's, such as /tmp, and of a path that leads into a directory of the
 * person's own: what they cannot use below that is their own affair. Links are not followed; a person can name the end
 * of one.
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

/** Finds a tool that root needs: on PATH, or in the usual system directories. */
export const findSystemTool = (tool: string): string | undefined =>
  find(tool, [...searchPath(), ...['/run/current-system/sw/bin', '/usr/bin', '/bin'].filter(isRoots)]);

/** The disk's answers for `environmentOf`. */
export const LOOKS: Looks = { isRoots, isUsable };

/** The directory for our temporary files: $TMPDIR if the environment of our own programs may have it, otherwise /tmp. */
export function temporaryDirectory(): string {
  const dir = process.env.TMPDIR;
  if (dir === undefined || !dir.startsWith('/')) return '/tmp';
  return !isRoot() || isUsable(dir, { uid: 0, name: 'root', home: '/root' }) ? dir : '/tmp';
}

/** `/a/b` → `/a`, `/a/b`. */
const prefixes = (path: string): string[] =>
  path.split('/').flatMap((part, index, parts) => (part === '' ? [] : [parts.slice(0, index + 1).join('/')]));

/** The path of a program; undefined if no directory has it. */
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

/** Undefined where `look` throws anything at all: the place was removed meanwhile, or is not ours. */
export function quietly<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch {
    return undefined;
  }
}
