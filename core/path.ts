// Names and paths of the machine as strings that lose no byte, and the functions on them.
// Bytes that are not UTF-8 become lone surrogates U+DC80..U+DCFF, as Python's surrogateescape does.

import { MOST } from './limits.ts';

declare const absPath: unique symbol;

/** An absolute, normalised path of the machine: `/` or `/a/b`, no `.`, `..`, empty or trailing parts. */
export type AbsPath = string & { readonly [absPath]: true };

export const ROOT = '/' as AbsPath;

/** Normalises an absolute path by its text alone. Throws on a relative one or on NUL: those are bugs of the caller. */
export function absolute(text: string): AbsPath {
  if (!text.startsWith('/') || text.includes('\0')) throw new Error(`not an absolute path: ${JSON.stringify(text)}`);
  const parts: string[] = [];
  for (const part of text.split('/')) {
    if (part === '' || part === '.') continue;
    if (part === '..') parts.pop();
    else parts.push(part);
  }
  return ('/' + parts.join('/')) as AbsPath;
}

/** `base/relative`, normalised; an absolute `relative` stands for itself. */
export const join = (base: AbsPath, relative: string): AbsPath =>
  absolute(relative.startsWith('/') ? relative : `${base}/${relative}`);

export function parent(path: AbsPath): AbsPath {
  const cut = path.lastIndexOf('/');
  return (cut <= 0 ? '/' : path.slice(0, cut)) as AbsPath;
}

/** `/`, `/a`, `/a/b` of `/a/b`. */
export function prefixesOf(path: AbsPath): readonly AbsPath[] {
  const parts = path.split('/').filter((part) => part !== '');
  return [ROOT, ...parts.map((_, index) => `/${parts.slice(0, index + 1).join('/')}` as AbsPath)];
}

export const basename = (path: AbsPath): string => path.slice(path.lastIndexOf('/') + 1);

/** True if `path` is `tree` itself or below it. */
export const isWithin = (path: AbsPath, tree: AbsPath): boolean =>
  tree === ROOT || (path.startsWith(tree) && (path.length === tree.length || path[tree.length] === '/'));

/** The path below `to` that `path` is below `from`; undefined if it is not below `from`. */
export function rebase(path: AbsPath, from: AbsPath, to: AbsPath): AbsPath | undefined {
  if (path === from) return to;
  if (!isWithin(path, from)) return undefined;
  // Both are normalised already, and so is the whole.
  return `${to === ROOT ? '' : to}${from === ROOT ? path : path.slice(from.length)}` as AbsPath;
}

/** The path as one word of a shell. */
export const quoted = (path: string): string => `'${path.replaceAll("'", `'\\''`)}'`;

/** `path` as seen from `dir`: `a/b` below it, `.` for itself, else the absolute path. */
export function relativeTo(path: AbsPath, dir: AbsPath): string {
  if (path === dir) return '.';
  return isWithin(path, dir) ? path.slice(dir === ROOT ? 1 : dir.length + 1) : path;
}

/** True if a file can have this path: it holds no NUL, and neither it nor a name in it is too long for the system. */
export const isPossible = (path: string): boolean =>
  !path.includes('\0') &&
  (path.length <= MOST.nameBytes || (toBytes(path).length <= MOST.pathBytes && !hasLongName(path)));

/** True if some name of the path is longer than any file's. */
export const hasLongName = (path: string): boolean =>
  path.length > MOST.nameBytes && path.split('/').some((name) => toBytes(name).length > MOST.nameBytes);

/** The number of parts: 0 for `/`. */
export function depth(path: AbsPath): number {
  if (path === ROOT) return 0;
  let parts = 0;
  for (let at = 0; at !== -1; at = path.indexOf('/', at + 1)) parts++;
  return parts;
}

/** Bytewise order, as git and NAR sort: not the UTF-16 order of `<`. */
export function byteOrder(a: string, b: string): number {
  if (UNORDERED.test(a) || UNORDERED.test(b)) return Buffer.compare(toBytes(a), toBytes(b));
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Below all surrogates both orders are the same. */
const UNORDERED = /[\uD800-\uFFFF]/;

/** Sorts a list in place, by byteOrder. */
export const inByteOrder = <Name extends string>(names: Name[]): Name[] =>
  names.some((name) => UNORDERED.test(name)) ? names.sort(byteOrder) : names.sort();

const REPLACEMENT = '\uFFFD';

/** File-name bytes to a string; every byte sequence has exactly one. */
export function fromBytes(bytes: Buffer): string {
  const text = bytes.toString('utf8');
  // Only a name that holds U+FFFD can have been damaged by decoding.
  return !text.includes(REPLACEMENT) || Buffer.from(text, 'utf8').equals(bytes) ? text : escapeInvalid(bytes);
}

/** True if a part may stand for raw bytes; else Node's own encoding gives the same. A lone low surrogate is one raw byte. */
export const mayHoldBytes = (text: string): boolean => /[\uDC80-\uDCFF]/.test(text);

/** The inverse of fromBytes. */
export function toBytes(text: string): Buffer {
  if (!mayHoldBytes(text)) return Buffer.from(text, 'utf8');
  const parts: Buffer[] = [];
  for (const char of text) {
    const code = char.codePointAt(0)!;
    parts.push(code >= 0xdc80 && code <= 0xdcff ? Buffer.from([code - 0xdc00]) : Buffer.from(char, 'utf8'));
  }
  return Buffer.concat(parts);
}

function escapeInvalid(bytes: Buffer): string {
  let text = '';
  let at = 0;
  while (at < bytes.length) {
    const plain = at;
    while (at < bytes.length && bytes[at]! < 0x80) at++;
    text += bytes.toString('latin1', plain, at);
    if (at === bytes.length) break;
    const length = [1, 2, 3, 4].find((n) => {
      const piece = bytes.subarray(at, at + n);
      return piece.length === n && Buffer.from(piece.toString('utf8'), 'utf8').equals(piece);
    });
    text += length === undefined ? String.fromCharCode(0xdc00 + bytes[at]!) : bytes.toString('utf8', at, at + length);
    at += length ?? 1;
  }
  return text;
}
