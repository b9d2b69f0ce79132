// init at a real terminal (script(1) makes one): answers are checked when they are given, and who leaves or says no has nothing
// written.

import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { BASES } from '../support/plan-cases.ts';
import { type Answer, type Screen, terminal } from '../support/terminal.ts';
import { type Literal, layOut, rowsOfDisk, temporary } from '../support/trees.ts';

const [CTRL_C, CTRL_D] = ['\x03', '\x04'];

let dir: string;
let remove: () => void;
beforeEach(() => {
  ({ dir, remove } = temporary());
  chmodSync(dir, 0o755);
});
afterEach(() => remove());

const atTerminal = (words: readonly string[], answers: readonly Answer[]): Promise<Screen> =>
  terminal([...words, '--root', `${dir}/machine`], answers, dir);

function machine(literal: Literal): void {
  mkdirSync(`${dir}/machine`);
  layOut(`${dir}/machine`, literal);
}
const written = (): boolean => existsSync(`${dir}/reflake.yaml`);
const FRESH = { ...BASES.machines.fresh, '/root/.nix-channels': 'https://nixos.org/channels/nixos-24.05 nixos\n' };
const ENTER = '\r';

describe('a machine of a channel', () => {
  test('the guesses are taken with Enter, and the spec is shown before it is written', async () => {
    machine(FRESH);
    const ran = await atTerminal(['init'], [ENTER, ENTER, ENTER, ENTER, ENTER, ENTER]);
    expect([ran.code, ran.screen]).toEqual([0, expect.stringContaining('Write this to reflake.yaml?')]);
    const text = readFileSync(`${dir}/reflake.yaml`, 'utf8');
    expect(ran.screen.replaceAll('\r', '')).toContain(text);
    expect(text).toMatch(
      /name: nixos .*path: ~\/nixos-config .*owner: srid .*nixpkgs: github:NixOS\/nixpkgs\/nixos-24\.05/s,
    );
  });

  test('what cannot stand in a spec is asked for again, with the reason', async () => {
    machine(FRESH);
    const answers = [
      'my box\r',
      'nixos\r',
      'amd64\r',
      ENTER,
      'tapir\r',
      'unstable\r',
      'sird\r',
      ENTER,
      'conf\r',
      '/etc/nix\r',
      '/etc/nixos\r',
      'perhaps\r',
      'y\r',
    ];
    const ran = await atTerminal(['init'], answers);
    expect([ran.code, ran.screen]).toEqual([0, expect.any(String)]);
    for (const reason of [
      /"my box"/,
      /did you mean "x86_64-linux"/,
      /"tapir" is no release/,
      /no user "sird".*srid/,
      /"conf"/,
      /\/etc\/nix is there already/,
      /yes or no\?/,
    ])
      expect(ran.screen).toMatch(reason);
    expect(readFileSync(`${dir}/reflake.yaml`, 'utf8')).toMatch(/path: \/etc\/nixos .*nixos-unstable/s);
  });

  test.each([
    ['Ctrl-C at the first question', [CTRL_C], 130],
    ['Ctrl-D at the first question', [CTRL_D], 130],
    ['Ctrl-C at the third', [ENTER, ENTER, CTRL_C], 130],
    ['Ctrl-D at the last', [ENTER, ENTER, ENTER, ENTER, ENTER, CTRL_D], 130],
    ['Ctrl-C at the last', [ENTER, ENTER, ENTER, ENTER, ENTER, CTRL_C], 130],
    ['no at the last', [ENTER, ENTER, ENTER, ENTER, ENTER, 'no\r'], 1],
  ])('%s: nothing is written', async (_what, answers, code) => {
    machine(FRESH);
    const before = rowsOfDisk(dir);
    const ran = await atTerminal(['init'], answers);
    expect([ran.code, ran.screen]).toEqual([code, expect.stringContaining('Cancelled. Nothing was changed.')]);
    expect(rowsOfDisk(dir)).toEqual(before);
  });

  test('an existing spec is noticed before any question', async () => {
    machine(FRESH);
    writeFileSync(`${dir}/reflake.yaml`, 'mine\n');
    const ran = await atTerminal(['init'], []);
    expect([ran.code, ran.screen]).toEqual([1, expect.stringMatching(/there already/)]);
    expect(ran.screen).not.toMatch(/Host name/);
    expect(readFileSync(`${dir}/reflake.yaml`, 'utf8')).toBe('mine\n');
  });
});

describe('a flake that is there', () => {
  const SETTLED = BASES.machines.settled;
  const moved = Object.fromEntries(
    Object.entries(SETTLED)
      .filter(([path]) => path.startsWith('/home/srid/nixos-config'))
      .map(([path, leaf]) => [path.replace('nixos-config', 'old'), leaf]),
  );
  test('is shown, and written after a yes', async () => {
    machine(SETTLED);
    const ran = await atTerminal(['init'], ['y\r']);
    expect([ran.code, written()]).toEqual([0, true]);
  });

  test('of several, one is asked for', async () => {
    machine({ ...SETTLED, ...moved });
    const ran = await atTerminal(['init'], ['nonsense\r', '/home/srid/old\r', 'y\r']);
    expect([ran.code, ran.screen]).toEqual([0, expect.stringMatching(/Which one/)]);
    expect(readFileSync(`${dir}/reflake.yaml`, 'utf8')).toContain('path: ~/old');
  });

  test('of several hosts, one is asked for', async () => {
    const path = '/home/srid/nixos-config/flake.nix';
    const { file, ...own } = SETTLED[path] as { file: readonly string[] };
    const text = file.join('\n').replace(/(\n *nixosConfigurations\.)nixos( = [\s\S]*?\};)/, '$1alpha$2$1beta$2');
    machine({ ...SETTLED, [path]: { ...own, file: text } });
    const ran = await atTerminal(['init'], ['gamma\r', 'beta\r', 'y\r']);
    expect([ran.code, ran.screen]).toEqual([0, expect.stringMatching(/one of alpha, beta/)]);
    expect(readFileSync(`${dir}/reflake.yaml`, 'utf8')).toContain('attribute: beta');
  });
});
