// A place for one scenario, and the program run on it. The machine is `DISK/machine`, and `DISK/state` is reflake's
// state directory; either may be a mount point.

import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import type { Pretence } from './pretend.ts';

/** `disk` (a real path) loses power; everything else lies elsewhere. `program`: dist/reflake.cjs. */
export interface Bench {
  readonly disk: string;
  readonly spec: string;
  readonly home: string;
  readonly program: string;
  /** The bundled pretend.ts. */
  readonly pretender: string;
}

/** `code`: null if the program was killed. */
export interface Ran {
  readonly code: number | null;
  readonly out: string;
}

/** Runs the program, with `wrap` in front of it, and with inodes shown as in `pretence`. */
export function reflake(
  bench: Bench,
  words: readonly string[],
  wrap: readonly string[] = [],
  pretence?: Pretence,
): Ran {
  const inodes = `${bench.home}/inodes`;
  if (pretence !== undefined) writeFileSync(inodes, JSON.stringify([...pretence]));
  const pretending = pretence === undefined ? [] : ['--require', bench.pretender];
  const all = [...wrap, process.execPath, ...pretending, bench.program, ...words, ...placesOf(bench)];
  const { status, stdout, stderr } = spawnSync(all[0]!, all.slice(1), {
    encoding: 'utf8',
    cwd: '/',
    env: { PATH: process.env.PATH, HOME: bench.home, UV_USE_IO_URING: '0', REFLAKE_TEST_INODES: inodes },
    maxBuffer: 1 << 28,
  });
  return { code: status, out: stdout + stderr };
}

/** The arguments that name the places. */
export const placesOf = ({ disk }: Bench): readonly string[] => [
  '--root',
  `${disk}/machine`,
  '--state',
  `${disk}/state`,
];

/** Throws the output if the run failed. */
export function demand({ code, out }: Ran): void {
  if (code !== 0) throw new Error(`exit ${code}: ${out.slice(-2000)}`);
}
