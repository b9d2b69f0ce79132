// References on the command line against what three real Nixes said, in the tree those records assume.

import { execFileSync } from 'node:child_process';
import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { missingFlake, parseCliRef, type RefFileSystem } from '../../../core/formats/flake-ref/cli-ref.ts';
import type { Attrs, NixVersion } from '../../../core/formats/flake-ref/model.ts';

interface Verdict {
  readonly ok: boolean;
  readonly attrs?: Attrs;
  readonly error?: string;
}
interface Vector extends Verdict {
  readonly in: string;
  readonly context: string;
  readonly baseDir: string;
  readonly others: Readonly<Record<string, Verdict>>;
}

const file = new URL('../../vectors/flakerefs.json', import.meta.url);
const vectors = (JSON.parse(readFileSync(file, 'utf8')) as { vectors: readonly Vector[] }).vectors;
const cli = vectors.filter((vector) => vector.context === 'cli');

let root = '';

beforeAll(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), 'flake-ref-')));
  const flake = '{ outputs = { self }: { }; }\n';
  const flakes = ['plain', 'plain/subflake', 'repo', 'repo/sub', 'sp ace', 'pl+us', 'a%20b', 'wt/deep/er', 'gitfile'];
  const files = ['plain/sub/x', 'repo/nosub/x', 'nofl/x', 'nofl/deep/x', 'file'];
  for (const path of [...flakes.map((dir) => `${dir}/flake.nix`), ...files]) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), path.endsWith('flake.nix') ? flake : 'x\n');
  }
  for (const repo of ['repo', 'wt']) execFileSync('git', ['init', '-q', '-b', 'main', join(root, repo)]);
  writeFileSync(join(root, 'gitfile/.git'), 'gitdir: ../repo/.git\n');
  symlinkSync('plain', join(root, 'link'));
  symlinkSync('repo/sub', join(root, 'linksub'));
});

afterAll(() => rmSync(root, { recursive: true, force: true }));

const fs: RefFileSystem = {
  kind: (path) => {
    const stat = lstatSync(path, { throwIfNoEntry: false });
    return stat === undefined ? undefined : stat.isSymbolicLink() ? 'link' : stat.isDirectory() ? 'directory' : 'file';
  },
  realpath: (path) => {
    try {
      return realpathSync(path);
    } catch {
      return path;
    }
  },
};

const versions: readonly (readonly [NixVersion, string])[] = [
  ['2.34', '2.34.8'],
  ['2.26', '2.26.3'],
  ['2.8', '2.8.0'],
];

describe.each(versions)('Nix %s', (nix, name) => {
  test.each(cli.map((vector) => [`${vector.in} in ${vector.baseDir}`, vector] as const))('%s', (_, vector) => {
    const want = nix === '2.34' ? vector : (vector.others[name] as Verdict);
    const here = (text: string): string => text.replaceAll('/vectors/cli', root);
    const options = { baseDir: here(vector.baseDir), fs, nix };
    const parsed = parseCliRef(here(vector.in), options);
    const missing = parsed.ok ? missingFlake(parsed.ref.attrs, options) : parsed.error;
    const got = parsed.ok && missing === undefined ? parsed.ref.attrs : undefined;
    expect(got).toEqual(want.ok ? JSON.parse(here(JSON.stringify(want.attrs))) : undefined);
  });
});

test('a link to a directory inside a repository leads to the repository', () => {
  const parsed = parseCliRef('../linksub', { baseDir: join(root, 'plain'), fs });
  expect(parsed).toMatchObject({ ok: true, ref: { attrs: { type: 'git', url: `file://${root}/repo`, dir: 'sub' } } });
});

test('2.34 goes up from where a link leads, older Nix from where it lies', () => {
  const at = (nix: NixVersion) => parseCliRef('./linksub/..', { baseDir: root, fs, nix });
  expect(at('2.34')).toMatchObject({ ok: true, ref: { attrs: { type: 'git', url: `file://${root}/repo` } } });
  expect(at('2.26').ok).toBe(false);
});

test.each<readonly [string, Attrs, string | undefined]>([
  ['a link is copied as a link', { type: 'path', path: 'link' }, 'is a symlink'],
  ['a tree behind a link', { type: 'path', path: 'link/subflake' }, 'is a symlink'],
  ['a subdirectory leads no higher than the top of the tree', { type: 'path', path: 'plain', dir: '../..' }, undefined],
  ['a bare repository', { type: 'git', url: 'bare' }, undefined],
  ['no repository', { type: 'git', url: 'plain' }, 'does not exist'],
  ['a revision that is none', { type: 'path', path: 'plain', rev: 'abc' }, 'wrong length'],
])('what Nix opens: %s', (_, attrs, missing) => {
  mkdirSync(join(root, 'bare'), { recursive: true });
  writeFileSync(join(root, 'bare/HEAD'), 'ref: refs/heads/main\n');
  const at =
    attrs.type === 'git'
      ? { ...attrs, url: `file://${root}/${attrs.url}` }
      : { ...attrs, path: `${root}/${attrs.path}` };
  const got = missingFlake(at, { baseDir: root, fs });
  expect(got).toEqual(missing === undefined ? undefined : expect.stringContaining(missing));
});

test('a shallow repository is marked', () => {
  mkdirSync(join(root, 'shallow/.git'), { recursive: true });
  writeFileSync(join(root, 'shallow/.git/shallow'), '');
  writeFileSync(join(root, 'shallow/flake.nix'), '{ outputs = _: { }; }\n');
  const parsed = parseCliRef('.', { baseDir: join(root, 'shallow'), fs });
  expect(parsed).toMatchObject({ ok: true, ref: { attrs: { shallow: true } } });
});

test('the search stops at a file system boundary', () => {
  const device = (path: string): number => (path === join(root, 'nofl') ? 1 : 2);
  const parsed = parseCliRef('./deep', { baseDir: join(root, 'nofl'), fs: { ...fs, device } });
  expect(parsed).toMatchObject({ ok: false, error: expect.stringContaining('filesystem boundary') });
});
