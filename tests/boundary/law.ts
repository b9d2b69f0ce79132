// The law of the boundary as one pure function, written from its text alone: what root may touch in a tree that
// somebody else owns. Knows no system call, and nothing of reflake.

import { type Inode, type Lookup, pathOf, type Way } from './world.ts';

/** An effect of one call with effective uid 0. */
export interface Touch extends Way {
  /**
   * `look`: metadata of an inode, or O_PATH. `read`: contents, names, a link's target. `write`: any change. `run`:
   * execve(2).
   */
  readonly does: 'look' | 'read' | 'write' | 'run';
  /** The call began at an open directory, and asked for at most one name in it. */
  readonly byDescriptor: boolean;
  /** The call would follow a link as the last part, even if there is none now. */
  readonly follows: boolean;
  /** The next owner of the inode; undefined if the call gives nothing away. */
  readonly givenTo?: number | undefined;
}

/** The paths that trusted words name: those of the plan, and of the program itself. All are canonical. */
export interface Words {
  /** The plan names it, within the places of the spec's wishes. */
  readonly isNamed: (path: string) => boolean;
  /** A directory on the way to a path that is named. */
  readonly leadsToNamed: (path: string) => boolean;
  /** The program itself names it for a look, whoever owns the tree; or a directory on the way to such a path. */
  readonly isKnown: (path: string) => boolean;
  /** State, staging directories of a transaction, root's own scratch directories. */
  readonly isOwn: (path: string, node: Inode | undefined) => boolean;
  /** The plan moves it from a place that was root's alone. */
  readonly isMoved: (path: string) => boolean;
  /** Groups whose members count as root: root's and nixbld. */
  readonly trustedGroups: ReadonlySet<number>;
  /** The groups of the person that things are given to. */
  readonly groupsOf: (uid: number) => ReadonlySet<number>;
}

const OTHERS_WRITE = 0o002;
const GROUP_WRITES = 0o020;
const STICKY = 0o1000;

/** True if somebody other than root can change what is in it. */
export function othersCanWrite({ kind, mode, gid }: Inode, trusted: ReadonlySet<number>): boolean {
  if (kind === 'link') return false;
  return (mode & OTHERS_WRITE) !== 0 || ((mode & GROUP_WRITES) !== 0 && !trusted.has(gid));
}

/**
 * True if it and each directory on the way are root's, and nobody else can write them. A sticky directory on the way is
 * safe, too.
 */
export function isRootsAlone(node: Inode, trusted: ReadonlySet<number>): boolean {
  for (let at: Inode | undefined = node; at !== undefined; at = at.parent) {
    if (at.uid !== 0) return false;
    if (othersCanWrite(at, trusted) && (at === node || (at.mode & STICKY) === 0)) return false;
  }
  return true;
}

/** True if nobody but root can change what this name leads to. */
function isSafe({ dir, found }: Lookup, trusted: ReadonlySet<number>): boolean {
  if (dir.system || isRootsAlone(dir, trusted)) return true;
  const isSticky =
    dir.uid === 0 && (dir.mode & STICKY) !== 0 && (dir.parent === undefined || isRootsAlone(dir.parent, trusted));
  // In a sticky directory, others can add a name but not remove root's; and what root makes there replaces nothing.
  return isSticky && (found === undefined || found.uid === 0);
}

/** Undefined if the touch is allowed; otherwise says why it is not. */
export function judge(touch: Touch, words: Words): string | undefined {
  const { path, end, does } = touch;
  for (const lookup of touch.lookups) {
    if (isSafe(lookup, words.trustedGroups)) continue;
    // A look at the name itself is allowed where others may add names but not remove root's (/tmp).
    const isLast = lookup === touch.lookups.at(-1);
    if (does === 'look' && isLast && !touch.follows && isSafe({ ...lookup, found: undefined }, words.trustedGroups))
      continue;
    const name = `${pathOf(lookup.dir) === '/' ? '' : pathOf(lookup.dir)}/${lookup.name}`;
    const where = `${name} in a directory that uid ${lookup.dir.uid} can change`;
    if (!touch.byDescriptor) return `reaches ${where} by a path`;
    if (touch.follows) return `would follow a link at ${where}`;
    if (!words.isNamed(name) && !words.leadsToNamed(name) && !words.isOwn(name, lookup.found))
      return `reaches ${where}, which no plan names`;
  }
  const link = touch.links.find((one) => !isRootsAlone(one, words.trustedGroups));
  if (link !== undefined) return `follows the link ${pathOf(link)} of uid ${link.uid}`;
  if (end?.system === true)
    return does === 'write' && path !== '/dev/null' ? `changes ${path}, a part of the system` : undefined;
  const isOurs = words.isNamed(path) || words.isOwn(path, end);
  if (does === 'write') {
    if (!isOurs) return `changes ${path}, which no plan names`;
    return touch.givenTo === undefined || end === undefined ? undefined : whyNotGiven(end, path, touch.givenTo, words);
  }
  if (does !== 'look' && end?.kind === 'other' && !(isOurs && end.made)) return `opens ${path}, which is no file`;
  if (isOurs) return undefined;
  if (!words.isKnown(path) && !words.leadsToNamed(path)) return `goes to ${path}, where nothing that is trusted leads`;
  if (does === 'look' || end === undefined) return undefined;
  return isRootsAlone(end, words.trustedGroups) ? undefined : `${does}s ${path}, which uid ${end.uid} can change`;
}

/** A person may be given what they could already read, and what the plan moves from a place of root's. */
function whyNotGiven(node: Inode, path: string, to: number, words: Words): string | undefined {
  if (to === 0 || node.uid === to || node.made) return undefined;
  if (node.kind !== 'dir' && node.links > 1) return `gives ${path} to uid ${to}, which has other names`;
  if (words.isMoved(path)) return undefined;
  if (node.kind === 'link') return undefined;
  const bits = words.groupsOf(to).has(node.gid) ? node.mode >> 3 : node.mode;
  const needed = node.kind === 'dir' ? 0o5 : 0o4;
  return (bits & needed) === needed
    ? undefined
    : `gives ${path} of uid ${node.uid} to uid ${to}, who could not read it`;
}
