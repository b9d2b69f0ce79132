// What the power is cut of: machines, specs and commands, laid out in a directory. The machine is `DIR/machine`, what reflake
// remembers `DIR/state`; either may lie on file systems of their own, which the caller mounts.

import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { BASES, specOf } from '../plan-cases.ts';
import { type Literal, layOut, type Rows, rowsOfDisk } from '../trees.ts';
import { materialise, snapshot } from './snapshot.ts';

/** A place for one scenario; `disk` (a real path) is what loses power, the rest lies elsewhere. */
export interface Bench {
  readonly disk: string;
  readonly spec: string;
  readonly home: string;
  /** dist/reflake.cjs */
  readonly program: string;
}

export interface Ran {
  readonly code: number | null;
  readonly out: string;
}

export interface Scenario {
  readonly name: string;
  /** Arguments without --root and --state. */
  readonly words: (bench: Bench) => readonly string[];
  /** Lays it out; what the machine may be afterwards besides what the command makes of it. */
  readonly prepare: (bench: Bench) => Rows;
}

const applying = ({ spec }: Bench): readonly string[] => ['apply', '--yes', '--offline', '--spec', spec];

/** Lines of one run in which everything happens: parents, a move, births, links, owners and modes, a nix.conf. */
const MACHINE: Literal = {
  ...BASES.machines.fresh,
  '/etc/nixos/l': { link: 'configuration.nix' },
  '/etc/nixos/tool': { file: 'x', mode: '6755' },
  '/etc/nixos/closed': { dir: true, mode: '2500' },
  '/etc/nixos/closed/secret': { file: 'x', mode: '0400', owner: [1000, 0] },
};

/** Where file systems are mounted in the scenarios across them: home and state, and the root keeps /etc. */
export const ACROSS = ['machine/home', 'state'];

export const APPLY: Scenario = {
  name: 'apply',
  words: applying,
  prepare(bench) {
    const machine = `${bench.disk}/machine`;
    // Beside it, and copied: parts of the machine may be mounted already.
    const pattern = `${bench.home}/machine`;
    mkdirSync(pattern);
    layOut(pattern, MACHINE);
    mkdirSync(machine, { recursive: true });
    execFileSync('cp', ['-a', `${pattern}/.`, machine]);
    rmSync(pattern, { recursive: true });
    writeFileSync(bench.spec, specOf({ spec: { git: 'track', config: { path: '~/a/nixos' } } }));
    return rowsOfDisk(machine);
  },
};

export const ROLLBACK: Scenario = {
  name: 'rollback',
  words: () => ['rollback', '--yes'],
  prepare(bench) {
    APPLY.prepare(bench);
    demand(reflake(bench, applying(bench)));
    return rowsOfDisk(`${bench.disk}/machine`);
  },
};

/** Of an apply that was killed when it had changed nearly everything. */
export const RECOVER: Scenario = {
  name: 'recover',
  words: () => ['recover'],
  prepare(bench) {
    const old = APPLY.prepare(bench);
    const start = snapshot(bench.disk);
    const renames = renamesOf(bench);
    materialise(bench.disk, start);
    const kill = ['-e', 'trace=rename', '-e', `inject=rename:signal=KILL:when=${Math.floor(renames * 0.8)}`];
    const { code } = reflake(bench, applying(bench), ['strace', '-f', '-o', '/dev/null', ...kill]);
    if (code === 0 || same(rowsOfDisk(`${bench.disk}/machine`), old)) throw new Error('there is nothing to recover');
    return old;
  },
};

/** Runs the program; `wrap` in front of it. */
export function reflake(bench: Bench, words: readonly string[], wrap: readonly string[] = []): Ran {
  const all = [...wrap, process.execPath, bench.program, ...words, ...placesOf(bench)];
  const { status, stdout, stderr } = spawnSync(all[0]!, all.slice(1), {
    encoding: 'utf8',
    cwd: '/',
    env: { PATH: process.env.PATH, HOME: bench.home, UV_USE_IO_URING: '0' },
    maxBuffer: 1 << 28,
  });
  return { code: status, out: stdout + stderr };
}

export const placesOf = ({ disk }: Bench): readonly string[] => [
  '--root',
  `${disk}/machine`,
  '--state',
  `${disk}/state`,
];

export function demand({ code, out }: Ran): void {
  if (code !== 0) throw new Error(`exit ${code}: ${out.slice(-2000)}`);
}

export const same = (one: Rows, other: Rows): boolean => JSON.stringify(one) === JSON.stringify(other);

/** How many the thread makes that makes the most; strace counts for each. */
function renamesOf(bench: Bench): number {
  const log = `${bench.home}/renames`;
  demand(reflake(bench, applying(bench), ['strace', '-f', '-o', log, '-e', 'trace=rename']));
  const counts = new Map<string, number>();
  for (const [, pid] of readFileSync(log, 'utf8').matchAll(/^(\d+) +rename\(/gm))
    counts.set(pid!, (counts.get(pid!) ?? 0) + 1);
  return Math.max(...counts.values());
}
