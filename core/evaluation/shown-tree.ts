// The files of a flake as Nix sees them: those that git lists, from the work tree; without a repository every file.

import type { Documents } from '../documents/documents.ts';
import { parseLock } from '../formats/lock/parse-lock.ts';
import { MOST } from '../limits.ts';
import type { ScratchFile } from '../machine/job.ts';
import { type Reader, tooDeep } from '../machine/reader.ts';
import { type AbsPath, depth, join, relativeTo } from '../path.ts';
import type { Tree } from './evaluate.ts';

export type TreeRead = { readonly ok: true; readonly tree: Tree } | { readonly ok: false; readonly why: string };

/** `besides`: files that are shown too. Throws `unreadable`. */
export function shownTree(dir: AbsPath, besides: readonly AbsPath[], documents: Documents, reader: Reader): TreeRead {
  const repository = documents.repository();
  const top = repository?.top ?? dir;
  if (repository !== undefined && !repository.tracked.ok) return { ok: false, why: 'the index of git cannot be read' };
  const tracked = repository?.tracked.ok
    ? [...repository.tracked.paths].map((path) => join(top, `./${path}`))
    : undefined;
  const paths = [...(tracked ?? filesBelow(top, reader)), ...besides];
  if (paths.length > MOST.evaluatedFiles) return { ok: false, why: `it has more than ${MOST.evaluatedFiles} files` };
  const files: ScratchFile[] = [];
  let bytes = 0;
  for (const path of new Set(paths)) {
    const file = fileAt(path, relativeTo(path, top), reader);
    if (file === undefined) continue;
    files.push(file);
    bytes += file.type === 'file' ? file.content.length : 0;
    if (bytes > MOST.evaluatedBytes) return { ok: false, why: `it has more than ${MOST.evaluatedBytes} bytes` };
  }
  const lock = documents.lock();
  const parsed = lock.kind === 'text' ? parseLock(lock.text) : undefined;
  const from = files.flatMap(({ path, type }) => (type === 'file' ? [join(top, `./${path}`)] : []));
  return {
    ok: true,
    tree: { files, from, subdir: dir === top ? '' : relativeTo(dir, top), lock: parsed?.ok ? parsed.lock : undefined },
  };
}

/** The file in the tree. Undefined if the work tree lacks it (Nix leaves it out) or has a directory there (a submodule). */
function fileAt(path: AbsPath, name: string, reader: Reader): ScratchFile | undefined {
  const entry = reader.stat(path);
  if (entry.type === 'link') return { path: name, type: 'link', target: entry.target };
  if (entry.type !== 'file') return undefined;
  // Of the mode git keeps only the x bit.
  const mode = (entry.mode & 0o100) === 0 ? 0o644 : 0o755;
  const stamp = reader.stamp(path);
  return {
    ...{ path: name, type: 'file', mode, content: reader.read(path) ?? new Uint8Array() },
    ...(stamp !== undefined && { stamp }),
  };
}

function* filesBelow(dir: AbsPath, reader: Reader, deepest = depth(dir) + MOST.treeDepth): Generator<AbsPath> {
  if (depth(dir) > deepest) throw tooDeep(dir);
  for (const { name, entry } of reader.entries(dir)) {
    const path = join(dir, `./${name}`);
    if (entry.type === 'dir' && name !== '.git') yield* filesBelow(path, reader, deepest);
    if (entry.type === 'file' || entry.type === 'link') yield path;
  }
}
