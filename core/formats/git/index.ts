// Reads git's index file (versions 2, 3, 4), the list of the paths git tracks. Never throws.
// Format: git's Documentation/gitformat-index. SHA-1 for the trailing checksum only.

import { MOST } from '../../limits.ts';
import { hashOf } from '../../little-hash.ts';

/** The object format of a repository, `extensions.objectFormat` in its config. */
export type ObjectFormat = 'sha1' | 'sha256';

/** One entry. `path` is raw bytes, `/`-separated, relative to the work tree. */
export interface IndexEntry {
  readonly path: Buffer;
  /** 0o100644, 0o100755, 0o120000 (link), 0o160000 (submodule), 0o040000 (sparse directory). */
  readonly mode: number;
  readonly id: Buffer;
  /** 0, or 1 base, 2 ours, 3 theirs while a conflict is open. */
  readonly stage: number;
  readonly assumeValid: boolean;
  readonly skipWorktree: boolean;
  readonly intentToAdd: boolean;
  /** The 40 bytes of stat data, as stored. */
  readonly stat: Buffer;
  /** Flags and extended flags, as stored; the name length in the low 12 bits of `flags`. */
  readonly flags: number;
  readonly extendedFlags: number;
  /** The entry's own bytes in the file, padding included (version 4: with the path as prefix and rest). */
  readonly bytes: Buffer;
}

/** One extension: a cache, or something the index means nothing without (lower-case first letter). */
export interface IndexExtension {
  readonly signature: string;
  readonly content: Buffer;
}

/** A whole index. */
export interface GitIndex {
  readonly version: 2 | 3 | 4;
  readonly entries: readonly IndexEntry[];
  readonly extensions: readonly IndexExtension[];
}

/**
 * The reason an index was not read or not written. `damaged`: bad checksum, truncated, out of order; `unsupported`: another
 * version or a mandatory extension; `conflict`: a path is a file here and a directory there; `bad-path`: git refuses it.
 */
export interface IndexError {
  readonly ok: false;
  readonly reason: 'damaged' | 'unsupported' | 'conflict' | 'bad-path';
  readonly message: string;
}

/** The index in `bytes` (with its checksum verified), or why it can't be used. */
export function readIndex(
  bytes: Uint8Array,
  format: ObjectFormat = 'sha1',
): { readonly ok: true; readonly index: GitIndex } | IndexError {
  const opened = openIndex(bytes, format);
  return opened.ok ? parse(opened) : opened;
}

/** An index without its checksum, which is right. `idLength`: bytes of an object's id. */
export interface IndexBody {
  readonly ok: true;
  readonly body: Buffer;
  readonly version: GitIndex['version'];
  readonly idLength: number;
}

/** Checks header, checksum and version, before any entry is read. */
export function openIndex(bytes: Uint8Array, format: ObjectFormat): IndexBody | IndexError {
  const data = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const idLength = ID_LENGTH[format];
  if (data.length < 12 + idLength) return damaged('it is too short');
  if (data.toString('latin1', 0, 4) !== 'DIRC') return damaged('it does not begin with DIRC');
  const version = data.readUInt32BE(4);
  if (version !== 2 && version !== 3 && version !== 4) {
    return { ok: false, reason: 'unsupported', message: `index version ${version} is not known` };
  }
  const body = data.subarray(0, data.length - idLength);
  const trailer = data.subarray(data.length - idLength);
  // index.skipHash writes zeros instead of a checksum.
  if (trailer.some((byte) => byte !== 0) && !hashOf(format, body).equals(trailer)) {
    return damaged('its checksum does not match');
  }
  return { ok: true, body, version, idLength };
}

const ID_LENGTH: Readonly<Record<ObjectFormat, number>> = { sha1: 20, sha256: 32 };

/** In the flags of an entry: two more bytes of them follow. */
export const EXTENDED = 0x4000;

/** The error for an index that git would not have written. */
export function damaged(what: string): IndexError {
  return { ok: false, reason: 'damaged', message: `the git index is damaged: ${what}` };
}

type Read = { readonly ok: true; readonly index: GitIndex } | IndexError;

function parse({ body, version, idLength }: IndexBody): Read {
  const count = body.readUInt32BE(8);
  const entries: IndexEntry[] = [];
  let at = 12;
  let disorder: string | undefined;
  let pathBytes = 0;
  for (let i = 0; i < count; i++) {
    const previous = entries.at(-1);
    const entry = readEntry(body, at, version, idLength, previous?.path ?? NOTHING);
    if (typeof entry === 'string') return damaged(entry);
    pathBytes += entry.path.length;
    if (pathBytes > MOST.indexPathBytes)
      return damaged(`its paths have more than ${MOST.indexPathBytes} bytes together`);
    if (previous && compareEntries(previous, entry) >= 0) disorder = 'its entries are out of order';
    at += entry.bytes.length;
    entries.push(entry);
  }
  const extensions = readExtensions(body, at);
  if (!Array.isArray(extensions)) return extensions;
  return disorder === undefined ? { ok: true, index: { version, entries, extensions } } : damaged(disorder);
}

/** The error for a mandatory extension (lower-case name) that is not read here. */
export function mandatory(signature: string): IndexError {
  return { ok: false, reason: 'unsupported', message: `the git index needs the extension '${signature}' understood` };
}

const NOTHING: Buffer = Buffer.alloc(0);
/** Message for an index that ends too early. */
export const TRUNCATED = 'it is truncated';

function readEntry(body: Buffer, at: number, version: number, idLength: number, before: Buffer): IndexEntry | string {
  if (at + 44 + idLength > body.length) return TRUNCATED;
  const flags = body.readUInt16BE(at + 40 + idLength);
  const isExtended = (flags & EXTENDED) !== 0;
  if (isExtended && version === 2) return 'a version 2 entry has extended flags';
  const extendedFlags = isExtended ? body.readUInt16BE(at + 42 + idLength) : 0;
  const nameAt = at + 42 + idLength + (isExtended ? 2 : 0);
  const name = version === 4 ? readPacked(body, nameAt, before) : readPadded(body, at, nameAt);
  if (typeof name === 'string') return name;
  if ((flags & 0xfff) !== Math.min(name.path.length, 0xfff)) return 'a path has another length than it says';
  return {
    path: name.path,
    mode: body.readUInt32BE(at + 24),
    id: body.subarray(at + 40, at + 40 + idLength),
    stage: (flags >> 12) & 3,
    assumeValid: (flags & 0x8000) !== 0,
    skipWorktree: (extendedFlags & 0x4000) !== 0,
    intentToAdd: (extendedFlags & 0x2000) !== 0,
    stat: body.subarray(at, at + 40),
    flags,
    extendedFlags,
    bytes: body.subarray(at, name.end),
  };
}

type Name = { readonly path: Buffer; readonly end: number };

function readPadded(body: Buffer, at: number, nameAt: number): Name | string {
  const nul = body.indexOf(0, nameAt);
  if (nul < 0) return TRUNCATED;
  const path = body.subarray(nameAt, nul);
  // 1 to 8 NULs, so that the entry is a multiple of 8 bytes.
  const end = at + ((nameAt - at + path.length + 8) & ~7);
  return end > body.length ? TRUNCATED : { path, end };
}

/** Version 4: how many bytes of the path before to drop, then what follows the rest. */
function readPacked(body: Buffer, nameAt: number, before: Buffer): Name | string {
  const strip = readVarint(body, nameAt);
  if (strip === undefined || strip.value > before.length) return 'a path has no beginning';
  const nul = body.indexOf(0, strip.end);
  if (nul < 0) return TRUNCATED;
  const kept = before.subarray(0, before.length - strip.value);
  if (kept.length + nul - strip.end > MOST.pathBytes) return `a path has more than ${MOST.pathBytes} bytes`;
  return { path: Buffer.concat([kept, body.subarray(strip.end, nul)]), end: nul + 1 };
}

/** git's offset encoding: seven bits a byte, most significant first, one added per continuation. */
function readVarint(body: Buffer, start: number): { readonly value: number; readonly end: number } | undefined {
  let value = 0;
  for (let at = start; at < body.length && value < 2 ** 32; at++) {
    const byte = body[at]!;
    value += byte & 127;
    if (byte < 128) return { value, end: at + 1 };
    value = (value + 1) * 128;
  }
  return undefined;
}

/** The extensions behind the last entry, from `start` on, or the error of one that makes the index unusable. */
export function readExtensions(body: Buffer, start: number): IndexExtension[] | IndexError {
  const extensions: IndexExtension[] = [];
  for (let at = start; at < body.length; ) {
    if (at + 8 > body.length) return damaged(TRUNCATED);
    const length = body.readUInt32BE(at + 4);
    const content = body.subarray(at + 8, at + 8 + length);
    if (content.length !== length) return damaged('an extension is truncated');
    extensions.push({ signature: body.toString('latin1', at, at + 4), content });
    at += 8 + length;
  }
  // A sparse index (sdir) can be read as it is; the entries of a split one (link) mean nothing without the other file.
  const unknown = extensions.find(({ signature }) => !/^[A-Z]/.test(signature) && signature !== 'sdir');
  if (unknown !== undefined) return mandatory(unknown.signature);
  return extensions;
}

/** git's order: path bytes, then stage. */
export function compareEntries(a: Pick<IndexEntry, 'path' | 'stage'>, b: Pick<IndexEntry, 'path' | 'stage'>): number {
  return Buffer.compare(a.path, b.path) || a.stage - b.stage;
}
