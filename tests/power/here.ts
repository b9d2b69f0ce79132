// Runs `recover` and `history` in this process, ten times faster than as programs, because thousands of states are
// recovered. replay.ts runs a few through the real program. Calls the commands and not main, which would start a
// thread.

import { readArguments } from '../../cmd/arguments.ts';
import { historyCommand } from '../../cmd/commands/history.ts';
import { recoverCommand } from '../../cmd/commands/recover.ts';
import { type Act, run } from '../../cmd/session/run.ts';
import { type Bench, placesOf, type Ran } from './bench.ts';

/** Runs the command on the bench as a process of its own would. */
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
    umask: 0o022,
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
    // The program would call this an internal error.
    return { code: 1, out: `${out}${thrown instanceof Error ? thrown.stack : String(thrown)}` };
  }
}
