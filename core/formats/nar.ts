// Nix's archive format (NAR) and its hash: a tree as one canonical stream of bytes. Pure but for node:crypto's SHA-256.
// Streams: memory stays flat whatever the tree's size. NIX.md section 5.

import { createHash } from 'node:crypto';

/** A node of a tree, as a walker sees it. Reading `chunks` or `entries` may throw the walker's own errors. */
export type NarNode =
  | {
      readonly type: 'file';
      /** The owner's x bit. */
      readonly executable: boolean;
      /** Bytes in all of `chunks`; a sum that differs is an error (the file changed while it was read). */
      readonly size: number;
      /** Read once, in order, at once; a chunk may be overwritten when the next chunk or node is asked for. */
      readonly chunks: Iterable<Uint8Array>;
    }
  | { readonly type: 'link'; readonly target: Uint8Array }
  | { readonly type: 'dir'; readonly entries: () => Iterable<readonly [name: Buffer, node: NarNode]> };

/** `depthLimit`: the first level below the root that is refused; 64 as in Nix 2.34.8 and later, Infinity for older. */
export interface NarOptions {
  readonly depthLimit?: number;
}

/** Why a tree has no NAR; thrown as `Error & NarProblem`, like the file system's errors the walker may throw. */
export interface NarProblem {
  readonly code: 'NAR_TOO_DEEP' | 'NAR_BAD_NAME' | 'NAR_UNSORTED' | 'NAR_SIZE' | 'NAR_UNSUPPORTED';
  /** The place in the tree, `/`-separated, relative to its root. */
  readonly path: Buffer;
}

/** The NAR's SHA-256 in SRI form, `sha256-…=`, as `nix hash path` prints it. Throws `Error & NarProblem`. */
export function narHash(root: NarNode, options?: NarOptions): string {
  const hash = createHash('sha256');
  writeNar(root, (bytes) => hash.update(bytes), options);
  return `sha256-${hash.digest('base64')}`;
}

/**
 * Gives the NAR of `root` to `sink`, piece by piece; a piece is only valid during the call.
 * Entries must come in byte order. Throws `Error & NarProblem`.
 */
export function writeNar(root: NarNode, sink: (bytes: Uint8Array) => void, { depthLimit = 64 }: NarOptions = {}): void {
  const out = bufferedSink(sink);
  const path: Buffer[] = [];
  const visit = (node: NarNode): void => {
    if (path.length >= depthLimit) throw narError('NAR_TOO_DEEP', joined(path), `is ${depthLimit} levels deep`);
    if (node.type === 'file') {
      writeFile(node, out, path);
    } else if (node.type === 'link') {
      out.bytes(LINK);
      out.string(node.target);
    } else {
      out.bytes(DIRECTORY);
      let previous: Buffer | undefined;
      for (const [name, child] of node.entries()) {
        checkName(name, previous, path);
        previous = name;
        out.bytes(ENTRY);
        out.string(name);
        out.bytes(NODE);
        path.push(name);
        visit(child);
        path.pop();
        out.bytes(CLOSE);
      }
    }
    out.bytes(CLOSE);
  };
  out.bytes(MAGIC);
  visit(root);
  out.flush();
}

/** An error about a place in the tree, for walkers too. `what` continues "'PATH' …". */
export function narError(code: NarProblem['code'], path: Buffer, what: string): Error & NarProblem {
  return Object.assign(new Error(`'${path}' ${what}`), { code, path });
}

const joined = (path: readonly Buffer[]): Buffer =>
  Buffer.from(path.map((name) => name.toString('latin1')).join('/'), 'latin1');

function writeFile(node: NarNode & { readonly type: 'file' }, out: Sink, path: readonly Buffer[]): void {
  out.bytes(node.executable ? EXECUTABLE : REGULAR);
  out.length(node.size);
  let seen = 0;
  for (const chunk of node.chunks) {
    seen += chunk.length;
    out.bytes(chunk);
  }
  if (seen !== node.size) throw narError('NAR_SIZE', joined(path), `has ${seen} bytes instead of ${node.size}`);
  out.pad(seen);
}

function checkName(name: Buffer, previous: Buffer | undefined, path: readonly Buffer[]): void {
  const isDots = name[0] === 0x2e && (name.length === 1 || (name.length === 2 && name[1] === 0x2e));
  if (name.length === 0 || isDots || name.includes(0x2f) || name.includes(0)) {
    throw narError('NAR_BAD_NAME', joined([...path, name]), 'is no file name');
  }
  if (previous && Buffer.compare(previous, name) >= 0) {
    throw narError('NAR_UNSORTED', joined([...path, name]), 'is out of order');
  }
}

const string = (text: string): Buffer => {
  const length = Buffer.alloc(8);
  length.writeUInt32LE(text.length);
  return Buffer.concat([length, Buffer.from(text), Buffer.alloc(-text.length & 7)]);
};
const tokens = (...texts: string[]): Buffer => Buffer.concat(texts.map(string));

const MAGIC = tokens('nix-archive-1');
const REGULAR = tokens('(', 'type', 'regular', 'contents');
const EXECUTABLE = tokens('(', 'type', 'regular', 'executable', '', 'contents');
const LINK = tokens('(', 'type', 'symlink', 'target');
const DIRECTORY = tokens('(', 'type', 'directory');
const ENTRY = tokens('entry', '(', 'name');
const NODE = tokens('node');
const CLOSE = tokens(')');

interface Sink {
  string(bytes: Uint8Array): void;
  length(size: number): void;
  bytes(bytes: Uint8Array): void;
  pad(size: number): void;
  flush(): void;
}

/** Gathers the many small tokens: hashing in large pieces is several times faster. */
function bufferedSink(sink: (bytes: Uint8Array) => void): Sink {
  const buffer = Buffer.allocUnsafe(1 << 16);
  let used = 0;
  const flush = (): void => {
    if (used > 0) sink(buffer.subarray(0, used));
    used = 0;
  };
  const bytes = (piece: Uint8Array): void => {
    const isLarge = piece.length > buffer.length / 2;
    if (isLarge || used + piece.length > buffer.length) flush();
    if (isLarge) {
      sink(piece);
    } else {
      buffer.set(piece, used);
      used += piece.length;
    }
  };
  const length = (size: number): void => {
    if (used + 8 > buffer.length) flush();
    buffer.writeUInt32LE(size % 2 ** 32, used);
    buffer.writeUInt32LE(Math.floor(size / 2 ** 32), used + 4);
    used += 8;
  };
  const pad = (size: number): void => {
    const count = -size & 7;
    if (used + count > buffer.length) flush();
    buffer.fill(0, used, used + count);
    used += count;
  };
  return {
    bytes,
    length,
    pad,
    flush,
    string(piece) {
      length(piece.length);
      bytes(piece);
      pad(piece.length);
    },
  };
}
