// Walks a tree on the disk for its NAR hash. Never follows a link, reads in chunks, changes nothing.

import { closeSync, constants, fstatSync, lstatSync, openSync, readdirSync, readlinkSync, readSync } from 'node:fs';
import { type NarNode, type NarOptions, narError, narHash } from '../formats/nar.ts';

/**
 * The NAR hash (SRI) of the file, link or directory at `path`, as `nix hash path` computes it.
 * Throws the file system's errors and `Error & NarProblem`; a FIFO, socket or device is NAR_UNSUPPORTED.
 */
export function hashTree(path: string, options?: NarOptions): string {
  const root = Buffer.from(path);
  const walk: Walk = { chunk: Buffer.allocUnsafe(1 << 20), root: root.length + 1 };
  return narHash(nodeOf(root, lstatSync(root), walk), options);
}

/** `chunk` is where all reading goes; `root`: how many bytes of each path precede the place in the tree. */
interface Walk {
  readonly chunk: Buffer;
  readonly root: number;
}

/** What both a Stats and a Dirent tell. */
interface Kind {
  isFile(): boolean;
  isDirectory(): boolean;
  isSymbolicLink(): boolean;
}

function nodeOf(path: Buffer, kind: Kind, walk: Walk): NarNode {
  if (kind.isFile()) return fileNode(path, walk);
  if (kind.isDirectory()) return { type: 'dir', entries: () => entriesOf(path, walk) };
  if (kind.isSymbolicLink()) return { type: 'link', target: readlinkSync(path, 'buffer') };
  throw unsupported(path, walk);
}

function* entriesOf(path: Buffer, walk: Walk): Generator<readonly [Buffer, NarNode]> {
  const prefix = Buffer.concat([path, SLASH]);
  const entries = readdirSync(path, { withFileTypes: true, encoding: 'buffer' });
  for (const entry of entries.sort((a, b) => Buffer.compare(a.name, b.name))) {
    yield [entry.name, nodeOf(Buffer.concat([prefix, entry.name]), entry, walk)];
  }
}

const SLASH = Buffer.from('/');

const unsupported = (path: Buffer, { root }: Walk) =>
  narError('NAR_UNSUPPORTED', path.subarray(root), 'has an unsupported type');

// NONBLOCK: should a FIFO take the file's place, opening it must not wait.
const FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/** Mode, size and bytes are of one open file. One that fits into a chunk is read and closed here, else by its chunks. */
function fileNode(path: Buffer, walk: Walk): NarNode {
  const fd = openSync(path, FLAGS);
  let isOurs = true;
  try {
    const stat = fstatSync(fd);
    if (!stat.isFile()) throw unsupported(path, walk);
    const { size } = stat;
    const executable = (stat.mode & 0o100) !== 0;
    if (size > walk.chunk.length) {
      isOurs = false;
      return { type: 'file', executable, size, chunks: chunksOf(fd, size, walk.chunk) };
    }
    let filled = 0;
    for (let count = 1; filled < size && count > 0; filled += count) {
      count = readSync(fd, walk.chunk, filled, size - filled, null);
    }
    return { type: 'file', executable, size, chunks: [walk.chunk.subarray(0, filled)] };
  } finally {
    if (isOurs) closeSync(fd);
  }
}

function* chunksOf(fd: number, size: number, chunk: Buffer): Generator<Buffer> {
  try {
    // Up to the size and not one read more: what is appended meanwhile is the next hash's business.
    for (let left = size; left > 0; ) {
      const count = readSync(fd, chunk, 0, Math.min(left, chunk.length), null);
      if (count === 0) return;
      left -= count;
      yield chunk.subarray(0, count);
    }
  } finally {
    closeSync(fd);
  }
}
