// Git work trees: which files a flake in one consists of, and whether flake.lock counts.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { readIndex } from '../../core/formats/git/index.ts';
import { addIntentToAdd, emptyBlobFile } from '../../core/formats/git/index-add.ts';
import { buildGitRepository, gitRepositories, judgeGitRepository } from '../support/git-repositories.ts';
import { buildGitRoot, gitRoots, judgeGitRoot } from '../support/git-roots.ts';
import { lastError, type RealNix, writeTree } from './real-nix.ts';
import { RECORDED, type Some } from './sample.ts';
import type { Tally } from './tally.ts';

const git = (dir: string, ...args: readonly string[]): string =>
  execFileSync('git', ['-c', 'user.name=o', '-c', 'user.email=o@o', ...args], {
    cwd: dir,
    encoding: 'utf8',
    stdio: 'pipe',
  });

/** How each file of a random tree came to be: `ours` was put into the index by our own writer. */
const state = fc.constantFrom('committed', 'staged', 'intended', 'ours', 'untracked', 'ignored', 'deleted', 'removed');
const place = fc.constantFrom('a.nix', 'b', 'dir/c.nix', 'dir/d/e', 'x y', 'ü', 'dir-2/f', 'flake.lock', '.hidden');
const tree = fc.record({
  files: fc.uniqueArray(fc.record({ path: place, state }), { selector: ({ path }) => path, maxLength: 9 }),
  commits: fc.boolean(),
});

/** The recorded flakes, judged from index and texts, and by this Nix; then the files that it sees in random trees. */
export function compareGitTrees(tally: Tally, real: RealNix, some: Some): void {
  for (const root of gitRoots) {
    const dir = join(real.scratch, root.name);
    mkdirSync(dir);
    buildGitRoot(root, dir);
    const place = ['flake', 'flake/nix'].find((one) => existsSync(join(dir, one, 'flake.nix'))) ?? 'flake';
    const { ok, said } = real.run(['flake', 'lock', '--no-update-lock-file', join(dir, place)]);
    const theirs = ok ? 'fresh' : said.includes('requires lock file changes') ? 'stale' : 'error';
    tally.same(`${root.name}: ${lastError(said)}`, judgeGitRoot(dir, real.nix), theirs);
  }
  compareRepositories(tally, real, some);
  compareFiles(tally, real, some);
}

/** Compares whether Nix can use each kind of repository; kinds that the machine's git decides are counted as left. */
function compareRepositories(tally: Tally, real: RealNix, some: Some): void {
  for (const repository of some(gitRepositories, RECORDED)) {
    const dir = join(real.scratch, `repository-${repository.name}`);
    mkdirSync(dir);
    const flake = buildGitRepository(repository, dir);
    const ours = judgeGitRepository(flake, real.nix);
    const { ok, said } = real.run(['eval', '--no-write-lock-file', `${flake}#x`]);
    if (ours === 'undecided')
      tally.leaves('a repository that only some versions of git read, or whose index only git reads');
    else tally.same(`${repository.name}: ${lastError(said)}`, ours, ok ? 'reads' : 'refuses');
  }
}

/** The files that Nix sees are those the index lists and the work tree has, as we read it. */
function compareFiles(tally: Tally, real: RealNix, some: Some): void {
  for (const [index, { files, commits }] of some(fc.sample(tree, { numRuns: 60, seed: 71 })).entries()) {
    const dir = join(real.scratch, `git${index}`);
    mkdirSync(dir);
    git(dir, 'init', '-q', '-b', 'main');
    const inState = (...states: readonly string[]): readonly string[] =>
      files.flatMap((file) => (states.includes(file.state) ? [file.path] : []));
    const put = (paths: readonly string[]): void =>
      writeTree(dir, Object.fromEntries(paths.map((path) => [path, lockText])));
    put(inState('committed', 'deleted', 'removed'));
    writeTree(dir, {
      'flake.nix': flake,
      '.gitignore': inState('ignored')
        .map((path) => `/${path}\n`)
        .join(''),
    });
    git(dir, 'add', '-A');
    if (commits) git(dir, 'commit', '-qm', 'x');
    put(inState('staged'));
    git(dir, 'add', '-A');
    put(inState('intended', 'ours', 'untracked', 'ignored'));
    for (const path of inState('intended')) git(dir, 'add', '-N', path);
    for (const path of inState('deleted')) rmSync(join(dir, path));
    for (const path of inState('removed')) git(dir, 'rm', '-qf', '--', path);
    intend(dir, inState('ours'));

    const read = readIndex(readFileSync(join(dir, '.git/index')));
    const listed = read.ok ? read.index.entries.map(({ path }) => path.toString()) : [];
    const ours = listed.filter((path) => existsSync(join(dir, path))).sort();
    const { ok, out, said } = real.run(['eval', '--json', '--no-write-lock-file', `git+file://${dir}#files`]);
    const theirs = ok ? (JSON.parse(out) as readonly string[]).toSorted() : lastError(said);
    tally.same(JSON.stringify(files), ours, theirs);
  }
}

function intend(dir: string, paths: readonly string[]): void {
  const index = join(dir, '.git/index');
  const intended = paths.map((path) => ({ path, executable: false, symlink: false }));
  const added = addIntentToAdd(readFileSync(index), intended);
  if (!added.ok) throw new Error(added.message);
  writeFileSync(index, added.bytes);
  const blob = emptyBlobFile();
  const object = join(dir, '.git', blob.path);
  mkdirSync(dirname(object), { recursive: true });
  if (!existsSync(object)) writeFileSync(object, blob.bytes);
}

const lockText = '{"nodes":{"root":{}},"root":"root","version":7}\n';
const flake = `{
  outputs = { self }: {
    files =
      let
        list = dir: prefix: builtins.concatLists (builtins.attrValues (builtins.mapAttrs (name: type:
          if type == "directory" then list (dir + "/\${name}") "\${prefix}\${name}/" else [ "\${prefix}\${name}" ])
          (builtins.readDir dir)));
      in
      list self.outPath "";
  };
}
`;
