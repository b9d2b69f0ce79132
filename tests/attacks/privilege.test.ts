// Root never runs what a user can write: not through PATH, the environment, or the tree's repository. Each trap writes
// down whose rights it ran with; the test first checks that the traps snap at all.
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { type EnterOptions, type Machine, makeMachine, type Ran } from '../fixtures/machine.ts';
import { expectCode } from '../fixtures/scenario.ts';

const NIXPKGS = 'path:/opt/reflake/tests/fixtures/nixpkgs';
const TOOLS = [
  'git',
  'nix',
  'nix-store',
  'nix-env',
  'flock',
  'setpriv',
  'cp',
  'sync',
  'sh',
  'mv',
  'getfattr',
  'setfacl',
];
/** Each names something of the tree, its repository or its Nix. */
const LOOKS = [
  'status',
  'doctor',
  'eject',
  'hosts',
  'validate',
  'check --evaluate always',
  'plan --diff -v',
  'prove',
  'plan --prove',
  'same HEAD .',
  'same . running',
  'check --repo',
  'ack --all --reason baseline',
  'init --add --yes --name other',
];
const KEPT = ['etc', 'home', 'var'];

let machine: Machine;
let copy: string;

const root = async (script: string, how: EnterOptions = {}): Promise<Ran> => {
  const ran = await machine.sh(script, how);
  expectCode(ran, 0);
  return ran;
};
/** Runs reflake as sudo does for srid; `before` is what the shell does first. */
const reflake = (words: string, before = '', how: EnterOptions = {}): Promise<Ran> =>
  machine.sh(`${before}\nexec /opt/bin/reflake ${words}`, { sudo: 'srid', ...how });

/** A line `uid what` for each trap that snapped. */
const snapped = (): readonly string[] => readFileSync(`${machine.dir}/snapped`, 'utf8').split('\n').filter(Boolean);
const asRoot = (): readonly string[] => snapped().filter((line) => line.startsWith('0 '));

/** A program that writes down who ran it, and then becomes the real one. */
const TRAP =
  '#!/bin/sh\necho "$(/usr/bin/id -u) $0 $*" >> /snapped\ncase "$0" in *hook*|*canary*) exit 0;; esac\nexec "/usr/bin/${0##*/}" "$@"\n';

function trap(file: string): void {
  writeFileSync(`${machine.dir}${file}`, TRAP);
  chmodSync(`${machine.dir}${file}`, 0o755);
}

beforeAll(async () => {
  machine = await makeMachine({ kind: 'plain' });
  copy = `${machine.dir}.copy`;
  expectCode(await reflake(`init --yes --nixpkgs ${NIXPKGS}`), 0);
  mkdirSync(`${machine.dir}/home/srid/bin`);
  for (const tool of TOOLS) trap(`/home/srid/bin/${tool}`);
  for (const tool of TOOLS) trap(`/home/srid/${tool}`);
  trap('/home/srid/canary');
  await root('chown -R srid /home/srid/bin /home/srid/canary');
  execFileSync('mkdir', ['-p', copy]);
  for (const dir of KEPT) execFileSync('cp', ['-a', `${machine.dir}/${dir}`, `${copy}/`]);
  clean();
});
afterEach(putBack);
afterAll(async () => {
  rmSync(copy, { recursive: true, force: true });
  await machine.remove();
});

function putBack(): void {
  for (const dir of KEPT) {
    rmSync(`${machine.dir}/${dir}`, { recursive: true, force: true });
    execFileSync('cp', ['-a', `${copy}/${dir}`, `${machine.dir}/`]);
  }
  clean();
}

function clean(): void {
  writeFileSync(`${machine.dir}/snapped`, '');
  chmodSync(`${machine.dir}/snapped`, 0o666);
}

describe('PATH', () => {
  test('the trap snaps where a program is called by its name', async () => {
    await root('PATH=/home/srid/bin:/usr/bin; git --version');
    expect(asRoot()).toHaveLength(1);
  });

  test('a directory that somebody else can change is passed over, and apply works', async () => {
    await root(`ln -sfn /home/srid/bin /opt/linked
      install -d /home/srid/rooted; cp /home/srid/bin/* /home/srid/rooted/
      install -d -m 777 /opt/open; cp /home/srid/bin/* /opt/open/`);
    const theirs = ['', '.', 'bin', '/home/srid/bin', '/opt/linked', '/home/srid/rooted', '/opt/open'];
    const path = `export PATH=${theirs.join(':')}:$PATH:`;
    for (const words of ['apply --yes', 'rollback --yes']) expectCode(await reflake(words, path), 0);
    expect(snapped()).toEqual([]);
  });

  test('nothing but such directories: refused with words', async () => {
    const ran = await reflake(
      'plan',
      'node=$(command -v node); PATH=/home/srid/bin; set -- /opt/reflake/dist/reflake.cjs apply --yes; exec "$node" "$@"',
    );
    expect(snapped()).toEqual([]);
    expect(ran.stdout + ran.stderr).toMatch(/not installed/);
    expect(ran.stdout + ran.stderr).not.toMatch(/internal error/);
    expect(ran.code).toBe(1);
  });
});

describe('the environment', () => {
  const EVIL: Readonly<Record<string, string>> = {
    GIT_ASKPASS: '/home/srid/canary',
    GIT_EXEC_PATH: '/home/srid/bin',
    GIT_CONFIG_COUNT: '1',
    GIT_CONFIG_KEY_0: 'core.fsmonitor',
    GIT_CONFIG_VALUE_0: '/home/srid/canary',
    GIT_DIR: '/home/srid/elsewhere',
    GIT_TEMPLATE_DIR: '/home/srid/template',
    BASH_ENV: '/home/srid/canary',
    ENV: '/home/srid/canary',
    PERL5OPT: '-M/home/srid/canary',
    NIX_CONFIG: 'plugin-files = /home/srid/canary',
    NIX_USER_CONF_FILES: '/home/srid/nix.conf',
    SECRET_TOKEN: 'hunter2',
  };

  /** The caller's own variable, for programs with the caller's own rights: here the caller is the person. */
  const OWN: Readonly<Record<string, string>> = { GIT_SSH_COMMAND: '/home/srid/canary' };

  test('programs get a clean one, and the rights, groups and home of the person', async () => {
    await root(`install -d /opt/spy; for tool in git nix; do
        printf '#!/bin/sh\\n{ /usr/bin/id -u; /usr/bin/id -G; /usr/bin/env; } > "/spied/$(/usr/bin/basename "$0").$$"\\nexec /usr/bin/%s "$@"\\n' $tool > /opt/spy/$tool; chmod 755 /opt/spy/$tool
      done; install -d -m 777 /spied; id -G srid > /groups`);
    expectCode(await reflake('apply --yes', 'export PATH=/opt/spy:$PATH', { env: { ...EVIL, ...OWN } }), 0);
    const seen = await root('cat /groups; for f in /spied/*; do echo "== $f"; cat "$f"; done');
    const [groups, ...runs] = seen.stdout.split(/^== .*\n/m).map((text) => text.trim());
    expect(runs.length).toBeGreaterThan(0);
    for (const ran of runs) {
      const [uid, of, ...env] = ran.split('\n');
      expect(uid).toBe('1000');
      expect(of!.split(' ').sort()).toEqual(groups!.split(' ').sort());
      const names = env.map((line) => line.split('=')[0]!);
      expect(names.filter((name) => name in EVIL)).toEqual([]);
      expect(names.filter((name) => /^(SUDO_|NODE_|LD_|GIT_)/.test(name) && !(name in OWN))).toEqual([]);
      expect(env).toContain('HOME=/home/srid');
    }
    expect(snapped()).toEqual([]);
  });

  test.each([
    ['NODE_OPTIONS', '--no-warnings'],
    ['NODE_PATH', '/home/srid/bin'],
    ['LD_LIBRARY_PATH', '/home/srid/bin'],
    ['LD_PRELOAD', '/home/srid/none.so'],
  ])('%s names code of others: root does not begin', async (name, value) => {
    const ran = await reflake('apply --yes', '', { env: { [name]: value } });
    expectCode(ran, 64);
    expect(ran.stderr).toMatch(name);
  });

  test.each(['abc', '-1', '4294967295', '1000.5', ''])(
    'SUDO_UID=%j: no internal error, nothing of nobody',
    async (uid) => {
      const ran = await machine.sh('cd /home/srid; exec /opt/bin/reflake apply --yes', {
        env: { SUDO_UID: uid, SUDO_GID: uid, SUDO_USER: '../../etc' },
      });
      expect(ran.stdout + ran.stderr).not.toMatch(/internal error|^\s+at /m);
      const odd = await root(`find /etc /home /var -not -uid 0 -not -uid 1000 -not -path '/var/lib/*' | head`);
      expect(odd.stdout).toBe('');
    },
  );
});

describe('the repository of the tree', () => {
  const CONFIG = `[core]
	repositoryformatversion = 0
	fsmonitor = /home/srid/canary
	hooksPath = /etc/nixos/.git/hooks
	pager = /home/srid/canary
	editor = /home/srid/canary
	sshCommand = /home/srid/canary
	askPass = /home/srid/canary
[include]
	path = /home/srid/more.gitconfig
[filter "evil"]
	clean = /home/srid/canary
	smudge = /home/srid/canary
	process = /home/srid/canary
	required = true
[diff]
	external = /home/srid/canary
[credential]
	helper = /home/srid/canary
[safe]
	directory = *
[alias]
	add = !/home/srid/canary
	init = !/home/srid/canary
`;
  const HOOKS = ['pre-commit', 'post-index-change', 'post-checkout', 'reference-transaction', 'fsmonitor-watchman'];

  async function repository(): Promise<void> {
    await root('cd /etc/nixos; git init -q; echo "* filter=evil" > .gitattributes');
    writeFileSync(`${machine.dir}/etc/nixos/.git/config`, CONFIG);
    writeFileSync(`${machine.dir}/home/srid/more.gitconfig`, '[core]\n\tfsmonitor = /home/srid/canary\n');
    writeFileSync(`${machine.dir}/home/srid/.gitconfig`, CONFIG);
    for (const hook of HOOKS) trap(`/etc/nixos/.git/hooks/${hook}`);
    await root('chown -R srid /etc/nixos /home/srid');
  }

  test('the traps snap where root calls git there', async () => {
    await repository();
    await machine.sh('cd /etc/nixos; git -c safe.directory=* add -A; git -c safe.directory=* status');
    expect(asRoot().length).toBeGreaterThan(0);
  });

  test('apply with a build, check, rollback and recover', async () => {
    await repository();
    await root(`cd /home/srid; sed -i 's/^activate:.*//' reflake.yaml; echo 'activate: build' >> reflake.yaml`);
    for (const words of ['apply --yes', 'check', 'rollback --yes', 'recover', 'apply --yes'])
      expectCode(await reflake(words), 0);
    expect(asRoot()).toEqual([]);
    // Nothing in the repository became root's.
    expect((await root('find /home/srid/nixos-config -uid 0')).stdout).toBe('');
  });

  test('the commands that only look', async () => {
    await repository();
    expectCode(await reflake('apply --yes'), 0);
    await machine.sh(
      `cd ~/nixos-config; cp ../reflake.yaml .
      set -- -c core.fsmonitor=false -c core.hooksPath=/ -c filter.evil.process= -c filter.evil.clean= -c filter.evil.required=false
      git "$@" add -A; git "$@" -c user.name=s -c user.email=s commit -qm one`,
      { user: 'srid' },
    );
    for (const words of LOOKS) {
      const ran = await reflake(words, 'cd /home/srid/nixos-config');
      expect([words, ran.stdout + ran.stderr]).toEqual([words, expect.not.stringContaining('internal error')]);
      expect([words, asRoot()]).toEqual([words, []]);
    }
    expect((await root('find /home/srid/nixos-config -uid 0')).stdout).toBe('');
  });
});

describe('modes and owners', () => {
  const listed = async (): Promise<readonly string[]> =>
    (await root(`find /etc /home /var/lib -printf '%m %U:%G %y %p\\n' | sort -k4`)).stdout
      .split('\n')
      .filter((line) => !/journal|blobs\/|reflake\.cache/.test(line));

  const under = async (umask: string): Promise<readonly string[]> => {
    expectCode(await reflake('plan --out plan.json', `umask ${umask}`), 0);
    expectCode(await reflake('apply --yes plan.json', `umask ${umask}`), 0);
    return await listed();
  };

  let due: readonly string[];
  beforeAll(async () => {
    due = await under('022');
    putBack();
  });

  test.each(['000', '077', '777'])('are the same under umask %s', async (umask) => {
    expect(await under(umask)).toEqual(due);
  });

  test('what is kept of the past is for root alone', () => {
    const state = due.filter((line) => line.includes('/var/lib/reflake'));
    expect(state.length).toBeGreaterThan(3);
    // All but the index, and the way to it, are closed.
    const open = state.filter((line) => !/^[67]00 0:0 /.test(line));
    expect(open).toEqual(['755 0:0 d /var/lib/reflake', '644 0:0 f /var/lib/reflake/index']);
  });
});
