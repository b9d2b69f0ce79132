// Shows a text in the pager of whoever called: root starts it with the caller's rights, for $PAGER is their word, and less can
// start a shell.

import { spawnSync } from 'node:child_process';
import type { Person } from '../../model.ts';
import { commandOf } from './command-as.ts';
import { isRoot } from './trusted.ts';

type Env = Readonly<Record<string, string | undefined>>;

/** The command line of the pager; undefined: none is wanted (`PAGER=`, `PAGER=cat`), or a terminal can't be drawn on. */
export function pagerIn({ PAGER = 'less', TERM }: Env): string | undefined {
  const line = PAGER.trim();
  return line === '' || line === 'cat' || TERM === 'dumb' ? undefined : line;
}

/** Waits until the reader leaves. False: the pager could not be started, and nothing was shown. */
export function showPaged(pager: string, text: string, env: Env, caller: Person): boolean {
  const command = commandOf(['sh', '-c', pager], caller);
  if ('missing' in command) return false;
  const { status, error } = spawnSync(command.program, [...command.args], {
    input: text,
    stdio: ['pipe', 'inherit', 'inherit'],
    // What less is started with: it ends by itself where all fits, keeps colours, and leaves the text on the screen.
    env: { ...command.env, LESS: env.LESS ?? 'FRX', LV: env.LV ?? '-c', ...(isRoot() && { LESSSECURE: '1' }) },
  });
  // Whoever leaves before the end closes the pipe. The shell says 126 or 127 of a program that it could not start.
  const isClosed = (error as NodeJS.ErrnoException | undefined)?.code === 'EPIPE';
  return (error === undefined || isClosed) && status !== 126 && status !== 127;
}
