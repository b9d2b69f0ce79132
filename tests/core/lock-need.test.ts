// The audit of a lock on machines in memory: what a Reader shows counts, and no lock makes it slow.
import { describe, expect, test } from '@jest/globals';
import { memoryHost, type Paths } from '../../core/host/memory.ts';
import { overlay } from '../../core/host/overlay.ts';
import { digestOf } from '../../core/canonical.ts';
import { lockNeed } from '../../core/lock-need.ts';
import { type AbsPath, absolute, parent } from '../../core/path.ts';
import { readText } from '../../core/texts.ts';

const DIR = absolute('/etc/nixos');
const ROOT = { uid: 0, gid: 0 };

function machine(files: Readonly<Record<string, string>>) {
  const paths: Paths = new Map();
  const mkdir = (path: AbsPath): void => {
    if (path === '/' || paths.has(path)) return;
    mkdir(parent(path));
    paths.set(path, { entry: { type: 'dir', mode: 0o755, owner: ROOT } });
  };
  for (const [name, text] of Object.entries(files)) {
    const path = absolute(name);
    mkdir(parent(path));
    paths.set(path, { entry: { type: 'file', mode: 0o644, owner: ROOT }, bytes: Buffer.from(text) });
  }
  return memoryHost(paths, { name: 'nixos', system: 'x86_64-linux', machineId: '' });
}

const WISH = {
  dir: DIR,
  policy: {},
  now: 1_700_000_000,
  isRunning: true,
  git: false,
  home: '/root',
  person: { name: 'root', home: '/root', ...ROOT },
};

function need(files: Readonly<Record<string, string>>, wish: Partial<typeof WISH> = {}) {
  const reader = machine(files);
  const file = readText(reader, absolute('/etc/nixos/flake.lock'));
  if (file.kind === 'odd') throw new Error(file.problem);
  return lockNeed(files['/etc/nixos/flake.nix'] ?? '', file, { ...WISH, ...wish }, reader);
}

const pathNode = (path: string, narHash: string) => ({
  locked: { lastModified: 1, narHash, path, type: 'path' },
  original: { path, type: 'path' },
});

/** What `nix hash path` says of a directory with the one file `a` that holds `1\n`. */
const ONE = 'sha256-vt/AVrLUnZkbISqtQE3uQ8h5rS2lN4Zd1knyTXyQFxI=';

describe('a path input', () => {
  const FLAKE = '{ inputs.data = { url = "path:/srv/data"; flake = false; }; outputs = _: { }; }';
  const LOCK = JSON.stringify({
    nodes: { data: { ...pathNode('/srv/data', ONE), flake: false }, root: { inputs: { data: 'data' } } },
    root: 'root',
    version: 7,
  });
  const FILES = { '/etc/nixos/flake.nix': FLAKE, '/etc/nixos/flake.lock': LOCK };

  test('with the locked hash is in sync; with another it is locked again', async () => {
    const same = await need({ ...FILES, '/srv/data/a': '1\n' });
    expect([same.reasons, same.diagnostics]).toEqual([[], []]);
    const other = await need({ ...FILES, '/srv/data/a': '2\n' });
    expect(other.reasons.map(({ input }) => input)).toEqual(['data']);
    expect(other.diagnostics.map(({ severity, code }) => `${severity} ${code}`)).toEqual(['warning RF2023']);
    expect(JSON.parse(other.start ?? '').nodes.data).toBeUndefined();
  });

  test('counts as planned edits will leave it', async () => {
    const reader = overlay(machine({ ...FILES, '/srv/data/a': '1\n' }));
    const file = readText(reader, absolute('/etc/nixos/flake.lock'));
    if (file.kind === 'odd') throw new Error(file.problem);
    const bytes = Buffer.from('2\n');
    const entry = { type: 'file' as const, content: digestOf(bytes), mode: 0o644, owner: ROOT };
    reader.apply({ op: 'put', path: absolute('/srv/data/a'), before: entry, after: entry }, { [digestOf(bytes)]: bytes });
    expect((await lockNeed(FLAKE, file, WISH, reader)).reasons).toHaveLength(1);
  });

  test('under --root cannot be locked again from outside; one that is not in the root is left open', async () => {
    const other = await need({ ...FILES, '/srv/data/a': '2\n' }, { isRunning: false });
    expect(other.reasons).toEqual([]);
    expect(other.diagnostics.map(({ severity, code }) => `${severity} ${code}`)).toEqual(['error RF2023']);
    const gone = await need(FILES, { isRunning: false });
    expect(gone.diagnostics.map(({ severity, code }) => `${severity} ${code}`)).toEqual(['note RF2023']);
  });
});

test.each([
  ['all different', (index: number) => `github:o/r${index}`],
  ['of one source', () => 'github:o/r'],
])('a chain of fifty thousand nodes, %s, is judged without a square', async (_what, source) => {
  const nodes: Record<string, unknown> = { root: { inputs: { n0: 'n0' } } };
  for (let index = 0; index < 50_000; index++) {
    const [owner, repo] = source(index).slice(7).split('/');
    const original = { owner, repo, type: 'github' };
    const locked = { ...original, lastModified: 1, narHash: ONE, rev: 'a'.repeat(40) };
    nodes[`n${index}`] = { locked, original, ...(index < 49_999 && { inputs: { [`n${index + 1}`]: `n${index + 1}` } }) };
  }
  const { reasons } = await need({
    '/etc/nixos/flake.nix': `{ inputs.n0.url = "${source(0)}"; outputs = _: { }; }`,
    '/etc/nixos/flake.lock': JSON.stringify({ nodes, root: 'root', version: 7 }),
  });
  expect(reasons).toEqual([]);
});
