// Running programs: found on a trusted PATH, as the person, with a clean environment. The door of execa, which is
// loaded only when something is run: most plans run nothing.

import { accessSync, constants, lstatSync, realpathSync, statSync } from 'node:fs';
import type { Signal } from '../execution.ts';
import type { Person } from '../model.ts';
import type { Argv } from './host.ts';

export type RunResult =
  | { readonly status: 'done'; readonly stdout: string; readonly stderr: string }
  | {
      readonly status: 'failed';
      readonly exitCode: number | undefined;
      readonly stderr: string;
      readonly stdout: string;
    }
  | { readonly status: 'missing'; readonly tool: string };

export interface RunOptions {
  readonly cwd: string;
  /** Run with this person's rights where we are root and they are not. */
  readonly as?: Person;
  readonly env?: Readonly<Record<string, string>>;
  /** Called with each line of standard error. */
  readonly onLine?: (line: string) => void;
}

/** Variables that a program may need and that do not decide what is run as root. */
const PASSED_ON = /^(LANG|LC_.*|TERM|TMPDIR|TZ|NIX_.*|SSL_CERT_FILE|https?_proxy|no_proxy|HTTPS?_PROXY|NO_PROXY)$/;
/** …of which these would change which configuration or store is meant, so root does not take them from a caller. */
const NOT_FOR_ROOT = /^(NIX_CONFIG|NIX_USER_CONF_FILES|NIX_PATH)$/;

export const isRoot = (): boolean => process.geteuid?.() === 0;

/**
 * Runs a program to its end, or to the first signal that comes to us: it gets that too. Never throws for what the program
 * does.
 */
export async function run(argv: Argv, options: RunOptions): Promise<RunResult> {
  const command = commandOf(argv, options.as);
  if ('missing' in command) return { status: 'missing', tool: command.missing };
  const { execa } = await import('execa');
  const child = execa(command.program, command.args, {
    cwd: options.cwd,
    env: { ...command.env, ...options.env },
    extendEnv: false,
    reject: false,
    stdin: 'ignore',
    stripFinalNewline: false,
    // A build log can be long, and only its end is shown.
    maxBuffer: 64 << 20,
  });
  if (options.onLine) child.stderr.on('data', lines(options.onLine));
  const result = await whileSignalsPass(child, child);
  if (result.exitCode === 0) return { status: 'done', stdout: result.stdout, stderr: result.stderr };
  const stderr = result.stderr || (result.signal ? `killed by ${result.signal}` : (result.originalMessage ?? ''));
  return { status: 'failed', exitCode: result.exitCode, stderr, stdout: result.stdout ?? '' };
}

/** Waits for the `end` of a child; the first signal that comes to us meanwhile, it gets too. */
export async function whileSignalsPass<T>(child: { kill(signal: Signal): boolean }, end: Promise<T>): Promise<T> {
  const watch = setInterval(() => {
    const signal = stopped();
    if (signal !== undefined && child.kill(signal)) clearInterval(watch);
  }, WATCH);
  return await end.finally(() => clearInterval(watch));
}

/** Milliseconds between two looks for a signal: of children alone, since only they can keep us waiting. */
const WATCH = 50;

let stopped: () => Signal | undefined = () => undefined;

/** Signals come to the process, not to one of its commands: so this is set once, where they are heard. */
export function passSignalsOn(from: () => Signal | undefined): void {
  stopped = from;
}

export interface Command {
  readonly program: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/** How a program is started: from a trusted place, with this person's rights where we are root and they are not. */
export function commandOf(
  argv: Argv,
  as: (Person & { readonly groups?: readonly number[] }) | undefined,
): Command | { readonly missing: string } {
  const drops = isRoot() && as !== undefined && as.uid !== 0;
  const path = searchPath();
  const env = environment(path, drops ? as : undefined);
  const program = argv[0].startsWith('/') ? argv[0] : find(argv[0], path);
  if (program === undefined) return { missing: argv[0] };
  if (!drops) return { program, args: argv.slice(1), env };
  const setpriv = find('setpriv', path);
  if (setpriv === undefined) return { missing: 'setpriv' };
  return { program: setpriv, args: [...dropTo(as), program, ...argv.slice(1)], env };
}

/** Directories of PATH that can be trusted: absolute ones; for root, only those that nobody else can write. */
function searchPath(): readonly string[] {
  return (process.env.PATH ?? '').split(':').filter((dir) => dir.startsWith('/') && (!isRoot() || ownedByRoot(dir)));
}

/** Nobody but root can change what is found there: not the directory, nor a link or a parent on the way to it. */
function ownedByRoot(dir: string): boolean {
  try {
    const end = realpathSync(dir);
    return [dir, end].flatMap(prefixes).every((path) => {
      const stat = lstatSync(path);
      // On the way, a sticky directory (/nix/store) will do: others can add names to it, but not take one away.
      const closed = stat.isSymbolicLink() || (stat.mode & 0o022) === 0 || (path !== end && (stat.mode & 0o1000) !== 0);
      return stat.uid === 0 && closed;
    });
  } catch {
    return false;
  }
}

/** `/a/b` → `/a`, `/a/b`. */
const prefixes = (path: string): string[] =>
  path.split('/').flatMap((part, index, parts) => (part === '' ? [] : [parts.slice(0, index + 1).join('/')]));

/** Where a program is, on the trusted PATH; undefined: nowhere. */
export const findTool = (tool: string): string | undefined => find(tool, searchPath());

function find(tool: string, path: readonly string[]): string | undefined {
  return path
    .map((dir) => `${dir}/${tool}`)
    .find((file) => {
      try {
        accessSync(file, constants.X_OK);
        return statSync(file).isFile();
      } catch {
        return false;
      }
    });
}

/** Groups too: Node's own uid option would leave the person without theirs. */
function dropTo({ name, uid, gid, groups }: Person & { readonly groups?: readonly number[] }): string[] {
  const known = /^\d+$/.test(name) ? ['--clear-groups'] : ['--init-groups'];
  const others =
    groups === undefined ? known : groups.length === 0 ? ['--clear-groups'] : [`--groups=${groups.join()}`];
  return [`--reuid=${uid}`, `--regid=${gid}`, ...others, '--'];
}

function environment(path: readonly string[], as: Person | undefined): Record<string, string> {
  const passed = Object.entries(process.env).filter(
    ([name]) => PASSED_ON.test(name) && !(isRoot() && NOT_FOR_ROOT.test(name)),
  ) as [string, string][];
  const who = as
    ? { HOME: as.home, USER: as.name, LOGNAME: as.name }
    : { HOME: process.env.HOME ?? '/', USER: process.env.USER ?? '' };
  return { ...Object.fromEntries(passed), ...who, PATH: path.join(':') };
}

/** Splits a stream of chunks into lines. */
function lines(onLine: (line: string) => void): (chunk: Buffer) => void {
  let rest = '';
  return (chunk) => {
    const parts = (rest + chunk.toString('utf8')).split('\n');
    rest = parts.pop() ?? '';
    for (const line of parts) onLine(line);
  };
}
