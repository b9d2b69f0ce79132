// Walks a tree on the disk for its NAR hash. Never follows a link, reads in chunks, changes nothing. Written for trees of
// many small files, where every call into Node counts: a file is opened, looked at, read into place and closed, no more.

import { closeSync, constants, fstatSync, lstatSync, openSync, readdirSync, readlinkSync, readSync } from 'node:fs';
import { hashOf, type NarOptions, narError, narSize, narTooDeep } from '../../formats/nar/nar.ts';
import { type NarWriter, narWriter } from '../../formats/nar/writer.ts';

/** `omits`: entries of these names (in latin1) are left out, with what is below them. */
export interface WalkOptions extends NarOptions {
  readonly omits?: (name: string) => boolean;
}

/**
 * The NAR hash (SRI) of the file, link or directory at `path`, as `nix hash path` computes it.
 * Throws the file system's errors and `Error & NarProblem`; a FIFO, socket or device is NAR_UNSUPPORTED.
 */
export function hashTree(path: Place, { depthLimit = 64, omits }: WalkOptions = {}): string {
  return hashOf((sink) => {
    const out = narWriter(sink);
    const walk: Walk = { out, fill, fd: -1, depthLimit, omits, root: Buffer.byteLength(path) + 1 };
    // One function for all files.
    function fill(buffer: Buffer, offset: number, length: number): number {
      return readSync(walk.fd, buffer, offset, length, -1);
    }
    writeNode(path, lstatSync(path), 0, walk);
    out.close();
    out.flush();
  });
}

/** `fd`: the file that `fill` reads from; `root`: how many bytes of each path precede the place in the tree. */
interface Walk {
  readonly out: NarWriter;
  readonly fill: (buffer: Buffer, offset: number, length: number) => number;
  fd: number;
  readonly depthLimit: number;
  readonly omits: WalkOptions['omits'];
  readonly root: number;
}

/** What both a Stats and a Dirent tell. */
interface Kind {
  isFile(): boolean;
  isDirectory(): boolean;
  isSymbolicLink(): boolean;
}

/** As a string where that names the same bytes: it is the faster one. */
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

/** The entries of a directory, unless a name is not ASCII: of such ones a string may say other bytes, or sort elsewhere. */
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
  // What Node gives comes sorted, but nothing promises it.
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

// NONBLOCK: should a FIFO take the file's place, opening it must not wait.
const FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
const { S_IFMT, S_IFREG } = constants;

/** Mode, size and bytes are of one open file. What is appended while it is read is the next hash's business. */
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
