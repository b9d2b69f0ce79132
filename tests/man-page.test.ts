// The manual pages: mandoc's lint finds nothing in any of them, man(1) shows the built one, and each says what the help says.

import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { COMMANDS, type Command } from '../cmd/options.ts';
import { temporary } from './support/trees.ts';

const PROGRAM = fileURLToPath(new URL('../dist/reflake.cjs', import.meta.url));
const NAMES = Object.keys(COMMANDS) as readonly (keyof typeof COMMANDS)[];

let dir: string;
let remove: () => void;
beforeAll(() => {
  ({ dir, remove } = temporary());
});
afterAll(() => remove());

const page = (...command: readonly string[]): string =>
  spawnSync(process.execPath, [PROGRAM, 'man', ...command], { encoding: 'utf8' }).stdout;

const has = (program: string): boolean => spawnSync('sh', ['-c', `command -v ${program}`]).status === 0;

/** Runs where the program is; where it is not, a test says so. */
const withProgram = (program: string, what: string, act: () => void): void => {
  if (has(program)) test(what, act);
  else test.skip(`${program} is NOT INSTALLED here, so not tried: ${what} (apt-get install ${program})`, () => {});
};

describe('every page', () => {
  withProgram('mandoc', 'has nothing that mandoc -Tlint finds', () => {
    for (const name of ['', ...NAMES]) {
      const file = `${dir}/${name || 'reflake'}.1`;
      writeFileSync(file, page(...(name === '' ? [] : [name])));
      const { stdout, stderr } = spawnSync('mandoc', ['-Tlint', '-Wall', file], { encoding: 'utf8' });
      expect([name, stdout + stderr]).toEqual([name, '']);
    }
  });

  withProgram('man', 'is shown by man(1), without a warning of groff', () => {
    for (const name of NAMES) {
      const file = `${dir}/reflake-${name}.1`;
      writeFileSync(file, page(name));
      const { stdout, stderr } = spawnSync('man', ['--warnings', '-l', file], {
        encoding: 'utf8',
        env: { PATH: process.env.PATH, MANWIDTH: '80', LC_ALL: 'C.UTF-8', MAN_KEEP_FORMATTING: '' },
      });
      const shown = stdout.replace(/.\u0008/g, '');
      expect([name, stderr]).toEqual([name, '']);
      expect(shown).toMatch(new RegExp(`^REFLAKE-${name.toUpperCase()}\\(1\\)`, 'm'));
      const { options = {}, describe: what } = COMMANDS[name] as Command;
      for (const option of Object.keys(options)) expect(shown).toContain(`--${option}`);
      expect(shown.replace(/\s+/g, ' ').replaceAll('‐', '-')).toContain(what.slice(1));
      expect(shown).toContain('EXIT STATUS');
    }
  });

  test('names each command on that of the program', () => {
    const text = page();
    for (const name of NAMES) expect(text).toContain(`\n.It Cm ${name}\n`);
  });
});

test('of a command that there is not', () => {
  const ran = spawnSync(process.execPath, [PROGRAM, 'man', 'pln'], { encoding: 'utf8' });
  expect([ran.status, ran.stderr]).toEqual([64, expect.stringContaining('did you mean plan?')]);
});
