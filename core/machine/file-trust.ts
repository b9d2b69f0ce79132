// Decides whose word a spec (or a saved plan) is, from the directories and links on the way to its file. Pure:
// core/host/disk/way.ts collects the facts.

/** One name on the way to a file, from `/` on. A link comes before the names that it leads through. */
export interface Waypoint {
  readonly path: string;
  readonly type: 'dir' | 'file' | 'link' | 'other' | 'absent';
  readonly uid: number;
  readonly gid: number;
  /** The 12 permission bits. */
  readonly mode: number;
  /** The number of names that the inode has. */
  readonly links: number;
  /** The target of a link. */
  readonly target?: string;
}

/** The people who may have written the file. */
export interface Trusted {
  readonly caller: number;
  /** The user of --trust-spec-of. */
  readonly author?: number;
  /**
   * True of a group whose members may write too: root and nixbld (which owns /nix/store), and, for an ordinary user, a
   * group that is theirs alone.
   */
  readonly isSafe: (gid: number) => boolean;
}

export type Doubt =
  | { readonly kind: 'owner'; readonly at: Waypoint }
  | { readonly kind: 'everybody' | 'group' | 'names' | 'proc'; readonly at: Waypoint };

/** `whole`: only root or the caller can have written it. `limited`: the author can, too. */
export type Trust = { readonly kind: 'whole' | 'limited' } | { readonly kind: 'none'; readonly doubt: Doubt };

/**
 * Looks at the whole way, because whoever can write a directory decides what its names lead to. A way that does not end
 * at a regular file gives no doubt here: reading the file will fail.
 */
export function trustOf(way: readonly Waypoint[], { caller, author, isSafe }: Trusted): Trust {
  const doubt = doubtOf(way, [0, caller], isSafe);
  if (doubt === undefined) return { kind: 'whole' };
  if (author === undefined) return { kind: 'none', doubt };
  const other = doubtOf(way, [0, caller, author], isSafe);
  return other === undefined ? { kind: 'limited' } : { kind: 'none', doubt: other };
}

function doubtOf(way: readonly Waypoint[], owners: readonly number[], isSafe: Trusted['isSafe']): Doubt | undefined {
  let open = false;
  for (const at of way) {
    if (at.type === 'absent') return undefined;
    // The content of files in /proc comes from the process and not from their owner, and links there do not lead where
    // their text says.
    if (at.path.startsWith('/proc/')) return { kind: 'proc', at };
    if (!owners.includes(at.uid)) return { kind: 'owner', at };
    if (at.type === 'link') continue;
    const kind = writableFor(at, isSafe);
    const isSticky = at.type === 'dir' && at.uid === 0 && (at.mode & 0o1000) !== 0;
    if (kind !== undefined && !isSticky) return { kind, at };
    // If fs.protected_hardlinks is 0, link(2) needs no right to the file: anybody may have given it this name.
    if (at.type === 'file' && open && at.links > 1) return { kind: 'names', at };
    open = kind !== undefined;
  }
  return undefined;
}

/** True if nobody else can create a name in this directory. A sticky bit is not enough if any file there would be taken. */
export const isClosed = (dir: Waypoint, { caller, author, isSafe }: Trusted): boolean =>
  [0, caller, author].includes(dir.uid) && writableFor(dir, isSafe) === undefined;

/** Who other than its owner can write it, by its mode. */
function writableFor(
  { gid, mode }: Pick<Waypoint, 'gid' | 'mode'>,
  isSafe: Trusted['isSafe'],
): 'everybody' | 'group' | undefined {
  if ((mode & 0o002) !== 0) return 'everybody';
  return (mode & 0o020) !== 0 && !isSafe(gid) ? 'group' : undefined;
}

/** Says in one clause what is wrong with it. */
export function wordsOf(
  { kind, at: { path, uid, gid } }: Doubt,
  nameOf: { readonly user: (uid: number) => string; readonly group: (gid: number) => string },
): string {
  switch (kind) {
    case 'owner':
      return `"${path}" belongs to ${nameOf.user(uid)}`;
    case 'everybody':
      return `everybody can write "${path}"`;
    case 'group':
      return `the group ${nameOf.group(gid)} can write "${path}"`;
    case 'names':
      return `"${path}" has other names too, and everybody can make one in its directory`;
    case 'proc':
      return `"${path}" is what a process says`;
  }
}
