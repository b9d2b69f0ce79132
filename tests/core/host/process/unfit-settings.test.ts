// git is not started in a repository in which it would wait: of what it reads of every repository nothing is a FIFO.

import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { unfitSettings } from '../../../../core/host/process/unfit-settings.ts';

let top: string;
beforeEach(() => {
  top = mkdtempSync(join(tmpdir(), 'unfit-'));
});
afterEach(() => rmSync(top, { recursive: true, force: true }));

const asked = (): string | undefined => unfitSettings(['git', '-C', join(top, 'tree'), 'rev-parse', 'HEAD'], {});

function lay(file: string, text: string): void {
  mkdirSync(dirname(join(top, file)), { recursive: true });
  writeFileSync(join(top, file), text);
}

const NAMES = ['HEAD', 'config', 'config.worktree', 'packed-refs'];

test.each(NAMES)('%s is a FIFO', (name) => {
  lay('tree/.git/description', '');
  expect(asked()).toBeUndefined();
  const fifo = join(top, 'tree/.git', name);
  execFileSync('mkfifo', [fifo]);
  expect(asked()).toBe(`${fifo} is a FIFO: git would wait there`);
});

test.each(NAMES)('%s of the repository to which a work tree belongs is a FIFO', (name) => {
  lay('tree/.git', 'gitdir: ../main/worktrees/one\n');
  lay('main/worktrees/one/commondir', '../..\n');
  expect(asked()).toBeUndefined();
  const fifo = join(top, 'main', name);
  execFileSync('mkfifo', [fifo]);
  expect(asked()).toBe(`${fifo} is a FIFO: git would wait there`);
});
