// The program: streams, signals and the exit code around main.

import { createInterface } from 'node:readline';
import type { Io } from './io.ts';
import { main } from './main.ts';

let signal: ReturnType<Io['stopped']>;
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  // The first one stops before the next write; the second leaves at once, and the journal recovers later.
  process.on(name, () => {
    if (signal !== undefined) process.exit(name === 'SIGINT' ? 130 : 143);
    signal = name;
  });
}
// A reader that goes away (`| head -1`) must not end an apply half way.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});

const io: Io = {
  out: (text) => void process.stdout.write(text),
  err: (text) => void process.stderr.write(text),
  env: process.env,
  cwd: process.cwd(),
  tty: { in: process.stdin.isTTY === true, out: process.stdout.isTTY === true, err: process.stderr.isTTY === true },
  columns: process.stderr.columns || process.stdout.columns,
  now: () => performance.now(),
  ask: (question) =>
    new Promise((resolve) => {
      const lines = createInterface({ input: process.stdin, output: process.stderr });
      lines.on('SIGINT', () => {
        signal ??= 'SIGINT';
        lines.close();
      });
      lines.once('close', () => resolve(undefined));
      lines.question(question, (answer) => {
        resolve(answer);
        lines.close();
      });
    }),
  stopped: () => signal,
};

main(process.argv.slice(2), io).then(
  (code) => {
    process.exitCode = code;
  },
  (thrown: unknown) => {
    process.stderr.write(
      `internal error: ${thrown instanceof Error ? thrown.stack : String(thrown)}\nThis is a bug of reflake; the machine is left to reflake recover.\n`,
    );
    process.exitCode = 1;
  },
);
