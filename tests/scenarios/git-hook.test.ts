// integrations/git/pre-commit in a real repository, by a real git: a commit is made where the checkout is as the spec wishes, and
// refused where it is not, with the reason; nothing but git writes.

import { spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { temporary } from '../support/trees.ts';

const pathOf = (name: string): string => fileURLToPath(new URL(`../../${name}`, import.meta.url));

let dir: string;
let remove: () => void;
beforeEach(() => {
  ({ dir, remove } = temporary());
  writeFileSync(`${dir}/flake.nix`, '{ inputs = { }; outputs = _: { }; }\n');
  writeFileSync(`${dir}/reflake.json`, JSON.stringify(SPEC));
  writeFileSync(`${dir}/reflake`, `#!/bin/sh\nexec '${process.execPath}' '${pathOf('dist/reflake.cjs')}' "$@"\n`);
  chmodSync(`${dir}/reflake`, 0o755);
  expect(git('init', '-q', '.').code).toBe(0);
  copyFileSync(pathOf('integrations/git/pre-commit'), `${dir}/.git/hooks/pre-commit`);
  writeFileSync(`${dir}/.git/info/exclude`, '/reflake\n');
});
afterEach(() => remove());

const SPEC = { version: 1, hosts: { web: { host: { system: 'x86_64-linux' } } }, inputs: {}, git: 'track' };

function git(...words: readonly string[]): { readonly code: number | null; readonly said: string } {
  const who = ['-c', 'user.name=a', '-c', 'user.email=a@example.org'];
  const env = { PATH: process.env.PATH, HOME: dir, REFLAKE: `${dir}/reflake` };
  const ran = spawnSync('git', [...who, ...words], { cwd: dir, encoding: 'utf8', env });
  return { code: ran.status, said: ran.stdout + ran.stderr };
}
const commits = (): number => Number(git('rev-list', '--all', '--count').said);

/** The host is there, and no input is needed for it. */
const HOST = `{
  inputs = { };
  outputs = inputs@{ self, ... }: {
    nixosConfigurations.web = inputs.self.lib.nixosSystem { system = "x86_64-linux"; modules = [ ]; };
  };
}
`;

test('a commit of what differs is refused, with the reason and the way round', () => {
  git('add', '.');
  const refused = git('commit', '-qm', 'first');
  expect([refused.code, refused.said]).toEqual([1, expect.stringMatching(/nixosConfigurations\.web.*--no-verify/s)]);
  expect(commits()).toBe(0);
  expect(git('commit', '-qm', 'first', '--no-verify').code).toBe(0);
  expect(commits()).toBe(1);
});

test('a commit of what is as wished is made, also while git holds the lock of its index', () => {
  writeFileSync(`${dir}/flake.nix`, HOST);
  git('add', '.');
  const made = git('commit', '-qm', 'first');
  expect([made.code, made.said]).toEqual([0, expect.stringContaining('hold')]);
  writeFileSync(`${dir}/flake.nix`, `# more\n${HOST}`);
  expect(git('commit', '-qam', 'second').code).toBe(0);
  expect(commits()).toBe(2);
});

test('without reflake the commit is refused, and why is said', () => {
  const hook = readFileSync(pathOf('integrations/git/pre-commit'), 'utf8');
  writeFileSync(`${dir}/.git/hooks/pre-commit`, hook.replaceAll('REFLAKE:-reflake', 'NONE:-none-such'));
  git('add', '.');
  const { code, said } = git('commit', '-qm', 'first');
  expect([code, said]).toEqual([1, expect.stringContaining('there is no reflake on the PATH')]);
});
