// Finds hindrances: reasons why a write of the plan will fail, as far as a look tells (read-only mount, immutable inode, no
// room, git at work). Used while planning and again before the first write, so plan and apply give the same words.

import type { Code } from '../codes.ts';
import type { Diagnostic } from '../diagnostic.ts';
import { below } from '../machine/follow-links.ts';
import type { Hindrance, Room } from '../machine/hindrance.ts';
import type { Blobs } from '../machine/host.ts';
import type { Reader } from '../machine/reader.ts';
import { type Edit, kindOf, type Move, type Put } from '../model.ts';
import { type AbsPath, basename, parent, quoted } from '../path.ts';

type Looks = Pick<Reader, 'stat' | 'mounts' | 'hindrance' | 'room'>;

/**
 * The hindrances to edits in this order, none of which the reader shows yet; each once, with the first edit that meets it.
 * `before`: earlier edits, which take room as well.
 */
export function hindrancesTo(
  edits: readonly Edit[],
  reader: Looks,
  blobs: Blobs,
  before: readonly Edit[] = [],
): readonly { readonly problem: Diagnostic; readonly edit: Edit }[] {
  const found = new Map<string, { readonly problem: Diagnostic; readonly edit: Edit }>();
  const add = (problem: Diagnostic | undefined, edit: Edit): void => {
    if (problem !== undefined && !found.has(problem.summary)) found.set(problem.summary, { problem, edit });
  };
  for (const edit of edits) {
    if (edit.op === 'activate') continue;
    if (edit.op === 'move') for (const problem of hindersMove(edit, reader)) add(problem, edit);
    else add(hindersPut(edit, reader), edit);
  }
  for (const { problem, edit } of fullVolumes([...before, ...edits], reader, blobs)) add(problem, edit);
  return [...found.values()];
}

function hindersMove({ from, to }: Move, reader: Looks): readonly (Diagnostic | undefined)[] {
  return [
    hindranceProblem(reader.hindrance(from, 'name')),
    hindranceProblem(reader.hindrance(to, 'name')),
    ...reader.mounts(from).map((at) => hindranceProblem({ kind: 'mounted', at })),
  ];
}

function hindersPut(put: Put, reader: Looks): Diagnostic | undefined {
  const { path } = put;
  if (kindOf(put) === 'metadata') return hindranceProblem(reader.hindrance(path, 'inode'));
  const lock = below(parent(path), `${basename(path)}.lock`);
  // git creates index.lock to keep others from the index while it writes.
  if (basename(path) === 'index' && reader.stat(lock).type !== 'absent') return gitAtWork(lock);
  return hindranceProblem(reader.hindrance(path, 'name'));
}

/** Compares contents, rounded up to blocks, with the free room. Of a quota it sees only what statfs(2) tells. */
function* fullVolumes(
  edits: readonly Edit[],
  reader: Looks,
  blobs: Blobs,
): Generator<{ problem: Diagnostic; edit: Edit }> {
  const volumes = new Map<string, { room: Room; edit: Put; bytes: number; files: number }>();
  const rooms = new Map<AbsPath, Room | undefined>();
  for (const edit of edits) {
    if (edit.op !== 'put' || edit.after.type === 'absent' || kindOf(edit) === 'metadata') continue;
    const dir = parent(edit.path);
    const room = rooms.has(dir) ? rooms.get(dir) : reader.room(dir);
    rooms.set(dir, room);
    if (room === undefined) continue;
    const known = volumes.get(room.volume) ?? { room, edit, bytes: 0, files: 0 };
    const content = edit.after.type === 'file' ? edit.after.content : undefined;
    const size = (content !== undefined && blobs[content]?.length) || 0;
    volumes.set(room.volume, {
      ...known,
      bytes: known.bytes + Math.ceil(size / BLOCK) * BLOCK,
      files: known.files + 1,
    });
  }
  for (const { room, edit, bytes, files } of volumes.values()) {
    const what = bytes > room.bytes ? `${room.bytes} bytes` : files > room.files ? `${room.files} files` : undefined;
    if (what === undefined) continue;
    const summary = `the file system of "${parent(edit.path)}" has room for ${what} more, which is too little`;
    const hint = 'make room there first';
    yield { problem: { severity: 'error', code: 'RF2043', summary, hint, path: edit.path }, edit };
  }
}

const BLOCK = 4096;

/** What the hindrance keeps from being written, in words; undefined where there is none. */
export function hindranceProblem(hindrance: Hindrance | undefined): Diagnostic | undefined {
  if (hindrance === undefined) return undefined;
  const { kind, at } = hindrance;
  const [code, summary, hint] = WORDS[kind](at);
  return { severity: 'error', code, summary, hint, path: at };
}

const WORDS: Readonly<Record<Hindrance['kind'], (at: AbsPath) => readonly [Code, string, string]>> = {
  mounted: (at) => [
    'RF2042',
    `a file system is mounted at "${at}", which can be neither moved nor replaced`,
    'unmount it first',
  ],
  'read-only': (at) => ['RF2043', `"${at}" is on a read-only file system`, 'mount it writable first'],
  immutable: (at) => ['RF2043', `"${at}" is immutable`, `look why, then run: chattr -i ${quoted(at)}`],
  closed: (at) => ['RF2043', `"${at}" cannot be written by its owner`, `open it: chmod u+w ${quoted(at)}`],
};

/** The words that the git provider has for it while planning. */
const gitAtWork = (lock: AbsPath): Diagnostic => ({
  severity: 'error',
  code: 'RF2054',
  summary: `a git command is at work in the repository: there is "${lock}"`,
  hint: 'wait until it is done; if no git runs, remove the file',
  path: lock,
});
