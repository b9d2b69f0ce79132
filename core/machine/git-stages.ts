// The three versions of a file that git keeps while a merge is open. Read without git, from loose objects only.

import { inflateSync } from 'node:zlib';
import { readIndex } from '../formats/git/index.ts';
import type { MergeTexts } from '../formats/lock/merge-conflict.ts';
import { MOST } from '../limits.ts';
import { type AbsPath, join, relativeTo } from '../path.ts';
import type { Reader } from './reader.ts';
import { commonDirOf, repositoryOf } from './repository.ts';

/** Undefined if no merge of the file is open, or if one of its versions is in a pack. */
export function conflictStages(path: AbsPath, reader: Reader): MergeTexts | undefined {
  const repository = repositoryOf(path, reader);
  const read = repository?.indexBytes && readIndex(repository.indexBytes, repository.format);
  if (repository === undefined || !read?.ok) return undefined;
  const name = relativeTo(path, repository.top);
  const stages = read.index.entries.filter((entry) => entry.stage > 0 && entry.path.toString('utf8') === name);
  const text = (stage: number): string | undefined => {
    const id = stages.find((entry) => entry.stage === stage)?.id;
    return id && blob(join(commonDirOf(repository.gitDir, reader), 'objects'), id.toString('hex'), reader);
  };
  const [base, ours, theirs] = [text(1), text(2), text(3)];
  if (ours === undefined || theirs === undefined) return undefined;
  // Without a base that exists, every input that differs would look like a conflict that both sides made.
  if (base === undefined && stages.some(({ stage }) => stage === 1)) return undefined;
  return { ours, theirs, ...(base !== undefined && { base }) };
}

function blob(objects: AbsPath, id: string, reader: Reader): string | undefined {
  const packed = reader.read(join(objects, `${id.slice(0, 2)}/${id.slice(2)}`), MOST.textBytes);
  if (packed === undefined) return undefined;
  try {
    const bytes = inflateSync(packed, { maxOutputLength: 64 << 20 });
    const start = bytes.indexOf(0) + 1;
    return bytes.toString('latin1', 0, 5) === 'blob ' ? bytes.toString('utf8', start) : undefined;
  } catch {
    return undefined;
  }
}
