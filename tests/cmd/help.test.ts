// Help, versions, and what is said of a command line that is wrong.
import { describe, expect, test } from '@jest/globals';
import { askedFor, commandHelp, programHelp } from '../../cmd/help.ts';
import { main } from '../../cmd/main.ts';
import { COMMANDS, type CommandName } from '../../cmd/options.ts';
import { stringWidth } from '../../cmd/report/width.ts';
import type { Io } from '../../cmd/session/io.ts';
import { expectScreen } from './report/golden.ts';

/** Runs a command line that ends before a machine is looked at. */
async function type(...argv: readonly string[]): Promise<{ code: number; out: string; err: string }> {
  const printed = { out: '', err: '' };
  const io: Io = {
    out: (text) => {
      printed.out += text;
    },
    err: (text) => {
      printed.err += text;
    },
    env: {},
    cwd: '/',
    umask: 0o022,
    tty: { in: false, out: false, err: false },
    columns: undefined,
    now: () => 0,
    ask: async () => undefined,
    stopped: () => undefined,
    takeSignals: () => {},
    writes: () => {},
    settles: () => {},
  };
  return { code: await main(argv, io), ...printed };
}

const NAMES = Object.keys(COMMANDS) as readonly CommandName[];

describe('help', () => {
  test.each([
    ['help plan', 'plan', true],
    ['plan --help', 'plan', true],
    ['plan -h', 'plan', false],
    ['plan --diff -h', 'plan', false],
    ['help', undefined, true],
    ['--help', undefined, true],
    ['-h', undefined, false],
    ['help help', undefined, true],
  ] as const)('%s', async (line, name, whole) => {
    const { code, out } = await type(...line.split(' '));
    expect(code).toBe(0);
    expect(out).toBe(`${name === undefined ? programHelp(whole, 80) : commandHelp(name, whole, 80)}\n`);
  });

  test('behind -- nothing is an option', () => expect(askedFor(['show', '--', '--help'])).toBeUndefined());

  test('of a command that there is not', async () => {
    expect(await type('help', 'undo')).toMatchObject({
      code: 64,
      err: expect.stringContaining('unknown command "undo"; did you mean rollback?'),
    });
  });

  test('screens', () => {
    expectScreen('help.txt', programHelp(true, 80));
    expectScreen('help-apply.txt', commandHelp('apply', true, 80));
    expectScreen('help-apply-60.txt', commandHelp('apply', true, 60));
    expectScreen('help-apply-short.txt', commandHelp('apply', false, 80));
  });

  test('the command\u2019s own options come first, and no line is wider than the terminal', () => {
    for (const name of NAMES) {
      const text = commandHelp(name, true, 60);
      const { options = {} } = COMMANDS[name] as { options?: object };
      for (const option of Object.keys(options))
        expect(text.indexOf(`--${option}`)).toBeLessThan(text.indexOf('Options of every command'));
      for (const line of text.split('\n')) expect([line, stringWidth(line) <= 60]).toEqual([line, true]);
    }
  });
});

describe('what was probably meant', () => {
  test.each([
    ['undo', 'unknown command "undo"; did you mean rollback?'],
    ['diff', 'unknown command "diff"; did you mean plan --diff?'],
    ['verify', 'unknown command "verify"; did you mean check?'],
    ['drift', 'unknown command "drift"; did you mean check?'],
    ['switch', 'unknown command "switch"; did you mean apply?'],
    ['up', 'unknown command "up"; did you mean apply?'],
    ['list', 'unknown command "list"; did you mean history?'],
    ['log', 'unknown command "log"; did you mean history?'],
    ['lint', 'unknown command "lint"; did you mean validate?'],
    ['pln', 'unknown command "pln"; did you mean plan?'],
    ['--offline pln', 'unknown command "pln"; did you mean plan?'],
    ['constructor', 'unknown command "constructor"\n'],
    ['--wait', 'unknown option --wait: it is one of apply, rollback, recover and eject'],
    ['plan --wait', 'unknown option --wait for plan: it is one of apply, rollback, recover and eject'],
    ['recover --yes', 'unknown option --yes for recover: it is one of init, apply, rollback and eject'],
    ['recover -y', 'unknown option -y for recover: it is one of init, apply, rollback and eject'],
    ['plan --json', 'unknown option --json; did you mean --format json?'],
    ['plan --jsno', 'unknown option --jsno\n'],
    ['plan --ofline', 'unknown option --ofline; did you mean --offline?'],
    ['plan --vebrose=1', 'unknown option --vebrose; did you mean --verbose?'],
    ['plan --colour always', 'unknown option --colour; did you mean --color?'],
    ['-x plan', 'unknown option -x\n'],
    ['plan -x', 'unknown option -x\n'],
    ['check --spec a --spec b', '--spec is given more than once, and has one value\n'],
    ['rollback --to 1 --to 2', '--to is given more than once, and has one value\n'],
    ['plan extra', 'unknown argument "extra": reflake help plan'],
    ['validate machine.yaml', 'unknown argument "machine.yaml"; a spec is named by --spec FILE'],
  ])('%s', async (line, words) => {
    const { code, err } = await type(...line.split(' '));
    expect(code).toBe(64);
    expect(err).toContain(`error: ${words}`);
  });

  test('is never what was typed', async () => {
    for (const name of NAMES)
      for (const option of ['yes', 'wait', 'diff', 'out', 'keep', 'force', 'strict', 'help-me']) {
        const { err } = await type(name, `--${option}`, '--no-such-thing');
        expect(err).not.toContain(`mean --${option}?`);
      }
  });
});

describe('versions', () => {
  test.each(['--version', '-V'])('%s', async (word) => {
    expect((await type(word)).out).toMatch(/^\d+\.\d+\.\d+\n$/);
  });
  test.each(['--version -v', '-Vv', '-V --verbose'])('%s says those of Node, Nix and git too', async (line) => {
    const { out } = await type(...line.split(' '));
    expect(out).toMatch(/^reflake \d\S*\nnode \d\S*\nnix (\d\S*|not found)\ngit (\d\S*|not found)\n$/);
  });
});
