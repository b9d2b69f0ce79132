// The specs that root acts on, through the program itself. Root refuses files, links and directories that another user can
// write, and wishes of another user's spec beyond what that user owns.

import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  lchownSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';

const PROGRAM = fileURLToPath(new URL('../../../dist/reflake.cjs', import.meta.url));
/** Users of this very system, for --trust-spec-of looks them up: `daemon` calls, `mail` is the other one. */
const CALLER = 1;
const OTHER = { name: 'mail', uid: 8, gid: 8 };

let top: string;
beforeEach(() => {
  top = mkdtempSync(join(tmpdir(), 'reflake-trust-'));
  chmodSync(top, 0o755);
  put('home/reflake.yaml', CALLER);
  lchownSync(at('home'), CALLER, CALLER);
  mkdirSync(at('machine/etc/nixos'), { recursive: true });
  mkdirSync(at('machine/home/mail'), { recursive: true });
  lchownSync(at('machine/home/mail'), OTHER.uid, OTHER.gid);
  writeFileSync(at('machine/etc/passwd'), 'root:x:0:0::/root:/bin/sh\nmail:x:8:8::/home/mail:/bin/sh\n');
  writeFileSync(at('machine/etc/group'), 'root:x:0:\nmail:x:8:\nshadow:x:42:\n');
  writeFileSync(at('machine/etc/hostname'), 'nixos\n');
  writeFileSync(at('machine/etc/nixos/configuration.nix'), '{ }\n');
});
afterEach(() => rmSync(top, { recursive: true }));

const at = (name: string): string => join(top, name);
const SPEC = { version: 1, host: { name: 'nixos', system: 'x86_64-linux' }, inputs: { nixpkgs: 'path:/nowhere' } };

function put(name: string, uid: number, more: object = {}): void {
  mkdirSync(dirname(at(name)), { recursive: true });
  writeFileSync(at(name), JSON.stringify({ ...SPEC, ...more }, null, 1));
  chmodSync(at(name), 0o644);
  lchownSync(at(name), uid, uid);
}

interface How {
  readonly cwd?: string;
  readonly uid?: number;
  readonly sudo?: boolean;
  readonly env?: Readonly<Record<string, string>>;
}

function reflake(words: readonly string[], { cwd = 'home', uid = 0, sudo = true, env = {} }: How = {}) {
  const caller = { SUDO_UID: String(CALLER), SUDO_GID: String(CALLER), SUDO_USER: 'daemon' };
  const ran = spawnSync(process.execPath, [PROGRAM, ...words], {
    encoding: 'utf8',
    cwd: at(cwd),
    uid,
    gid: uid,
    env: { PATH: '/nowhere', ...(sudo && uid === 0 && caller), ...env },
    // open(2) of a FIFO would wait for ever.
    timeout: 20_000,
  });
  return { code: ran.status, said: ran.stdout + ran.stderr };
}

test('root’s and the caller’s are done', () => {
  expect(reflake(['validate'])).toMatchObject({ code: 0 });
  put('home/reflake.yaml', 0);
  expect(reflake(['validate'], { sudo: false, env: { REFLAKE_SPEC: at('machine/etc/passwd') } }).code).not.toBe(6);
  put('root.yaml', 0);
  expect(reflake(['validate', '--spec', at('root.yaml')], { sudo: false })).toMatchObject({ code: 0 });
});

describe.each<[about: string, prepare: () => void, says: RegExp, how?: How]>([
  ['another user’s file', () => put('home/reflake.yaml', OTHER.uid), /reflake\.yaml" belongs to mail/],
  ['a file that everybody can write', () => chmodSync(at('home/reflake.yaml'), 0o666), /everybody can write/],
  [
    'a file that a group can write',
    () => {
      lchownSync(at('home/reflake.yaml'), CALLER, 100);
      chmodSync(at('home/reflake.yaml'), 0o664);
    },
    /the group users can write/,
  ],
  [
    'a link to another user’s',
    () => {
      put('theirs.yaml', OTHER.uid);
      rmSync(at('home/reflake.yaml'));
      symlinkSync('../theirs.yaml', at('home/reflake.yaml'));
    },
    /theirs\.yaml" belongs to mail/,
  ],
  [
    'a link into another user’s directory, to a file of the caller’s',
    () => {
      put('theirs/reflake.yaml', CALLER);
      lchownSync(at('theirs'), OTHER.uid, OTHER.gid);
      rmSync(at('home/reflake.yaml'));
      symlinkSync(at('theirs/reflake.yaml'), at('home/reflake.yaml'));
    },
    /theirs" belongs to mail/,
  ],
  [
    'another user’s link to the caller’s file',
    () => {
      renameSync(at('home/reflake.yaml'), at('home/real.yaml'));
      symlinkSync('real.yaml', at('home/reflake.yaml'));
      lchownSync(at('home/reflake.yaml'), OTHER.uid, OTHER.gid);
    },
    /home\/reflake\.yaml" belongs to mail/,
  ],
  [
    'a hard link of another user’s',
    () => {
      put('theirs.yaml', OTHER.uid);
      rmSync(at('home/reflake.yaml'));
      linkSync(at('theirs.yaml'), at('home/reflake.yaml'));
    },
    /belongs to mail/,
  ],
])('%s', (_about, prepare, says) => {
  test.each([
    ['found', [], {}],
    ['named', ['--spec', 'reflake.yaml'], {}],
    ['of the environment, under sudo -E', [], { REFLAKE_SPEC: 'reflake.yaml' }],
  ] as const)('%s', (_how, words, env) => {
    prepare();
    for (const command of ['validate', 'apply']) {
      const { code, said } = reflake([command, ...words], { env });
      expect([command, code, said]).toEqual([command, 6, expect.stringMatching(says)]);
      expect(said).toMatch(/RF1011/);
    }
  });

  test('an ordinary user reads it with their own rights', () => {
    prepare();
    expect(reflake(['validate', '--spec', at('home/reflake.yaml')], { uid: CALLER }).code).toBe(0);
  });
});

test.each([
  ['a FIFO', () => spawnSync('mkfifo', [at('home/odd')])],
  ['a device', () => spawnSync('mknod', [at('home/odd'), 'c', '1', '5'])],
  ['a directory', () => mkdirSync(at('home/odd'))],
  ['a file of too many bytes', () => void spawnSync('truncate', ['-s', '1G', at('home/odd')])],
  ['a link in a circle', () => symlinkSync('odd', at('home/odd'))],
])('%s is not read', (_about, make) => {
  make();
  const { code, said } = reflake(['validate', '--spec', 'odd']);
  expect([code, said]).toEqual([1, expect.stringMatching(/cannot be read.*RF1001/)]);
});

test.each(['/proc/self/environ', '/proc/self/cwd/reflake.yaml', '/dev/fd/0'])('%s is nobody’s word', (spec) => {
  const { code, said } = reflake(['validate', '--spec', spec]);
  expect([code, said]).toEqual([6, expect.stringMatching(/RF1011/)]);
});

describe('the search upwards ends where others can make a spec', () => {
  test.each<[about: string, uid: number, gid: number, mode: number, users: readonly number[]]>([
    ['another user’s directory', OTHER.uid, OTHER.gid, 0o755, [0, CALLER]],
    ['a directory like /tmp', 0, 0, 0o1777, [0, CALLER]],
    ['one that a group can write', CALLER, 100, 0o775, [0, CALLER]],
  ])('%s', (_about, uid, gid, mode, users) => {
    put('home/shared/reflake.yaml', 0);
    mkdirSync(at('home/shared/mine'));
    lchownSync(at('home/shared/mine'), CALLER, CALLER);
    lchownSync(at('home/shared'), uid, gid);
    chmodSync(at('home/shared'), mode);
    for (const user of users) {
      const { code, said } = reflake(['validate'], { cwd: 'home/shared/mine', uid: user });
      expect([code, said]).toEqual([1, expect.stringMatching(/RF1001/)]);
      expect(said).toMatch(/search ended before ".*home\/shared", where others can write/);
    }
  });

  test('and goes on through what is root’s and the caller’s', () => {
    mkdirSync(at('home/a/b'), { recursive: true });
    for (const user of [0, CALLER]) expect(reflake(['validate'], { cwd: 'home/a/b', uid: user }).code).toBe(0);
  });
});

describe('--trust-spec-of', () => {
  const plan = (config: object, more: object = {}, trust = 'mail', how: How = {}) => {
    put('theirs/reflake.yaml', OTHER.uid, { config, ...more });
    lchownSync(at('theirs'), OTHER.uid, OTHER.gid);
    return reflake(
      ['plan', '--root', at('machine'), '--spec', at('theirs/reflake.yaml'), '--trust-spec-of', trust],
      how,
    );
  };
  const MOVE = { path: '~/nixos-config', from: '/etc/nixos', owner: 'mail' };

  test.each([true, false])('/etc/nixos is moved to them (sudo: %s)', (sudo) => {
    const { said } = plan(MOVE, {}, 'mail', { sudo });
    expect(said).not.toMatch(/RF101/);
    expect(said).toMatch(/home\/mail\/nixos-config/);
    expect(plan({ owner: 'mail' }, {}, '8', { sudo }).said).not.toMatch(/RF101/);
  });

  test.each<[string, object, object, RegExp]>([
    ['another owner', { ...MOVE, owner: 'root' }, {}, /yaml:13:12: .*config\.owner is "root"/],
    ['another group', { ...MOVE, owner: 'mail:shadow' }, {}, /yaml:13:12: .*config\.owner is "mail:shadow"/],
    ['a path of root’s', { ...MOVE, path: '/root/x' }, {}, /yaml:11:11: .*"\/root\/x" is not in a directory of mail/],
    ['nobody’s path', { ...MOVE, path: '/srv' }, {}, /yaml:11:11: .*"\/srv" is not/],
    ['root’s tree, which stays root’s', {}, {}, /yaml:10:12: .*"\/etc\/nixos" is not in a directory of mail/],
    ['what is root’s moved', { ...MOVE, from: '/etc' }, {}, /yaml:12:11: .*"\/etc" is not mail/],
    ['/etc/nixos moved, and not given', { ...MOVE, owner: undefined }, {}, /yaml:12:11: .*"\/etc\/nixos" is not mail/],
    ['features', MOVE, { features: ['flakes'] }, /yaml:15:14: .*features change/],
    ['an activation', MOVE, { activate: 'build' }, /yaml:15:14: .*an activation runs/],
  ])('not for %s', (_about, config, more, says) => {
    const { code, said } = plan(config, more);
    expect([code, said]).toEqual([6, expect.stringMatching(/RF1012/)]);
    expect(said).toMatch(says);
    expect(plan(config, more, 'mail:all').said).not.toMatch(/RF101[12]/);
  });

  test('each refused wish is told by itself', () => {
    const { said } = plan({ ...MOVE, from: '/etc' }, { features: ['flakes'], activate: 'switch' });
    expect(said.match(/RF1012/g)).toHaveLength(3);
  });

  test('not through a link in their home to what is root’s', () => {
    mkdirSync(at('machine/root'));
    symlinkSync('/root', at('machine/home/mail/link'));
    const { code, said } = plan({ ...MOVE, path: '~/link/x' });
    // The link is refused before its target's owner is looked at.
    expect([code, said]).toEqual([1, expect.stringMatching(/RF2040/)]);
  });

  test('nor for a spec of a third user’s; a user who is not there is wrong usage', () => {
    put('third.yaml', 1234);
    expect(reflake(['validate', '--spec', at('third.yaml'), '--trust-spec-of', 'mail']).code).toBe(6);
    expect(reflake(['validate', '--trust-spec-of', 'nobody-here']).code).toBe(64);
    expect(reflake(['validate', '--trust-spec-of', 'mail:some']).code).toBe(64);
  });

  test('the caller’s own spec has no limits', () => {
    expect(reflake(['plan', '--root', at('machine'), '--trust-spec-of', 'mail']).said).not.toMatch(/RF101/);
  });
});
