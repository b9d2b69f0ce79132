// Flakes in git work trees: the recorded verdicts of three Nixes, from the index and the texts alone.

import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import type { NixVersion } from '../../../../core/formats/nix-version.ts';
import { buildGitRoot, gitRoots, judgeGitRoot } from '../../../support/git-roots.ts';

const releases: readonly (readonly [NixVersion, string])[] = [
  ['2.34', '2.34.8'],
  ['2.26', '2.26.3'],
  ['2.8', '2.8.0'],
];

test.each(gitRoots.map((one) => [one.name, one] as const))('%s', (_, root) => {
  const dir = realpathSync(mkdtempSync(join(tmpdir(), 'git-root-')));
  try {
    buildGitRoot(root, dir);
    for (const [nix, release] of releases)
      expect([release, judgeGitRoot(dir, nix)]).toEqual([release, root.results[release]?.verdict]);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
});
