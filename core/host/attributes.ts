// Extended attributes, ACLs among them, which Node does not know: kept by the tools that every NixOS has.

import { spawnSync } from 'node:child_process';
import { errno } from './anchor.ts';
import type { DiskPath } from './real-paths.ts';
import { findTool } from './run.ts';

/**
 * Gives each `new/NAME` in the directory `work` what `old/NAME` has; modes too, but not owners. Throws where the file
 * system cannot keep them.
 */
export function likeOld(work: number, names: readonly number[]): void {
  const program = tool('cp', 'coreutils');
  for (let at = 0; at < names.length; at += AT_ONCE) {
    const from = names.slice(at, at + AT_ONCE).map((name) => `/proc/self/fd/3/old/${name}`);
    const options = ['--attributes-only', '--no-dereference', '--preserve=mode,xattr', '--'];
    done(spawnSync(program, [...options, ...from, '/proc/self/fd/3/new'], { stdio: [...STDIO, work] }));
  }
}

/** The same for one file: from the inode `pin` to what edit `at` will put. */
export function likeFile(pin: number, work: number, at: number): void {
  const options = ['--attributes-only', '--preserve=mode,xattr', '--', '/proc/self/fd/3', `/proc/self/fd/4/new/${at}`];
  done(spawnSync(tool('cp', 'coreutils'), options, { stdio: [...STDIO, pin, work] }));
}

/** Gives every entry of the tree `target` what the entry of the same name in the directory `pin` has. */
export function likeTree(pin: number, target: DiskPath): void {
  const dump = spawnSync(tool('getfattr', 'attr'), ['-R', '-P', '-h', '-d', '-m', '-', '-e', 'hex', '.'], {
    cwd: `/proc/self/fd/${pin}`,
    maxBuffer: 1 << 30,
    stdio: STDIO,
  });
  done(dump);
  if (dump.stdout.length === 0) return;
  const options = { cwd: target.toString('latin1'), input: dump.stdout, stdio: ['pipe', 'pipe', 'pipe'] as const };
  done(spawnSync(tool('setfattr', 'attr'), ['-h', '--restore=-'], { ...options, stdio: [...options.stdio] }));
}

/** Keeps a command line short enough. */
const AT_ONCE = 1000;

const STDIO: ('ignore' | 'pipe')[] = ['ignore', 'pipe', 'pipe'];

function tool(name: string, packageName: string): string {
  const found = findTool(name);
  if (found !== undefined) return found;
  throw errno('ENOTSUP', `${name} (of ${packageName}) is not installed, and without it attributes would be lost`);
}

function done({ status, stderr, error }: ReturnType<typeof spawnSync>): void {
  if (error !== undefined) throw error;
  if (status !== 0) throw errno('ENOTSUP', `attributes cannot be kept: ${lastLine(stderr.toString())}`);
}

const lastLine = (text: string): string => text.trim().split('\n').at(-1) ?? '';
