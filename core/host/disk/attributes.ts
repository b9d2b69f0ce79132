// Extended attributes, ACLs included. Node cannot read or set them, so this file runs the tools that every NixOS has.

import { runTool, type ToolOptions } from '../process/run.ts';
import { errno } from './anchor.ts';
import type { DiskPath } from './disk-paths.ts';

/**
 * Copies mode and attributes, but not the owner, from each `old/NAME` to `new/NAME` in the directory `work`. Throws if
 * the file system cannot keep them.
 */
export function likeOld(work: number, names: readonly number[]): void {
  for (let at = 0; at < names.length; at += AT_ONCE) {
    const from = names.slice(at, at + AT_ONCE).map((name) => `/proc/self/fd/3/old/${name}`);
    const options = ['--attributes-only', '--no-dereference', '--preserve=mode,xattr', '--'];
    tool('cp', 'coreutils', [...options, ...from, '/proc/self/fd/3/new'], { stdio: [...STDIO, work] });
  }
}

/** The same for one file: from the inode `pin` to `new/` of edit `at`. */
export function likeFile(pin: number, work: number, at: number): void {
  const options = ['--attributes-only', '--preserve=mode,xattr', '--', '/proc/self/fd/3', `/proc/self/fd/4/new/${at}`];
  tool('cp', 'coreutils', options, { stdio: [...STDIO, pin, work] });
}

/** Copies attributes from each entry of the directory `pin` to the entry of the same name in the tree `target`. */
export function likeTree(pin: number, target: DiskPath): void {
  const dump = tool('getfattr', 'attr', ['-R', '-P', '-h', '-d', '-m', '-', '-e', 'hex', '.'], {
    cwd: `/proc/self/fd/${pin}`,
    maxBuffer: 1 << 30,
    stdio: STDIO,
  });
  if (dump.length === 0) return;
  const options = { cwd: target.toString('latin1'), input: dump, stdio: ['pipe', 'pipe', 'pipe'] as const };
  tool('setfattr', 'attr', ['-h', '--restore=-'], options);
}

/**
 * The attributes of each pinned inode, by its index in the list, in the form that `setAttributes` takes. Inodes without
 * attributes are not in the map.
 */
export function attributesOf(pins: readonly number[]): ReadonlyMap<number, string> {
  if (pins.length === 0) return new Map();
  const names = pins.map((_, index) => `/proc/self/fd/${index + STDIO.length}`);
  const options = ['--absolute-names', '-d', '-m', '-', '-e', 'hex', '--', ...names];
  const said = Buffer.from(tool('getfattr', 'attr', options, { stdio: [...STDIO, ...pins], maxBuffer: 1 << 28 }));
  const found = new Map<number, string>();
  for (const [, fd, lines] of said.toString('latin1').matchAll(/^# file: \/proc\/self\/fd\/(\d+)\n((?:.+\n)*)/gm))
    found.set(Number(fd) - STDIO.length, lines!);
  return found;
}

/** Gives a pinned inode the attributes that `attributesOf` returned. */
export function setAttributes(pin: number, attributes: string): void {
  const input = Buffer.from(`# file: /proc/self/fd/${STDIO.length}\n${attributes}\n`, 'latin1');
  tool('setfattr', 'attr', ['--restore=-'], { input, stdio: ['pipe', 'pipe', 'pipe', pin] });
}

/** Removes the ACLs of a pinned inode. */
export function withoutAcl(pin: number): void {
  for (const [, name] of (attributesOf([pin]).get(0) ?? '').matchAll(/^(system\.posix_acl_[a-z]+)=/gm))
    tool('setfattr', 'attr', ['-x', name!, '--', `/proc/self/fd/${STDIO.length}`], { stdio: [...STDIO, pin] });
}

/** The indexes of those pinned inodes that have file capabilities (capabilities(7)). */
export const withCapabilities = (pins: readonly number[]): ReadonlySet<number> =>
  new Set([...attributesOf(pins)].flatMap(([at, own]) => (/^security\.capability=/m.test(own) ? [at] : [])));

/** Names in one command line, to stay below the limit of execve(2). */
const AT_ONCE = 1000;

const STDIO: ('ignore' | 'pipe')[] = ['ignore', 'pipe', 'pipe'];

/**
 * Runs a tool and returns its standard output. Throws if it is missing, fails, or takes more than ten minutes: one call
 * may be about a whole tree.
 */
function tool(
  name: string,
  packageName: string,
  args: readonly string[],
  options: Omit<ToolOptions, 'limit'>,
): Uint8Array {
  const ran = runTool(name, args, { ...options, limit: 600 });
  if (ran === undefined)
    throw errno('ENOTSUP', `${name} (of ${packageName}) is not installed, and without it attributes would be lost`);
  if (ran.error !== undefined) throw ran.error;
  if (ran.status !== 0) throw errno('ENOTSUP', `attributes cannot be kept: ${lastLine(ran.stderr.toString())}`);
  return ran.stdout;
}

const lastLine = (text: string): string => text.trim().split('\n').at(-1) ?? '';
