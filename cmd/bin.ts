// The program: streams, signals and the exit code around main. It is loaded a second time in the thread of writing.ts.

import { setFlagsFromString } from 'node:v8';
import { exitOfSignal } from '../core/execution.ts';
import { failure } from '../core/failure.ts';
import { passSignalsOn } from '../core/host/run.ts';
import type { Io } from './io.ts';
import { main } from './main.ts';

/** Set by writing.ts in its thread: only to ask whether this is one would load a module at each start. */
const { reflakeThread } = globalThis as { reflakeThread?: typeof import('node:worker_threads') };
/** What usually makes a second thread; any other spelling is only slower. */
const THREADED: readonly string[] = ['apply', 'rollback', 'recover'];
if (process.argv[2] === '__look')
  void import('../core/host/border/look-server.ts').then(({ serveLooks }) => serveLooks());
else if (process.argv[2] === '__job') {
  passOwnSignalsOn();
  void import('../core/host/border/jobs.ts').then(({ doJob }) => doJob());
} else if (reflakeThread === undefined) start();
else void import('./writing-thread.ts').then(({ work }) => work(reflakeThread));

/** What ends a job ends the program that it runs. */
function passOwnSignalsOn(): void {
  let signal: ReturnType<Io['stopped']>;
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, () => (signal ??= name));
  passSignalsOn(() => signal);
}

function start(): void {
  // What is run must not depend on the caller's; what we write has the mode that it is given.
  process.umask(0o022);
  let signal: ReturnType<Io['stopped']>;
  const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  for (const name of SIGNALS) {
    // Of what does not write: a program that it runs is told; what runs by itself is soon at its end. The second one
    // leaves at once. What writes takes the signals over (writing.ts).
    process.on(name, () => {
      if (signal !== undefined) process.exit(exitOfSignal(name));
      signal = name;
    });
  }
  passSignalsOn(() => signal);
  // A reader that goes away (`| head -1`), or a terminal, must not end an apply half way.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});

  const io: Io = {
    out: (text) => void process.stdout.write(text),
    err: (text) => void process.stderr.write(text),
    env: process.env,
    cwd: currentDirectory(),
    tty: {
      // Only where it is asked for: Node opens the stream for it.
      get in() {
        return process.stdin.isTTY === true;
      },
      out: process.stdout.isTTY === true,
      err: process.stderr.isTTY === true,
    },
    columns: process.stderr.columns || process.stdout.columns,
    // performance.now() loads a dozen modules of Node at its first call.
    now: () => Number(process.hrtime.bigint()) / 1e6,
    ask: (question) =>
      new Promise((resolve) => {
        // Only here: hardly any run asks, and every module of Node costs its start.
        const { createInterface } = process.getBuiltinModule('node:readline');
        const lines = createInterface({ input: process.stdin, output: process.stderr });
        const close = (): void => lines.close();
        for (const name of SIGNALS) process.once(name, close);
        // Ctrl-C is a key while a line is read.
        lines.on('SIGINT', () => process.emit('SIGINT', 'SIGINT'));
        lines.once('close', () => {
          for (const name of SIGNALS) process.off(name, close);
          resolve(undefined);
        });
        lines.question(question, (answer) => {
          resolve(answer);
          lines.close();
        });
      }),
    stopped: () => signal,
    writes: () => {},
  };

  // Optimising what runs for a tenth of a second costs V8 more time than it saves: it begins fifteen times later, which is
  // early enough for trees of thousands of files; and what lives so short needs no larger nursery. Here, behind all imports:
  // Node's own modules are there compiled only for a V8 with the flags it started with. Flags have no stable names, and an
  // unknown one is an error on stderr: only for the Node that has these. And they hold for all threads, so not where a second
  // one would have to compile everything anew.
  if (process.versions.node.startsWith('20.') && !THREADED.includes(process.argv[2] ?? '')) {
    setFlagsFromString('--interrupt-budget=2000000 --semi-space-growth-factor=1');
  }

  main(process.argv.slice(2), io).then(
    (code) => {
      process.exitCode = signal === undefined ? code : exitOfSignal(signal);
    },
    (thrown: unknown) => {
      process.exitCode = 1;
      const { message, stack = '' } = thrown instanceof Error ? thrown : new Error(String(thrown));
      // Said by the system, which is no bug of ours.
      if (thrown instanceof Error && ('syscall' in thrown || 'why' in thrown || 'tool' in thrown)) {
        const { summary, hint } = failure('stopped', thrown);
        process.stderr.write(`error: ${summary}${hint === undefined ? '' : ` (${hint})`}\n`);
        return;
      }
      // Without the line of source that Node would show: of one minified file it is the whole program.
      const calls = stack
        .split('\n')
        .filter((line) => /^\s+at /.test(line))
        .slice(0, 8);
      process.stderr.write(
        `internal error: ${message}\n${calls.join('\n')}\nThis is a bug of reflake. What was begun is undone by: reflake recover\n`,
      );
    },
  );
}

/** Its name is only needed where something is named relatively. */
function currentDirectory(): string {
  try {
    return process.cwd();
  } catch {
    process.stderr.write('error: the current directory is not there any more (go to another one)\n');
    process.exit(1);
  }
}
