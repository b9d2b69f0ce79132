// Where a difference comes from: compares what the last apply granted and wrote with the wish and the file of today. Pure but for
// the reader that it is given; what the records do not say is unknown, with the reason.

import { digestOf } from '../canonical.ts';
import type { JsonPointer } from '../diagnostic.ts';
import { follow } from '../machine/follow-links.ts';
import { type Reader, unlessUnreadable } from '../machine/reader.ts';
import { type Digest, type Entry, type Finding, matches, type Origin, type Put } from '../model.ts';
import type { AbsPath } from '../path.ts';
import type { Past, Standing } from './past.ts';

export interface Ground {
  readonly reader: Pick<Reader, 'stat' | 'read' | 'writtenAt'>;
  readonly past: Past;
  /** What each wish of the spec asks for today, by `keyOf`. */
  readonly asked: Readonly<Record<JsonPointer, Digest>>;
  readonly userName: (uid: number) => string;
}

/** `keys`: the wishes of the finding, by `keyOf`. */
export function originOf({ path }: Finding, keys: readonly JsonPointer[], ground: Ground): Origin {
  const { past, asked } = ground;
  const granting = past.applies.findLast(({ transaction: { wishes } }) =>
    keys.some((key) => wishes !== undefined && Object.hasOwn(wishes, key)),
  );
  const file = path === undefined ? undefined : fileAt(path, ground);
  const known = file && { file };
  if (granting === undefined) {
    const why = past.unknown ?? olderRecord(past);
    if (why !== undefined) return { cause: 'unknown', because: why, ...known };
    const because = past.applies.length === 0 ? 'nothing was ever applied here' : 'no apply has granted this wish';
    return { cause: 'never applied', because, ...known };
  }
  const { number, finishedAt, by, transaction } = granting;
  const name = `apply ${number}`;
  const isWishChanged = keys.some((key) => Object.hasOwn(asked, key) && asked[key] !== transaction.wishes?.[key]);
  const isFileChanged = path === undefined ? undefined : changedSince(path, granting, ground);
  const apply = { number, finishedAt, by };
  const [cause, because] = judged(isWishChanged, isFileChanged, name);
  return { cause, because, apply, ...known };
}

function judged(isWishChanged: boolean, isFileChanged: boolean | undefined, name: string): [Origin['cause'], string] {
  if (isWishChanged) {
    if (isFileChanged === true) return ['both', `the wish and the file are others than at ${name}`];
    const file = isFileChanged === undefined ? 'nothing tells of the file' : 'the file is as it left it';
    return ['spec', `the wish is another than at ${name}, and ${file}`];
  }
  if (isFileChanged === true) return ['machine', `the wish is the same as at ${name}, and the file is another`];
  if (isFileChanged === false)
    return ['neither', `wish and file are as at ${name}: time, or something else it depends on`];
  return ['unknown', `the wish is the same as at ${name}, which did not write this file`];
}

/** An apply of an earlier version does not say which wishes it granted. */
const olderRecord = ({ applies }: Past): string | undefined => {
  const old = applies.find(({ transaction: { wishes } }) => wishes === undefined);
  return old && `the record of apply ${old.number} does not say what it granted`;
};

/** Whether the file is another than when that apply had ended, or a later one wrote it. Undefined: nothing tells. */
function changedSince(path: AbsPath, since: Standing, { reader, past }: Ground): boolean | undefined {
  const written = past.applies.flatMap((apply) =>
    apply.transaction.batches
      .flat()
      .flatMap((edit) => (edit.op === 'put' && edit.path === path ? [{ edit, apply }] : [])),
  );
  const last = written.at(-1);
  if (last !== undefined) return unlessUnreadable(() => !isAsLeft(last.edit, reader));
  const writtenAt = unlessUnreadable(() => reader.writtenAt(path));
  // The clock of the file and that of the record are one; a second is what both are told in.
  return writtenAt !== undefined && writtenAt > Date.parse(since.finishedAt) / 1000 + 1 ? true : undefined;
}

/** True if what is there is what the edit left. */
function isAsLeft({ path, after }: Put, reader: Ground['reader']): boolean {
  const entry = reader.stat(path);
  if (entry.type !== 'file' || after.type !== 'file' || after.content === undefined) return matches(after, entry);
  const bytes = reader.read(path);
  return bytes !== undefined && matches(after, { ...entry, content: digestOf(bytes) } satisfies Entry);
}

/** The file as it lies there now. Undefined: there is none, or nobody may look. */
function fileAt(path: AbsPath, { reader, userName }: Ground): Origin['file'] | undefined {
  return unlessUnreadable(() => {
    const entry = reader.stat(path);
    if (entry.type === 'absent') return undefined;
    const writtenAt = reader.writtenAt(path);
    const end = follow(reader, path);
    return {
      path,
      owner: userName(entry.owner.uid),
      ...(writtenAt !== undefined && { writtenAt: timeOf(writtenAt) }),
      ...(end.viaStore && { store: end.path }),
    };
  });
}

const timeOf = (seconds: number): string => new Date(seconds * 1000).toISOString().replace('.000Z', 'Z');
