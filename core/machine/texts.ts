// Text files of the machine: reads them without losing a byte, whatever their encoding, and makes the edits that write them.

import { digestOf } from '../canonical.ts';
import type { JsonPointer } from '../diagnostic.ts';
import { MOST } from '../limits.ts';
import type { Entry, Finding, Owner, Put, Puttable } from '../model.ts';
import { oncePer } from '../once.ts';
import { type AbsPath, basename, fromBytes, toBytes } from '../path.ts';
import type { Blobs } from './host.ts';
import type { Reader } from './reader.ts';

/** A file as it is, or the reason why it cannot be edited. */
export type TextFile =
  | { readonly kind: 'absent' }
  | { readonly kind: 'text'; readonly text: string; readonly entry: Extract<Entry, { type: 'file' }> }
  | { readonly kind: 'odd'; readonly problem: string };

/**
 * Reads a file as text that keeps every byte: bytes that are not UTF-8 become lone surrogates, as in names (core/path.ts).
 * Nix accepts any byte in a comment or a string, and an edit of other tokens writes them back.
 */
export function readText(reader: Reader, path: AbsPath, most: number = MOST.textBytes): TextFile {
  const entry = reader.stat(path);
  if (entry.type === 'absent') return { kind: 'absent' };
  if (entry.type === 'link') return { kind: 'odd', problem: `is a link to "${entry.target}"` };
  if (entry.type !== 'file')
    return { kind: 'odd', problem: `is a ${entry.type === 'dir' ? 'directory' : 'special file'}` };
  return { kind: 'text', text: decoded(reader.read(path, most) ?? NO_BYTES), entry };
}

/** As readText, for a format that must be UTF-8: other bytes make the file odd. */
export function readUtf8(reader: Reader, path: AbsPath, most?: number): TextFile {
  const file = readText(reader, path, most);
  return file.kind === 'text' && RAW_BYTE.test(file.text) ? { kind: 'odd', problem: 'is not UTF-8 text' } : file;
}

/** Matches a lone surrogate, but, because of the flag `u`, no half of a pair. */
const RAW_BYTE = /[\udc80-\udcff]/u;

const NO_BYTES = new Uint8Array();

const decoded = oncePer((bytes: Uint8Array): string =>
  fromBytes(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)),
);

/** The put of a new text over `file`. A new file gets `born` as its owner, and mode 0644. */
export function putText(
  path: AbsPath,
  file: TextFile,
  text: string,
  born: Owner,
): { readonly edit: Put; readonly blobs: Blobs } {
  const bytes = toBytes(text);
  const content = digestOf(bytes);
  const before: Puttable =
    file.kind === 'text' ? { ...bare(file.entry), content: digestOf(toBytes(file.text)) } : { type: 'absent' };
  const after: Puttable =
    before.type === 'file' ? { ...before, content } : { type: 'file', content, mode: 0o644, owner: born };
  return { edit: { op: 'put', path, before, after }, blobs: { [content]: bytes } };
}

const bare = ({ hardLinked: _, ...entry }: Extract<Entry, { type: 'file' }>): Extract<Puttable, { type: 'file' }> =>
  entry;

/** The owner that a new path in `dir` gets if no wish says it. */
export function ownerIn(reader: Reader, dir: AbsPath): Owner {
  const entry = reader.stat(dir);
  return 'owner' in entry ? entry.owner : { uid: 0, gid: 0 };
}

/** The finding for a file that exists but cannot be read as text. */
export const oddFile = (path: AbsPath, { problem }: TextFile & { kind: 'odd' }, wish: JsonPointer): Finding => ({
  code: 'RF2008',
  wish,
  subject: basename(path),
  because: `"${path}" ${problem}`,
  path,
  remedy: { by: 'you', hint: 'put a regular text file in its place' },
});
