// Starts this program once more with another person's ids and none of root's rights: through setpriv, in a clean
// environment. The person must be able to read the program and Node, but need not reach them by their paths.

import { closeSync, openSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Person } from '../../model.ts';
import type { AbsPath } from '../../path.ts';
import { commandOf } from '../process/command-as.ts';

/** The ids that a process gets. `groups`: its supplementary groups; if absent, those that the system has for the name. */
export interface Ids extends Person {
  readonly groups?: readonly number[];
}

/** A side of the border that we start: `look` answers looks, `job` does a single job. */
export type Side = 'look' | 'job';

/** The argument by which bin.ts knows the side. */
const sideWord = (side: Side): string => `__${side}`;

export interface Start {
  readonly program: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  /** Descriptors that the child gets as number 5 and following. The caller closes them after the spawn. */
  readonly open: readonly number[];
}

/**
 * `cwd`: the working directory; the person need not be able to reach it by name. `missing`: says in words why the child
 * can't be started.
 */
export function startAs(side: Side, ids: Ids, cwd: AbsPath | '/'): Start | { readonly missing: string } {
  const own = fileURLToPath(import.meta.url);
  const open: number[] = [];
  /**
   * The path of the file, or, if the person can't reach it, a path to an open descriptor of it. open(2) of that still
   * checks the file's own mode.
   */
  const reached = (file: string, needed: number): string => {
    if (isReachable(file, needed)) return file;
    open.push(openSync(file, 'r'));
    return `/proc/self/fd/${FIRST + open.length - 1}`;
  };
  const node = reached(process.execPath, 0o1);
  const program = reached(own, 0o4);
  // Without the flag, Node would resolve the descriptor's link and look for the file by its path.
  const flags = program === own ? [] : ['--preserve-symlinks-main'];
  const command = commandOf([node, ...flags, program, sideWord(side)], ids);
  if ('missing' in command) {
    for (const fd of open) closeSync(fd);
    return { missing: `${command.missing} is not installed` };
  }
  return { ...command, cwd, open };
}

/** The number of the first descriptor of `open`, after the three standard ones and two pipes. */
const FIRST = 5;

/**
 * True if everybody may search each directory on the way and has the `needed` right (of 7) to the file. The file must
 * exist.
 */
export function isReachable(file: string, needed: number): boolean {
  const parts = file.split('/');
  return parts.every((_, index) => {
    const { mode } = statSync(parts.slice(0, index + 1).join('/') || '/');
    const right = index === parts.length - 1 ? needed : 0o1;
    return (mode & right) === right;
  });
}
