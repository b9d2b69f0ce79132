// File systems in memory, as far as a power cut is concerned: inodes, and the changes ("effects") that calls make of them.
// Pure; nothing here knows of traces or crashes.

/** Number of an inode; 0 is the directory that holds all that is looked at. */
export type Id = number;

/** What an inode is when it is born (or when recording begins). Names and targets are latin1, so that no byte is lost. */
export interface Inode {
  readonly kind: 'dir' | 'file' | 'link';
  readonly device: number;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly bytes?: Buffer;
  readonly target?: string;
  /** As the file system knows it, where that is known. */
  readonly seen?: { readonly ino: number; readonly mtimeMs?: number; readonly ctimeMs?: number };
}

/** Owner and mode are one record on every disk: an effect has both, as they are after it. */
export type Effect =
  | { readonly kind: 'entry'; readonly dir: Id; readonly name: string; readonly to: Id | undefined }
  | { readonly kind: 'bytes'; readonly inode: Id; readonly at: number; readonly bytes: Buffer }
  | { readonly kind: 'size'; readonly inode: Id; readonly size: number }
  | {
      readonly kind: 'meta';
      readonly inode: Id;
      readonly mode: number;
      readonly uid: number;
      readonly gid: number;
    };

type Written = Extract<Effect, { kind: 'bytes' | 'size' }>;

export interface Node {
  readonly born: Inode;
  mode: number;
  uid: number;
  gid: number;
  readonly entries: Map<string, Id>;
  readonly written: Written[];
  /** Whether anything changed it since: its times are not those it was born with. */
  isTouched: boolean;
}

export interface Disk {
  readonly nodes: Map<Id, Node>;
  readonly inodes: readonly Inode[];
}

/** `entries`: of each directory that is there from the start. */
export function diskOf(inodes: readonly Inode[], entries: ReadonlyMap<Id, ReadonlyMap<string, Id>>): Disk {
  const disk: Disk = { nodes: new Map(), inodes };
  for (const [dir, names] of entries) for (const [name, id] of names) node(disk, dir).entries.set(name, id);
  return disk;
}

/** An inode comes into being when something first tells of it. */
export function node({ nodes, inodes }: Disk, id: Id): Node {
  const known = nodes.get(id);
  if (known !== undefined) return known;
  const born = inodes[id]!;
  const made: Node = {
    born,
    mode: born.mode,
    uid: born.uid,
    gid: born.gid,
    entries: new Map(),
    written: [],
    isTouched: false,
  };
  nodes.set(id, made);
  return made;
}

export function take(disk: Disk, effect: Effect): void {
  if (effect.kind === 'entry') {
    const { entries } = touched(disk, effect.dir);
    if (effect.to === undefined) entries.delete(effect.name);
    else entries.set(effect.name, effect.to);
  } else if (effect.kind === 'meta') {
    const { mode, uid, gid } = effect;
    Object.assign(touched(disk, effect.inode), { mode, uid, gid });
  } else {
    touched(disk, effect.inode).written.push(effect);
  }
}

function touched(disk: Disk, id: Id): Node {
  const found = node(disk, id);
  found.isTouched = true;
  return found;
}

/** Bytes that were never written are zeros. */
export function contentOf({ born, written }: Node): Buffer {
  let bytes = born.bytes ?? Buffer.alloc(0);
  for (const one of written) {
    const size = one.kind === 'size' ? one.size : Math.max(bytes.length, one.at + one.bytes.length);
    const next = Buffer.alloc(size);
    bytes.copy(next);
    if (one.kind === 'bytes') one.bytes.copy(next, one.at);
    bytes = next;
  }
  return bytes;
}

/** Whatever can be reached, parents first: path (latin1, without a slash at its beginning), inode. */
export function* reachable(disk: Disk, from: Id = 0, path = ''): Generator<readonly [string, Id, Node]> {
  for (const [name, id] of [...node(disk, from).entries].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const below = path === '' ? name : `${path}/${name}`;
    const found = node(disk, id);
    yield [below, id, found];
    if (found.born.kind === 'dir') yield* reachable(disk, id, below);
  }
}

/** Equal keys, equal trees. What was written is told apart by its effects: `number` gives each its own. */
export function keyOf(disk: Disk, number: (effect: Effect) => number): string {
  const lines: string[] = [];
  for (const [path, id, { born, mode, uid, gid, written }] of reachable(disk)) {
    // Links to one inode show by its number.
    lines.push(`${path}\0${id} ${born.kind} ${mode} ${uid} ${gid} ${written.map(number).join()}`);
  }
  return lines.join('\n');
}
