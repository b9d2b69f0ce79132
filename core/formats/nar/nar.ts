// Nix's archive format (NAR) and its hash: a tree as one canonical stream of bytes (docs/nix.md, "NAR hashes").
// It streams, so memory stays flat whatever the tree's size. Pure but for node:crypto's SHA-256.

import { createHash } from 'node:crypto';
import { type NarWriter, narWriter } from './writer.ts';

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

/** The reason a tree has no NAR; thrown as `Error & NarProblem`. The walker's own errors (of the file system) pass through. */
export interface NarProblem {
  readonly code: 'NAR_TOO_DEEP' | 'NAR_BAD_NAME' | 'NAR_UNSORTED' | 'NAR_SIZE' | 'NAR_UNSUPPORTED';
  /** The place in the tree, `/`-separated, relative to its root. */
  readonly path: Buffer;
}

/** The NAR's SHA-256 in SRI form, `sha256-…=`, as `nix hash path` prints it. Throws `Error & NarProblem`. */
export function narHash(root: NarNode, options?: NarOptions): string {
  return hashOf((sink) => writeNar(root, sink, options));
}

/** The same of the NAR that `write` gives to its sink, for a walker that writes it by itself. */
export function hashOf(write: (sink: (bytes: Uint8Array) => void) => void): string {
  const hash = createHash('sha256');
  write((bytes) => hash.update(bytes));
  return `sha256-${hash.digest('base64')}`;
}

/**
 * Gives the NAR of `root` to `sink`, piece by piece; a piece is only valid during the call.
 * Entries must come in byte order. Throws `Error & NarProblem`.
 */
export function writeNar(root: NarNode, sink: (bytes: Uint8Array) => void, { depthLimit = 64 }: NarOptions = {}): void {
  const out = narWriter(sink);
  const path: Buffer[] = [];
  const visit = (node: NarNode): void => {
    if (path.length >= depthLimit) throw narTooDeep(joined(path), depthLimit);
    if (node.type === 'file') {
      writeFile(node, out, path);
    } else if (node.type === 'link') {
      out.link(latin1(node.target));
    } else {
      out.directory();
      let previous: Buffer | undefined;
      for (const [name, child] of node.entries()) {
        checkName(name, previous, path);
        previous = name;
        out.entry(name.toString('latin1'));
        path.push(name);
        visit(child);
        path.pop();
        out.closeEntry();
      }
    }
  };
  visit(root);
  out.close();
  out.flush();
}

/** An error about a place in the tree, for walkers too; its root has an empty path. `what` continues "'PATH' …". */
export function narError(code: NarProblem['code'], path: Buffer, what: string): Error & NarProblem {
  return Object.assign(new Error(`'${path.length === 0 ? '.' : path}' ${what}`), { code, path });
}

export const isNarProblem = (thrown: unknown): thrown is Error & NarProblem =>
  thrown instanceof Error && 'code' in thrown && String(thrown.code).startsWith('NAR_');

/** The error of a level too many, at `path`. */
export const narTooDeep = (path: Buffer, depthLimit: number): Error & NarProblem =>
  narError('NAR_TOO_DEEP', path, `is ${depthLimit} levels deep`);

/** The error of a file whose size differs from the one announced: somebody changed it while it was read. */
export const narSize = (path: Buffer, seen: number, size: number): Error & NarProblem =>
  narError('NAR_SIZE', path, `has ${seen} bytes instead of ${size}`);

const joined = (path: readonly Buffer[]): Buffer =>
  Buffer.from(path.map((name) => name.toString('latin1')).join('/'), 'latin1');

const latin1 = ({ buffer, byteOffset, byteLength }: Uint8Array): string =>
  Buffer.from(buffer, byteOffset, byteLength).toString('latin1');

function writeFile(node: NarNode & { readonly type: 'file' }, out: NarWriter, path: readonly Buffer[]): void {
  out.file(node.executable, node.size);
  let seen = 0;
  for (const chunk of node.chunks) {
    seen += chunk.length;
    out.bytes(chunk);
  }
  if (seen !== node.size) throw narSize(joined(path), seen, node.size);
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
