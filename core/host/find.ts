// Everything below a directory by one run of find(1): for trees so large that what Node takes for each call counts.

import { spawnSync } from 'node:child_process';
import type { Entry } from '../model.ts';
import { type AbsPath, byteOrder, fromBytes, relativeTo } from '../path.ts';
import type { Named, Reader } from './host.ts';
import { findTool } from './run.ts';
import { isWorkName } from './work-name.ts';

/**
 * What `entries` says of `top`, which lies at `disk`, and of every directory below, as it is now. Undefined where find can't
 * tell: it is missing or not GNU's, or something can't be looked at, which is for who asks for that to say.
 */
export function findBelow(top: AbsPath, disk: string): Reader['entries'] | undefined {
  const program = findTool('find');
  if (program === undefined) return undefined;
  const { status, stdout } = spawnSync(program, ['-P', disk, '-mindepth', '1', '-printf', FORMAT], {
    env: { LC_ALL: 'C' },
    stdio: ['ignore', 'pipe', 'ignore'],
    maxBuffer: MOST_OUTPUT,
  });
  if (status !== 0) return undefined;
  const inside = directoriesOf(fromBytes(stdout));
  return (path) => sorted(inside.get(path === top ? '' : relativeTo(path, top)) ?? []);
}

/** In byte order. */
function sorted(found: Named[]): readonly Named[] {
  const isPlain = !found.some(({ name }) => NOT_ASCII.test(name));
  return found.sort(isPlain ? (a, b) => (a.name < b.name ? -1 : 1) : (a, b) => byteOrder(a.name, b.name));
}

const NOT_ASCII = /[^\0-\x7f]/;

/** What is true of many, the path below the directory, a link's target; each ends with a NUL, which no path has. */
const FORMAT = '%y %m %U %G %n\\0%P\\0%l\\0';

const MOST_OUTPUT = 1 << 30;

/** By the path of a directory: what is in it. Takes of the output only what is new: most of it was said a line before. */
function directoriesOf(output: string): ReadonlyMap<string, Named[]> {
  const inside = new Map<string, Named[]>();
  // What is alike is the same object, as in all looks.
  const alike = new Map<string, Entry>();
  let facts = '';
  let entry: Entry | undefined;
  let dir = '';
  let siblings: Named[] = [];
  inside.set(dir, siblings);
  for (let at = 0, end: number; at < output.length; at = end + 1) {
    const path = output.indexOf('\0', at) + 1;
    const target = output.indexOf('\0', path) + 1;
    end = output.indexOf('\0', target);
    const name = output.lastIndexOf('/', target - 1) + 1;
    const isAlike = end === target && path - 1 - at === facts.length && output.startsWith(facts, at);
    if (!isAlike || entry === undefined) {
      facts = output.slice(at, path - 1);
      const link = output.slice(target, end);
      const key = `${facts} ${link}`;
      entry = alike.get(key) ?? entryOf(facts, link);
      alike.set(key, entry);
      if (link !== '') facts = '';
    }
    const length = Math.max(name - 1 - path, 0);
    if (length !== dir.length || !output.startsWith(dir, path)) {
      dir = output.slice(path, path + length);
      siblings = inside.get(dir) ?? [];
      inside.set(dir, siblings);
    }
    const own = { name: output.slice(Math.max(name, path), target - 1), entry };
    if (!isWorkName(own.name)) siblings.push(own);
  }
  return inside;
}

function entryOf(facts: string, target: string): Entry {
  const [type, bits, uid, gid, names] = facts.split(' ');
  const owner = { uid: Number(uid), gid: Number(gid) };
  const mode = Number.parseInt(bits!, 8);
  switch (type) {
    case 'd':
      return { type: 'dir', mode, owner };
    case 'l':
      return { type: 'link', target, owner };
    case 'f':
      return names === '1' ? { type: 'file', mode, owner } : { type: 'file', mode, owner, hardLinked: true };
    default:
      return { type: 'other', what: type === 'p' ? 'fifo' : type === 's' ? 'socket' : 'device', mode, owner };
  }
}
