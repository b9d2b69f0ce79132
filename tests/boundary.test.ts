// Root reaches what the owner of the tree can name only with the owner's rights. Machines under --root, root as sudo
// runs it for the owner, and things of root's and of a third user's beside the tree, which nothing may change.
import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  lchownSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { digestOf } from '../core/canonical.ts';
import type { Edit, Outcome, Owner, Put } from '../core/model.ts';
import { absolute } from '../core/path.ts';
import { execute, recover } from '../core/transaction/executor.ts';
import type { Transaction } from '../core/transaction/model.ts';
import { around, DEATH, dieBefore, diskScene, FACTS, type Scene, untilDeath, watched } from './support/faults.ts';
import { BASES, specOf } from './support/plan-cases.ts';
import { layOut, type Rows, rowsOfDisk, temporary } from './support/trees.ts';

const PROGRAM = fileURLToPath(new URL('../dist/reflake.cjs', import.meta.url));
const OWNER = 1000;
const THIRD = 1001;
const TREE = '/home/srid/nixos-config';

let home: ReturnType<typeof temporary>;
let root: string;

beforeEach(() => {
  home = temporary({ fast: true });
  // The person's programs must be able to reach the directory.
  chmodSync(home.dir, 0o755);
  root = `${home.dir}/machine`;
  mkdirSync(root);
  layOut(root, BASES.machines.settled);
  for (const dir of ['/srv', '/srv/closed', '/srv/open']) mkdirSync(root + dir);
  for (const dir of ['/srv/closed', '/srv/open']) {
    writeFileSync(`${root}${dir}/configuration.nix`, '{ }\n');
    writeFileSync(`${root}${dir}/flake.nix`, '{ outputs = _: { nixosConfigurations.nixos = 1; }; }\n');
  }
  chmodSync(`${root}/srv/closed`, 0o700);
  mkdirSync(`${root}/home/third`);
  writeFileSync(`${root}/home/third/configuration.nix`, '{ }\n');
  for (const at of ['/home/third', '/home/third/configuration.nix']) chownSync(root + at, THIRD, 100);
});
afterEach(() => home.remove());

/** Runs reflake as sudo does for the owner. */
function reflake(words: readonly string[], config: Record<string, unknown> = {}, spec: Record<string, unknown> = {}) {
  writeFileSync(
    `${home.dir}/spec.json`,
    specOf({ spec: { features: null, config: { from: null, ...config }, ...spec } }),
  );
  const argv = [PROGRAM, ...words, '--root', root, '--state', `${home.dir}/state`, '--offline'];
  const named = words[0] === 'recover' || words[0] === 'rollback' ? [] : ['--spec', `${home.dir}/spec.json`];
  const env = {
    PATH: process.env.PATH,
    HOME: '/root',
    SUDO_UID: String(OWNER),
    SUDO_GID: '100',
    SUDO_USER: 'srid',
  };
  const { status, stdout, stderr } = spawnSync(process.execPath, [...argv, ...named], {
    cwd: home.dir,
    encoding: 'utf8',
    env,
  });
  return { code: status, out: stdout + stderr };
}

const rows = (): Rows => rowsOfDisk(root);

/** Makes a link of somebody's, by default of the owner's. */
function link(at: string, target: string, uid = OWNER): void {
  symlinkSync(target, root + at);
  lchownSync(root + at, uid, uid === 0 ? 0 : 100);
}

const gone = (path: string): void => rmSync(root + path, { recursive: true });

/** Checks that nothing was changed, and that the words name the reason. */
function isBlocked(says: RegExp, config: Record<string, unknown> = {}, spec: Record<string, unknown> = {}): void {
  const before = rows();
  const { code, out } = reflake(['apply', '--yes'], config, spec);
  expect({ code, out }).toEqual({ code: 1, out: expect.stringMatching(says) });
  expect(out).not.toMatch(/internal error/);
  expect(rows()).toEqual(before);
}

test('a program with file capabilities changes hands by hand alone, and keeps them', () => {
  const file = `${root}${TREE}/tool`;
  writeFileSync(file, '#!/bin/sh\n');
  chmodSync(file, 0o755);
  execFileSync('setcap', ['cap_net_raw+ep', file]);
  const capabilities = () => execFileSync('getcap', [file], { encoding: 'utf8' });
  const before = capabilities();
  expect(before).toContain('cap_net_raw');
  isBlocked(/tool" has file capabilities/, { owner: 'srid' });
  expect(capabilities()).toBe(before);
});

describe('config.path leads through a link', () => {
  test.each([
    ['at its end, absolute, to a closed directory of root', TREE, '/srv/closed', OWNER, TREE],
    ['at its end, absolute, to an open directory of root', TREE, '/srv/open', OWNER, TREE],
    ['at its end, relative', TREE, '../../srv/open', OWNER, TREE],
    ['in the middle', '/home/srid/way', '/srv', OWNER, '/home/srid/way/open'],
    ['in the middle, relative', '/home/srid/way', '../../srv', OWNER, '/home/srid/way/open'],
    ['of theirs to a third user', TREE, '/home/third', OWNER, TREE],
    ['of a third user to root', '/home/third/way', '/srv/open', THIRD, '/home/third/way'],
    ['of a third user to the owner', '/home/third/way', TREE, THIRD, '/home/third/way'],
    ["of root's, which lies in their directory", TREE, '/srv/open', 0, TREE],
  ])('%s: nothing is touched', (_what, at, target, uid, path) => {
    if (at === TREE) gone(TREE);
    link(at, target, uid);
    // What the third user has closed is reported before anybody asks who made the link.
    isBlocked(target === '/home/third' ? /RF2005/ : /RF2040/, { path });
  });

  test.each([
    ['at its end', '/srv/way', TREE, '/srv/way'],
    ['in the middle', '/srv/way', '/home/srid', '/srv/way/nixos-config'],
  ])("of root's in root's directory, %s: it is followed", (_what, at, target, path) => {
    link(at, target, 0);
    chownSync(`${root}${TREE}/flake.nix`, 0, 0);
    const { code, out } = reflake(['apply', '--yes'], { path });
    expect({ code, out }).toEqual({ code: 0, out });
    expect(lstatSync(`${root}${TREE}/flake.nix`).uid).toBe(OWNER);
  });

  test('of theirs to what is theirs: it is followed', () => {
    link('/home/srid/way', 'nixos-config');
    chownSync(`${root}${TREE}/flake.nix`, 0, 0);
    const { code, out } = reflake(['apply', '--yes'], { path: '~/way' });
    expect({ code, out }).toEqual({ code: 0, out });
    expect(lstatSync(`${root}${TREE}/flake.nix`).uid).toBe(OWNER);
    expect(lstatSync(`${root}/home/srid/way`).isSymbolicLink()).toBe(true);
  });
});

describe('a rollback takes back what it gave', () => {
  beforeEach(() => {
    rmSync(root, { recursive: true });
    mkdirSync(root);
    layOut(root, BASES.machines.fresh);
    const { code, out } = reflake(['apply', '--yes'], { from: '/etc/nixos' }, { git: 'off' });
    expect({ code, out }).toEqual({ code: 0, out });
  });

  test('what its owner wrote since comes along, and is told', () => {
    writeFileSync(`${root}${TREE}/configuration.nix`, '{ } # theirs\n');
    const { code, out } = reflake(['rollback', '--yes']);
    expect({ code, out }).toEqual({ code: 0, out: expect.stringMatching(/RF3023/) });
    expect(lstatSync(`${root}/etc/nixos/configuration.nix`).uid).toBe(0);
  });

  test.each([0o755, 0o700])('what they added becomes root’s as well, set-id bits gone (home %o)', (mode) => {
    chmodSync(`${root}/home/srid`, mode);
    mkdirSync(`${root}${TREE}/modules`);
    writeFileSync(`${root}${TREE}/modules/a.nix`, '{ }\n');
    symlinkSync('a.nix', `${root}${TREE}/modules/b.nix`);
    for (const name of ['modules', 'modules/a.nix', 'modules/b.nix']) lchownSync(`${root}${TREE}/${name}`, OWNER, 100);
    chmodSync(`${root}${TREE}/modules/a.nix`, 0o6755);
    const { code, out } = reflake(['rollback', '--yes']);
    expect({ code, out }).toEqual({ code: 0, out });
    for (const name of ['modules', 'modules/a.nix', 'modules/b.nix'])
      expect(lstatSync(`${root}/etc/nixos/${name}`).uid).toBe(0);
    expect(lstatSync(`${root}/etc/nixos/modules/a.nix`).mode & 0o7777).toBe(0o755);
  });

  test.each([
    ['a FIFO', (at: string) => execFileSync('mkfifo', [at])],
    ['a hard link', (at: string) => linkSync(`${root}/home/srid/mine`, at)],
  ])('%s of theirs is not left in a place of root’s: all is undone', (_what, lay) => {
    writeFileSync(`${root}/home/srid/mine`, 'mine\n');
    lay(`${root}${TREE}/odd`);
    for (const at of [`${root}/home/srid/mine`, `${root}${TREE}/odd`]) lchownSync(at, OWNER, 100);
    const before = rows();
    const { code, out } = reflake(['rollback', '--yes']);
    expect({ code, out }).toEqual({ code: 4, out: expect.stringMatching(/odd" would still be its owner's.*RF2041/) });
    expect(rows()).toEqual(before);
  });

  test("a file of root's that they could not read is not taken along", () => {
    writeFileSync(`${root}/home/srid/.viminfo`, 'SECRET\n', { mode: 0o600 });
    renameSync(`${root}/home/srid/.viminfo`, `${root}${TREE}/x.nix`);
    const before = rows();
    const { code, out } = reflake(['rollback', '--yes']);
    expect({ code, out }).toEqual({ code: 1, out: expect.stringMatching(/x\.nix" is closed to the owner.*RF2041/) });
    expect(rows()).toEqual(before);
  });
});

describe('.git is a file that leads', () => {
  const gitdir = (to: string): void => {
    writeFileSync(`${root}${TREE}/.git`, `gitdir: ${to}\n`);
    chownSync(`${root}${TREE}/.git`, OWNER, 100);
  };

  /** Makes the directory one that Nix takes for a repository, and keeps its owner. */
  const asRepository = (path: string): void => {
    const at = path.startsWith('/') ? `${root}${path}` : `${root}${TREE}/${path}`;
    const { uid, gid } = lstatSync(at);
    for (const name of ['objects', 'refs']) mkdirSync(`${at}/${name}`);
    writeFileSync(`${at}/HEAD`, 'ref: refs/heads/main\n');
    for (const name of ['objects', 'refs', 'HEAD']) chownSync(`${at}/${name}`, uid, gid);
  };

  test.each([
    ['to a directory of root', '/srv/open'],
    ['to a closed directory of root', '/srv/closed'],
    ['to a directory of root, relative', '../../../srv/open'],
    ['to a third user', '/home/third'],
  ])('%s: nothing is touched', (_what, to) => {
    asRepository(to);
    gitdir(to);
    isBlocked(
      /(\.git" is in the hands of srid[\s\S]*RF2040|\/(closed|third)\/\w+" cannot be read[\s\S]*RF2005)/,
      {},
      { git: 'track' },
    );
  });

  test('to a repository of theirs: its index is written', () => {
    mkdirSync(`${root}/home/srid/repository`);
    chownSync(`${root}/home/srid/repository`, OWNER, 100);
    asRepository('/home/srid/repository');
    gitdir('/home/srid/repository');
    const { code, out } = reflake(['apply', '--yes'], {}, { git: 'track' });
    expect({ code, out }).toEqual({ code: 0, out });
    expect(lstatSync(`${root}/home/srid/repository/index`).uid).toBe(OWNER);
  });
});

describe("nix.conf of theirs leads to root's", () => {
  const CONF = '/home/srid/.config/nix/nix.conf';
  beforeEach(() => {
    mkdirSync(`${root}/home/srid/.config/nix`, { recursive: true });
    writeFileSync(`${root}/srv/open/nix.conf`, 'experimental-features = nix-command\n');
    for (const at of ['/home/srid/.config', '/home/srid/.config/nix']) chownSync(root + at, OWNER, 100);
    writeFileSync(`${root}/etc/nix/nix.conf`, '');
  });
  const FEATURES = { features: ['nix-command', 'flakes'] };

  test('by a link', () => {
    link(CONF, '/srv/open/nix.conf');
    isBlocked(/RF2010/, {}, FEATURES);
  });

  test('by a link of its directory', () => {
    gone('/home/srid/.config/nix');
    link('/home/srid/.config/nix', '/srv/open');
    isBlocked(/RF2010|RF2040/, {}, FEATURES);
  });

  test('by an include', () => {
    writeFileSync(root + CONF, 'include /srv/open/nix.conf\n');
    chownSync(root + CONF, OWNER, 100);
    isBlocked(/RF2010/, {}, FEATURES);
  });

  test('a file of their own behind a link of theirs is written where it is', () => {
    mkdirSync(`${root}/home/srid/dotfiles`);
    writeFileSync(`${root}/home/srid/dotfiles/nix.conf`, 'experimental-features = nix-command\n');
    for (const at of ['/home/srid/dotfiles', '/home/srid/dotfiles/nix.conf']) chownSync(root + at, OWNER, 100);
    gone('/home/srid/.config/nix');
    link('/home/srid/.config/nix', '../dotfiles');
    const { code, out } = reflake(['apply', '--yes'], {}, FEATURES);
    expect({ code, out }).toEqual({ code: 0, out });
    expect(readdirSync(`${root}/home/srid/dotfiles`)).toEqual(['nix.conf']);
    expect(lstatSync(`${root}/home/srid/.config/nix`).isSymbolicLink()).toBe(true);
  });
});

describe('what the owner is given', () => {
  const inTree = (name: string, mode: number, uid = 0): string => {
    const path = `${root}${TREE}/${name}`;
    writeFileSync(path, 'x\n');
    chownSync(path, uid, uid === 0 ? 0 : 100);
    chmodSync(path, mode);
    return path;
  };

  test.each([
    ["a closed file of root's", () => void inTree('a', 0o600)],
    ["a file of root's group", () => void inTree('a', 0o640)],
    ["a closed file of a third user's", () => void inTree('a', 0o600, THIRD)],
    ["a set-id file of root's", () => void inTree('a', 0o4755)],
    [
      "a closed directory of root's",
      () => {
        mkdirSync(`${root}${TREE}/a`, { mode: 0o700 });
        writeFileSync(`${root}${TREE}/a/b`, 'x\n');
      },
    ],
  ])('%s is not, and the chown is told', (_what, make) => {
    make();
    isBlocked(/RF2041/);
    expect(reflake(['plan']).out).toMatch(/chown (-R )?-h 1000:100 -- '\/home\/srid\/nixos-config\/a'/);
  });

  test('a hard link of a file of root’s is not', () => {
    writeFileSync(`${root}/srv/open/passwords`, 'x\n');
    linkSync(`${root}/srv/open/passwords`, `${root}${TREE}/a`);
    isBlocked(/RF2018/);
  });

  test('what they can read is', () => {
    const path = inTree('a', 0o644);
    expect(reflake(['apply', '--yes'])).toMatchObject({ code: 0 });
    expect(lstatSync(path).uid).toBe(OWNER);
    expect(reflake(['rollback', '--yes'])).toMatchObject({ code: 0 });
    expect(lstatSync(path).uid).toBe(0);
  });

  test('what is closed in root’s own place is, when it is moved from there, and goes back', () => {
    gone(TREE);
    mkdirSync(`${root}/etc/nixos`);
    mkdirSync(`${root}/etc/nixos/keys`, { mode: 0o700 });
    writeFileSync(`${root}/etc/nixos/configuration.nix`, '{ }\n');
    writeFileSync(`${root}/etc/nixos/keys/secret`, '{ }\n', { mode: 0o600 });
    const flake = BASES.machines.settled[`${TREE}/flake.lock`] as { file: readonly string[] };
    writeFileSync(`${root}/etc/nixos/flake.lock`, `${flake.file.join('\n')}\n`);
    const before = rows();
    const { code, out } = reflake(['apply', '--yes'], { from: '/etc/nixos' });
    expect({ code, out }).toEqual({ code: 0, out });
    expect(lstatSync(`${root}${TREE}/keys/secret`).uid).toBe(OWNER);
    const back = reflake(['rollback', '--yes']);
    expect(back).toEqual({ code: 0, out: back.out });
    expect(rows()).toEqual(before);
  });

  test('a tree with a mount in it is neither given nor moved', () => {
    mkdirSync(`${root}${TREE}/mounted`);
    chownSync(`${root}${TREE}/mounted`, OWNER, 100);
    inTree('a', 0o644);
    execFileSync('mount', ['--bind', `${root}/srv/open`, `${root}${TREE}/mounted`]);
    try {
      isBlocked(/RF2042/);
      isBlocked(/RF2042/, { from: TREE, path: '~/elsewhere' });
    } finally {
      execFileSync('umount', [`${root}${TREE}/mounted`]);
    }
  });
});

describe('a transaction of root', () => {
  const THEIRS: Owner = { uid: OWNER, gid: 100 };
  const ROOTS: Owner = { uid: 0, gid: 0 };
  const MACHINE = {
    '/home/srid': { dir: true, mode: '0700', owner: [OWNER, 100] },
    '/home/srid/c': { dir: true, owner: [OWNER, 100] },
    '/home/srid/c/.git': { dir: true, owner: [OWNER, 100] },
    '/home/srid/c/.git/index': { file: 'index', owner: [OWNER, 100] },
    '/home/srid/c/sub': { dir: true, owner: [OWNER, 100] },
    '/home/srid/c/sub/a': { file: 'root wrote it', mode: '0644' },
    '/home/srid/root': { dir: true },
    '/home/srid/root/a': { file: 'root wrote it', mode: '0644' },
    '/home/third': { dir: true, owner: [THIRD, 100] },
    '/srv/vault/index': { file: 'root wrote it', mode: '0644' },
    '/srv/vault/new': { file: 'root wrote it', mode: '0644' },
    '/srv/vault/a': { file: 'root wrote it', mode: '0644' },
  } as const;
  const BLOBS: Record<string, Uint8Array> = {};
  const content = (text: string) => {
    const digest = digestOf(text);
    BLOBS[digest] = Buffer.from(text);
    return digest;
  };
  const file = (text: string, owner: Owner) => ({ type: 'file', content: content(text), mode: 0o644, owner }) as const;
  const put = (path: string, before: Put['before'], after: Put['after']): Edit => ({
    op: 'put',
    path: absolute(path),
    before,
    after,
  });
  const EDITS = [
    put('/home/srid/c/.git/index', file('index', THEIRS), file('new index', THEIRS)),
    put('/home/srid/c/sub/new', { type: 'absent' }, file('made', THEIRS)),
    put(
      '/home/srid/c/sub/a',
      { type: 'file', mode: 0o644, owner: ROOTS },
      { type: 'file', mode: 0o644, owner: THEIRS },
    ),
  ];
  const of = (edits: readonly Edit[], more: Partial<Transaction> = {}): Transaction => ({
    tx: 'beef',
    kind: 'apply',
    plan: digestOf('boundary'),
    host: FACTS,
    undoes: [],
    startedAt: '2026-01-01T00:00:00Z',
    by: 'root',
    uid: 0,
    parties: [{ uid: OWNER, gids: [100] }],
    batches: [edits],
    ...more,
  });
  const die = (): never => {
    throw DEATH;
  };
  const NO = [{ severity: 'error', code: 'RF3006', summary: 'no' }] as const;

  let scene: Scene & { readonly root: string };
  beforeEach(() => {
    const made = diskScene(MACHINE);
    scene = made as typeof scene;
  });
  afterEach(() => scene.remove());

  const roots = (): Rows => scene.rows().filter((row) => /^\/(srv|home\/third|home\/srid\/root)\b/.test(row));
  const run = (
    edits: readonly Edit[],
    verify: () => void = () => {},
    more: Partial<Transaction> = {},
  ): Promise<Outcome> =>
    execute(
      of(edits, more),
      BLOBS,
      around(scene.open(), {
        verify: async () => {
          verify();
          return [...NO];
        },
      }),
    );

  test('whose directory is what it was is undone', async () => {
    const before = scene.rows();
    expect((await run(EDITS)).status).toBe('rolled-back');
    expect(scene.rows()).toEqual(before);
  });

  test.each([
    ['.git', '/srv/vault'],
    ['.git', '../../../srv/vault'],
    ['sub', '/srv/vault'],
    ['sub', '/home/third'],
    ['.git', '/home/srid/root'],
    ['sub', '../root'],
  ])('he puts a link in the place of %s, to %s, after it was written: undo does not follow', async (name, target) => {
    const [at, away] = [`${scene.root}/home/srid/c/${name}`, `${scene.root}/home/srid/c/away`];
    const untouched = roots();
    const outcome = await run(EDITS, () => {
      renameSync(at, away);
      symlinkSync(target, at);
      lchownSync(at, OWNER, 100);
    });
    expect(outcome).toMatchObject({ status: 'rolled-back', kept: expect.any(Array) });
    const kept = 'kept' in outcome ? (outcome.kept ?? []).map(({ path }) => path) : [];
    expect(kept.length).toBeGreaterThan(0);
    for (const path of kept) expect(path).toContain(`/home/srid/c/${name}/`);
    expect(roots()).toEqual(untouched);
  });

  test.each(['.git', 'sub'])('he does so with %s, and root dies: recovery does not follow', async (name) => {
    const at = `${scene.root}/home/srid/c/${name}`;
    const untouched = roots();
    const dying = watched(scene.open(), {
      before: (_n, what) => void (what.startsWith('store.rename journal history') && die()),
    });
    await untilDeath(() => execute(of(EDITS), BLOBS, around(dying)));
    renameSync(at, `${at}.away`);
    symlinkSync('/srv/vault', at);
    lchownSync(at, OWNER, 100);
    expect(await recover(around(scene.open()))).toMatchObject({ status: 'rolled-back', kept: expect.any(Array) });
    expect(roots()).toEqual(untouched);
  });

  test('he is given the directory, and links what lies in it elsewhere: undo does not follow, though it is root’s again', async () => {
    const dir = (owner: Owner) => ({ type: 'dir', mode: 0o755, owner }) as const;
    chownSync(`${scene.root}/home/srid/c`, 0, 0);
    const untouched = roots();
    const at = `${scene.root}/home/srid/c/.git`;
    const outcome = await run([...EDITS, put('/home/srid/c', dir(ROOTS), dir(THEIRS))], () => {
      renameSync(at, `${at}.away`);
      symlinkSync('/srv/vault', at);
      lchownSync(at, OWNER, 100);
    });
    expect(outcome).toMatchObject({ status: 'rolled-back', kept: expect.any(Array) });
    expect(roots()).toEqual(untouched);
  });

  test.each([
    ['in a third user’s directory', '/home/third/new'],
    ['in a directory of root’s in their place', '/home/srid/root/new'],
  ])('%s nothing is made', async (_what, path) => {
    const before = scene.rows();
    const outcome = await run([put(path, { type: 'absent' }, file('made', THEIRS))]);
    expect(outcome).toMatchObject({ status: 'refused', cause: [{ code: 'RF3004' }] });
    expect(JSON.stringify(outcome)).toMatch(/its directory belongs to/);
    expect(scene.rows()).toEqual(before);
  });

  test('in a directory of root’s that it gives to them, it is', async () => {
    const dir = (owner: Owner) => ({ type: 'dir', mode: 0o755, owner }) as const;
    const before = scene.rows();
    const edits = [
      put('/home/srid/root/new', { type: 'absent' }, file('made', THEIRS)),
      put('/home/srid/root', dir(ROOTS), dir(THEIRS)),
    ];
    expect((await run(edits)).status).toBe('rolled-back');
    expect(scene.rows()).toEqual(before);
    expect((await execute(of(edits), BLOBS, around(scene.open()))).status).toBe('applied');
  });

  test('what they have closed is not given, whatever the plan says', async () => {
    const path = `${scene.root}/home/srid/c/sub/a`;
    chmodSync(path, 0o600);
    const before = scene.rows();
    const closed = { type: 'file', mode: 0o600 } as const;
    const outcome = await run([put('/home/srid/c/sub/a', { ...closed, owner: ROOTS }, { ...closed, owner: THEIRS })]);
    expect(JSON.stringify(outcome)).toMatch(/so it is not given to them/);
    expect(scene.rows()).toEqual(before);
  });

  test('is not undone by anybody else', async () => {
    await untilDeath(() => execute(of(EDITS), BLOBS, around(watched(scene.open(), dieBefore(10)))));
    const before = scene.rows();
    const geteuid = jest.spyOn(process, 'geteuid').mockReturnValue(OWNER);
    try {
      const outcome = await recover(around(scene.open()));
      expect(outcome?.status).toBe('stuck');
      expect(JSON.stringify(outcome)).toMatch(/only root can go on with it/);
    } finally {
      geteuid.mockRestore();
    }
    expect(scene.rows()).toEqual(before);
    expect((await recover(around(scene.open())))?.status).toBe('rolled-back');
  });
});
