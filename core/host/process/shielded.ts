// Runs a program that must not be cut off: neither by Ctrl-C, nor by a closed terminal, nor by our own death. It
// inherits the descriptors of the mutex. Its output goes to a file, because a pipe without a reader would kill it with
// SIGPIPE.

import { spawn } from 'node:child_process';
import { closeSync, constants, fstatSync, openSync, readSync, unlinkSync } from 'node:fs';
import { StringDecoder } from 'node:string_decoder';
import type { Argv } from '../../machine/job.ts';
import { commandOf } from './command-as.ts';
import type { RunResult } from './run.ts';
import { temporaryDirectory } from './trusted.ts';

export interface ShieldedOptions {
  /** Descriptors that the program inherits. */
  readonly keep: readonly number[];
  /** Called with each line of output, with a short delay. */
  readonly onLine: (line: string) => void;
  /** Called about every 50 ms while the program runs. */
  readonly meanwhile: () => void;
}

/** Runs a program with our own rights, in `/`, until it ends. Never throws because of what the program does. */
export async function runShielded(argv: Argv, { keep, onLine, meanwhile }: ShieldedOptions): Promise<RunResult> {
  const command = commandOf(argv, undefined);
  if ('missing' in command) return { status: 'missing', tool: command.missing };
  const log = openLog();
  let rest = '';
  const follow = (): void => {
    const lines = (rest + readOn(log)).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) onLine(line);
    meanwhile();
  };
  const watch = setInterval(follow, WATCH);
  try {
    const words = ['-c', SHIELD, 'sh', command.program, ...command.args];
    const child = spawn('/bin/sh', words, { cwd: '/', env: command.env, stdio: ['ignore', log.fd, log.fd, ...keep] });
    const ended = await new Promise<number | NodeJS.Signals | Error | null>((resolve) => {
      child.once('error', resolve);
      child.once('exit', (code, signal) => resolve(code ?? signal));
    });
    follow();
    if (ended === 0) return { status: 'done', stdout: log.text, stderr: '' };
    const why = typeof ended === 'number' ? '' : `killed by ${ended instanceof Error ? ended.message : ended}\n`;
    const exitCode = typeof ended === 'number' ? ended : undefined;
    return { status: 'failed', exitCode, stdout: log.text, stderr: why };
  } finally {
    clearInterval(watch);
    closeSync(log.fd);
  }
}

/**
 * execve(2) keeps ignored signals ignored. SIGTERM is not ignored: stopping the whole service is meant for the
 * activation too.
 */
const SHIELD = 'trap "" INT HUP QUIT; exec "$@"';

/** Milliseconds between two reads of the log. */
const WATCH = 50;

interface Log {
  readonly fd: number;
  readonly decoder: StringDecoder;
  text: string;
  read: number;
}

/** A log file without a name: nobody else can open it, and it vanishes when the last process closes it. */
function openLog(): Log {
  return { fd: openUnnamed(), decoder: new StringDecoder('utf8'), text: '', read: 0 };
}

function openUnnamed(): number {
  const file = `${temporaryDirectory()}/reflake-${process.pid}-${process.hrtime.bigint()}.log`;
  const { O_RDWR, O_CREAT, O_EXCL, O_APPEND } = constants;
  try {
    const fd = openSync(file, O_RDWR | O_CREAT | O_EXCL | O_APPEND, 0o600);
    unlinkSync(file);
    return fd;
  } catch {
    // No file can be made: the output is lost, but the program runs.
    return openSync('/dev/null', constants.O_RDWR);
  }
}

/** The text that was written since the last read. */
function readOn(log: Log): string {
  const bytes = Buffer.alloc(Math.max(0, fstatSync(log.fd).size - log.read));
  log.read += readSync(log.fd, bytes, 0, bytes.length, log.read);
  const text = log.decoder.write(bytes);
  log.text = (log.text + text).slice(-MOST);
  return text;
}

/** Characters that are kept of a log; only its end is shown. */
const MOST = 1 << 20;
