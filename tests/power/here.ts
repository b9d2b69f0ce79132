// reflake's recover and history in this process: as a process of their own they are ten times slower, and thousands of
// states are recovered. A few of them go through the real program as well (replay.ts). The commands themselves are
// called, not main: that would start a thread of the program that is not here.

import { readArguments } from '../../cmd/arguments.ts';
import { historyCommand } from '../../cmd/commands/history.ts';
import { recoverCommand } from '../../cmd/commands/recover.ts';
import { type Act, run } from '../../cmd/session/run.ts';
import { type Bench, placesOf, type Ran } from './bench.ts';

/** Runs the command on the bench as its own process would. */
export async function reflakeHere(bench: Bench, command: 'recover' | 'history'): Promise<Ran> {
  let out = '';
  const print = (text: string): void => {
    out += text;
  };
  const io = {
    out: print,
    err: print,
    env: { PATH: process.env.PATH, HOME: bench.home },
    cwd: '/',
    tty: { in: false, out: false, err: false },
    columns: undefined,
    now: () => performance.now(),
    ask: async () => undefined,
    stopped: () => undefined,
    takeSignals: () => {},
    writes: () => {},
    settles: () => {},
  };
  const format = command === 'history' ? ['--format', 'json'] : [];
  const typed = readArguments([command, ...format, ...placesOf(bench)]);
  if (typed === undefined) throw new Error(`not understood: ${command} ${placesOf(bench).join(' ')}`);
  try {
    const act = command === 'history' ? historyCommand : recoverCommand;
    const code = await run(command, act as Act<never>, typed.options as never, io);
    return { code, out };
  } catch (thrown) {
    // What the program would call an internal error.
    return { code: 1, out: `${out}${thrown instanceof Error ? thrown.stack : String(thrown)}` };
  }
}
