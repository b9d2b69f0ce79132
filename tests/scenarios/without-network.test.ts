// A machine with a channel becomes a flake in a network namespace without interfaces: nixpkgs is locked to the tree that the
// channel has, whose hash is that of the tarball. With each real Nix that is here.
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { homedir } from 'node:os';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { type Machine, makeMachine, type Ran } from '../fixtures/machine.ts';
import { expectCode } from '../fixtures/scenario.ts';

const NIXES = process.env.REFLAKE_NIX_VERSIONS ?? `${process.env.XDG_CACHE_HOME ?? `${homedir()}/.cache`}/reflake-nix`;
const CHANNEL = '/nix/var/nix/profiles/per-user/root/channels/nixos';
const REVISION = '057f9aecfb71c4437d2b27d3323df7f93c010b7e';
const LOCK = '/home/srid/nixos-config/flake.lock';
const said = ({ stdout, stderr }: Ran): string => `${stdout}${stderr}`;

let machine: Machine;
let server: Server;
let tarball: Buffer;
/** Runs a script as sudo does for srid, with that Nix first in PATH. */
const sh = (nix: string, script: string): Promise<Ran> =>
  machine.sh(`PATH=/opt/nix-${nix}/bin:$PATH\n${script}`, { sudo: 'srid' });
const alone = (nix: string, words: string): Promise<Ran> => sh(nix, `exec unshare -n reflake ${words}`);

/** Puts a Nix of scripts/nix-versions.sh into the machine; its programs name their libraries by their place. */
function bring(version: string): void {
  const [from, to] = [`${NIXES}/${version}`, `/opt/nix-${version}`];
  cpSync(from, `${machine.dir}${to}`, { recursive: true, verbatimSymlinks: true });
  for (const name of readdirSync(`${from}/bin`)) {
    const file = `${machine.dir}${to}/bin/${name}`;
    writeFileSync(file, readFileSync(file, 'utf8').replaceAll(from, to));
  }
}

const VERSIONS = ['2.8', '2.26', '2.34'] as const;
const isHere = (version: string): boolean => version === '2.8' || existsSync(`${NIXES}/${version}`);

beforeAll(async () => {
  server = createServer((_, response) => response.end(tarball));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterAll(() => new Promise((resolve) => server.close(resolve).closeAllConnections()));

beforeEach(async () => {
  machine = await makeMachine({ kind: 'nixos' });
  const tree = (await machine.sh(`readlink -f ${CHANNEL}`)).stdout.trim();
  tarball = execFileSync('tar', ['-C', `${machine.dir}${tree}/..`, '-cz', tree.split('/').at(-1)!]);
});
afterEach(() => machine.remove());

describe.each(VERSIONS)('with Nix %s', (nix) => {
  const here = isHere(nix) ? test : test.skip;

  here('init, plan, proof and apply need no network, and the lock is what the tarball would give', async () => {
    if (nix !== '2.8') bring(nix);
    expect(said(await sh(nix, 'nix --version'))).toContain(` ${nix}.`);
    const init = await alone(nix, 'init --yes');
    expectCode(init, 0);
    const spec = readFileSync(`${machine.dir}/home/srid/reflake.yaml`, 'utf8');
    expect(spec).toContain('https://channels.nixos.org/nixos-23.11/nixexprs.tar.xz');
    expect(said(await alone(nix, 'plan'))).toContain('nothing is downloaded');
    const proved = await alone(nix, 'prove');
    expectCode(proved, 0);
    expect(said(proved)).toContain('proof nixos: same but for');
    expectCode(await alone(nix, 'apply --yes'), 0);
    expectCode(await alone(nix, 'check'), 0);

    const { locked, original } = JSON.parse(readFileSync(`${machine.dir}${LOCK}`, 'utf8')).nodes.nixpkgs;
    expect(original).toEqual({ type: 'tarball', url: 'https://channels.nixos.org/nixos-23.11/nixexprs.tar.xz' });
    expect(locked).toEqual({
      type: 'tarball',
      url: 'https://releases.nixos.org/nixos/23.11/nixos-23.11.2962.057f9aecfb71/nixexprs.tar.xz',
      narHash: expect.stringMatching(/^sha256-/),
      ...(nix !== '2.8' && { rev: REVISION }),
    });
    // Without a registry Nix looks for the global one, on the network.
    const conf = `${machine.dir}/tmp/conf`;
    mkdirSync(conf);
    writeFileSync(`${conf}/registry.json`, '{ "version": 2, "flakes": [] }');
    writeFileSync(
      `${conf}/nix.conf`,
      'experimental-features = nix-command flakes\nflake-registry = /tmp/conf/registry.json\n',
    );
    const { port } = server.address() as AddressInfo;
    const fetched = await sh(
      nix,
      `NIX_CONF_DIR=/tmp/conf exec nix --store /tmp/other-${nix} flake prefetch --json http://127.0.0.1:${port}/nixexprs.tar.gz`,
    );
    expectCode(fetched, 0);
    expect(JSON.parse(fetched.stdout).hash).toBe(locked.narHash);

    // Nothing dates the entry.
    expectCode(await sh(nix, `echo 'lock: { maxAge: 30d }' >> /home/srid/reflake.yaml`), 0);
    const undated = await alone(nix, 'check');
    expect(said(undated)).toContain('RF2078');
    expect(said(undated)).toContain('input "nixpkgs" has no date in the lock until it is updated for the first time');

    expectCode(await alone(nix, 'rollback --yes'), 0);
  });
});

test('a nixpkgs of GitHub is downloaded, and init says so', async () => {
  const ran = await alone('2.8', 'init --yes --nixpkgs github:NixOS/nixpkgs/nixos-23.11');
  expect(said(ran)).toContain('is downloaded when it is locked');
  expect(said(ran)).toContain('--nixpkgs nixos-23.11');
});
