// A program that runs commands of reflake one after another in one process, as cmd/bin.ts runs one. Reads the words of
// each as a line of JSON, and answers with a line about its end. For the many tests that do not need a process of their
// own.

import { createInterface } from 'node:readline';
import { readArguments } from '../../cmd/arguments.ts';
import { applyCommand } from '../../cmd/commands/apply.ts';
import { checkCommand } from '../../cmd/commands/check.ts';
import { historyCommand, showCommand } from '../../cmd/commands/history.ts';
import { planCommand } from '../../cmd/commands/plan.ts';
import { recoverCommand } from '../../cmd/commands/recover.ts';
import { rollbackCommand } from '../../cmd/commands/rollback.ts';
import { commandLine } from '../../cmd/main.ts';
import type { CommandName } from '../../cmd/options.ts';
import type { Io } from '../../cmd/session/io.ts';
import { type Act, run as runCommand } from '../../cmd/session/run.ts';
import { failure } from '../../core/machine/failure.ts';

export interface Ended {
  readonly code: number;
  readonly out: string;
}

/** Commands that write do so in this thread, because nobody sends it signals. */
const RUN: Partial<Readonly<Record<CommandName, Act<never>>>> = {
  apply: applyCommand,
  check: checkCommand,
  history: historyCommand,
  plan: planCommand,
  recover: recoverCommand,
  rollback: rollbackCommand,
  show: showCommand,
};

process.umask(0o022);
for await (const line of createInterface({ input: process.stdin }))
  process.stdout.write(`${JSON.stringify(await run(JSON.parse(line) as readonly string[]))}\n`);

async function run(words: readonly string[]): Promise<Ended> {
  let out = '';
  const hear = (text: string): void => {
    out += text;
  };
  const io: Io = {
    out: hear,
    err: hear,
    env: process.env,
    cwd: process.cwd(),
    tty: { in: false, out: false, err: false },
    columns: undefined,
    umask: 0o022,
    now: () => Number(process.hrtime.bigint()) / 1e6,
    ask: async () => undefined,
    stopped: () => undefined,
    takeSignals: () => {},
    writes: () => {},
    settles: () => {},
  };
  let code = 0;
  const act = async (command: CommandName, options: unknown): Promise<void> => {
    const found = RUN[command];
    if (found === undefined) throw new Error(`only the real program has the command ${command}`);
    code = await runCommand(command, found, options as never, io);
  };
  try {
    const typed = readArguments(words);
    if (typed === undefined) await (await commandLine(words, act)).parseAsync([...words]);
    else await act(typed.command, typed.options);
    return { code, out };
  } catch (thrown) {
    return { code: 1, out: `${out}${wordsOf(thrown)}\n` };
  }
}

/** The words that cmd/bin.ts has for something thrown. */
function wordsOf(thrown: unknown): string {
  if (thrown instanceof Error && ('syscall' in thrown || 'why' in thrown || 'tool' in thrown))
    return `error: ${failure('stopped', thrown).summary}`;
  return `internal error: ${thrown instanceof Error ? thrown.stack : JSON.stringify(thrown)}`;
}
