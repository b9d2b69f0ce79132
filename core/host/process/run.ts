// Runs programs: finds them on a trusted PATH, gives them the rights and the environment of the person they are for
// (environment.ts), a session of their own, and a time limit.

import { type SpawnSyncReturns, spawnSync } from 'node:child_process';
import { StringDecoder } from 'node:string_decoder';
import { LOG_OPTIONS, nixLog } from '../../formats/nix-log.ts';
import type { Argv } from '../../machine/job.ts';
import type { Person, Signal } from '../../model.ts';
import { type Command, commandOf } from './command-as.ts';

export type RunResult =
  | { readonly status: 'done'; readonly stdout: string; readonly stderr: string }
  | {
      readonly status: 'failed';
      readonly exitCode: number | undefined;
      readonly stderr: string;
      readonly stdout: string;
    }
  | { readonly status: 'missing'; readonly tool: string };

/** Seconds: for the whole run, or since the last output on standard error. `none` is for building a system. */
export type Limit = { readonly whole: number } | { readonly silent: number } | 'none';

export interface RunOptions {
  readonly cwd: string;
  /** Run with this person's rights if we are root and they are not. */
  readonly as?: Person;
  readonly env?: Readonly<Record<string, string>>;
  /** Called with each line of standard error as the program wrote it; of Nix that is its log as data (core/formats/nix-log.ts). */
  readonly onLine?: (line: string) => void;
  /** Default: `limitOf(argv)`. */
  readonly limit?: Limit;
}

/** The time limit of a program. Nix may fetch for hours, and prints as it does; its version, its store and all others are quick. */
export function limitOf([program, first]: Argv): Limit {
  if (program !== 'nix' && program !== 'nix-instantiate') return { whole: 60 };
  return first === '--version' || first === 'store' ? { whole: 30 } : { silent: 600 };
}

/** Programs that write their log as data where they are asked to. */
const LOGGED = ['nix', 'nix-instantiate'];

/**
 * Runs a program until it ends, until this process gets a signal (which it passes on), or until the limit. At the
 * limit, the program and its process group get SIGTERM, and SIGKILL if they do not end. Never throws because of what
 * the program does.
 */
export async function run(argv: Argv, options: RunOptions): Promise<RunResult> {
  const [program, first, ...rest] = argv;
  const isLogged = LOGGED.includes(program) && first !== undefined && first !== '--version';
  const command = commandOf(isLogged ? [program, ...LOG_OPTIONS, first, ...rest] : argv, options.as);
  if ('missing' in command) return { status: 'missing', tool: command.missing };
  const words = isLogged ? nixLog().read : undefined;
  return await runCommand(command, { limit: limitOf(argv), ...options, ...(words && { words }) });
}

/**
 * Runs a command that is ready to start. `input`: text for its standard input. `lent`: descriptors that it gets as 3
 * and following.
 */
export async function runCommand(
  command: Command,
  options: Omit<RunOptions, 'as' | 'limit'> & {
    readonly limit: Limit;
    /** What the result is to have of a line of standard error; undefined: nothing. Default: the line. */
    readonly words?: (line: string) => string | undefined;
    readonly input?: string;
    readonly lent?: readonly (number | 'ignore')[];
  },
): Promise<Exclude<RunResult, { status: 'missing' }>> {
  const { limit, input, lent = [] } = options;
  const { execa } = await import('execa');
  const child = execa(command.program, command.args, {
    cwd: options.cwd,
    env: { ...command.env, ...options.env },
    extendEnv: false,
    stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe', ...(lent as readonly 'ignore'[])],
    // execa's documentation allows descriptors here; its types do not.
    ...(input !== undefined && { input }),
    buffer: false,
    reject: false,
    cleanup: false,
    // A session and process group of its own. Without a terminal it can neither prompt there nor type into root's shell
    // (ioctl TIOCSTI); and one kill(2) ends it with everything it started.
    detached: true,
  });
  // The spawn itself failed (too many processes, or arguments too long): no event will come.
  if (child.pid === undefined) {
    const { originalMessage = '' } = await child;
    return { status: 'failed', exitCode: undefined, stdout: '', stderr: originalMessage };
  }
  const out = collector(child.stdout);
  const err = collector(child.stderr, options);
  const begun = now();
  let stop: { readonly why: string; readonly at: number } | undefined;
  const end = (why: string): void => {
    stop = { why, at: now() };
    tell(child.pid, 'SIGTERM');
  };
  const watch = setInterval(() => {
    const signal = stopped();
    if (stop !== undefined) {
      if (now() - stop.at > GRACE) tell(child.pid, 'SIGKILL');
    } else if (signal !== undefined) {
      stop = { why: `stopped by ${signal}`, at: now() };
      tell(child.pid, signal);
    } else if (limit !== 'none') {
      const [seconds, since] = 'whole' in limit ? [limit.whole, begun] : [limit.silent, Math.max(begun, err.heard())];
      if (now() - since > seconds * 1000)
        end(`it was stopped: ${'whole' in limit ? 'not done' : 'not a word'} in ${seconds} s`);
    }
    // Messages count as well: an endless builtins.trace is never silent.
    const flood = [out.size() > MOST_OUTPUT && 'output', err.size() > MOST_OUTPUT && 'messages'].find((what) => what);
    if (stop === undefined && flood) end(`it was stopped: more than ${MOST_OUTPUT} bytes of ${flood}`);
  }, WATCH);
  const leave = (): void => tell(child.pid, 'SIGTERM');
  process.once('exit', leave);
  const ended = await new Promise<number | string>((resolve) => {
    child.once('error', ({ message }) => resolve(message));
    child.once('exit', (code, signal) => {
      // A process that it left behind in its group would keep our pipes open. Killed at once, because the number may
      // soon belong to another group.
      tell(child.pid, 'SIGKILL');
      resolve(code ?? `killed by ${signal}`);
    });
  });
  clearInterval(watch);
  process.off('exit', leave);
  // Ctrl-C goes to every process of the group: the program may be dead before we hear of the signal.
  if (typeof ended === 'string' && /^killed by SIG(INT|TERM|HUP)$/.test(ended))
    for (let waited = 0; waited < DRAIN && stopped() === undefined; waited += WATCH)
      await new Promise((resume) => setTimeout(resume, WATCH));
  let drained: NodeJS.Timeout | undefined;
  await Promise.race([
    Promise.all([out.closed, err.closed]),
    new Promise((resume) => {
      drained = setTimeout(resume, DRAIN);
    }),
  ]);
  clearTimeout(drained);
  // A process that has left the group may keep the pipes open for ever.
  child.stdout.destroy();
  child.stderr.destroy();
  const [stdout, stderr] = [out.text(), err.text()];
  if (ended === 0 && stop === undefined) return { status: 'done', stdout, stderr };
  const why = stop?.why ?? (typeof ended === 'string' ? ended : '');
  const exitCode = typeof ended === 'number' ? ended : undefined;
  const words = why === '' ? stderr : [stderr.trimEnd(), why].filter((text) => text !== '').join('\n');
  return { status: 'failed', exitCode, stdout, stderr: words };
}

/** Milliseconds between two checks of signals and limits. */
const WATCH = 50;
/** Milliseconds from SIGTERM to SIGKILL. */
const GRACE = 5000;
/** Milliseconds that we wait for remaining output once the program has ended. */
const DRAIN = 1000;
const MOST_OUTPUT = 64 << 20;

const now = (): number => Number(process.hrtime.bigint()) / 1e6;

/** Sends a signal to a program that we started and to its process group. */
function tell(pid: number | undefined, signal: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, signal);
  } catch {
    // The group has no process left.
  }
}

/** Collects a stream as text. */
function collector(
  stream: NodeJS.ReadableStream,
  { onLine, words }: Pick<Parameters<typeof runCommand>[1], 'onLine' | 'words'> = {},
) {
  const chunks: Buffer[] = [];
  const decoder = new StringDecoder('utf8');
  let size = 0;
  let heard = 0;
  let rest = '';
  let said = '';
  const take = (line: string): void => {
    onLine?.(line);
    const kept = words?.(line);
    if (kept !== undefined) said += `${kept}\n`;
    if (said.length > 2 * MOST_WORDS) said = said.slice(-MOST_WORDS);
  };
  stream.on('data', (chunk: Buffer) => {
    heard = now();
    size += chunk.length;
    // The next check stops a program that writes too much; until then, memory stays bounded.
    if (words === undefined && size <= MOST_OUTPUT) chunks.push(chunk);
    if (onLine === undefined && words === undefined) return;
    const parts = (rest + decoder.write(chunk)).split('\n');
    rest = parts.pop()!.slice(-LONGEST_LINE);
    for (const line of parts) take(line);
  });
  const closed = new Promise<void>((resolve) => {
    stream.once('close', resolve);
    stream.once('error', () => resolve());
  });
  return {
    closed,
    size: () => size,
    heard: () => heard,
    text() {
      if (words === undefined) return Buffer.concat(chunks).toString('utf8');
      if (rest !== '') take(rest);
      rest = '';
      return said;
    },
  };
}

/** Characters. */
const LONGEST_LINE = 1 << 20;
const MOST_WORDS = 1 << 20;

let stopped: () => Signal | undefined = () => undefined;

/**
 * Sets where signals are read. A signal comes to the process and not to one of its commands, so this is set once, by
 * the code that handles signals.
 */
export function passSignalsOn(from: () => Signal | undefined): void {
  stopped = from;
}

/** Options of `runTool`: those of `spawnSync`, and a limit. */
export interface ToolOptions {
  readonly stdio?: readonly ('ignore' | 'pipe' | number)[];
  readonly cwd?: string;
  readonly input?: Uint8Array;
  readonly maxBuffer?: number;
  /** Seconds. */
  readonly limit: number;
}

/** Runs a tool of the system with our own rights, until it ends or reaches its limit. Undefined if it is not installed. */
export function runTool(
  tool: string,
  args: readonly string[],
  { limit, stdio, ...options }: ToolOptions,
): SpawnSyncReturns<Buffer> | undefined {
  const command = commandOf([tool, ...args], undefined);
  if ('missing' in command) return undefined;
  const { program, env } = command;
  return spawnSync(program, [...command.args], {
    ...options,
    ...(stdio && { stdio: [...stdio] }),
    // We parse its output, so it must not be translated.
    env: { ...env, LC_ALL: 'C' },
    encoding: 'buffer',
    timeout: limit * 1000,
    killSignal: 'SIGKILL',
  });
}
