// The protocol between the two sides of the border: a request is a line of JSON; an answer is a frame of kind, length
// and bytes. Answers come from a process that somebody else may control, so this file checks their shape before anybody
// uses them.

import { LARGEST_ID } from '../../limits.ts';
import { HINDRANCES, type Hindrance, type Room } from '../../machine/hindrance.ts';
import type { Job, ScratchFile } from '../../machine/job.ts';
import type { Named } from '../../machine/reader.ts';
import type { Entry } from '../../model.ts';
import { type AbsPath, prefixesOf } from '../../path.ts';

/** A question to the other side: an operation and its arguments. */
export type Request = readonly [op: Op, ...rest: readonly unknown[]];

export type Op =
  | 'stat'
  | 'read'
  | 'list'
  | 'entries'
  | 'isOwned'
  | 'writtenAt'
  | 'treeHash'
  | 'hindrance'
  | 'room'
  | 'forget'
  | 'waypoint'
  | 'readFile'
  | 'writeFile'
  | 'left'
  | 'removeLeft';

/** `problem`: an error of the other side, as data. */
export type Answer =
  | { readonly kind: 'value'; readonly value: unknown }
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array }
  | { readonly kind: 'problem'; readonly problem: Problem };

export type Problem =
  /** `unreadable` of core/machine/reader.ts. */
  | { readonly is: 'unreadable'; readonly path: string; readonly why: string }
  /** A tree that has no NAR hash; `place` is latin1, one character per byte. */
  | { readonly is: 'nar'; readonly code: string; readonly place: string; readonly message: string }
  | { readonly is: 'other'; readonly message: string };

const KINDS = ['value', 'bytes', 'problem'] as const;

/** Bytes of a frame's head: one for its kind, four for the length of the body. */
export const HEAD = 5;

/**
 * The longest answer that is accepted, in bytes: room for the largest file that is read, or for the names of a large
 * directory.
 */
export const MOST_BYTES = (1 << 30) + (1 << 20);

export function frame(answer: Answer): readonly Uint8Array[] {
  const body = answer.kind === 'bytes' ? answer.bytes : Buffer.from(JSON.stringify(bodyOf(answer)) ?? 'null');
  const head = Buffer.alloc(HEAD);
  head.writeUInt8(KINDS.indexOf(answer.kind), 0);
  head.writeUInt32LE(body.length, 1);
  return [head, body];
}

const bodyOf = (answer: Exclude<Answer, { kind: 'bytes' }>): unknown =>
  answer.kind === 'value' ? (answer.value === undefined ? null : answer.value) : answer.problem;

/** Undefined if the head is not valid, or announces more than `MOST_BYTES`. */
export function headIn(head: Buffer): { readonly kind: Answer['kind']; readonly length: number } | undefined {
  const kind = KINDS[head.readUInt8(0)];
  const length = head.readUInt32LE(1);
  return kind === undefined || length > MOST_BYTES ? undefined : { kind, length };
}

/** Undefined if the body is not a valid answer. */
export function answerIn(kind: Answer['kind'], body: Uint8Array): Answer | undefined {
  if (kind === 'bytes') return { kind, bytes: body };
  const value = parse(Buffer.from(body.buffer, body.byteOffset, body.length).toString('utf8'));
  if (value === undefined) return undefined;
  if (kind === 'value') return { kind, value };
  return isProblem(value) ? { kind, problem: value } : undefined;
}

function isProblem(value: unknown): value is Problem {
  if (typeof value !== 'object' || value === null || !('is' in value)) return false;
  const has = (...names: readonly string[]): boolean =>
    names.every((name) => typeof (value as Record<string, unknown>)[name] === 'string');
  if (value.is === 'unreadable') return has('path', 'why');
  return value.is === 'nar' ? has('code', 'place', 'message') : value.is === 'other' && has('message');
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The entry in an answer; undefined if it is not valid. */
export function entryIn(value: unknown): Entry | undefined {
  if (typeof value !== 'object' || value === null || !('type' in value)) return undefined;
  const { type, mode, owner, target, what, hardLinked } = value as Record<string, unknown>;
  if (type === 'absent') return { type };
  const whose = ownerIn(owner);
  if (whose === undefined) return undefined;
  if (type === 'link')
    return typeof target === 'string' && target !== '' && !target.includes('\0')
      ? { type, target, owner: whose }
      : undefined;
  if (!isNumber(mode, 0o7777)) return undefined;
  if (type === 'dir') return { type, mode, owner: whose };
  if (type === 'file')
    return hardLinked === true ? { type, mode, owner: whose, hardLinked } : { type, mode, owner: whose };
  const kind = (['fifo', 'socket', 'device'] as const).find((one) => one === what);
  return type === 'other' && kind !== undefined ? { type, what: kind, mode, owner: whose } : undefined;
}

function ownerIn(value: unknown): { readonly uid: number; readonly gid: number } | undefined {
  if (typeof value !== 'object' || value === null || !('uid' in value) || !('gid' in value)) return undefined;
  const { uid, gid } = value;
  return isNumber(uid, LARGEST_ID) && isNumber(gid, LARGEST_ID) ? { uid, gid } : undefined;
}

export const isNumber = (value: unknown, most: number): value is number =>
  typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= most;

/** Undefined if the answer is no hindrance, or names a place that is not on the way to `path`. */
export function hindranceIn(value: unknown, path: AbsPath): Hindrance | undefined {
  if (typeof value !== 'object' || value === null || !('kind' in value) || !('at' in value)) return undefined;
  const kind = HINDRANCES.find((one) => one === value.kind);
  const at = prefixesOf(path).find((one) => one === value.at);
  return kind === undefined || at === undefined ? undefined : { kind, at };
}

export function roomIn(value: unknown): Room | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { volume, bytes, files } = value as Record<string, unknown>;
  const most = Number.MAX_SAFE_INTEGER;
  // JSON has no infinity: for a file system that does not count files, the answer has null.
  if (typeof volume !== 'string' || typeof bytes !== 'number' || !(bytes >= 0)) return undefined;
  return { volume, bytes, files: isNumber(files, most) ? files : Number.POSITIVE_INFINITY };
}

/** A name that a directory can hold: not one that leads out of it. */
export const isName = (value: unknown): value is string =>
  typeof value === 'string' && value !== '' && value !== '.' && value !== '..' && !/[/\0]/.test(value);

/** The entries of a directory. Each distinct entry is once in a table, because most entries of a tree are alike. */
export interface Listing {
  readonly table: readonly Entry[];
  readonly names: readonly (readonly [name: string, at: number])[];
}

export function listingOf(entries: readonly Named[]): Listing {
  const places = new Map<Entry, number>();
  const names = entries.map(({ name, entry }): readonly [string, number] => {
    const at = places.get(entry) ?? places.size;
    places.set(entry, at);
    return [name, at];
  });
  return { table: [...places.keys()], names };
}

/** Undefined if the answer is not valid. */
export function entriesIn(value: unknown): readonly Named[] | undefined {
  if (typeof value !== 'object' || value === null || !('table' in value) || !('names' in value)) return undefined;
  const { table, names } = value;
  if (!Array.isArray(table) || !Array.isArray(names)) return undefined;
  const entries = table.map(entryIn);
  const found: Named[] = [];
  for (const row of names) {
    const [name, at] = Array.isArray(row) ? row : [];
    const entry = entries[at];
    if (!isName(name) || entry === undefined) return undefined;
    found.push({ name, entry });
  }
  return found;
}

/** A job as it is sent: contents are base64. */
export type SentJob = Omit<Job, 'files'> & { readonly files: readonly SentFile[] };
type SentFile = { readonly path: string } & (
  | { readonly type: 'file'; readonly content: string; readonly mode: number }
  | Exclude<ScratchFile, { type: 'file' }>
);

export const sentFile = (file: ScratchFile): SentFile =>
  file.type === 'file' ? { ...file, content: Buffer.from(file.content).toString('base64') } : file;
