// Runs the built program at a real terminal, which script(1) makes, and answers its questions.

import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const PROGRAM = fileURLToPath(new URL('../../dist/reflake.cjs', import.meta.url));

export interface Screen {
  readonly code: number | null;
  readonly screen: string;
}

/** What is typed; a function is called when the question is asked, and may change the machine first. */
export type Answer = string | (() => string);

/** `answers`: to each question that ends the screen, in order. Behind the last one the terminal is silent. */
export function terminal(words: readonly string[], answers: readonly Answer[], cwd: string): Promise<Screen> {
  const quoted = [process.execPath, PROGRAM, ...words].map((word) => `'${word}'`).join(' ');
  const child = spawn('script', ['-qec', quoted, '/dev/null'], {
    cwd,
    env: { PATH: process.env.PATH, HOME: '/root', TERM: 'xterm', SHELL: '/bin/sh' },
  });
  let screen = '';
  let answered = 0;
  let from = 0;
  child.stdout.on('data', (bytes: Buffer) => {
    screen += bytes.toString('utf8');
    // The question is all there, and nothing was typed after it.
    const asked = /(\]|\?|\w): (\x1b\[\d*G)?$/.exec(screen.slice(from));
    if (asked === null || answered >= answers.length) return;
    from = screen.length;
    const answer = answers[answered++]!;
    child.stdin.write(typeof answer === 'string' ? answer : answer());
  });
  return new Promise((resolve) => child.on('close', (code) => resolve({ code, screen })));
}
