// The harness's end of attacker.pl: a process of the tree's owner that attacks while it is told to, and rests in between.
// Calls block, as the operations of the victim do: between two tries nothing else is to run.

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { closeSync, openSync, readSync, writeSync } from 'node:fs';

/** The owner of the tree that is attacked; nobody of any passwd. */
export const OWNER = 52001;

/** What the owner was told is written. `shows`: its path led to it when that was said. */
export interface Told {
  readonly kind: string;
  readonly token: string;
  readonly shows: boolean;
}

export interface Struck {
  readonly times: number;
  readonly told: readonly Told[];
}

export interface Attacker {
  /** It is live when this returns. */
  readonly go: (round: number) => void;
  /** It rests when this returns, and what it had swapped is swapped back. */
  readonly rest: () => Struck;
  readonly end: () => void;
}

/** Where the attacker's program and its FIFOs are, and for how many microseconds a victim is at work. */
interface Stand {
  readonly script: string;
  /** An empty directory. */
  readonly control: string;
  readonly pace: number;
}

/** `words`: mode and arguments of attacker.pl. */
export function attacker({ script, control, pace }: Stand, words: readonly string[]): Attacker {
  const [go, done] = [`${control}/go`, `${control}/done`];
  execFileSync('mkfifo', [go, done]);
  // Both ways, so that neither end waits for the other to open it.
  const orders = openSync(go, 'r+');
  const reports = openSync(done, 'r+');
  const child: ChildProcess = spawn('perl', [script, String(OWNER), go, done, String(pace), ...words], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { PATH: process.env.PATH },
  });
  // Before it has set its handler, the signal would be its end.
  lineFrom(reports);
  return {
    go: (round) => void writeSync(orders, `${round}\n`),
    rest() {
      child.kill('SIGUSR1');
      return parsed(lineFrom(reports));
    },
    end() {
      child.kill('SIGKILL');
      closeSync(orders);
      closeSync(reports);
    },
  };
}

function lineFrom(fd: number): string {
  const buffer = Buffer.alloc(1 << 16);
  let line = '';
  while (!line.endsWith('\n')) line += buffer.toString('latin1', 0, readSync(fd, buffer));
  return line.trim();
}

function parsed(line: string): Struck {
  const [times, ...told] = line.split(' ');
  return {
    times: Number(times),
    told: told.map((word) => {
      const [kind, token, shows] = word.split(':');
      return { kind: kind!, token: token!, shows: shows === '1' };
    }),
  };
}
