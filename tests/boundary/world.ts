// A machine's tree as it was before a command, and as the command's own calls change it: who owns each name, who can
// change it, and where a path leads. Knows nothing of reflake, and looks at the disk only once.

import { lstatSync, readdirSync, readlinkSync } from 'node:fs';

/** One inode under one name. Names are bytes in latin1. */
export interface Inode {
  kind: 'dir' | 'file' | 'link' | 'other';
  uid: number;
  gid: number;
  mode: number;
  /** The number of names that it had at the beginning. */
  links: number;
  target: string;
  name: string;
  parent: Inode | undefined;
  readonly children: Map<string, Inode>;
  /** Root made it while the command ran. */
  made: boolean;
  /** A part of the system that is not walked: programs, Nix's store, the kernel's file systems. */
  readonly system: boolean;
  /** A mount point. */
  mount: boolean;
}

/** A name that was asked for in a directory, and what is there. */
export interface Lookup {
  readonly dir: Inode;
  readonly name: string;
  readonly found: Inode | undefined;
}

/** The result of following a path. */
export interface Way {
  readonly lookups: readonly Lookup[];
  /** Links that the kernel followed, in order. */
  readonly links: readonly Inode[];
  /** The path with all links resolved, as far as it exists. */
  readonly path: string;
  /** Undefined if nothing is there. */
  readonly end: Inode | undefined;
}

const LINK_LIMIT = 40;

export const inode = (
  kind: Inode['kind'],
  name: string,
  parent: Inode | undefined,
  more: Partial<Inode> = {},
): Inode => ({
  kind,
  uid: 0,
  gid: 0,
  mode: kind === 'dir' ? 0o755 : 0o644,
  links: 1,
  target: '',
  children: new Map(),
  made: false,
  system: parent?.system ?? false,
  mount: false,
  ...more,
  name,
  parent,
});

/** Everything below `disk`, which is the machine's `/`. Each path in `system` (paths of the machine) is a single node. */
export function worldOf(disk: string, system: readonly string[]): Inode {
  const visit = (place: Buffer, path: string, name: string, parent: Inode | undefined): Inode => {
    const stat = lstatSync(place);
    const kind = stat.isDirectory() ? 'dir' : stat.isFile() ? 'file' : stat.isSymbolicLink() ? 'link' : 'other';
    const isSystem = system.includes(path);
    const made = inode(kind, name, parent, {
      uid: isSystem ? 0 : stat.uid,
      gid: isSystem ? 0 : stat.gid,
      mode: isSystem ? 0o755 : stat.mode & 0o7777,
      links: stat.nlink,
      target: kind === 'link' ? readlinkSync(place, { encoding: 'buffer' }).toString('latin1') : '',
      system: isSystem,
    });
    if (kind !== 'dir' || isSystem) return made;
    for (const child of readdirSync(place, { encoding: 'buffer' })) {
      const below = child.toString('latin1');
      made.children.set(below, visit(Buffer.concat([place, Buffer.from('/'), child]), `${path}/${below}`, below, made));
    }
    return made;
  };
  return visit(Buffer.from(disk), '', '', undefined);
}

export function pathOf(node: Inode): string {
  const parts: string[] = [];
  for (let at: Inode | undefined = node; at?.parent !== undefined; at = at.parent) parts.unshift(at.name);
  return `/${parts.join('/')}`;
}

const childPath = (dir: Inode, name: string): string =>
  dir.parent === undefined ? `/${name}` : `${pathOf(dir)}/${name}`;

/** Resolves as the kernel would: `path` from `base`, or from `top` if it is absolute; nothing leads out of `top`. */
export function resolve(base: Inode, path: string, follows: boolean, top = topOf(base)): Way {
  const lookups: Lookup[] = [];
  const links: Inode[] = [];
  let at = path.startsWith('/') ? top : base;
  const rest = path.split('/').filter((part) => part !== '' && part !== '.');
  const isDir = path.endsWith('/');
  while (rest.length > 0) {
    const name = rest.shift()!;
    if (name === '..') {
      const above = at === top ? at : (at.parent ?? at);
      lookups.push({ dir: at, name, found: above });
      at = above;
      continue;
    }
    if (at.system) {
      // Not walked: it is the system's, whatever it is.
      const made = inode('file', name, at, { system: true });
      at = made;
      continue;
    }
    const found = at.kind === 'dir' ? at.children.get(name) : undefined;
    lookups.push({ dir: at, name, found });
    if (found === undefined) return { lookups, links, path: [childPath(at, name), ...rest].join('/'), end: undefined };
    if (found.kind === 'link' && (rest.length > 0 || follows || isDir)) {
      links.push(found);
      if (links.length > LINK_LIMIT) return { lookups, links, path: pathOf(found), end: undefined };
      if (found.target.startsWith('/')) at = top;
      rest.unshift(...found.target.split('/').filter((part) => part !== '' && part !== '.'));
      continue;
    }
    at = found;
  }
  return { lookups, links, path: pathOf(at), end: at };
}

export function topOf(node: Inode): Inode {
  let at = node;
  while (at.parent !== undefined) at = at.parent;
  return at;
}

/** Moves a node to another name; what is there is replaced. */
export function put(node: Inode, dir: Inode, name: string): void {
  if (node.parent?.children.get(node.name) === node) node.parent.children.delete(node.name);
  node.parent = dir;
  node.name = name;
  dir.children.set(name, node);
}
