// The NAR hash of a tree as a Reader shows it, entry by entry: for planned edits, a machine in memory, or a choice of
// entries. core/host/disk/nar-walk.ts hashes a tree on a disk faster. Holds one file in memory at a time.

import { type NarNode, narError, narHash } from '../formats/nar/nar.ts';
import { type AbsPath, relativeTo, toBytes } from '../path.ts';
import { below } from './follow-links.ts';
import type { Reader } from './reader.ts';

/**
 * The NAR hash (SRI) of what is at `path`, without the entries that `keep` refuses; undefined if there is nothing.
 * Throws `Error & NarProblem`, and `unreadable`.
 */
export function hashThrough(
  reader: Pick<Reader, 'stat' | 'read' | 'list'>,
  path: AbsPath,
  keep: (path: AbsPath) => boolean = () => true,
): string | undefined {
  const node = (at: AbsPath): NarNode => {
    const entry = reader.stat(at);
    switch (entry.type) {
      case 'file': {
        const bytes = reader.read(at) ?? new Uint8Array();
        return { type: 'file', executable: (entry.mode & 0o100) !== 0, size: bytes.length, chunks: [bytes] };
      }
      case 'link':
        return { type: 'link', target: toBytes(entry.target) };
      case 'dir':
        return { type: 'dir', entries: () => entriesOf(at) };
      default:
        throw narError('NAR_UNSUPPORTED', toBytes(at === path ? '' : relativeTo(at, path)), 'has an unsupported type');
    }
  };
  function* entriesOf(dir: AbsPath): Generator<readonly [Buffer, NarNode]> {
    for (const name of reader.list(dir)) {
      const child = below(dir, name);
      if (keep(child)) yield [toBytes(name), node(child)];
    }
  }
  return reader.stat(path).type === 'absent' ? undefined : narHash(node(path));
}
