// Completion: what may come next, by the table of options; and in each real shell, with keys typed at a terminal or its own
// engine asked. A shell that is not installed here is named as such and skipped: apt-get install zsh fish.

import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { complete, type Known } from '../cmd/complete.ts';
import { COMMANDS } from '../cmd/options.ts';
import { CODES } from '../core/codes.ts';
import { BASES, specOf } from './support/plan-cases.ts';
import { layOut, temporary } from './support/trees.ts';

const PROGRAM = fileURLToPath(new URL('../dist/reflake.cjs', import.meta.url));

describe('what may come next', () => {
  const known: Known = {
    hosts: async () => [['nixos', 'x']],
    applies: async () => [
      ['2', 'apply'],
      ['1', 'apply'],
    ],
    users: async () => [['srid', '']],
  };
  const wordsAfter = async (...words: readonly string[]): Promise<readonly string[]> =>
    (await complete(words, known)).candidates.map(([word]) => word);

  test.each([
    [['pl'], ['plan']],
    [['--offline', 'pl'], ['plan']],
    [['--spec', 'plan', 'hist'], ['history']],
    [['check', '--stri'], ['--strict']],
    [['check', '--no-in'], ['--no-input']],
    [['check', '--strict', '--stri'], []],
    [['check', '--only', 'lock', '--onl'], ['--only']],
    [['check', '-q', '--qu'], []],
    [['init', '--activate', 's'], ['switch']],
    [['init', '--activate=s'], ['--activate=switch']],
    [['init', '--name', ''], ['nixos']],
    [['init', '--user', 's'], ['srid']],
    [
      ['check', '--format', 'j'],
      ['json', 'junit'],
    ],
    [
      ['check', '--only', 'config.'],
      ['config.path', 'config.from', 'config.modules', 'config.owner', 'config.link'],
    ],
    [['check', '--skip', 'own'], ['ownership']],
    [
      ['rollback', ''],
      ['2', '1'],
    ],
    [
      ['rollback', '--to', ''],
      ['2', '1'],
    ],
    [
      ['rollback', '2', '--fo'],
      ['--format', '--force'],
    ],
    [['show', '1'], ['1']],
    [['explain', 'RF102'], ['RF1020']],
    [['help', 'pl'], ['plan']],
    [['help', 'plan', ''], []],
    [
      ['schema', ''],
      ['spec', 'plan', 'event'],
    ],
    [['plan', '--', '--o'], []],
    [['nonsense', 'pl'], []],
    [['--root', ''], []],
  ] as const)('%j', async (words, then) => {
    const found = await wordsAfter(...words);
    expect([...found].sort()).toEqual([...then].sort());
  });

  test('every command, option and code is offered, each with words', async () => {
    expect(await wordsAfter('')).toEqual([...Object.keys(COMMANDS), 'help']);
    expect(await wordsAfter('explain', '')).toEqual(Object.keys(CODES));
    for (const name of Object.keys(COMMANDS)) {
      const { candidates } = await complete([name, '-'], known);
      const { options = {} } = COMMANDS[name as keyof typeof COMMANDS] as { options?: object };
      expect(candidates.map(([word]) => word)).toEqual(
        expect.arrayContaining(Object.keys(options).map((option) => `--${option}`)),
      );
      for (const [word, what] of candidates) expect([word, what.length > 0]).toEqual([word, true]);
    }
  });

  test.each([
    [['plan', '--out', ''], 'files'],
    [['apply', 'p'], 'files'],
    [['show', ''], 'files'],
    [['plan', '--root', '/m'], 'directories'],
    [['plan', '--format', ''], 'none'],
  ] as const)('paths: %j', async (words, paths) => {
    expect((await complete(words, known)).paths).toBe(paths);
  });
});

let dir: string;
let remove: () => void;
let env: Record<string, string>;

beforeAll(() => {
  ({ dir, remove } = temporary());
  chmodSync(dir, 0o755);
  mkdirSync(`${dir}/machine`);
  layOut(`${dir}/machine`, BASES.machines.settled);
  writeFileSync(`${dir}/reflake.json`, specOf({}));
  writeFileSync(`${dir}/package of mine.json`, '{}');
  mkdirSync(`${dir}/bin`);
  symlinkSync(PROGRAM, `${dir}/bin/reflake`);
  env = { PATH: `${dir}/bin:${process.env.PATH}`, HOME: dir, TERM: 'xterm', LANG: 'C.UTF-8' };
  writeFileSync(`${dir}/machine/etc/nix/nix.conf`, '');
  const applied = reflake('apply', '--yes', '--spec', 'reflake.json', '--root', `${dir}/machine`);
  if (applied.status !== 0) throw new Error(applied.stderr);
  for (const shell of ['bash', 'zsh', 'fish'])
    writeFileSync(`${dir}/completion.${shell}`, reflake('completion', shell).stdout);
});
afterAll(() => remove());

const reflake = (...words: readonly string[]) =>
  spawnSync(process.execPath, [PROGRAM, ...words], { cwd: dir, env, encoding: 'utf8' });

const wordsOf = (text: string): readonly string[] =>
  text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.split('\t')[0]!);

describe('what the machine knows', () => {
  const asked = (...words: readonly string[]): readonly string[] =>
    wordsOf(reflake('__complete', '--root', `${dir}/machine`, ...words).stdout).slice(1);

  test('hosts, past applies and users', () => {
    expect(asked('init', '--name', '')).toEqual(['nixos']);
    expect(asked('rollback', '')).toEqual(['1']);
    expect(asked('init', '--user', '')).toContain('srid');
  });

  test('a name that a shell would run is never offered', () => {
    const flake = `${dir}/machine/home/srid/nixos-config/flake.nix`;
    const { stdout: before } = spawnSync('cat', [flake], { encoding: 'utf8' });
    const hostile = before.replace(
      'nixosConfigurations.nixos =',
      'nixosConfigurations."n$(touch x)" = nixpkgs; nixosConfigurations.nixos =',
    );
    expect(hostile).not.toBe(before);
    writeFileSync(flake, hostile);
    expect(asked('init', '--name', '')).toEqual(['nixos']);
    writeFileSync(flake, before);
  });

  test('a machine that is not there offers nothing, and says nothing', () => {
    const ran = reflake('__complete', '--root', `${dir}/none`, 'rollback', '');
    expect([ran.status, ran.stdout, ran.stderr]).toEqual([0, 'none\n', '']);
  });
});

/** What is typed, behind `reflake `, and the whole line when Tab was pressed. */
const LINES: readonly (readonly [typed: string, whole: string])[] = [
  ['hist', 'history'],
  ['check --stri', 'check --strict'],
  ['init --activate swi', 'init --activate switch'],
  ['check --format=juni', 'check --format=junit'],
  ['check --only owners', 'check --only ownership'],
  ['explain RF102', 'explain RF1020'],
  ['--root machine rollback ', '--root machine rollback 1'],
  ['--root machine init --name ni', '--root machine init --name nixos'],
  ['help rollb', 'help rollback'],
];

const isInstalled = (shell: string): boolean => spawnSync('sh', ['-c', `command -v ${shell}`]).status === 0;

/** The tests of a shell; where it is missing, one that says so. */
function inShell(shell: string, tests: () => void): void {
  if (isInstalled(shell)) describe(shell, tests);
  else
    test.skip(`${shell} is NOT INSTALLED here, so its completion was not tried (apt-get install ${shell})`, () => {});
}

/** Starts the shell at a terminal, has it source the script, types each line with a Tab, and returns how each then reads. */
async function typeAll(shell: string, start: readonly string[], setup: string): Promise<readonly string[]> {
  const child = spawn('script', ['-qec', [shell, ...start].join(' '), '/dev/null'], { cwd: dir, env });
  let screen = '';
  child.stdout.on('data', (bytes: Buffer) => {
    screen += bytes.toString('utf8');
  });
  const until = async (pattern: RegExp): Promise<RegExpExecArray> => {
    for (let tries = 0; tries < 3000; tries++) {
      const found = pattern.exec(screen);
      if (found !== null) return found;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    throw new Error(`${shell} does not say ${pattern}: ${JSON.stringify(screen)}`);
  };
  try {
    // In two words, so that the echo of what is typed is not taken for the prompt.
    child.stdin.write(`${setup}; source ${dir}/completion.${shell}; PS1=RE'ADY> '\r`);
    await until(/READY> /);
    const lines: string[] = [];
    for (const [at, [typed]] of LINES.entries()) {
      screen = '';
      // To the beginning of the line, and the shell itself says what stands there.
      child.stdin.write(`reflake ${typed}\t\u0001echo GOT${at}: \r`);
      const [, line] = await until(new RegExp(`[\\r\\n]GOT${at}: reflake ([^\\r\\n]*)\\r`));
      lines.push(line!.trimEnd());
      await until(/\r\n[\s\S]*READY> /);
    }
    return lines;
  } finally {
    const closed = new Promise((resolve) => child.once('close', resolve));
    // Ctrl-C and Ctrl-U: whatever stands on the line.
    child.stdin.write('\u0003\u0015exit\r');
    await Promise.race([closed, new Promise((resolve) => setTimeout(resolve, 2000).unref())]);
    child.kill('SIGKILL');
    child.stdin.destroy();
    child.stdout.destroy();
    child.stderr.destroy();
  }
}

const WHOLE = LINES.map(([, whole]) => whole);

inShell('bash', () => {
  test('completes what is typed', async () => {
    expect(await typeAll('bash', ['--norc', '--noprofile', '-i'], 'true')).toEqual(WHOLE);
  });
  test('knows files, spaces in them too', () => {
    const script = `source completion.bash; compopt() { :; }; COMP_WORDS=(reflake check --spec pack); COMP_CWORD=3; _reflake; printf '%s\\n' "\${COMPREPLY[@]}"`;
    const ran = spawnSync('bash', ['--norc', '--noprofile', '-c', script], { cwd: dir, env, encoding: 'utf8' });
    expect([ran.stdout, ran.stderr]).toEqual(['package of mine.json\n', '']);
  });
});

inShell('zsh', () => {
  test('completes what is typed', async () => {
    expect(await typeAll('zsh', ['-f', '-i'], 'autoload -Uz compinit; compinit -u -D')).toEqual(WHOLE);
  });
});

inShell('fish', () => {
  const offered = (line: string): readonly string[] => {
    const script = 'source completion.fish; complete -C "$argv[1]"';
    const ran = spawnSync('fish', ['--no-config', '-c', script, line], { cwd: dir, env, encoding: 'utf8' });
    expect(ran.stderr).toBe('');
    return wordsOf(ran.stdout);
  };
  test.each(LINES)('%s', (typed, whole) => {
    expect(offered(`reflake ${typed}`)).toEqual([whole.slice(typed.lastIndexOf(' ') + 1)]);
  });
  test('knows files, spaces in them too', () => {
    expect(offered('reflake check --spec pack')).toEqual(['package of mine.json']);
  });
});
