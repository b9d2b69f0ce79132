// Whose word a spec (or a saved plan) is, decided from what lies on the way to its file. Pure: core/host/disk/way.ts has the
// facts.

/** One name on the way to a file, from `/` on. A link stands before what it leads through. */
export interface Waypoint {
  readonly path: string;
  readonly type: 'dir' | 'file' | 'link' | 'other' | 'absent';
  readonly uid: number;
  readonly gid: number;
  /** The 12 permission bits. */
  readonly mode: number;
  /** How many names the inode has. */
  readonly links: number;
  /** Where a link leads. */
  readonly target?: string;
}

/** Who may have written it. */
export interface Trusted {
  readonly caller: number;
  /** Of --trust-spec-of. */
  readonly author?: number;
  /** Whose members may write too: the groups root and nixbld (of /nix/store); of an ordinary user, one that is theirs alone. */
  readonly isSafe: (gid: number) => boolean;
}

export type Doubt =
  | { readonly kind: 'owner'; readonly at: Waypoint }
  | { readonly kind: 'everybody' | 'group' | 'names' | 'proc'; readonly at: Waypoint };

/** `whole`: root or the caller alone can have written it. `limited`: the author, too. */
export type Trust = { readonly kind: 'whole' | 'limited' } | { readonly kind: 'none'; readonly doubt: Doubt };

/**
 * The whole way counts: who can write a directory decides what its names lead to. What does not end at a regular file is
 * not trusted either, and said by whoever reads it.
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
    // What such files say comes from the process, not from their owner, and such links lead where their text does not say.
    if (at.path.startsWith('/proc/')) return { kind: 'proc', at };
    if (!owners.includes(at.uid)) return { kind: 'owner', at };
    if (at.type === 'link') continue;
    const kind = writableFor(at, isSafe);
    const isSticky = at.type === 'dir' && at.uid === 0 && (at.mode & 0o1000) !== 0;
    if (kind !== undefined && !isSticky) return { kind, at };
    // link(2) needs no right to the file where fs.protected_hardlinks is 0: anybody may have given it this name.
    if (at.type === 'file' && open && at.links > 1) return { kind: 'names', at };
    open = kind !== undefined;
  }
  return undefined;
}

/** Whether nobody else can make a name in this directory: sticky is not enough where what is looked for is any file there. */
export const isClosed = (dir: Waypoint, { caller, author, isSafe }: Trusted): boolean =>
  [0, caller, author].includes(dir.uid) && writableFor(dir, isSafe) === undefined;

/** Who else than its owner can write it, by its mode. */
function writableFor(
  { gid, mode }: Pick<Waypoint, 'gid' | 'mode'>,
  isSafe: Trusted['isSafe'],
): 'everybody' | 'group' | undefined {
  if ((mode & 0o002) !== 0) return 'everybody';
  return (mode & 0o020) !== 0 && !isSafe(gid) ? 'group' : undefined;
}

/** One clause: what is wrong with it. */
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
