// How this program starts itself once more with another person's ids, and nothing of root's: through setpriv, in a clean
// environment. The person need not be able to reach the program or Node by their paths, only to read the files themselves.

import { closeSync, openSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Person } from '../../model.ts';
import type { AbsPath } from '../../path.ts';
import { commandOf } from '../process/run.ts';

/** Whose ids a process gets. `groups`: beside the first one; left out, those that the system knows the name for. */
export interface Ids extends Person {
  readonly groups?: readonly number[];
}

/** A side of the border that is started: one that answers looks, or one that does a single job. */
export type Side = 'look' | 'job';

/** The word by which bin.ts knows it. */
const sideWord = (side: Side): string => `__${side}`;

export interface Start {
  readonly program: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  /** Descriptors that the child gets as its fifth and following, to be closed here then. */
  readonly open: readonly number[];
}

/** `cwd`: where it works; it need not be able to reach it by name. `missing`: why it can't be started, in words. */
export function startAs(side: Side, ids: Ids, cwd: AbsPath | '/'): Start | { readonly missing: string } {
  const own = fileURLToPath(import.meta.url);
  const open: number[] = [];
  /** The file by its path, or, where the person can't reach that, by a descriptor of it, which they may read as the file says. */
  const reached = (file: string, needed: number): string => {
    if (isReachable(file, needed)) return file;
    open.push(openSync(file, 'r'));
    return `/proc/self/fd/${FIRST + open.length - 1}`;
  };
  const node = reached(process.execPath, 0o1);
  const program = reached(own, 0o4);
  // Else Node would look for the file by the path that the descriptor leads to.
  const flags = program === own ? [] : ['--preserve-symlinks-main'];
  const command = commandOf([node, ...flags, program, sideWord(side)], ids);
  if ('missing' in command) {
    for (const fd of open) closeSync(fd);
    return { missing: `${command.missing} is not installed` };
  }
  return { ...command, cwd, open };
}

/** Of the descriptors in `open`; before it there are the three standard ones and two pipes. */
const FIRST = 5;

/** Whether everybody may search the directories on the way and has the `needed` right (of 7) to the file, which is there. */
export function isReachable(file: string, needed: number): boolean {
  const parts = file.split('/');
  return parts.every((_, index) => {
    const { mode } = statSync(parts.slice(0, index + 1).join('/') || '/');
    const right = index === parts.length - 1 ? needed : 0o1;
    return (mode & right) === right;
  });
}
