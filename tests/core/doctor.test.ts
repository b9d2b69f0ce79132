// What doctor makes of what it sees, as data; and that what cannot be looked at is a finding, never a crash and never good.

import { describe, expect, test } from '@jest/globals';
import { clock, git, node, sshAgent } from '../../core/doctor/around.ts';
import { channels, nixPath, release } from '../../core/doctor/channels.ts';
import { examine, type Observation } from '../../core/doctor/examined.ts';
import { nixDaemon, nixFeatures, nixProgram, nixTrust } from '../../core/doctor/nix.ts';
import { type FileSystem, fitness, room, stateAt, storeAt } from '../../core/doctor/places.ts';
import type { Host } from '../../core/machine/host.ts';
import type { JobResult } from '../../core/machine/job.ts';
import type { NixRelease } from '../../core/machine/nix-version.ts';
import { people } from '../../core/machine/people.ts';
import { unreadable } from '../../core/machine/reader.ts';
import type { Person } from '../../core/model.ts';
import { absolute, parent, ROOT } from '../../core/path.ts';
import { memoryHost, type Paths } from '../support/memory-host.ts';

const ROOTS = { uid: 0, gid: 0 };
const SRID: Person = { name: 'srid', uid: 1000, gid: 100, home: '/home/srid' };
const PASSWD = 'root:x:0:0::/root:/bin/sh\nsrid:x:1000:100::/home/srid:/bin/sh\n';

/** A machine of these files, with passwd and group. */
function machine(files: Readonly<Record<string, string>>, compute?: (argv: readonly string[]) => JobResult): Host {
  const paths: Paths = new Map();
  const all = { '/etc/passwd': PASSWD, '/etc/group': 'wheel:x:1:srid\nusers:x:100:\n', ...files };
  for (const [name, text] of Object.entries(all)) {
    for (let at = parent(absolute(name)); at !== ROOT; at = parent(at))
      paths.set(at, { entry: { type: 'dir', mode: 0o755, owner: ROOTS } });
    paths.set(absolute(name), { entry: { type: 'file', mode: 0o644, owner: ROOTS }, bytes: Buffer.from(text) });
  }
  return memoryHost(
    paths,
    { name: 'nixos', system: 'x86_64-linux', machineId: '' },
    compute && ((job) => compute(job.argv)),
  );
}

const done = (stdout: string, stderr = ''): JobResult => ({ status: 'done', files: [], stdout, stderr });
const NIX: NixRelease = { rules: '2.34', minor: 34, isLix: false, version: '2.34.8' };
const at = (day: string): number => Date.parse(day) / 1000;

type Case = readonly [what: string, seen: Observation, state: Observation['state'], saw: RegExp, advice?: RegExp];

function each(cases: readonly Case[]): void {
  for (const [what, seen, state, saw, advice] of cases)
    test(what, () => {
      expect([seen.state, seen.saw]).toEqual([state, expect.stringMatching(saw)]);
      // What is bad has something to do.
      expect(state === 'bad' && advice === undefined).toBe(false);
      expect(seen.advice ?? '').toMatch(advice ?? /^$/);
    });
}

describe('Node and git', () => {
  each([
    ['enough', node('20.19.0', '>=20.19'), 'good', /^20\.19\.0$/],
    ['much newer', node('26.1.0', '>=20.19'), 'good', /^26\.1\.0$/],
    ['an older minor', node('20.9.0', '>=20.19'), 'bad', /needs >=20\.19/, /newer Node/],
    ['an older major', node('18.20.8', '>=20.19'), 'bad', /needs/, /newer Node/],
    ['git', git(done('git version 2.39.5\n'), false), 'good', /^2\.39\.5$/],
    ['no git', git({ status: 'missing', tool: 'git' }, false), 'bad', /Nix needs it/, /put its directory on PATH/],
    [
      'no git that root trusts',
      git({ status: 'missing', tool: 'git' }, true),
      'bad',
      /not found/,
      /root alone can write/,
    ],
    ['git that fails', git({ status: 'failed', stderr: '' }, false), 'bad', /version/, /git --version/],
  ]);
});

describe('Nix', () => {
  const features = (conf: string, variable?: string, isWritten = false): Observation =>
    nixFeatures(machine({ '/etc/nix/nix.conf': conf }), SRID, NIX, variable, isWritten);
  const trust = (conf: string): Observation => {
    const host = machine({ '/etc/nix/nix.conf': conf });
    return nixTrust(host, people(host), SRID);
  };
  each([
    ['there', nixProgram(NIX, false), 'good', /^2\.34\.8$/],
    ['Lix', nixProgram({ ...NIX, isLix: true, version: '2.91.1' }, false), 'good', /^Lix 2\.91\.1$/],
    ['too old', nixProgram({ ...NIX, minor: 3, version: '2.3.16' }, false), 'bad', /no flakes/, /2\.4/],
    ['missing', nixProgram({ rules: '2.34', minor: Infinity, isLix: false }, false), 'bad', /no lock/, /install/],
    ['stopped', nixProgram({ ...NIX, isStopped: true }, false), 'bad', /version/, /mend/],
    ['both features', features('experimental-features = nix-command flakes\n'), 'good', /nix\.conf line 1$/],
    [
      'in two lines',
      features('experimental-features = flakes\nextra-experimental-features = nix-command\n'),
      'good',
      /line 1 and \/etc\/nix\/nix\.conf line 2$/,
    ],
    [
      'a line that a later one takes back',
      features('experimental-features = nix-command flakes\nexperimental-features = flakes\n'),
      'doubtful',
      /^nix-command is not enabled; what counts is \/etc\/nix\/nix\.conf line 2$/,
      /features: \[/,
    ],
    ['none', features(''), 'doubtful', /in any nix\.conf$/, /features: \[/],
    ['none, and written', features('', undefined, true), 'doubtful', /not enabled/, /nixos-rebuild switch/],
    [
      'in this shell alone',
      features('', 'experimental-features = nix-command flakes'),
      'doubtful',
      /NIX_CONFIG/,
      /spec/,
    ],
    ['a broken line', features('nonsense\n'), 'bad', /^line 1 of \/etc\/nix\/nix\.conf stops every/, /RF2011/],
    ['trusted by name', trust('trusted-users = root srid\n'), 'good', /is one, by name$/],
    ['trusted by group', trust('extra-trusted-users = @wheel\n'), 'good', /is one, by @wheel$/],
    ['trusted as everybody', trust('trusted-users = *\n'), 'good', /is one, by \*$/],
    ['trusted no more', trust('trusted-users = *\ntrusted-users = root\n'), 'good', /is none/],
    ['of no such group', trust('trusted-users = @nobody\n'), 'good', /is none/],
  ]);

  test.each([
    ['2.8 asks by ping', { ...NIX, minor: 8 }, 'ping'],
    ['2.34 by info', NIX, 'info'],
  ] as const)('the store: %s', async (_what, nix, word) => {
    const asked: (readonly string[])[] = [];
    const host = machine({}, (argv) => {
      asked.push(argv);
      return done('', 'Store URL: daemon\nVersion: 2.31.2\n');
    });
    expect(await nixDaemon(host, SRID, nix)).toEqual({ state: 'good', saw: 'it answers, and is of Nix 2.31.2' });
    expect(asked[0]?.slice(0, 3)).toEqual(['nix', 'store', word]);
  });

  test('a store that Nix opens itself, one that does not answer, and one that nobody can ask', async () => {
    const asked = (result: JobResult, nix = NIX) =>
      nixDaemon(
        machine({}, () => result),
        SRID,
        nix,
      );
    expect(await asked(done('Store URL: local\n'))).toMatchObject({
      state: 'good',
      saw: expect.stringContaining('local'),
    });
    expect(await asked({ status: 'failed', stderr: 'warning: x\nerror: cannot connect to socket\n' })).toEqual({
      state: 'bad',
      saw: 'the store cannot be used: error: cannot connect to socket',
      advice: 'start it: sudo systemctl start nix-daemon.socket',
    });
    const { version: _version, ...gone } = NIX;
    expect(await asked(done(''), gone)).toMatchObject({ state: 'unknown' });
  });
});

describe('channels and releases', () => {
  const list = { '/root/.nix-channels': 'https://nixos.org/channels/nixos-25.11 nixos\n' };
  const runs = (version: string, day: string): Observation =>
    release(machine({ '/etc/os-release': `ID=nixos\nVERSION_ID="${version}"\n` }), at(day));
  const host = machine({ '/nix/channels/nixos/x': '' });
  each([
    ['none', channels(machine({}), true), 'good', /none/],
    [
      'one, without a flake',
      channels(machine(list), false),
      'good',
      /nixos \(https:\/\/nixos\.org\/channels\/nixos-25\.11\)/,
    ],
    [
      'one beside a flake',
      channels(machine(list), true),
      'doubtful',
      /the flake does not/,
      /nix-channel --remove nixos/,
    ],
    ['no NIX_PATH', nixPath(host, undefined), 'good', /not set/],
    ['one that leads somewhere', nixPath(host, 'nixpkgs=/nix/channels/nixos:/nix/channels'), 'good', /^nixpkgs=/],
    ['schemes', nixPath(host, 'nixpkgs=flake:nixpkgs:x=https://a/b:channel:nixos-25.11'), 'good', /^nixpkgs=/],
    [
      'one that leads nowhere',
      nixPath(host, 'a=flake:b:nixpkgs=/gone:/nix/channels'),
      'doubtful',
      /not there: \/gone$/,
      /./,
    ],
    ['on the last day', runs('25.05', '2025-12-31'), 'good', /until 2025-12-31/],
    ['a day later', runs('25.05', '2026-01-01'), 'doubtful', /no updates since 2025-12-31/, /inputs\.nixpkgs/],
    ['of November', runs('25.11', '2026-07-01'), 'doubtful', /since 2026-06-30/, /./],
    ['no NixOS', release(machine({}), at('2026-01-01')), 'unknown', /NixOS/],
  ]);
});

describe('places', () => {
  const GIB = 1 << 30;
  const has = (bytes: Readonly<Record<string, number>>, files = 1e6) => ({
    room: (path: string) => (path in bytes ? { volume: path, bytes: bytes[path]!, files } : undefined),
  });
  const [state, store] = [stateAt(absolute('/var/lib/reflake')), storeAt(absolute('/nix/store'))];
  const on = (keeps: FileSystem['keeps']): Observation =>
    fitness({ hindrance: () => undefined, mounts: () => [] }, [{ ...state, on: { name: 'thatfs', keeps } }]);
  each([
    [
      'room for all',
      room(has({ [state.path]: GIB, [store.path]: 50 * GIB }), [state, store]),
      'good',
      /1\.0 GiB for the state; 50 GiB/,
    ],
    [
      'little',
      room(has({ [state.path]: GIB, [store.path]: GIB }), [state, store]),
      'doubtful',
      /^1\.0 GiB for the store/,
      /room/,
    ],
    ['too little', room(has({ [state.path]: 1 << 20 }), [state]), 'bad', /^1 MiB for the state/, /room/],
    ['no inodes', room(has({ [state.path]: GIB }, 3), [state]), 'bad', /and 3 files/, /room/],
    [
      'one volume for both',
      room({ room: () => ({ volume: 'a', bytes: 9 * GIB, files: 1e6 }) }, [state, store]),
      'good',
      /^9\.0 GiB for the state, the store$/,
    ],
    ['nothing that says', room(has({}), [state]), 'unknown', /room/],
    ['a disk', on('all'), 'good', /^the state is on thatfs$/],
    ['a RAM disk', on('until-boot'), 'doubtful', /next boot/, /disk/],
    ['a server', on('as-its-server'), 'doubtful', /loss of power/, /RF3016/],
    ['FAT', on('no-owners'), 'bad', /no owners/, /Linux/],
    ['unknown', on('other'), 'good', /not tried/],
    [
      'read-only',
      fitness({ hindrance: () => ({ kind: 'read-only', at: state.path }), mounts: () => [] }, [
        { ...state, on: undefined },
      ]),
      'bad',
      /read-only/,
      /writable/,
    ],
  ]);
});

describe('clock and agent', () => {
  const now = at('2026-03-01');
  const socket = (type: 'socket' | 'fifo') => ({
    stat: () => ({ type: 'other', what: type, mode: 0o600, owner: ROOTS }) as const,
  });
  const gone = { stat: () => ({ type: 'absent' }) as const };
  const ssh = ['git+ssh://git@host/repo'];
  each([
    ['right', clock(now, [{ what: 'apply 3', at: now - 5 }], true), 'good', /synchronized/],
    ['not asked', clock(now, [], undefined), 'good', /no server was asked/],
    [
      'behind',
      clock(now, [{ what: 'apply 3', at: now + 86_400 }], undefined),
      'bad',
      /apply 3 is of 2026-03-02/,
      /timedatectl/,
    ],
    ['no agent, none needed', sshAgent(gone, undefined, [], false), 'good', /no input/],
    ['no agent, one needed', sshAgent(gone, undefined, ssh, false), 'doubtful', /needed for git\+ssh/, /ssh-agent/],
    ['dropped by sudo', sshAgent(gone, undefined, ssh, true), 'doubtful', /needed/, /--preserve-env=SSH_AUTH_SOCK/],
    ['there', sshAgent(socket('socket'), '/run/agent', ssh, false), 'good', /a socket/],
    ['no socket', sshAgent(socket('fifo'), '/run/agent', [], false), 'doubtful', /no socket/, /log in/],
    ['gone', sshAgent(gone, '/run/agent', [], false), 'doubtful', /no socket/, /log in/],
  ]);
});

describe('what cannot be looked at', () => {
  test('is unknown, with the reason', async () => {
    const closed = await examine('channels', () => {
      throw unreadable(absolute('/root/.nix-channels'), 'permission denied');
    });
    expect(closed).toEqual({
      subject: 'channels',
      state: 'unknown',
      saw: '/root/.nix-channels cannot be read: permission denied',
      advice: 'run the command with sudo',
    });
    const failed = await examine('state', () => {
      throw Object.assign(new Error('x'), { code: 'EIO', errno: -5, syscall: 'read' });
    });
    expect(failed).toMatchObject({ state: 'unknown', saw: expect.stringContaining('EIO') });
  });
  test('a bug of ours is not', async () => {
    await expect(examine('x', () => (undefined as unknown as { a: { b: Observation } }).a.b)).rejects.toThrow(
      TypeError,
    );
  });
});
