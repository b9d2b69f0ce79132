// The client of main.ts: starts it when needed, gives it one command at a time, and starts another one after a command
// that hung or killed the process.

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Ended } from './main.ts';

/** As for a process of its own: `code` is null if it hung, or died of a signal. */
export interface Ran {
  readonly code: number | null;
  readonly out: string;
}

export interface Resident {
  readonly run: (words: readonly string[]) => Promise<Ran>;
  readonly end: () => void;
}

/** `dir`: the place for its bundle, and its current directory. `patience`: milliseconds that a command may take. */
export function resident(dir: string, env: Readonly<Record<string, string | undefined>>, patience: number): Resident {
  const program = `${dir}/resident.mjs`;
  const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
  const settings = ['--bundle', '--platform=node', '--format=esm', '--target=node20.19', '--log-level=error'];
  // execa asks `require` for modules of Node. yargs defines that name itself, so ours is set on globalThis.
  const banner =
    "--banner:js=import { createRequire as requireOf } from 'node:module'; globalThis.require = requireOf(process.execPath);";
  // When it starts itself once more with another person's ids, it starts the real program.
  const built = `--define:import.meta.url=${JSON.stringify(new URL('../../dist/reflake.cjs', import.meta.url).href)}`;
  // esbuild as a program, because its JavaScript API does not work in jest's sandbox.
  const esbuild = here('../../node_modules/esbuild/bin/esbuild');
  execFileSync(esbuild, [here('main.ts'), ...settings, banner, built, `--outfile=${program}`]);
  let child: ChildProcess | undefined;
  let heard: (ran: Ran) => void = () => {};
  const end = (): void => void child?.kill('SIGKILL');
  const start = (): ChildProcess => {
    const started = spawn(process.execPath, [program], { cwd: dir, env, stdio: 'pipe' });
    let errors = '';
    started.stderr.setEncoding('latin1').on('data', (text: string) => (errors += text));
    createInterface({ input: started.stdout }).on('line', (line) => {
      const { code, out } = JSON.parse(line) as Ended;
      heard({ code, out });
    });
    started.once('close', (code) => {
      child = undefined;
      heard({ code, out: errors });
    });
    return started;
  };
  return {
    end,
    run: async (words) => {
      child ??= start();
      const alarm = setTimeout(end, patience);
      const ran = new Promise<Ran>((resolve) => {
        heard = resolve;
      });
      child.stdin!.write(`${JSON.stringify(words)}\n`);
      try {
        return await ran;
      } finally {
        clearTimeout(alarm);
      }
    },
  };
}
