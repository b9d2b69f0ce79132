// Machines as literals: the same tree in a Map and on the disk, and all facts about either as rows that compare. Knows
// nothing of reflake.

import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  lchownSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { digestOf } from '../../core/canonical.ts';
import type { Entry, Owner } from '../../core/model.ts';
import { type AbsPath, absolute, byteOrder, fromBytes, parent, ROOT, toBytes } from '../../core/path.ts';
import type { Paths } from './memory-host.ts';

/** Lines stand for a text that ends with a newline. `hardLink` names an earlier file of the same literal. */
export type Leaf =
  | string
  | readonly string[]
  | { readonly file: string | readonly string[]; readonly mode?: string; readonly owner?: readonly [number, number] }
  /** A file that is not text. */
  | { readonly base64: string; readonly mode?: string; readonly owner?: readonly [number, number] }
  | { readonly dir: true; readonly mode?: string; readonly owner?: readonly [number, number] }
  | { readonly link: string; readonly owner?: readonly [number, number] }
  | { readonly hardLink: string }
  | { readonly other: 'fifo'; readonly mode?: string };

/** Absolute paths. Parents that are not named are directories of root's, 0755. */
export type Literal = Readonly<Record<string, Leaf>>;

/** `path kind mode owner what`, in byte order. Two machines are equal if their rows are. */
export type Rows = readonly string[];

interface Node {
  readonly entry: Exclude<Entry, { type: 'absent' }>;
  readonly bytes?: Uint8Array;
  readonly hardLink?: AbsPath;
}

export function memoryTree(literal: Literal): Paths {
  const paths: Paths = new Map();
  for (const [path, { entry, bytes, hardLink }] of nodesOf(literal)) {
    const first = hardLink && paths.get(hardLink);
    if (first) {
      const shared = { ...first, entry: { ...first.entry, hardLinked: true } as Entry };
      paths.set(hardLink, shared);
      paths.set(path, shared);
    } else paths.set(path, bytes === undefined ? { entry } : { entry, bytes });
  }
  return paths;
}

/** Lays the literal out below `root`, which must be an empty directory. Needs root if owners differ from ours. */
export function layOut(root: string, literal: Literal): void {
  chmodSync(root, 0o755);
  for (const [path, { entry, bytes, hardLink }] of nodesOf(literal)) {
    const disk = toBytes(root + path);
    if (hardLink !== undefined) {
      linkSync(toBytes(root + hardLink), disk);
      continue;
    }
    if (entry.type === 'dir') mkdirSync(disk);
    else if (entry.type === 'link') symlinkSync(toBytes(entry.target), disk);
    else if (entry.type === 'other') execFileSync('mkfifo', [root + path]);
    else writeFileSync(disk, bytes ?? '');
    lchownSync(disk, entry.owner.uid, entry.owner.gid);
    if (entry.type !== 'link') chmodSync(disk, entry.mode);
  }
}

/**
 * A temporary directory on the real disk, or with `fast` in memory, because thousands of flushes take long on a disk.
 * Call `remove`.
 */
export function temporary({ fast = false } = {}): { readonly dir: string; readonly remove: () => void } {
  const place = fast && existsSync('/dev/shm') ? '/dev/shm' : tmpdir();
  const dir = mkdtempSync(`${place}/reflake-test-`);
  return { dir, remove: () => rmSync(dir, { recursive: true, force: true }) };
}

export function rowsOfMemory(paths: Paths): Rows {
  const rows = [...paths].map(([path, { entry, bytes }]) => [path, row(path, entry, bytes)] as const);
  return rows.sort(([a], [b]) => byteOrder(a, b)).map(([, text]) => text);
}

/** Everything below `root`, without the root itself. `without`: subtrees that are left out. */
export function rowsOfDisk(root: string, without: readonly string[] = []): Rows {
  const rows: string[] = [];
  const visit = (dir: string): void => {
    const names = readdirSync(toBytes(root + dir), { encoding: 'buffer' }).sort(Buffer.compare);
    for (const name of names.map(fromBytes)) {
      const path = `${dir === '/' ? '' : dir}/${name}` as AbsPath;
      if (without.includes(path)) continue;
      const disk = toBytes(root + path);
      const stat = lstatSync(disk);
      const owner: Owner = { uid: stat.uid, gid: stat.gid };
      const mode = stat.mode & 0o7777;
      if (stat.isDirectory()) rows.push(row(path, { type: 'dir', mode, owner }));
      else if (stat.isSymbolicLink())
        rows.push(row(path, { type: 'link', target: fromBytes(readlinkSync(disk, { encoding: 'buffer' })), owner }));
      else if (stat.isFile())
        rows.push(
          row(
            path,
            { type: 'file', mode, owner, ...(stat.nlink > 1 && { hardLinked: true as const }) },
            readFileSync(disk),
          ),
        );
      else rows.push(row(path, { type: 'other', what: 'fifo', mode, owner }));
      if (stat.isDirectory()) visit(path);
    }
  };
  visit('/');
  return rows.sort((a, b) => byteOrder(a.split('\t')[0]!, b.split('\t')[0]!));
}

function row(path: string, entry: Entry, bytes?: Uint8Array): string {
  if (entry.type === 'absent') return path;
  const owner = `${entry.owner.uid}:${entry.owner.gid}`;
  if (entry.type === 'link') return `${path}\tlink ${owner} ${entry.target}`;
  const mode = entry.mode.toString(8).padStart(4, '0');
  if (entry.type !== 'file') return `${path}\t${entry.type} ${mode} ${owner}`;
  return `${path}\tfile ${mode} ${owner}${entry.hardLinked ? ' shared' : ''} ${digestOf(bytes ?? '').slice(7, 19)}`;
}

/** Parents first. */
function nodesOf(literal: Literal): readonly (readonly [AbsPath, Node])[] {
  const nodes = new Map<AbsPath, Node>();
  for (const [name, leaf] of Object.entries(literal)) {
    const path = absolute(name);
    for (let at = parent(path); at !== ROOT && !nodes.has(at); at = parent(at))
      if (literal[at] === undefined) nodes.set(at, { entry: { type: 'dir', mode: 0o755, owner: { uid: 0, gid: 0 } } });
    nodes.set(path, nodeOf(leaf));
  }
  // A hard link comes after its file.
  const order = ([a, one]: [AbsPath, Node], [b, two]: [AbsPath, Node]): number =>
    Number(one.hardLink !== undefined) - Number(two.hardLink !== undefined) || byteOrder(a, b);
  return [...nodes].sort(order);
}

function nodeOf(leaf: Leaf): Node {
  if (typeof leaf === 'string' || Array.isArray(leaf)) return nodeOf({ file: leaf as string | readonly string[] });
  const { mode, owner: ids } = leaf as { mode?: string; owner?: readonly [number, number] };
  const owner: Owner = { uid: ids?.[0] ?? 0, gid: ids?.[1] ?? 0 };
  const bits = (otherwise: number): number => (mode === undefined ? otherwise : Number.parseInt(mode, 8));
  const known = leaf as Exclude<Leaf, string | readonly string[]>;
  if ('hardLink' in known) return { entry: { type: 'file', mode: 0o644, owner }, hardLink: absolute(known.hardLink) };
  if ('link' in known) return { entry: { type: 'link', target: known.link, owner } };
  if ('dir' in known) return { entry: { type: 'dir', mode: bits(0o755), owner } };
  if ('other' in known) return { entry: { type: 'other', what: known.other, mode: bits(0o644), owner } };
  if ('base64' in known)
    return { entry: { type: 'file', mode: bits(0o644), owner }, bytes: Buffer.from(known.base64, 'base64') };
  const text = typeof known.file === 'string' ? known.file : known.file.map((line) => `${line}\n`).join('');
  return { entry: { type: 'file', mode: bits(0o644), owner }, bytes: toBytes(text) };
}
