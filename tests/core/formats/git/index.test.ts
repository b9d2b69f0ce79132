// The index reader and the intent-to-add writer against the real git, and against Nix.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { type ObjectFormat, readIndex } from '../../../../core/formats/git/index.ts';
import {
  addIntentToAdd,
  emptyBlobFile,
  type IndexCircumstances,
  type IntendedPath,
} from '../../../../core/formats/git/index-add.ts';
import { readIndexPaths } from '../../../../core/formats/git/index-paths.ts';
import { fromBytes } from '../../../../core/path.ts';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'git-index-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const env = () => ({
  PATH: process.env.PATH,
  HOME: join(root, 'home'),
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_CONFIG_SYSTEM: '/dev/null',
  GIT_AUTHOR_DATE: '2024-01-01T00:00:00Z',
  GIT_COMMITTER_DATE: '2024-01-01T00:00:00Z',
});
const git = (dir: string, ...args: string[]): string =>
  execFileSync('git', ['-c', 'user.name=a', '-c', 'user.email=a@b', '-c', 'protocol.file.allow=always', ...args], {
    cwd: dir,
    env: env(),
    encoding: 'latin1',
    stdio: ['ignore', 'pipe', 'pipe'],
  });

interface Repo {
  readonly dir: string;
  readonly index: string;
}
function repository(name: string, ...init: string[]): Repo {
  const dir = join(root, name);
  mkdirSync(dir, { recursive: true });
  git(dir, 'init', '-q', '-b', 'main', ...init);
  return { dir, index: join(dir, '.git/index') };
}
function put(repo: Repo, path: string, content = path, mode = 0o644): void {
  mkdirSync(dirname(join(repo.dir, path)), { recursive: true });
  writeFileSync(join(repo.dir, path), content);
  chmodSync(join(repo.dir, path), mode);
}
const file = (path: string | Buffer, executable = false): IntendedPath => ({ path, executable, symlink: false });
const indexOf = (repo: Repo) => (existsSync(repo.index) ? readFileSync(repo.index) : undefined);
function add(repo: Repo, paths: readonly IntendedPath[], circumstances?: IndexCircumstances) {
  const result = addIntentToAdd(indexOf(repo), paths, circumstances);
  if (!result.ok) throw new Error(result.message);
  writeFileSync(repo.index, result.bytes);
  const blob = emptyBlobFile(circumstances?.format);
  const path = join(repo.dir, '.git', blob.path);
  mkdirSync(dirname(path), { recursive: true });
  if (!existsSync(path)) writeFileSync(path, blob.bytes, { mode: 0o444 });
  return result;
}
function read(repo: Repo, format?: ObjectFormat) {
  const bytes = readFileSync(repo.index);
  const result = readIndex(bytes, format);
  expectSamePaths(bytes, format);
  if (!result.ok) throw new Error(result.message);
  return result.index;
}
/** The law of the short cut: it lists what the whole reader lists, finds nothing else, and refuses with the same words. */
function expectSamePaths(bytes: Uint8Array, format: ObjectFormat = 'sha1'): void {
  const whole = readIndex(bytes, format);
  const short = readIndexPaths(bytes, format);
  if (!whole.ok || !short.ok) {
    expect(short).toEqual(whole);
    return;
  }
  const paths = [...new Set(whole.index.entries.map(({ path }) => fromBytes(path)))];
  expect([...new Set(short.paths)]).toEqual(paths);
  for (const path of paths) {
    expect(short.paths.has(path)).toBe(true);
    for (const other of [`${path}x`, path.slice(0, -1), `${path}/x`])
      expect(short.paths.has(other)).toBe(paths.includes(other));
  }
}
/** The index as git lists it, with the flags of each entry but without stat data. */
const seen = (repo: Repo) => ({
  staged: git(repo.dir, 'ls-files', '-s', '-z'),
  flags: git(repo.dir, 'ls-files', '--debug').replace(/^ {2}(ctime|mtime|dev|uid).*$|size: \d+/gm, ''),
  status: git(repo.dir, 'status', '--porcelain', '-z'),
  diff: git(repo.dir, 'diff'),
  cached: git(repo.dir, 'diff', '--cached'),
});

describe('reading', () => {
  test.each(['2', '3', '4'])('version %s, as git ls-files says', (version) => {
    const repo = repository('r');
    for (const path of ['a', 'a-b', 'a/../b/c', 'b/d', 'ä', 'x y', `l${'o'.repeat(200)}ng`])
      put(repo, path.replace('a/../', ''));
    put(repo, 'run', '#!', 0o755);
    symlinkSync('a', join(repo.dir, 'link'));
    git(repo.dir, 'update-index', '--index-version', version);
    git(repo.dir, 'add', '.');
    git(repo.dir, 'commit', '-qm', 'x');
    put(repo, 'new');
    if (version !== '2') git(repo.dir, 'add', '-N', 'new');
    git(repo.dir, 'update-index', '--assume-unchanged', 'a');
    if (version !== '2') git(repo.dir, 'update-index', '--skip-worktree', 'b/d');
    const index = read(repo);
    expect(index.version).toBe(Number(version));
    const lines = index.entries.map(
      (one) => `${one.mode.toString(8)} ${one.id.toString('hex')} ${one.stage}\t${one.path.toString('latin1')}\0`,
    );
    expect(lines.join('')).toBe(git(repo.dir, 'ls-files', '-s', '-z'));
    const names = (wanted: (one: (typeof index.entries)[number]) => boolean) =>
      index.entries.filter(wanted).map((one) => one.path.toString());
    expect(names((one) => one.assumeValid)).toEqual(['a']);
    expect(names((one) => one.skipWorktree)).toEqual(version === '2' ? [] : ['b/d']);
    expect(names((one) => one.intentToAdd)).toEqual(version === '2' ? [] : ['new']);
    expect(index.extensions.map((one) => one.signature)).toContain('TREE');
  });

  test('a conflict has its stages', () => {
    const repo = conflicted();
    expect(read(repo).entries.map((one) => [one.path.toString(), one.stage])).toEqual([
      ['f', 1],
      ['f', 2],
      ['f', 3],
    ]);
  });

  test('zeros for a checksum (index.skipHash) are accepted', () => {
    const repo = repository('r');
    put(repo, 'a');
    git(repo.dir, 'add', 'a');
    const bytes = readFileSync(repo.index);
    bytes.fill(0, bytes.length - 20);
    expect(readIndex(bytes)).toMatchObject({ ok: true, index: { entries: [{ mode: 0o100644 }] } });
  });

  test('every damaged byte and every truncation is an error value', () => {
    const repo = repository('r');
    put(repo, 'a');
    put(repo, 'b/c');
    git(repo.dir, 'add', '.');
    const bytes = readFileSync(repo.index);
    const resign = (body: Buffer) => Buffer.concat([body, createHash('sha1').update(body).digest()]);
    for (let at = 0; at < bytes.length; at++) {
      const bad = Buffer.from(bytes);
      bad[at]! ^= 0x5a;
      expect(readIndex(bad)).toMatchObject({ ok: false });
      expectSamePaths(bad);
      expect(readIndex(bytes.subarray(0, at))).toMatchObject({ ok: false, reason: 'damaged' });
      // With a right checksum the parser itself has to cope: a value, whatever it is, and no throw.
      if (at < bytes.length - 20) {
        for (const odd of [bad.subarray(0, -20), bytes.subarray(0, at)]) {
          expect(typeof readIndex(resign(odd)).ok).toBe('boolean');
          expectSamePaths(resign(odd));
        }
      }
    }
    expect(readIndex(bytes)).toMatchObject({ ok: true });
    expect(readIndex(bytes, 'sha256')).toMatchObject({ ok: false });
    expect(addIntentToAdd(bytes.subarray(1), [file('x')])).toMatchObject({ ok: false, reason: 'damaged' });
  });
});

function conflicted(): Repo {
  const repo = repository('conflict');
  const commit = (content: string) => {
    put(repo, 'f', content);
    git(repo.dir, 'add', 'f');
    git(repo.dir, 'commit', '-qm', content);
  };
  commit('base');
  git(repo.dir, 'checkout', '-qb', 'other');
  commit('theirs');
  git(repo.dir, 'checkout', '-q', 'main');
  commit('ours');
  expect(() => git(repo.dir, 'merge', 'other')).toThrow();
  return repo;
}

describe('adding', () => {
  const segment = fc.constantFrom('a', 'b', 'a-b', 'a.b', 'B', 'ü', 'x y', '"q"', '-n', 'flake.nix', '\\t', '\n');
  const path = fc.array(segment, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('/'));
  const node = fc.record({
    path,
    kind: fc.constantFrom('file', 'run', 'link'),
    when: fc.constantFrom('committed', 'staged', 'new'),
  });

  test('does what git add -N does, and git goes on working', () => {
    let round = 0;
    fc.assert(
      fc.property(fc.array(node, { minLength: 1, maxLength: 9 }), fc.constantFrom('2', '3', '4'), (drawn, version) => {
        // A path below another file cannot exist; neither can the same path twice.
        const nodes = drawn.filter(
          (one, i) =>
            !drawn.some((other, j) => (j < i && other.path === one.path) || other.path.startsWith(`${one.path}/`)),
        );
        const [theirs, ours] = ['git', 'our'].map((name) => {
          const repo = repository(`${name}${round}`);
          git(repo.dir, 'config', 'index.version', version);
          const write = (when: string) => {
            for (const one of nodes.filter((each) => each.when === when)) {
              mkdirSync(dirname(join(repo.dir, one.path)), { recursive: true });
              if (one.kind === 'link') symlinkSync('to', join(repo.dir, one.path));
              else put(repo, one.path, one.path, one.kind === 'run' ? 0o755 : 0o644);
            }
          };
          write('committed');
          git(repo.dir, 'add', '-A');
          git(repo.dir, 'commit', '-qm', 'c', '--allow-empty');
          write('staged');
          git(repo.dir, 'add', '-A');
          write('new');
          return repo;
        }) as [Repo, Repo];
        round++;
        const fresh = nodes.filter((one) => one.when === 'new');
        if (fresh.length > 0)
          git(theirs.dir, '--literal-pathspecs', 'add', '-N', '--', ...fresh.map((one) => one.path));
        const before = read(ours);
        const intended = nodes.map((one) => ({
          path: one.path,
          executable: one.kind === 'run',
          symlink: one.kind === 'link',
        }));
        const result = add(ours, intended);
        expect(result.added.map(String)).toEqual(
          fresh.map((one) => one.path).toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))),
        );
        expect(seen(ours)).toEqual(seen(theirs));
        // Deterministic and idempotent.
        expect(addIntentToAdd(readFileSync(ours.index), intended)).toMatchObject({ ok: true, added: [] });
        const kept = new Map(read(ours).entries.map((one) => [one.path.toString('latin1'), one]));
        for (const one of before.entries) {
          const after = kept.get(one.path.toString('latin1'))!;
          expect(after.stat.equals(one.stat) || fresh.length > 0).toBe(true);
          if (before.version !== 4) expect(after.id.equals(one.id)).toBe(true);
        }
        for (const repo of [ours, theirs]) {
          git(repo.dir, 'fsck', '--strict');
          git(repo.dir, 'commit', '-qam', 'all', '--allow-empty');
          expect(git(repo.dir, 'status', '--porcelain')).toBe('');
        }
        expect(git(ours.dir, 'rev-parse', 'HEAD^{tree}')).toBe(git(theirs.dir, 'rev-parse', 'HEAD^{tree}'));
      }),
      { numRuns: Number(process.env.RUNS ?? 6) },
    );
  });

  test.each(['2', '3'])('entries of version %s keep their bytes', (version) => {
    const repo = repository('r');
    for (const path of ['a', 'b/c', 'z']) put(repo, path);
    git(repo.dir, 'update-index', '--index-version', version);
    git(repo.dir, 'add', '.');
    git(repo.dir, 'commit', '-qm', 'x');
    const before = read(repo).entries.map((one) => one.bytes.toString('hex'));
    add(repo, [file('m')]);
    const after = read(repo).entries.map((one) => one.bytes.toString('hex'));
    expect(after).toHaveLength(4);
    expect(after).toEqual(expect.arrayContaining(before));
    expect(read(repo).extensions).toEqual([]);
  });

  test('without an index, in a repository without a commit, byte for byte the same each time', () => {
    const repo = repository('r');
    put(repo, 'flake.nix');
    expect(add(repo, [file('flake.nix')]).bytes).toEqual(add(repository('s'), [file('flake.nix')]).bytes);
    expect(git(repo.dir, 'status', '--porcelain')).toBe(' A flake.nix\n');
    git(repo.dir, 'commit', '-qam', 'first');
    expect(git(repo.dir, 'ls-tree', '--name-only', 'HEAD')).toBe('flake.nix\n');
  });

  test('a sha256 repository', () => {
    const repo = repository('r', '--object-format=sha256');
    put(repo, 'a');
    git(repo.dir, 'add', 'a');
    put(repo, 'b');
    add(repo, [file('b')], { format: 'sha256' });
    expect(git(repo.dir, 'status', '--porcelain')).toBe('A  a\n A b\n');
    expect(read(repo, 'sha256').entries.map((one) => one.intentToAdd)).toEqual([false, true]);
    git(repo.dir, 'fsck', '--strict');
    git(repo.dir, 'commit', '-qam', 'x');
  });

  test('names that are no UTF-8, and names longer than the length field', () => {
    const repo = repository('r');
    const odd = Buffer.from([0x61, 0xff, 0xfe]);
    const long = `${'d/'.repeat(2100)}f`;
    add(repo, [file(odd), file(long)]);
    expect(git(repo.dir, 'ls-files', '-z').split('\0')).toEqual([odd.toString('latin1'), long, '']);
  });

  test('a conflicted path counts as tracked, and the conflict stays open', () => {
    const repo = conflicted();
    expect(add(repo, [file('f')]).added).toEqual([]);
    put(repo, 'g');
    add(repo, [file('f'), file('g')]);
    expect(git(repo.dir, 'status', '--porcelain')).toBe('UU f\n A g\n');
    // Resolving keeps the record that undoes it (REUC), and so do we.
    put(repo, 'f', 'done');
    git(repo.dir, 'add', 'f');
    expect(read(repo).extensions.map((one) => one.signature)).toContain('REUC');
    put(repo, 'h');
    add(repo, [file('h')]);
    expect(read(repo).extensions.map((one) => one.signature)).toEqual(['REUC']);
    git(repo.dir, 'checkout', '-m', 'f');
    expect(git(repo.dir, 'status', '--porcelain', 'f')).toBe('UU f\n');
  });

  test('caches of an untracked cache, many threads and a submodule are no obstacle', () => {
    const repo = repository('r');
    const module = repository('module');
    put(module, 'm');
    git(module.dir, 'add', '.');
    git(module.dir, 'commit', '-qm', 'm');
    git(repo.dir, 'submodule', '--quiet', 'add', module.dir, 'sub');
    git(repo.dir, 'config', 'index.recordEndOfIndexEntries', 'true');
    git(repo.dir, 'update-index', '--force-untracked-cache');
    git(repo.dir, 'commit', '-qm', 'x');
    git(repo.dir, 'status');
    const signatures = () =>
      read(repo)
        .extensions.map((one) => one.signature)
        .toSorted();
    expect(signatures()).toEqual(['EOIE', 'TREE', 'UNTR']);
    put(repo, 'a');
    add(repo, [file('a')]);
    expect(signatures()).toEqual([]);
    expect(git(repo.dir, 'status', '--porcelain')).toBe(' A a\n');
    expect(addIntentToAdd(readFileSync(repo.index), [file('sub/m')])).toMatchObject({ ok: false, reason: 'conflict' });
  });

  test.each([
    ['split', ['update-index', '--split-index'], 'link'],
    ['sparse', ['sparse-checkout', 'set', '--cone', '--sparse-index', 'in'], 'sdir'],
  ])('a %s index is refused', (_name, command, signature) => {
    const repo = repository('r');
    for (const path of ['in/a', 'out/b']) put(repo, path);
    git(repo.dir, 'add', '.');
    git(repo.dir, 'commit', '-qm', 'x');
    git(repo.dir, ...command);
    const result = addIntentToAdd(readFileSync(repo.index), [file('new')]);
    expect(result).toMatchObject({ ok: false, reason: 'unsupported', message: expect.stringContaining(signature) });
  });

  test.each([
    ['below a file', 'f/x', 'conflict'],
    ['a directory', 'd', 'conflict'],
    ['the parent', '../x', 'bad-path'],
    ['absolute', '/x', 'bad-path'],
    ['empty', '', 'bad-path'],
    ['inside .git', 'a/.GIT/hooks', 'bad-path'],
    ['with a NUL', 'a\0b', 'bad-path'],
  ])('a path that is %s is refused', (_name, path, reason) => {
    const repo = repository('r');
    for (const one of ['f', 'd/g']) put(repo, one);
    git(repo.dir, 'add', '.');
    expect(addIntentToAdd(readFileSync(repo.index), [file(path)])).toMatchObject({ ok: false, reason });
  });
  test('two new paths that exclude each other are refused', () => {
    expect(addIntentToAdd(undefined, [file('a'), file('a/b')])).toMatchObject({ ok: false, reason: 'conflict' });
  });

  test.each([
    ['as git would miss it', false, 'A  a\n A b\n'],
    ['and is seen when told', true, 'AM a\n A b\n'],
  ])('an edit of the same size in the second of the last git add: %s', (_name, isTold, status) => {
    const repo = repository('r');
    git(repo.dir, 'config', 'core.trustctime', 'false');
    const second = 2_000_000_000;
    const stamp = (path: string, at: number) => utimesSync(join(repo.dir, path), at, at);
    put(repo, 'a', 'old');
    stamp('a', second);
    git(repo.dir, 'add', 'a');
    put(repo, 'a', 'new');
    stamp('a', second);
    put(repo, 'b');
    add(repo, [file('b')], isTold ? { writtenAt: second } : {});
    stamp('.git/index', second + 9);
    expect(git(repo.dir, 'status', '--porcelain')).toBe(status);
  });
});

describe('Nix', () => {
  const nix = (dir: string, ...args: string[]): string =>
    execFileSync(
      'nix',
      ['--extra-experimental-features', 'nix-command flakes', '--store', join(root, 'store'), ...args],
      {
        cwd: dir,
        env: { ...env(), XDG_CACHE_HOME: join(root, 'cache'), GIT_CONFIG_COUNT: '0' },
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    );

  test.each([[false], [true]])('sees files that only our index lists (commit there: %s)', (isCommitted) => {
    const repo = repository('r');
    if (isCommitted) {
      put(repo, 'readme');
      git(repo.dir, 'add', '.');
      git(repo.dir, 'commit', '-qm', 'x');
    }
    put(repo, 'flake.nix', '{ outputs = _: { value = import ./dir/v.nix; has = builtins.pathExists ./hidden.nix; }; }');
    put(repo, 'dir/v.nix', '40 + 2');
    put(repo, 'hidden.nix', '1');
    const ref = `git+file://${repo.dir}`;
    expect(() => nix(repo.dir, 'eval', `${ref}#value`)).toThrow();
    add(repo, [file('flake.nix'), file('dir/v.nix')]);
    expect(nix(repo.dir, 'eval', `${ref}#value`)).toBe('42\n');
    expect(nix(repo.dir, 'eval', `${ref}#has`)).toBe('false\n');
    expect(JSON.parse(nix(repo.dir, 'flake', 'metadata', '--json', ref)).resolved.type).toBe('git');
  });
});

describe('a version 4 index whose paths grow by what they share', () => {
  /** Each path but the first drops `strip` bytes of the one before and adds `added`. */
  function packed(first: string, count: number, added: string, strip: number): Buffer {
    const head = Buffer.alloc(12);
    head.write('DIRC', 'latin1');
    head.writeUInt32BE(4, 4);
    head.writeUInt32BE(count, 8);
    let length = 0;
    const entries = Array.from({ length: count }, (_, n) => {
      const fixed = Buffer.alloc(62);
      fixed.writeUInt32BE(0o100644, 24);
      const rest = n === 0 ? first : `${added}${String(n).padStart(6, '0')}`;
      length += rest.length - (n === 0 ? 0 : strip);
      fixed.writeUInt16BE(Math.min(length, 0xfff), 60);
      return Buffer.concat([fixed, Buffer.from([n === 0 ? 0 : strip]), Buffer.from(`${rest}\0`)]);
    });
    const body = Buffer.concat([head, ...entries]);
    return Buffer.concat([body, createHash('sha1').update(body).digest()]);
  }

  test('one path is longer than any file’s', () => {
    expect(readIndex(packed('a'.repeat(4096), 1, '', 0))).toMatchObject({
      reason: 'damaged',
      message: expect.stringContaining('4095'),
    });
    expect(readIndex(packed('a'.repeat(4095), 1, '', 0))).toMatchObject({ ok: true });
  });

  test('all together are more than an index may have', () => {
    const found = readIndex(packed(`${'a'.repeat(4000)}000000`, 40_000, '', 6));
    expect(found).toMatchObject({ reason: 'damaged', message: expect.stringContaining('together') });
  });
});
