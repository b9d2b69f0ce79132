// The test's side of attacker.pl: a process of the tree's owner that attacks when told to, and rests in between. Calls
// block, as the victim's operations do, because nothing else may run between two tries.

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { closeSync, openSync, readSync, writeSync } from 'node:fs';

/** The owner of the attacked tree; no passwd has this number. */
export const OWNER = 52001;

/** A write that the owner was told is done. `shows`: at that moment its path led to it. */
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
  /** Starts a round; when it returns, the attacker is at work. */
  readonly go: (round: number) => void;
  /** Ends the round; when it returns, the attacker rests, and what it had swapped is swapped back. */
  readonly rest: () => Struck;
  readonly end: () => void;
}

/** The files of the attacker, and `pace`: the microseconds that a victim takes. */
interface Stand {
  readonly script: string;
  /** An empty directory. */
  readonly control: string;
  readonly pace: number;
}

/** `words`: the mode and the arguments of attacker.pl. */
export function attacker({ script, control, pace }: Stand, words: readonly string[]): Attacker {
  const [go, done] = [`${control}/go`, `${control}/done`];
  execFileSync('mkfifo', [go, done]);
  // Opened for reading and writing, so that open(2) does not wait for the other end.
  const orders = openSync(go, 'r+');
  const reports = openSync(done, 'r+');
  const child: ChildProcess = spawn('perl', [script, String(OWNER), go, done, String(pace), ...words], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { PATH: process.env.PATH },
  });
  // Waits until the attacker has set its signal handler: before that, SIGUSR1 would kill it.
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
