// The paths that a git index lists, and nothing else of it. Every plan asks for a few of perhaps a hundred thousand, so they
// stay bytes of the file; a binary search finds one, since git sorts them.

import { fromBytes, toBytes } from '../../path.ts';
import {
  damaged,
  EXTENDED,
  type IndexBody,
  type IndexError,
  type IndexExtension,
  type ObjectFormat,
  openIndex,
  readExtensions,
  readIndex,
  TRUNCATED,
} from './index.ts';

/** Relative to the work tree, `/`-separated, as strings that lose no byte (core/path.ts); in no order. */
export interface TrackedPaths {
  has(path: string): boolean;
  [Symbol.iterator](): Iterator<string>;
}

/** For a repository without an index file. */
export const NO_PATHS: TrackedPaths = new Set<string>();

/** The paths in `bytes`, and the signatures of its extensions; refused exactly where `readIndex` refuses it. */
export function readIndexPaths(
  bytes: Uint8Array,
  format: ObjectFormat,
): { readonly ok: true; readonly paths: TrackedPaths; readonly extensions: readonly string[] } | IndexError {
  const opened = openIndex(bytes, format);
  if (!opened.ok) return opened;
  // Version 4 says each path as the difference from the one before.
  if (opened.version === 4) {
    const read = readIndex(bytes, format);
    if (!read.ok) return read;
    const { entries, extensions } = read.index;
    return { ok: true, paths: new Set(entries.map(({ path }) => fromBytes(path))), extensions: signatures(extensions) };
  }
  const found = spansIn(opened);
  if (!('spans' in found)) return found;
  return { ok: true, paths: sorted(opened.body, found.spans), extensions: signatures(found.extensions) };
}

const signatures = (extensions: readonly IndexExtension[]): readonly string[] =>
  extensions.map(({ signature }) => signature);

interface Spans {
  /** Beginning and end of each path, one after the other. */
  readonly spans: Uint32Array;
  readonly extensions: readonly IndexExtension[];
}

function spansIn({ body, version, idLength }: IndexBody): Spans | IndexError {
  const count = body.readUInt32BE(8);
  const fixed = 42 + idLength;
  // The header may claim more entries than the file has room for.
  if (count > body.length / fixed) return damaged(TRUNCATED);
  const spans = new Uint32Array(count * 2);
  let at = 12;
  let isOrdered = true;
  let before = -1;
  let stageBefore = 0;
  for (let index = 0; index < count * 2; index += 2) {
    if (at + fixed + 2 > body.length) return damaged(TRUNCATED);
    const flags = body.readUInt16BE(at + fixed - 2);
    const isExtended = (flags & EXTENDED) !== 0;
    if (isExtended && version === 2) return damaged('a version 2 entry has extended flags');
    const begin = at + fixed + (isExtended ? 2 : 0);
    const end = body.indexOf(0, begin);
    if (end < 0) return damaged(TRUNCATED);
    if ((flags & 0xfff) !== Math.min(end - begin, 0xfff)) return damaged('a path has another length than it says');
    at += (begin - at + (end - begin) + 8) & ~7;
    if (at > body.length) return damaged(TRUNCATED);
    spans[index] = begin;
    spans[index + 1] = end;
    const stage = (flags >> 12) & 3;
    if (before >= 0) {
      const order = compare(body, spans[before]!, spans[before + 1]!, body, begin, end) || stageBefore - stage;
      isOrdered &&= order < 0;
    }
    before = index;
    stageBefore = stage;
  }
  const extensions = readExtensions(body, at);
  if (!Array.isArray(extensions)) return extensions;
  return isOrdered ? { spans, extensions } : damaged('its entries are out of order');
}

function sorted(body: Buffer, spans: Uint32Array): TrackedPaths {
  return {
    has(path) {
      const wanted = toBytes(path);
      let [low, high] = [0, spans.length / 2];
      while (low < high) {
        const middle = (low + high) >>> 1;
        const order = compare(body, spans[middle * 2]!, spans[middle * 2 + 1]!, wanted, 0, wanted.length);
        if (order === 0) return true;
        if (order < 0) low = middle + 1;
        else high = middle;
      }
      return false;
    },
    *[Symbol.iterator]() {
      for (let index = 0; index < spans.length; index += 2)
        yield fromBytes(body.subarray(spans[index], spans[index + 1]));
    },
  };
}

/** Bytewise. */
const compare = (a: Buffer, aBegin: number, aEnd: number, b: Buffer, bBegin: number, bEnd: number): number =>
  a.compare(b, bBegin, bEnd, aBegin, aEnd);
