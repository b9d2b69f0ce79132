// Walks a tree on the disk to compute its NAR hash. Follows no link, reads in chunks, changes nothing.
// Made for trees of many small files, where each call into Node counts: open, fstat, read and close are all it does
// with a file.

import { closeSync, constants, fstatSync, lstatSync, openSync, readdirSync, readlinkSync, readSync } from 'node:fs';
import { hashOf, type NarOptions, narError, narSize, narTooDeep } from '../../formats/nar/nar.ts';
import { type NarWriter, narWriter } from '../../formats/nar/writer.ts';

/** `omits`: true for names (in latin1) of entries to leave out, with everything below them. */
export interface WalkOptions extends NarOptions {
  readonly omits?: (name: string) => boolean;
}

/**
 * The NAR hash (SRI) of the file, link or directory at `path`, as `nix hash path` computes it. Throws the file system's
 * errors and `Error & NarProblem`; a FIFO, socket or device is NAR_UNSUPPORTED.
 */
export function hashTree(path: Place, { depthLimit = 64, omits }: WalkOptions = {}): string {
  return hashOf((sink) => {
    const out = narWriter(sink);
    const walk: Walk = { out, fill, fd: -1, depthLimit, omits, root: Buffer.byteLength(path) + 1 };
    // A single function for all files is faster than a closure for each.
    function fill(buffer: Buffer, offset: number, length: number): number {
      return readSync(walk.fd, buffer, offset, length, -1);
    }
    writeNode(path, lstatSync(path), 0, walk);
    out.close();
    out.flush();
  });
}

/** `fd`: the file that `fill` reads from. `root`: the bytes of each path that precede the path in the tree. */
interface Walk {
  readonly out: NarWriter;
  readonly fill: (buffer: Buffer, offset: number, length: number) => number;
  fd: number;
  readonly depthLimit: number;
  readonly omits: WalkOptions['omits'];
  readonly root: number;
}

/** The questions that a Stats and a Dirent both answer. */
interface Kind {
  isFile(): boolean;
  isDirectory(): boolean;
  isSymbolicLink(): boolean;
}

/** A string if that names the same bytes, because Node is faster with strings. */
type Place = string | Buffer;

function writeNode(path: Place, kind: Kind, depth: number, walk: Walk): void {
  const { out } = walk;
  if (depth >= walk.depthLimit) throw narTooDeep(inTree(path, walk), walk.depthLimit);
  if (kind.isFile()) {
    writeFile(path, walk);
  } else if (kind.isDirectory()) {
    out.directory();
    if (typeof path !== 'string' || !writeAscii(path, depth, walk)) writeEntries(path, depth, walk);
  } else if (kind.isSymbolicLink()) {
    out.link(readlinkSync(path, 'latin1'));
  } else {
    throw unsupported(path, walk);
  }
}

/**
 * Writes the entries of a directory and returns true. Writes nothing and returns false if a name is not ASCII: as a
 * string, such a name may stand for other bytes or sort in another order.
 */
function writeAscii(path: string, depth: number, walk: Walk): boolean {
  const { out, omits } = walk;
  const prefix = `${path}/`;
  const entries = readdirSync(path, { withFileTypes: true });
  let names = '';
  let previous = '';
  let isSorted = true;
  for (const { name } of entries) {
    names += name;
    isSorted &&= previous < name;
    previous = name;
  }
  if (NOT_ASCII.test(names)) return false;
  // Node returns names sorted, but does not promise it.
  if (!isSorted) entries.sort((a, b) => (a.name < b.name ? -1 : 1));
  for (const entry of entries) {
    if (omits?.(entry.name)) continue;
    out.entry(entry.name);
    writeNode(prefix + entry.name, entry, depth + 1, walk);
    out.closeEntry();
  }
  return true;
}

const NOT_ASCII = /[^\0-\x7f]/;

function writeEntries(path: Place, depth: number, walk: Walk): void {
  const prefix = Buffer.concat([Buffer.from(path as string), SLASH]);
  const entries = readdirSync(path, { withFileTypes: true, encoding: 'buffer' });
  for (const entry of entries.sort((a, b) => Buffer.compare(a.name, b.name))) {
    const name = entry.name.toString('latin1');
    if (walk.omits?.(name)) continue;
    walk.out.entry(name);
    writeNode(Buffer.concat([prefix, entry.name]), entry, depth + 1, walk);
    walk.out.closeEntry();
  }
}

const SLASH = Buffer.from('/');

// With O_NONBLOCK, open(2) does not wait if a FIFO has taken the file's place.
const FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
const { S_IFMT, S_IFREG } = constants;

/** Mode, size and bytes come from one open file. Bytes appended during the read are left out. */
function writeFile(path: Place, walk: Walk): void {
  const fd = openSync(path, FLAGS, 0);
  try {
    const { mode, size } = fstatSync(fd);
    if ((mode & S_IFMT) !== S_IFREG) throw unsupported(path, walk);
    walk.out.file((mode & 0o100) !== 0, size);
    walk.fd = fd;
    const seen = walk.out.read(size, walk.fill);
    if (seen !== size) throw narSize(inTree(path, walk), seen, size);
  } finally {
    closeSync(fd);
  }
}

const unsupported = (path: Place, walk: Walk) =>
  narError('NAR_UNSUPPORTED', inTree(path, walk), 'has an unsupported type');

const inTree = (path: Place, { root }: Walk): Buffer => Buffer.from(path as string).subarray(root);
