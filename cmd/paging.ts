// Long output on a terminal goes through a pager, once all of it is there. Problems stand in it where they were said; what is
// drawn over and over does not wait.

import { callerOf } from '../core/host/process/caller.ts';
import { pagerIn, showPaged } from '../core/host/process/pager.ts';
import { stringWidth } from './report/width.ts';
import type { Io } from './session/io.ts';

/** Those that print a text and end; any other talks while it works. */
const PAGED: readonly string[] = ['plan', 'check', 'show', 'history', 'validate', 'schema', 'explain', 'man', 'help'];

interface Wishes {
  readonly pager?: boolean | undefined;
  readonly format?: readonly string[] | undefined;
}

/** Runs `act` with an Io whose output is shown when it ends; with `io` itself where nothing is to be paged. */
export async function paging(
  verb: string,
  { pager: isWanted = true, format = [] }: Wishes,
  io: Io,
  act: (io: Io) => Promise<number>,
): Promise<number> {
  const pager = pagerIn(io.env);
  const isForPeople = format.every((one) => one === 'human' || one.includes('='));
  if (!isWanted || pager === undefined || !io.tty.out || !isForPeople || !PAGED.includes(verb)) return await act(io);
  const said: { readonly print: (text: string) => void; readonly text: string }[] = [];
  // A getter is copied with its value, and io.tty.in opens a stream.
  const waiting: Io = Object.create(io, {
    out: { value: (text: string) => said.push({ print: io.out, text }) },
    err: {
      // The line of progress begins with a carriage return.
      value: (text: string) =>
        !io.tty.err || text.startsWith('\r') ? io.err(text) : said.push({ print: io.err, text }),
    },
  });
  let isDone = false;
  try {
    const exit = await act(waiting);
    isDone = true;
    return exit;
  } finally {
    const text = said.map((one) => one.text).join('');
    const isLong = isDone && io.stopped() === undefined && rowsOf(text, io.columns || 80) >= (io.rows || 24);
    if (!isLong || !showPaged(pager, text, io.env, callerOf(io.env))) for (const one of said) one.print(one.text);
  }
}

/** As many as a terminal of that width shows. */
const rowsOf = (text: string, columns: number): number =>
  text.split('\n').reduce((sum, line) => sum + Math.max(1, Math.ceil(stringWidth(line) / columns)), 0);
