// reflake's recover and history in this process: as a process of their own they are ten times slower, and thousands of
// states are recovered. A few of them go through the real program as well (replay.ts).

import { main } from '../../cmd/main.ts';
import { type Bench, placesOf, type Ran } from './bench.ts';

/** Runs a command on the bench as its own process would. */
export async function reflakeHere(bench: Bench, words: readonly string[]): Promise<Ran> {
  let out = '';
  const print = (text: string): void => {
    out += text;
  };
  try {
    const code = await main([...words, ...placesOf(bench)], {
      out: print,
      err: print,
      env: { PATH: process.env.PATH, HOME: bench.home },
      cwd: '/',
      tty: { in: false, out: false, err: false },
      columns: undefined,
      now: () => performance.now(),
      ask: async () => undefined,
      stopped: () => undefined,
    });
    return { code, out };
  } catch (thrown) {
    // What the program would call an internal error.
    return { code: 1, out: `${out}${thrown instanceof Error ? thrown.stack : String(thrown)}` };
  }
}
