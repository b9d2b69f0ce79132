// File systems in memory, as far as a power cut is concerned: inodes, and the changes ("effects") that calls make to
// them. Pure; knows nothing of traces or crashes.

/** The number of an inode; 0 is the directory that is recorded. */
export type Id = number;

/** An inode at its birth (or when recording begins). Names and targets are latin1, which keeps every byte. */
export interface Inode {
  readonly kind: 'dir' | 'file' | 'link';
  readonly device: number;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly bytes?: Buffer;
  readonly target?: string;
  /** Its number and times on the file system, if they are known. */
  readonly seen?: { readonly ino: number; readonly mtimeMs?: number; readonly ctimeMs?: number };
}

/** Owner and mode are one record on every disk, so an effect has both. */
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
  /** True if something changed it since, so that its times are not those of its birth. */
  isTouched: boolean;
}

export interface Disk {
  readonly nodes: Map<Id, Node>;
  readonly inodes: readonly Inode[];
}

/** `entries`: the names in each directory at the beginning. */
export function diskOf(inodes: readonly Inode[], entries: ReadonlyMap<Id, ReadonlyMap<string, Id>>): Disk {
  const disk: Disk = { nodes: new Map(), inodes };
  for (const [dir, names] of entries) for (const [name, id] of names) node(disk, dir).entries.set(name, id);
  return disk;
}

/** The node of an inode; made when something first mentions it. */
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

/** Everything that can be reached, parents first: path (latin1, without a leading slash) and inode. */
export function* reachable(disk: Disk, from: Id = 0, path = ''): Generator<readonly [string, Id, Node]> {
  for (const [name, id] of [...node(disk, from).entries].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const below = path === '' ? name : `${path}/${name}`;
    const found = node(disk, id);
    yield [below, id, found];
    if (found.born.kind === 'dir') yield* reachable(disk, id, below);
  }
}

/** A key that is equal for equal trees. `number` gives each write effect a number of its own. */
export function keyOf(disk: Disk, number: (effect: Effect) => number): string {
  const lines: string[] = [];
  for (const [path, id, { born, mode, uid, gid, written }] of reachable(disk)) {
    // Links to one inode show by its number.
    lines.push(`${path}\0${id} ${born.kind} ${mode} ${uid} ${gid} ${written.map(number).join()}`);
  }
  return lines.join('\n');
}
