// The repositories of tests/vectors/gitrepositories.json: made with git, and judged as reflake does, without git.
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { NixVersion } from '../../core/formats/nix-version.ts';
import { realHost } from '../../core/host/real-host.ts';
import { refusalsOf } from '../../core/machine/nix-opens-repository.ts';
import { repositoryOf } from '../../core/machine/repository.ts';
import { absolute, ROOT, relativeTo } from '../../core/path.ts';
import { writeTree } from '../nix/real-nix.ts';

interface GitRepository {
  readonly name: string;
  /** Shell commands, run beside flake.nix and `a`. */
  readonly setup: readonly string[];
  /** The versions of Nix that can read the flake. */
  readonly reads: readonly NixVersion[];
}

const file = new URL('../vectors/gitrepositories.json', import.meta.url);

/** The records of the vector file. */
export const gitRepositories = (
  JSON.parse(readFileSync(file, 'utf8')) as { readonly vectors: readonly GitRepository[] }
).vectors;

const AUTHOR = { GIT_AUTHOR_NAME: 'o', GIT_AUTHOR_EMAIL: 'o@o', GIT_COMMITTER_NAME: 'o', GIT_COMMITTER_EMAIL: 'o@o' };

/** Makes one in an empty directory; returns the directory of its flake. */
export function buildGitRepository({ setup }: GitRepository, dir: string): string {
  const flake = join(dir, 'flake');
  mkdirSync(flake);
  writeTree(flake, { 'flake.nix': '{ outputs = { self }: { x = true; }; }\n', a: 'a\n' });
  const env = { ...process.env, ...AUTHOR, GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_SYSTEM: '/dev/null' };
  for (const command of setup) execFileSync('sh', ['-c', command], { cwd: flake, env, stdio: 'pipe' });
  return flake;
}

/** Says whether that Nix can read a flake there. `undecided`: it depends on its git. */
export function judgeGitRepository(dir: string, nix: NixVersion): 'reads' | 'refuses' | 'undecided' {
  const reader = realHost(ROOT);
  const flake = absolute(`${dir}/flake.nix`);
  const repository = repositoryOf(absolute(dir), reader);
  if (repository === undefined) return 'reads';
  const refusal = refusalsOf(repository, reader).find(({ by }) => by.includes(nix));
  if (refusal !== undefined) return refusal.isDoubt ? 'undecided' : 'refuses';
  const { tracked, top } = repository;
  return tracked.ok && tracked.paths.has(relativeTo(flake, top)) ? 'reads' : 'refuses';
}
