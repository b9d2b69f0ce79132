// Finds what git hides from Nix while the git provider is off: flake.nix, flake.lock, or all, if Nix can't open the repository.

import { asFinding } from '../../core/finding.ts';
import { cannotOpen } from '../../core/machine/nix-opens-repository.ts';
import type { Reader } from '../../core/machine/reader.ts';
import { ignoredBy, repositoryOf } from '../../core/machine/repository.ts';
import type { Finding } from '../../core/model.ts';
import { type AbsPath, join, relativeTo } from '../../core/path.ts';
import type { Release } from './by-version.ts';

/** `home`: of the repository's owner. `names`: the files that Nix reads first, as far as the flake has them. */
export async function unshown(
  dir: AbsPath,
  names: readonly string[],
  home: string,
  reader: Reader,
  release: Release,
): Promise<readonly Finding[]> {
  const repository = repositoryOf(dir, reader);
  if (repository === undefined) return [];
  const closed = await cannotOpen(repository, reader, async () => (await release()).rules);
  if (closed !== undefined) return [asFinding(closed, 'git', '/lock')];
  const { tracked, top } = repository;
  if (!tracked.ok) return [];
  const hidden = names.flatMap((name) => {
    const path = join(dir, name);
    if (tracked.paths.has(relativeTo(path, top))) return [];
    return [{ name, path, rule: ignoredBy(repository, path, home, reader) }];
  });
  const ignored = hidden.filter(({ rule }) => rule !== undefined);
  const untracked = hidden.filter(({ rule }) => rule === undefined);
  return [
    ...(untracked.length === 0 ? [] : [invisible(untracked, "not in git's index", '--intent-to-add')]),
    ...ignored.map((one) => invisible([one], `ignored by git: ${one.rule}`, '--force')),
  ];
}

function invisible(
  files: readonly { readonly name: string; readonly path: AbsPath }[],
  why: string,
  flag: string,
): Finding {
  const names = files.map(({ name }) => name);
  const [are, them] = files.length === 1 ? ['is', 'it as'] : ['are', 'them as'];
  return {
    code: 'RF2024',
    wish: '/lock',
    subject: names[0] ?? '',
    because: `${names.join(' and ')} ${are} ${why}, so Nix takes ${them} missing`,
    remedy: { by: 'you', hint: `write git: track, or run: git add ${flag} ${names.join(' ')}` },
    ...(files[0] && { path: files[0].path }),
  };
}
