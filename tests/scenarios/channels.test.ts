// Channels of a machine as an installer leaves it are retired, and come back: root's and those of the configuration's owner, told
// with what they were; places of others, and places that only root sees, are told and stay.

import { chmodSync, existsSync, lstatSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { treeLines } from '../fixtures/digest.ts';
import { type Machine, makeMachine, type Ran } from '../fixtures/machine.ts';
import { expectCode } from '../fixtures/scenario.ts';

const NIXPKGS = 'path:/opt/reflake/tests/fixtures/nixpkgs';
const PROFILES = '/nix/var/nix/profiles/per-user/root';

let machine: Machine;
beforeEach(async () => {
  machine = await makeMachine();
});
afterEach(async () => await machine.remove());

const on = (path: string): string => `${machine.dir}${path}`;
const asSrid = (...args: readonly string[]): Promise<Ran> => machine.enter(['reflake', ...args], { user: 'srid' });
const asRoot = (...args: readonly string[]): Promise<Ran> => machine.enter(['reflake', ...args], { sudo: 'srid' });

/** Everything that has to do with channels. */
const places = (): readonly string[] =>
  ['/root', '/home/srid', PROFILES].flatMap((dir) => treeLines(on(dir), { mtimes: false, without: ['.cache'] }));

/** srid's own channel, as nix-channel leaves one. */
async function theirs(): Promise<void> {
  const state = '~/.local/state/nix/profiles';
  const script = [
    `mkdir -p ${state} ~/.nix-defexpr`,
    'echo "https://example.org/home-manager home-manager" > ~/.nix-channels',
    `ln -s channels-1-link ${state}/channels`,
    `ln -s "$(readlink ${PROFILES}/channels-1-link)" ${state}/channels-1-link`,
    `ln -s ${state}/channels ~/.nix-defexpr/channels`,
    `ln -s ${PROFILES}/channels ~/.nix-defexpr/channels_root`,
  ].join('\n');
  expectCode(await machine.sh(script, { user: 'srid' }), 0);
}

const wish = (): void =>
  writeFileSync(
    on('/home/srid/reflake.yaml'),
    `${readFileSync(on('/home/srid/reflake.yaml'), 'utf8')}channels: retire\n`,
  );

test('root’s and the owner’s channels go and come back, with owners and links as they were', async () => {
  await theirs();
  expectCode(await asRoot('init', '--yes', '--nixpkgs', NIXPKGS), 0);
  expect(readFileSync(on('/home/srid/reflake.yaml'), 'utf8')).toMatch(/^# channels: retire {2}# /m);
  expectCode(await asRoot('apply', '--yes'), 0);
  const before = places();
  expectCode(await asRoot('check'), 0);
  wish();

  const seen = await asSrid('check');
  expectCode(seen, 2);
  expect(seen.stdout + seen.stderr).toMatch(/"\/root\/\.nix-channels".*cannot be looked into.*RF2079/);

  const check = await asRoot('check');
  expectCode(check, 2);
  for (const said of [
    /"nixos 23\.11\S* \(\w{7}\)".*root still has a channel unpacked/,
    /"home-manager https:\/\/example\.org\/home-manager".*srid still follows a channel/,
    /srid still leads nix-env to a channel/,
    /RF2082/,
  ])
    expect(check.stdout + check.stderr).toMatch(said);

  const roots = await machine.sh('reflake check --spec /home/srid/reflake.yaml --trust-spec-of srid:all');
  expect(roots.stdout).toMatch(/"nixos https:\/\/nixos\.org\/channels\/nixos-23\.11".*root still follows a channel/);

  expectCode(await asRoot('apply', '--yes'), 0);
  expect(readFileSync(on('/root/.nix-channels'), 'utf8')).toBe('');
  expect(readFileSync(on('/home/srid/.nix-channels'), 'utf8')).toBe('');
  expect(lstatSync(on('/home/srid/.nix-channels')).uid).toBe(1000);
  for (const path of [`${PROFILES}/channels`, `${PROFILES}/channels-1-link`, '/root/.nix-defexpr/channels'])
    expect(existsSync(on(path)) || lstatSync(on(path), { throwIfNoEntry: false })).toBeFalsy();
  expect((await machine.sh('nix-channel --list')).stdout).toBe('');
  const after = await asRoot('check');
  expectCode(after, 0);

  expectCode(await asRoot('rollback', '--yes'), 0);
  const spec = (line: string): boolean => !line.includes('reflake.yaml');
  expect(places().filter(spec)).toEqual(before.filter(spec));
  expect((await machine.sh('nix-channel --list')).stdout).toBe('nixos https://nixos.org/channels/nixos-23.11\n');
});

test('a url that only root may read is told to nobody else', async () => {
  expectCode(await asRoot('init', '--yes', '--nixpkgs', NIXPKGS), 0);
  wish();
  writeFileSync(on('/root/.nix-channels'), 'https://cache.example.org/private nixos\n');
  chmodSync(on('/root/.nix-channels'), 0o600);
  for (const format of ['human', 'json']) {
    const ran = await asRoot('plan', '--diff', '--format', format);
    expectCode(ran, 0);
    expect(ran.stdout + ran.stderr).not.toContain('cache.example.org');
    expect(ran.stdout + ran.stderr).toContain('withheld');
  }
});

test('a link of the owner’s leads root to no place of somebody else’s', async () => {
  expectCode(await asRoot('init', '--yes', '--nixpkgs', NIXPKGS), 0);
  wish();
  mkdirSync(on('/srv/root'), { recursive: true });
  symlinkSync('/nix/store/x', on('/srv/root/channels'));
  symlinkSync('/srv/root', on('/home/srid/.nix-defexpr'));
  expectCode(await machine.sh('chown -h srid /home/srid/.nix-defexpr'), 0);
  const ran = await asRoot('apply', '--yes');
  expect(ran.code).not.toBe(0);
  expect(ran.stderr).toContain('RF2040');
  expect(lstatSync(on('/srv/root/channels')).isSymbolicLink()).toBe(true);
  expect(lstatSync(on(`${PROFILES}/channels`)).isSymbolicLink()).toBe(true);
});

test('whoever wrote the spec may not retire channels of root', async () => {
  expectCode(await asSrid('init', '--yes', '--nixpkgs', NIXPKGS), 0);
  wish();
  const ran = await machine.sh('cd /home/srid && exec reflake check --spec reflake.yaml --trust-spec-of srid');
  expect(ran.stdout + ran.stderr).toMatch(/channels of root concern everybody.*RF1012/);
});
