// The workshop where points are tried: a picture of a machine before the run, and a copy of it for each processor,
// which is renewed for each point. Runs the real program, and does not know how it works.

import { execFileSync, spawn, spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import type { Owner } from '../../core/model.ts';
import { type Literal, layOut } from '../support/trees.ts';
import { age, type Snapshot, snapshotOf, untouched } from './snapshot.ts';
import { type Call, RECORDED, readTrace } from './trace.ts';

/** A machine, what happened to it before, and the run that is disturbed. `{spec}` in the words stands for the spec's file. */
export interface Scenario {
  readonly name: string;
  readonly machine: Literal;
  readonly spec: string;
  /** Runs once the machine is laid out: further facts, earlier applies. */
  readonly earlier?: (
    machine: string,
    run: (words: readonly string[], spec?: string) => Promise<void>,
  ) => Promise<void>;
  readonly words: readonly string[];
  /** The user who runs it and owns all of the machine; root by default. */
  readonly as?: Owner;
  /** Paths of the machine that are mount points. */
  readonly mounts?: readonly string[];
}

/** The disturbance of a run. */
export interface Around {
  /** Words before the program: strace and its options, prlimit, … `{log}` stands for the place's trace. */
  readonly prefix?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** A state directory instead of the place's own. */
  readonly state?: string;
}

/** The end of a run. */
export interface Ran {
  /** Null if a signal ended it. */
  readonly code: number | null;
  readonly out: string;
  readonly isHung: boolean;
}

/** One copy, for one point at a time. */
export interface Place {
  readonly machine: string;
  readonly state: string;
  /** The trace of the last run; empty if it had none. */
  readonly trace: () => string;
  /** Renews the copy. */
  readonly reset: () => void;
  readonly run: (words: readonly string[], around?: Around) => Promise<Ran>;
}

/** A scenario that has been run once without disturbance. */
export interface Workshop {
  readonly scenario: Scenario;
  readonly old: Snapshot;
  readonly new: Snapshot;
  /** Contents that a run does not touch, whose times must be kept. */
  readonly kept: ReadonlySet<string>;
  /** Names that the state directory may hold if nothing is unfinished. */
  readonly settled: ReadonlySet<string>;
  readonly place: Place;
  /** Tries each point in a fresh copy, with one at a time for each processor. The answers are in the order of the points. */
  readonly each: <P, A>(points: readonly P[], act: (place: Place, point: P) => Promise<A>) => Promise<readonly A[]>;
  readonly remove: () => void;
}

const PROGRAM = fileURLToPath(new URL('../../dist/reflake.cjs', import.meta.url));

/** A traced program writes in its first thread (see one-thread.cjs). */
const ONE_THREAD = fileURLToPath(new URL('./one-thread.cjs', import.meta.url));

/** Milliseconds after which a run counts as a hang: hundreds of times what it takes. */
const TOO_LONG = 30_000;

/** Lays the scenario out, runs it once, and keeps what was before and after. Call `remove` in any case. */
export async function open(scenario: Scenario, { dir = memory() } = {}): Promise<Workshop> {
  if (!existsSync(PROGRAM)) throw new Error('dist/reflake.cjs is not built: npm run build');
  const home = mkdtempSync(`${dir}/reflake-crash-${process.pid}-`);
  const mounted: string[] = [];
  const remove = (): void => {
    for (const at of mounted.splice(0)) execFileSync('umount', ['-l', at]);
    spawnSync('rm', ['-rf', '--', home]);
    process.off('exit', remove);
  };
  process.on('exit', remove);
  try {
    const picture = `${home}/picture`;
    writeFileSync(`${home}/spec.json`, scenario.spec);
    // An ordinary user must be able to reach the directory.
    chmodSync(home, 0o755);
    const places: Place[] = [];
    const placeAt = (name: string): Place => {
      const place = placeIn(home, name, picture, scenario.as);
      mkdirSync(place.machine, { recursive: true });
      for (const path of scenario.mounts ?? []) {
        mkdirSync(place.machine + path, { recursive: true });
        execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64m,mode=755', 'reflake-crash', place.machine + path]);
        mounted.push(place.machine + path);
      }
      return place;
    };
    mkdirSync(`${picture}/machine`, { recursive: true });
    layOut(`${picture}/machine`, scenario.machine);
    if (scenario.as !== undefined) give(picture, scenario.as, '-R');
    const original = placeIn(home, 'picture', picture, scenario.as);
    await scenario.earlier?.(original.machine, async (words, spec) => {
      writeFileSync(`${home}/earlier.json`, spec ?? scenario.spec);
      const ran = await original.run(words.map((word) => (word === '{spec}' ? `${home}/earlier.json` : word)));
      if (ran.code !== 0)
        throw new Error(`${scenario.name}, before: ${words.join(' ')} ended with ${ran.code}: ${ran.out}`);
    });
    age(original.machine);
    const old = snapshotOf(original.machine);
    const place = placeAt('place-0');
    places.push(place);
    place.reset();
    const ran = await place.run(scenario.words);
    if (ran.code !== 0)
      throw new Error(`${scenario.name} ended with ${ran.code}${ran.isHung ? ', hung' : ''}: ${ran.out}`);
    const next = snapshotOf(place.machine);
    const kept = untouched(next);
    const settled = new Set([...stateNames(original.state), ...stateNames(place.state), 'lock', 'history']);
    return {
      scenario,
      old,
      new: next,
      kept,
      settled,
      place,
      remove,
      async each(points, act) {
        while (places.length < Math.min(availableParallelism(), points.length))
          places.push(placeAt(`place-${places.length}`));
        const answers: Awaited<ReturnType<typeof act>>[] = [];
        let at = 0;
        const work = async (own: Place): Promise<void> => {
          for (let mine = at++; mine < points.length; mine = at++) {
            own.reset();
            answers[mine] = await act(own, points[mine]!);
          }
        };
        await Promise.all(places.map(work));
        return answers;
      },
    };
  } catch (thrown) {
    remove();
    throw thrown;
  }
}

/** The calls of a run in a fresh copy, which it leaves as the run did. */
export async function recorded(
  { place }: Pick<Workshop, 'place'>,
  words: readonly string[],
  inject: readonly string[] = [],
): Promise<readonly Call[]> {
  await place.run(words, {
    prefix: [...STRACE, '-e', `trace=${RECORDED}`, ...inject.flatMap((one) => ['-e', `inject=${one}`])],
  });
  return readTrace(place.trace());
}

/** strace prints descriptors with their paths. */
const STRACE: readonly string[] = ['strace', '-y', '-qq', '-o', '{log}'];

/** strace options that disturb calls (`rename:signal=KILL:when=3`), counted in each thread. */
export const injecting = (...what: readonly string[]): readonly string[] => [
  ...STRACE,
  ...(what.some((one) => one.includes('signal=')) ? [] : AT_THOSE),
  '-e',
  `trace=execve,${what.map((one) => one.slice(0, one.indexOf(':'))).join(',')}`,
  ...what.flatMap((one) => ['-e', `inject=${one}`]),
];

/**
 * With seccomp the kernel stops only at these calls, which halves the time of a run. strace needs -f for it, and sends
 * no signals then.
 */
const AT_THOSE: readonly string[] = ['-f', '--seccomp-bpf'];

/** The names below a state directory, with numbers and digests replaced. */
export function stateNames(state: string, below = ''): readonly string[] {
  if (!existsSync(state)) return [];
  return readdirSync(state, { withFileTypes: true }).flatMap((entry) => {
    const name = below + entry.name.replace(/[0-9a-f]{8,}/g, '#').replace(/^\d+$/, 'N');
    return [name, ...(entry.isDirectory() ? stateNames(`${state}/${entry.name}`, `${name}/`) : [])];
  });
}

function placeIn(home: string, name: string, picture: string, as: Owner | undefined): Place {
  const dir = `${home}/${name}`;
  const machine = `${dir}/machine`;
  const state = `${dir}/state`;
  const log = `${dir}/trace`;
  return {
    machine,
    state,
    trace: () => (existsSync(log) ? readFileSync(log, 'latin1') : ''),
    reset: () => {
      mkdirSync(machine, { recursive: true });
      empty(machine);
      spawnSync('rm', ['-rf', ...['state', 'tmp', 'trace'].map((part) => `${dir}/${part}`)]);
      execFileSync('cp', ['-a', `${picture}/machine`, dir]);
      if (existsSync(`${picture}/state`)) execFileSync('cp', ['-a', `${picture}/state`, dir]);
    },
    run: (words, around = {}) => {
      mkdirSync(`${dir}/tmp`, { recursive: true });
      rmSync(log, { force: true });
      if (as !== undefined) for (const one of [dir, `${dir}/tmp`]) give(one, as);
      const own = words.map((word) => (word === '{spec}' ? `${home}/spec.json` : word));
      const prefix = (around.prefix ?? []).map((word) => (word === '{log}' ? log : word));
      const preload = prefix[0] === 'strace' ? ['--require', ONE_THREAD] : [];
      // An ordinary user has no rights but their own.
      const drop =
        as === undefined ? [] : ['setpriv', `--reuid=${as.uid}`, `--regid=${as.gid}`, '--clear-groups', '--'];
      const argv = [
        ...drop,
        ...prefix,
        process.execPath,
        ...preload,
        PROGRAM,
        ...own,
        '--root',
        machine,
        '--state',
        around.state ?? state,
      ];
      const env = {
        PATH: process.env.PATH ?? '',
        HOME: dir,
        TMPDIR: `${dir}/tmp`,
        UV_USE_IO_URING: '0',
        ...around.env,
      };
      return finished(argv, env, dir);
    },
  };
}

const give = (path: string, { uid, gid }: Owner, ...options: readonly string[]): void =>
  void execFileSync('chown', ['-h', ...options, `${uid}:${gid}`, path]);

function finished(
  [command, ...words]: readonly string[],
  env: Readonly<Record<string, string>>,
  cwd: string,
): Promise<Ran> {
  return new Promise((resolve, reject) => {
    // A process group of its own, because killing strace alone leaves the traced program running.
    const child = spawn(command!, words, { env, cwd, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
    let out = '';
    let isHung = false;
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text: string) => (out += text));
    const timer = setTimeout(() => {
      isHung = true;
      process.kill(-child.pid!, 'SIGKILL');
    }, TOO_LONG);
    child.on('error', reject);
    child.on('close', (code) => {
      clearTimeout(timer);
      resolve({ code, out, isHung });
    });
  });
}

/** Empties a directory; file systems mounted in it stay and are emptied. Uses find(1), which takes names as bytes. */
function empty(dir: string): void {
  // find complains that a mount point is busy.
  spawnSync('find', [dir, '-mindepth', '1', '-delete'], { stdio: 'ignore' });
}

/** A directory in memory, where thousands of flushes take no time. */
const memory = (): string => (existsSync('/dev/shm') ? '/dev/shm' : tmpdir());
