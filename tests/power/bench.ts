// A place for one scenario, and the program run on it. The machine is `DISK/machine`, what reflake remembers `DISK/state`;
// either may lie on file systems of their own.

import { spawnSync } from 'node:child_process';

/** `disk` (a real path) is what loses power; the rest lies elsewhere. `program`: dist/reflake.cjs. */
export interface Bench {
  readonly disk: string;
  readonly spec: string;
  readonly home: string;
  readonly program: string;
}

/** `code`: null where it was killed. */
export interface Ran {
  readonly code: number | null;
  readonly out: string;
}

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

/** The arguments that say where. */
export const placesOf = ({ disk }: Bench): readonly string[] => [
  '--root',
  `${disk}/machine`,
  '--state',
  `${disk}/state`,
];

/** Throws what it said where it did not end well. */
export function demand({ code, out }: Ran): void {
  if (code !== 0) throw new Error(`exit ${code}: ${out.slice(-2000)}`);
}
