// Adds paths to a git index as "intent to add": git (and so Nix) sees the files, nothing of them is stored.
// The only writer of this format. What `git add -N` does, but without the repository and always the same bytes.

import { createHash } from 'node:crypto';
import {
  compareEntries,
  type GitIndex,
  type IndexEntry,
  type IndexError,
  type IndexExtension,
  mandatory,
  type ObjectFormat,
  readIndex,
} from './index.ts';

/** A file to make visible. `path` is relative to the work tree, `/`-separated. */
export interface IntendedPath {
  readonly path: string | Buffer;
  readonly executable: boolean;
  readonly symlink: boolean;
}

/** The new index; `added` are the paths that were not tracked. With none, `bytes` is the index as it was. */
export interface IntentAdded {
  readonly ok: true;
  readonly bytes: Buffer;
  readonly added: readonly Buffer[];
}

/** Facts about the repository that the bytes of the index don't hold. */
export interface IndexCircumstances {
  /** `extensions.objectFormat`; sha1 when left out. */
  readonly format?: ObjectFormat;
  /**
   * When the old index file was last written, in whole seconds since 1970 (its mtime). Then entries no older than it
   * have their cached size cleared, as git itself does, so that git compares their content and does not miss an edit
   * made in that same second ("racy git"). Left out, every entry keeps its bytes.
   */
  readonly writtenAt?: number;
}

/**
 * The bytes of `index` (undefined: there is none yet) with `paths` added. Deterministic: stat data is zero, the id is
 * the empty blob's, as `git add -N` has it. Entries there keep their bytes (version 4 becomes 3 and unpacks paths);
 * a path there, at any stage, counts as tracked. Caches (TREE, UNTR, FSMN, EOIE, IEOT) are dropped; git rebuilds them.
 * Mandatory extensions (a split or sparse index) are `unsupported`.
 */
export function addIntentToAdd(
  index: Uint8Array | undefined,
  paths: readonly IntendedPath[],
  { format = 'sha1', writtenAt }: IndexCircumstances = {},
): IntentAdded | IndexError {
  const read = index === undefined ? EMPTY : readIndex(index, format);
  if (!read.ok) return read;
  const understood = read.index.extensions.find(({ signature }) => !/^[A-Z]/.test(signature));
  if (understood) return mandatory(understood.signature);
  const tracked = new Set(read.index.entries.map(({ path }) => key(path)));
  const wanted = new Map<string, NewEntry>();
  for (const one of paths) {
    const path = typeof one.path === 'string' ? Buffer.from(one.path) : one.path;
    if (!isTrackable(path)) return { ok: false, reason: 'bad-path', message: `git cannot track '${path}'` };
    if (!tracked.has(key(path))) wanted.set(key(path), newEntry(path, one, format));
  }
  const clash = findClash(tracked, wanted);
  if (clash) return { ok: false, reason: 'conflict', message: clash };
  const added = [...wanted.values()].toSorted(compareEntries);
  if (added.length === 0 && index !== undefined) return { ok: true, bytes: Buffer.from(index), added: [] };
  return { ok: true, bytes: write(read.index, added, format, writtenAt), added: added.map(({ path }) => path) };
}

/**
 * The object every such entry names, as a file below the git directory (mode 0444). `git add -N` stores it too; where
 * the repository lacks it, git still works but `git fsck` complains. Writing it when it is there changes nothing.
 */
export function emptyBlobFile(format: ObjectFormat = 'sha1'): { readonly path: string; readonly bytes: Buffer } {
  const id = EMPTY_BLOB[format];
  // zlib of "blob 0\0", as git writes it; a constant, since zlib's output may change.
  return {
    path: `objects/${id.slice(0, 2)}/${id.slice(2)}`,
    bytes: Buffer.from('78014bcac94f523060000009b001f0', 'hex'),
  };
}

type NewEntry = Pick<IndexEntry, 'path' | 'stage'> & { readonly bytes: Buffer };

const EMPTY = { ok: true, index: { version: 3, entries: [], extensions: [] } } as const satisfies {
  ok: true;
  index: GitIndex;
};

const EMPTY_BLOB: Readonly<Record<ObjectFormat, string>> = {
  sha1: 'e69de29bb2d1d6434b8b29ae775ad8c2e48c5391',
  sha256: '473a0f4c3be8a93681a267e3b1e9a7dcda1185436fe141f7749120a303721813',
};

const CACHES = new Set(['TREE', 'UNTR', 'FSMN', 'EOIE', 'IEOT']);

/** Raw bytes as a map key and in byte order: one character a byte. */
const key = (path: Buffer): string => path.toString('latin1');

/** git's verify_path: no empty, `.`, `..` or `.git` component, in any case. */
function isTrackable(path: Buffer): boolean {
  if (path.length === 0 || path.includes(0)) return false;
  return key(path)
    .split('/')
    .every((part) => part !== '' && part !== '.' && part !== '..' && part.toLowerCase() !== '.git');
}

function findClash(tracked: ReadonlySet<string>, wanted: ReadonlyMap<string, NewEntry>): string | undefined {
  const files = new Set([...tracked, ...wanted.keys()]);
  const directories = new Set([...files].flatMap(parents));
  for (const [name, { path }] of wanted) {
    const above = parents(name).find((parent) => files.has(parent));
    if (above !== undefined)
      return `'${Buffer.from(above, 'latin1')}' is a file in the git index, '${path}' is below it`;
    if (directories.has(name)) return `'${path}' is a directory in the git index`;
  }
  return undefined;
}

function parents(name: string): readonly string[] {
  const found: string[] = [];
  for (let at = name.indexOf('/'); at >= 0; at = name.indexOf('/', at + 1)) found.push(name.slice(0, at));
  return found;
}

function newEntry(path: Buffer, { executable, symlink }: IntendedPath, format: ObjectFormat): NewEntry {
  const stat = Buffer.alloc(40);
  stat.writeUInt32BE(symlink ? 0o120000 : executable ? 0o100755 : 0o100644, 24);
  const id = Buffer.from(EMPTY_BLOB[format], 'hex');
  return { path, stage: 0, bytes: entryBytes(stat, id, 0x4000, 0x2000, path) };
}

function entryBytes(stat: Buffer, id: Buffer, flags: number, extendedFlags: number, path: Buffer): Buffer {
  const isExtended = (flags & 0x4000) !== 0;
  const head = Buffer.alloc(isExtended ? 4 : 2);
  head.writeUInt16BE((flags & 0xf000) | Math.min(path.length, 0xfff));
  if (isExtended) head.writeUInt16BE(extendedFlags, 2);
  const length = stat.length + id.length + head.length + path.length;
  return Buffer.concat([stat, id, head, path, Buffer.alloc(8 - (length & 7))]);
}

function write(index: GitIndex, added: readonly NewEntry[], format: ObjectFormat, writtenAt = Infinity): Buffer {
  const kept = index.entries.map((entry) => {
    const isRacy = entry.stat.readUInt32BE(8) >= writtenAt;
    if (index.version !== 4 && !isRacy) return entry;
    const stat = Buffer.from(entry.stat);
    if (isRacy) stat.writeUInt32BE(0, 36);
    return { ...entry, bytes: entryBytes(stat, entry.id, entry.flags, entry.extendedFlags, entry.path) };
  });
  const entries = [...kept, ...added].toSorted(compareEntries);
  const header = Buffer.from('DIRC\0\0\0\0\0\0\0\0', 'latin1');
  header.writeUInt32BE(3, 4);
  header.writeUInt32BE(entries.length, 8);
  const extensions = index.extensions.filter(({ signature }) => !CACHES.has(signature)).flatMap(extensionBytes);
  const body = Buffer.concat([header, ...entries.map(({ bytes }) => bytes), ...extensions]);
  return Buffer.concat([body, createHash(format).update(body).digest()]);
}

function extensionBytes({ signature, content }: IndexExtension): readonly Buffer[] {
  const head = Buffer.alloc(8);
  head.write(signature, 'latin1');
  head.writeUInt32BE(content.length, 4);
  return [head, content];
}
