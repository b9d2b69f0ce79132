// Repositories as each Nix takes them, against what the three said; scripts/agreement.mjs asks them again.
import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { NixVersion } from '../../../core/formats/nix-version.ts';
import { buildGitRepository, gitRepositories, judgeGitRepository } from '../../support/git-repositories.ts';

const VERSIONS: readonly NixVersion[] = ['2.8', '2.26', '2.34'];

/** Kinds of repositories that the machine's git decides, and not Nix 2.8 itself. */
const GITS = ['reftable', 'refstorage-files', 'relative-worktrees', 'compatible-objects'];
const UNREAD = ['split-index', 'index-with-a-wrong-checksum'];

describe('a repository is what Nix can open', () => {
  let dir: string;
  beforeEach(() => {
    dir = realpathSync(mkdtempSync(join(tmpdir(), 'repository-')));
  });
  afterEach(() => rmSync(dir, { recursive: true, force: true }));

  test.each(gitRepositories.map((one) => [one.name, one] as const))('%s', (name, one) => {
    const flake = buildGitRepository(one, dir);
    const isLeft = GITS.includes(name) || UNREAD.includes(name);
    const said = VERSIONS.map((nix) =>
      nix === '2.8' && isLeft ? 'undecided' : one.reads.includes(nix) ? 'reads' : 'refuses',
    );
    expect(VERSIONS.map((nix) => judgeGitRepository(flake, nix))).toEqual(said);
  });
});
