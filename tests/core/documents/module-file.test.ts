// Where a module is: what counts as a file of the flake is what real Nix can import from the copy of it in the store.

import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, expect, test } from '@jest/globals';
import { moduleFile } from '../../../core/documents/module-file.ts';
import { absolute } from '../../../core/path.ts';
import { memoryScene } from '../../support/faults.ts';
import type { Leaf } from '../../support/trees.ts';

const scratch = realpathSync(mkdtempSync(join(tmpdir(), 'module-file-')));
afterAll(() => {
  spawnSync('chmod', ['-R', 'u+w', scratch]);
  rmSync(scratch, { recursive: true, force: true });
});

const DIR = join(scratch, 'flake');
const TREE: Readonly<Record<string, string>> = {
  file: '1',
  'a.nix': '1',
  'd/default.nix': '1',
  'empty/other.nix': '1',
  link: '-> a.nix',
  chain: '-> link',
  up: '-> d/../a.nix',
  linkdir: '-> d',
  'l/default.nix': '-> ../file',
  'deep/link': '-> ../a.nix',
  out: '-> ../outside.nix',
  back: '-> ../flake/a.nix',
  absolute: `-> ${DIR}/a.nix`,
  dangling: '-> nothing',
  loop: '-> loop',
  'odd/default.nix/x': '1',
};
/** What is imported, and what it is. */
const CASES = {
  file: 'file',
  'a.nix': 'a.nix',
  d: 'd/default.nix',
  link: 'a.nix',
  chain: 'a.nix',
  up: 'a.nix',
  linkdir: 'd/default.nix',
  'linkdir/default.nix': 'd/default.nix',
  l: 'file',
  'deep/link': 'a.nix',
  empty: 'missing',
  out: 'astray',
  back: 'astray',
  absolute: 'astray',
  dangling: 'missing',
  loop: 'odd',
  nothing: 'missing',
  odd: 'odd',
};

test('as real Nix finds it', () => {
  const leaves: Record<string, Leaf> = { [join(scratch, 'outside.nix')]: '1' };
  for (const [name, text] of Object.entries({ ...TREE, '../outside.nix': '1' })) {
    const path = join(DIR, name);
    mkdirSync(dirname(path), { recursive: true });
    const target = text.startsWith('-> ') ? text.slice(3) : undefined;
    if (target === undefined) writeFileSync(path, text);
    else symlinkSync(target, path);
    leaves[path] = target === undefined ? text : { link: target };
  }
  const names = Object.keys(CASES);
  const outputs = names.map((name, at) => `x${at} = import ./${name};`).join('\n');
  writeFileSync(join(DIR, 'flake.nix'), `{ outputs = _: { ${outputs} }; }`);
  const reader = memoryScene(leaves).open().host;
  const dir = absolute(DIR);
  const features = ['--extra-experimental-features', 'nix-command flakes', '--offline', '--store', join(scratch, 's')];
  const found = names.map((name, at) => {
    const file = moduleFile(absolute(join(DIR, name)), dir, reader);
    const { status } = spawnSync('nix', [...features, 'eval', `path:${DIR}#x${at}`], { encoding: 'utf8' });
    return [name, file.kind === 'file' ? file.path.slice(DIR.length + 1) : file.kind, status === 0];
  });
  expect(execFileSync('nix', ['--version'], { encoding: 'utf8' })).toMatch(/Nix/);
  expect(found).toEqual(Object.entries(CASES).map(([name, end]) => [name, end, !/^(missing|astray|odd)$/.test(end)]));
});
