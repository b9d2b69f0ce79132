// An activation that is cut off, on a small NixOS: by Ctrl-C, which waits for it; by the death of reflake, which it outlives
// with the locks; by a power loss at any of its phases. Each time the machine comes back to the system that it had.

import { chmodSync, rmSync, writeFileSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { treeLines } from '../fixtures/digest.ts';
import { type Machine, makeMachine, type Ran } from '../fixtures/machine.ts';
import { expectCode } from '../fixtures/scenario.ts';

const NIXPKGS = 'path:/opt/reflake/tests/fixtures/nixpkgs';
const WITHOUT =
  'nix tmp proc dev sys usr opt run var/lib/reflake var/log home/srid/.cache root/.cache root/.nix-defexpr boot/loader/entries';

let machine: Machine;
let old: readonly string[];

const reflake = (...args: string[]): Promise<Ran> => machine.enter(['reflake', ...args], { sudo: 'srid' });

/** Files, boot default, what runs and what the profile names; a generation that was made stays, and can be chosen. */
const state = (): readonly string[] => [
  ...treeLines(machine.dir, { without: WITHOUT.split(' ') }),
  ...treeLines(`${machine.dir}/nix/var/nix/profiles`).filter((line) => /^system\t/.test(line)),
  ...treeLines(`${machine.dir}/run`).filter((line) => /^current-system\t/.test(line)),
];

const REFLAKE = "$(sed -n 's/^process \\([0-9]*\\) .*/\\1/p' /var/lib/reflake/lock)";
const wrapped: string[] = [];

/** Before (or after) the first call of `tool` whose words match a pattern of the shell, `script` is run. */
function at(tool: string, pattern: string, script: string, when: 'before' | 'after' = 'before'): void {
  const file = `${machine.dir}/opt/bin/${tool}`;
  wrapped.push(file);
  writeFileSync(
    file,
    `#!/bin/sh
    case "$*" in ${pattern}) ;; *) exec /usr/bin/${tool} "$@" ;; esac
    rm -f "$0"
    ${when === 'after' ? `/usr/bin/${tool} "$@"; code=$?; ${script}; exit $code` : `${script}; exec /usr/bin/${tool} "$@"`}
    `,
  );
  chmodSync(file, 0o755);
}

beforeAll(async () => {
  machine = await makeMachine({ kind: 'nixos' });
  expectCode(await reflake('init', '--yes', '--nixpkgs', NIXPKGS, '--activate', 'switch'), 0);
  old = state();
});
afterEach(() => {
  for (const file of wrapped.splice(0)) rmSync(file, { force: true });
});
afterAll(async () => machine.remove());

/** In a session of its own, whose every process Ctrl-C reaches. */
const inSession = (): Promise<Ran> =>
  machine.enter(['setsid', '-w', 'reflake', 'apply', '--yes', '-v'], { sudo: 'srid' });

test('Ctrl-C ends a build', async () => {
  at('setpriv', '*" build "*', `kill -INT ${REFLAKE} 0; exec sleep 600`);
  const ran = await inSession();
  expectCode(ran, 4);
  expect(ran.stderr).toMatch(/stopped by SIGINT.*RF3009/);
  expect(state()).toEqual(old);
});

test('a signal to reflake alone ends the build too', async () => {
  at('setpriv', '*" build "*', 'kill -TERM $PPID; exec sleep 600');
  expectCode(await inSession(), 4);
  expect(state()).toEqual(old);
});

test('Ctrl-C waits for the end of an activation; what is not begun then never is', async () => {
  at('ln', '*current-system*', 'kill -INT 0; sleep 0.3; touch /tmp/survived');
  const ran = await inSession();
  expectCode(ran, 4);
  expect(ran.stderr).toMatch(/SIGINT: the activation is not cut off/);
  expect(ran.stderr).toMatch(/stopped by SIGINT.*RF3009/);
  expect(state()).toEqual(old);
  expect((await machine.sh('ls /tmp; rm -f /tmp/survived')).stdout).toMatch(/survived/);
  expect((await machine.sh('ls /nix/var/nix/profiles')).stdout).not.toMatch(/system-2-link/);
});

test('reflake is killed, the activation is not: nobody comes between until it has ended', async () => {
  at(
    'ln',
    '*current-system*',
    `kill -9 ${REFLAKE}; until [ -e /tmp/go ]; do sleep 0.05; done; echo on >&2; touch /tmp/on`,
  );
  const { stdout, stderr } = await machine.sh(
    `export SUDO_USER=srid SUDO_UID=1000 SUDO_GID=100
    cd /home/srid
    reflake apply --yes || echo "apply $?"
    reflake recover || echo "recover $?"
    touch /tmp/go
    reflake recover --wait 50s || echo "recover $?"
    ls /tmp/on
    rm /tmp/go /tmp/on`,
  );
  expect(stdout).toMatch(/apply 137\n(.*\n)*recover 7\n/);
  // It had somebody to write to.
  expect(stdout).toMatch(/^\/tmp\/on$/m);
  expect(stderr).toMatch(/process \d+ of srid since [^;]*; kept by process \d+ \(.*RF3007/);
  expect(stdout).not.toMatch(/recover [^7]/);
  expect(state()).toEqual(old);
});

const KILL = `kill -9 ${REFLAKE}; sleep 60`;
test.each([
  ['while it builds', 'setpriv', '*" build "*', 'before'],
  ['as the activation begins', 'mkdir', '*/run/nixos*', 'before'],
  ['before /etc leads to the new system', 'ln', '*/etc/static*', 'before'],
  ['when it does', 'mv', '*/etc/static*', 'after'],
  ['before the new system counts as running', 'mv', '*current-system*', 'before'],
  ['when it does', 'mv', '*current-system*', 'after'],
  ['before the profile is set', 'nix-env', '*--set*', 'before'],
  ['when it is', 'nix-env', '*--set*', 'after'],
  ['before the boot default is', 'mv', '*loader.conf*', 'before'],
  ['when it is', 'mv', '*loader.conf*', 'after'],
  ['before all of it is flushed', 'sync', '*/nix/var/nix*', 'before'],
] as const)('power is lost %s (%s): the system is the old one', async (_what, tool, pattern, when) => {
  at(tool, pattern, KILL, when);
  // The first process of the machine dies, and all others with it.
  expectCode(await reflake('apply', '--yes'), 137);
  const recovered = await reflake('recover', '-v');
  expectCode(recovered, 0);
  expect(state()).toEqual(old);
  if (tool === 'setpriv') expect(recovered.stderr).not.toMatch(/activat/);
  else
    expect(recovered.stderr).toMatch(
      /an activation (was cut off|had ended): the system that ran before is activated again/,
    );
});

test('afterwards it can be applied, and what was reported stays', async () => {
  expectCode(await reflake('apply', '--yes'), 0);
  const links = 'readlink -f /run/current-system /nix/var/nix/profiles/system; cat /boot/loader/loader.conf';
  const [running, booted] = (await machine.sh(links)).stdout.split('\n');
  expect(running).toBe(booted);
  expectCode(await reflake('check'), 0);
});
