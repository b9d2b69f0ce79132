// Resolves paths of a traced program to places in the recorded directory: component by component through links, and
// from descriptors (/proc/self/fd/7/name), as the kernel would.

import { contentOf, type Id, node } from './disk.ts';
import type { Tape } from './recording.ts';
import { descriptorOf } from './strace-log.ts';

/** A name in a directory, and the inode it leads to now (undefined: none). */
export interface Place {
  readonly dir: Id;
  readonly name: string;
  readonly inode: Id | undefined;
}

/**
 * Undefined if the path leads outside of the recorded directory, or a parent is missing. `from`: the argument with a
 * directory's descriptor.
 */
export function lookup(
  tape: Tape,
  pid: number,
  from: string | undefined,
  path: string,
  follow: boolean,
): Place | undefined {
  if (path.startsWith('/')) return absolute(tape, pid, path, follow, 40);
  const { number, path: base } = from === undefined ? { number: undefined, path: '' } : descriptorOf(from);
  if (number === undefined) {
    // Without a descriptor, strace does not print the current directory; our programs start outside of the recorded
    // one.
    const cwd = base || tape.processes.cwd(pid);
    return cwd === undefined ? undefined : absolute(tape, pid, `${cwd}/${path}`, follow, 40);
  }
  const inode = tape.processes.descriptor(tape, pid, from)?.inode;
  if (inode === undefined) return undefined;
  return path === '' ? named(tape, inode) : walk(tape, pid, inode, path, follow, 40);
}

/** The inode at an absolute path, with links followed. */
export const inodeAt = (tape: Tape, path: string): Id | undefined => absolute(tape, 0, path, true, 40)?.inode;

const BY_DESCRIPTOR = /^\/(?:proc\/(?:self|thread-self|\d+)(?:\/task\/\d+)?|dev)\/fd\/(\d+)(?:\/+(.*))?$/s;

function absolute(tape: Tape, pid: number, path: string, follow: boolean, budget: number): Place | undefined {
  const [, number, rest] = BY_DESCRIPTOR.exec(path) ?? [];
  if (number !== undefined) {
    const inode = tape.processes.descriptor(tape, pid, number)?.inode;
    if (inode === undefined) return undefined;
    return rest === undefined || rest === '' ? named(tape, inode) : walk(tape, pid, inode, rest, follow, budget);
  }
  const plain = path.replace(/\/+/g, '/');
  if (plain === tape.root || plain === `${tape.root}/`) return { dir: 0, name: '.', inode: 0 };
  if (!plain.startsWith(`${tape.root}/`)) return undefined;
  return walk(tape, pid, 0, plain.slice(tape.root.length + 1), follow, budget);
}

function walk(tape: Tape, pid: number, from: Id, path: string, follow: boolean, budget: number): Place | undefined {
  if (budget === 0) return undefined;
  const parts = path.split('/').filter((part) => part !== '' && part !== '.');
  let dir = from;
  for (const [at, name] of parts.entries()) {
    const isLast = at === parts.length - 1;
    if (name === '..') {
      const above = tape.parents.get(dir);
      if (above === undefined) return undefined;
      dir = above;
      if (isLast) return named(tape, dir);
      continue;
    }
    const { entries, born } = node(tape.disk, dir);
    if (born.kind !== 'dir') return undefined;
    const inode = entries.get(name);
    const found = inode === undefined ? undefined : tape.inodes[inode]!;
    if (found?.kind === 'link' && (!isLast || follow)) {
      const rest = [found.target!, ...parts.slice(at + 1)].join('/');
      return rest.startsWith('/')
        ? absolute(tape, pid, rest, follow, budget - 1)
        : walk(tape, pid, dir, rest, follow, budget - 1);
    }
    if (isLast) return { dir, name, inode };
    if (inode === undefined) return undefined;
    dir = inode;
  }
  return named(tape, dir);
}

/** A place for an inode that was reached without its name. */
const named = (tape: Tape, inode: Id): Place => ({ dir: tape.parents.get(inode) ?? 0, name: '.', inode });

/** The path that leads to an inode now, or its number if none does; for people. */
export function pathOf(tape: Tape, inode: Id): string {
  if (inode === 0) return '';
  const above = tape.parents.get(inode);
  for (const [id, { entries }] of above === undefined ? tape.disk.nodes : [[above, node(tape.disk, above)] as const])
    for (const [name, to] of entries) if (to === inode) return `${pathOf(tape, id)}/${name}`;
  return `#${inode}`;
}

export const sizeOf = (tape: Tape, inode: Id): number => contentAt(tape, inode).length;

export const contentAt = (tape: Tape, inode: Id): Buffer => contentOf(node(tape.disk, inode));
