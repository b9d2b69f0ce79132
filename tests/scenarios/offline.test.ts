// --offline opens no socket but AF_UNIX ones, in plan, check and apply, with a lock that must change. Also: the caller's ssh
// agent reaches Nix, and no credentials reach the screen.

import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type Machine, makeMachine, type Ran } from '../fixtures/machine.ts';
import { expectCode } from '../fixtures/scenario.ts';

let machine: Machine;
beforeAll(async () => {
  machine = await makeMachine({ kind: 'plain' });
  mkdirSync(`${machine.dir}/traces`);
  chmodSync(`${machine.dir}/traces`, 0o1777);
  mkdirSync(`${machine.dir}/opt/spy`);
});
afterAll(async () => await machine.remove());

const spec = (url: string): string => `version: 1
host: { name: nixos, system: x86_64-linux }
config: { path: ~/nixos-config, from: /etc/nixos, owner: srid }
inputs: { nixpkgs: "${url}" }
`;
const write = (url: string): void => writeFileSync(`${machine.dir}/home/srid/reflake.yaml`, spec(url));

/** The families of all sockets that the command and what it starts make. */
async function families(words: string): Promise<{ readonly ran: Ran; readonly families: readonly string[] }> {
  const script = `strace -f -qq -e trace=socket -o /traces/t -- reflake ${words} --offline`;
  const ran = await machine.sh(script, { sudo: 'srid' });
  const trace = readFileSync(`${machine.dir}/traces/t`, 'utf8');
  return { ran, families: [...new Set([...trace.matchAll(/socket\((AF_\w+)/g)].map(([, family]) => family!))] };
}

describe('no socket but those of this machine', () => {
  test.each([
    'github:NixOS/nixpkgs/nixos-25.11',
    'https://channels.nixos.org/nixos-25.11/nixexprs.tar.xz',
    'git+https://example.org/nixpkgs',
    'git+ssh://git@example.org/nixpkgs',
    'nixpkgs',
  ])('%s', async (url) => {
    write(url);
    for (const words of ['plan', 'check', 'apply --yes']) {
      const { ran, families: found } = await families(words);
      expect([words, found.filter((family) => family !== 'AF_UNIX')]).toEqual([words, []]);
      if (words === 'check') continue;
      expectCode(ran, 1);
      expect(ran.stderr).toMatch(/RF400[25]/);
    }
  });

  test('a lock that needs no network is made', async () => {
    write('path:/opt/reflake/tests/fixtures/nixpkgs');
    const { ran, families: found } = await families('apply --yes');
    expectCode(ran, 0);
    expect(found.filter((family) => family !== 'AF_UNIX')).toEqual([]);
    expectCode((await families('check')).ran, 0);
    expectCode(await machine.enter(['reflake', 'rollback', '--yes'], { sudo: 'srid' }), 0);
  });
});

test('credentials in a url are never printed', async () => {
  const urls = ['git+https://hunter1:hunter2@127.0.0.1:9/x', 'https://127.0.0.1:9/x.tar.gz?access_token=hunter2'];
  for (const url of urls) {
    write(url);
    for (const words of ['plan -v', 'plan --diff', 'plan --format json', 'check', 'apply --yes', 'validate', 'show']) {
      const ran = await machine.sh(`reflake ${words} 2>&1`, { sudo: 'srid' });
      expect([words, ran.stdout.match(/hunter\d/g)]).toEqual([words, null]);
    }
    const terminal = await machine.sh(`script -qec 'reflake plan --diff --no-pager' /dev/null`, {
      sudo: 'srid',
      env: { COLUMNS: '50' },
    });
    expect(terminal.stdout.match(/hunter/g)).toBeNull();
  }
  // Here the text of the spec itself is shown.
  writeFileSync(`${machine.dir}/home/srid/reflake.yaml`, spec(urls[0]!).replace('inputs:', 'inputz:'));
  const broken = await machine.sh('reflake validate 2>&1', { sudo: 'srid' });
  expect(broken.stdout.match(/hunter\d/g)).toBeNull();
  const init = await machine.sh(`rm reflake.yaml; reflake init --yes --format json --nixpkgs '${urls[1]}' 2>&1`, {
    sudo: 'srid',
  });
  expect(init.stdout.match(/hunter\d/g)).toBeNull();
  // Nix asks an address that refuses several times, in each of the commands.
}, 240_000);

test("the caller's ssh reaches Nix where the caller is the person, and nobody else's does", async () => {
  const spy = '#!/bin/sh\nenv > /traces/env.$$\nexec /usr/bin/nix "$@"\n';
  writeFileSync(`${machine.dir}/opt/spy/nix`, spy, { mode: 0o755 });
  const seen = async (owner: string): Promise<string> => {
    write('path:/opt/reflake/tests/fixtures/nixpkgs');
    await machine.sh(`rm -f /traces/env.*; sed -i 's/owner: srid/owner: ${owner}/' /home/srid/reflake.yaml`);
    const own = owner === 'srid' ? '' : `sed -i 's|path: ~/|path: /srv/|' /home/srid/reflake.yaml;`;
    await machine.sh(
      `${own} PATH=/opt/spy:$PATH SSH_AUTH_SOCK=/tmp/agent GIT_SSH_COMMAND='ssh -i key' reflake plan --spec /home/srid/reflake.yaml 2>&1`,
      { sudo: 'srid' },
    );
    return (await machine.sh('cat /traces/env.*')).stdout;
  };
  const theirs = await seen('srid');
  expect(theirs).toContain('SSH_AUTH_SOCK=/tmp/agent');
  expect(theirs).toContain('GIT_SSH_COMMAND=ssh -i key');
  for (const other of ['root', 'nobody:nogroup']) expect(await seen(other)).not.toMatch(/SSH/);
});

describe('a hint comes from what failed', () => {
  test.each([
    [
      'a dead daemon',
      'path:/opt/reflake/tests/fixtures/nixpkgs',
      { daemon: false as const },
      /RF4002/,
      /nix-daemon\.socket/,
    ],
    [
      'a host without ssh',
      'git+ssh://git@127.0.0.1:9/x',
      {},
      /RF400[25]/,
      /does not answer to ssh|look at the network|the words of Nix follow/,
    ],
    ['a name that is none', 'https://nohost.invalid/x.tar.gz', {}, /RF4005/, /resolv\.conf/],
    ['a port where nobody is', 'https://127.0.0.1:9/x.tar.gz', {}, /RF4005/, /look at the network/],
  ])('%s', async (_what, url, how, code, hint) => {
    write(url);
    await machine.sh('rm -rf /nix/var/nix/daemon-socket; rm -rf /tmp/reflake-cache-*');
    const ran = await machine.enter(['reflake', 'plan'], { sudo: 'srid', ...how });
    expect(ran.stderr).toMatch(code);
    expect(ran.stderr).toMatch(hint);
  });
});
