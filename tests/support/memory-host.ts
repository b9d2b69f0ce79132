// A machine in a Map, on which the laws are tried. It implements the whole Host contract except durability.

import { digestOf } from '../../core/canonical.ts';
import { MOST } from '../../core/limits.ts';
import { below, traverse } from '../../core/machine/follow-links.ts';
import { type Blobs, type Host, staleAt, type Work } from '../../core/machine/host.ts';
import type { Job, JobResult } from '../../core/machine/job.ts';
import { tooLarge } from '../../core/machine/reader.ts';
import { hashThrough } from '../../core/machine/tree-hash.ts';
import {
  ABSENT,
  type Digest,
  type Edit,
  type Entry,
  type HostFacts,
  type Kept,
  looksInside,
  type Move,
  matches,
  type Put,
} from '../../core/model.ts';
import { type AbsPath, basename, byteOrder, isWithin, join, parent, ROOT, rebase } from '../../core/path.ts';

/** Every path of the machine, with its entry and, for a file, its bytes. Parents must be there as directories. */
export type Paths = Map<AbsPath, { readonly entry: Entry; readonly bytes?: Uint8Array }>;

const TOP: Entry = { type: 'dir', mode: 0o755, owner: { uid: 0, gid: 0 } };

/** `compute` stands for the outside world, which by default has no programs. */
export function memoryHost(
  paths: Paths,
  facts: HostFacts,
  compute: (job: Job) => JobResult | Promise<JobResult> = (job) => ({ status: 'missing', tool: job.argv[0] }),
): Host {
  /** The path with the links in its parents resolved; undefined if a parent is missing or is no directory. */
  const real = (path: AbsPath, budget: number = MOST.links): AbsPath | undefined => {
    if (path === ROOT) return ROOT;
    const above = real(parent(path), budget);
    if (above === undefined) return undefined;
    const dir = paths.get(above)?.entry;
    if (dir?.type === 'link') {
      if (budget === 0) return undefined;
      const led = traverse(parent(above), dir.target, (next) => directory(next, budget - 1));
      return led && below(led, basename(path));
    }
    return above === ROOT || dir?.type === 'dir' ? below(above, basename(path)) : undefined;
  };

  /** The real directory at a path whose parent is real. */
  const directory = (path: AbsPath, budget: number): AbsPath | undefined => {
    const entry = paths.get(path)?.entry;
    if (entry?.type === 'dir') return path;
    if (entry?.type !== 'link' || budget <= 0) return undefined;
    return traverse(parent(path), entry.target, (next) => directory(next, budget - 1));
  };

  const at = (path: AbsPath) => {
    const found = real(path);
    return found === undefined ? undefined : paths.get(found);
  };

  /** As `real`, for a write: root follows only its own links, in directories that it alone controls. */
  const written = (path: AbsPath): AbsPath | undefined => {
    if (process.geteuid?.() === 0) for (let up = parent(path); up !== ROOT; up = parent(up)) mustBeOurs(up);
    return real(path);
  };

  const mustBeOurs = (path: AbsPath): void => {
    const place = real(path);
    const entry = place && paths.get(place)?.entry;
    if (place === undefined || entry?.type !== 'link') return;
    if (entry.owner.uid !== 0 || !isClosed(parent(place)))
      throw errno('EPERM', `a link that others can change: ${path}`);
    // The same must hold for the link's target.
    const led = join(parent(place), entry.target);
    for (let up = led; up !== ROOT; up = parent(up)) mustBeOurs(up);
  };

  const isClosed = (dir: AbsPath): boolean => {
    if (dir === ROOT) return true;
    const entry = paths.get(dir)?.entry;
    const isIt = entry?.type === 'dir' && entry.owner.uid === 0 && (entry.mode & 0o022) === 0;
    return isIt && isClosed(parent(dir));
  };

  const put = ({ path, before, after }: Put, blobs: Blobs): void => {
    const target = written(path);
    if (target === undefined) throw errno('ENOENT', `no directory for ${path}`);
    const there = paths.get(target)?.entry.type ?? 'absent';
    if (before.type === 'absent' && there !== 'absent') throw errno('EEXIST', `already there: ${path}`);
    if (after.type === 'absent') {
      if (there === 'absent') throw errno('ENOENT', `not there: ${path}`);
      if ([...paths.keys()].some((other) => other !== target && isWithin(other, target)))
        throw errno('ENOTEMPTY', `not empty: ${path}`);
      paths.delete(target);
      return;
    }
    const isReplaced = after.type === 'link' || (after.type === 'file' && after.content !== undefined);
    if (there === 'dir' && isReplaced) throw errno('EISDIR', `a directory: ${path}`);
    if (!isReplaced && there !== after.type && !(after.type === 'dir' && there === 'absent'))
      throw errno('EINVAL', `cannot turn a ${there} into a ${after.type}: ${path}`);
    const bytes = after.type !== 'file' ? undefined : after.content ? blobs[after.content] : paths.get(target)?.bytes;
    if (after.type === 'file' && bytes === undefined) throw new Error(`no bytes for ${path}`);
    const entry = after.type === 'file' ? { ...after } : after;
    if (entry.type === 'file') delete (entry as { content?: Digest }).content;
    paths.set(target, bytes === undefined ? { entry } : { entry, bytes });
  };

  const move = ({ from, to }: Move): void => {
    const source = written(from);
    const target = written(to);
    if (source === undefined || target === undefined || !paths.has(source)) throw errno('ENOENT', `not there: ${from}`);
    if (paths.has(target)) throw errno('EEXIST', `already there: ${to}`);
    if (isWithin(target, source)) throw errno('EINVAL', `into itself: ${from}`);
    for (const [path, what] of [...paths]) {
      const moved = rebase(path, source, target);
      if (moved === undefined) continue;
      paths.delete(path);
      paths.set(moved, what);
    }
  };

  const isThere = (path: AbsPath): boolean => at(path) !== undefined;

  const setAside = (path: AbsPath): AbsPath => {
    const beside = `${path}.reflake-conflict` as AbsPath;
    move({ op: 'move', from: path, to: beside });
    return beside;
  };

  const memoryWork = (edits: readonly Edit[]): Work => {
    let contents: Blobs = {};
    const kept: Kept[] = [];
    return {
      prepare: (blobs) => {
        contents = blobs;
      },
      publish(number) {
        const edit = edits[number]!;
        if (edit.op === 'move') {
          if (isThere(edit.to)) throw staleAt(edit.to);
          move(edit);
        } else if (edit.op === 'put') {
          const there = at(edit.path);
          const content = there?.bytes && digestOf(there.bytes);
          const entry = there === undefined ? ABSENT : { ...there.entry, ...(content && { content }) };
          if (!matches(edit.before, entry as Entry)) throw staleAt(edit.path);
          put(edit, contents);
        }
      },
      undo(number, blobs) {
        const edit = edits[number]!;
        if (edit.op === 'activate') return { changed: false, kept: [] };
        if (edit.op === 'put') {
          const before = isThere(edit.path) ? edit.after : ABSENT;
          put({ ...edit, before, after: edit.before }, blobs);
          return { changed: true, kept: [] };
        }
        if (isThere(edit.from) || !isThere(edit.to)) return { changed: false, kept: [] };
        move({ op: 'move', from: edit.to, to: edit.from });
        return { changed: true, kept: [] };
      },
      look(number) {
        const { path } = edits[number] as Put;
        const { entry, bytes } = at(path) ?? { entry: ABSENT };
        const target = real(path);
        const holds = [...paths.keys()].filter((other) => other !== ROOT && parent(other) === target).length;
        const content =
          entry.type === 'file' && looksInside(edits[number] as Put) && digestOf(bytes ?? new Uint8Array());
        return { entry: content ? { ...entry, content } : entry, holds };
      },
      isOurs(number) {
        const edit = edits[number]!;
        return edit.op === 'move' && isThere(edit.to) && !isThere(edit.from);
      },
      returnsOriginal: () => false,
      setAside(path) {
        const beside = setAside(path);
        kept.push({ path, beside });
        return beside;
      },
      flush: () => {},
      sweep: () => [],
      drop: () => {},
      kept: () => kept,
      close: () => {},
    };
  };

  const look: Pick<Host, 'stat' | 'read' | 'list'> = {
    stat: (path) => at(path)?.entry ?? (path === ROOT ? TOP : { type: 'absent' }),
    read: (path, most = MOST.fileBytes) => {
      const found = at(path);
      const bytes = found?.entry.type === 'file' ? (found.bytes ?? new Uint8Array()) : undefined;
      if (bytes !== undefined && bytes.length > most) throw tooLarge(path, bytes.length, most);
      return bytes;
    },
    list: (path) => {
      const dir = real(path);
      if (dir === undefined || (dir !== ROOT && paths.get(dir)?.entry.type !== 'dir')) return [];
      return [...paths.keys()]
        .filter((other) => other !== ROOT && parent(other) === dir)
        .map(basename)
        .sort(byteOrder);
    },
  };

  const entries: Host['entries'] = (path) =>
    look.list(path).map((name) => ({ name, entry: look.stat(below(path, name)) }));

  return {
    ...look,
    facts,
    entries,
    isOwned: () => false,
    treeHash: (path) => hashThrough(look, path),
    compute: async (job) => compute(job),
    stamp: () => undefined,
    writtenAt: (path) => (at(path) === undefined ? undefined : 0),
    planned: () => false,
    mounts: () => [],
    hindrance: () => undefined,
    room: () => undefined,
    origin: (path) => path,
    held: { ...look, entries, fileSystem: () => undefined },
    work: (edits) => memoryWork(edits),
    refresh: () => {},
    activate: async () => ({ status: 'failed', phase: 'build', log: 'a machine in memory cannot build' }),
  };
}

const errno = (code: string, message: string): Error => Object.assign(new Error(message), { code });
