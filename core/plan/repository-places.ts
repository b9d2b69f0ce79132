// The edits of a repository that the wish for git may ask for: what `git init` makes, and the index of an existing one.

import { readGitConfig } from '../formats/git/config.ts';
import { emptyBlobFile } from '../formats/git/index-add.ts';
import { isTheirLink } from '../machine/host.ts';
import { repositoryOf } from '../machine/repository.ts';
import { ABSENT, type Entry, type Put, sameOwner } from '../model.ts';
import { type AbsPath, isWithin, join, relativeTo } from '../path.ts';
import { type Ground, isAsDue, type Machine } from './places.ts';

/** True for a path of a new repository as `git init` makes it; of an existing one for the index and the empty blob it names. */
export function isOfRepository(put: Put, ground: Ground): boolean {
  const {
    wishes: { dir },
    blobs,
    reader,
    born,
    edits,
  } = ground;
  const { path, before, after } = put;
  const own = join(dir, '.git');
  const isNewRepository = edits.some((edit) => edit.op === 'put' && edit.path === own && edit.before.type === 'absent');
  const gitDir = isWithin(path, own) && reader.stat(own).type !== 'file' ? own : gitDirElsewhere(dir, reader);
  if (gitDir === undefined || !isWithin(path, gitDir) || after.type === 'link' || after.type === 'absent') return false;
  const name = relativeTo(path, gitDir);
  if (before.type !== 'absent') return name === 'index' && isAsDue(put, ground);
  if (!sameOwner(after.owner, born) || (after.mode & 0o5002) !== 0) return false;
  if (name === 'index' || EMPTY_BLOBS.includes(name)) return true;
  if (!isNewRepository || gitDir !== own || !BORN.test(name)) return false;
  return name !== 'config' || (after.type === 'file' && isPlainConfig(blobs[after.content!]));
}

const EMPTY_BLOBS = (['sha1', 'sha256'] as const).flatMap((format) => {
  const { path } = emptyBlobFile(format);
  return [path, path.slice(0, path.lastIndexOf('/'))];
});

/** The paths that `git init` makes without a template, with files or reftable for references. */
const BORN = /^(\.|HEAD|config|branches|info|objects(\/(info|pack))?|refs(\/(heads|tags))?|reftable(\/[\w.-]+)?)$/;

/** True for a config without settings that run a program or read another file; a new repository has none. */
const isPlainConfig = (bytes: Uint8Array | undefined): boolean =>
  [...readGitConfig(Buffer.from(bytes ?? []).toString('utf8')).keys()].every((key) =>
    /^(core\.(repositoryformatversion|filemode|bare|logallrefupdates|ignorecase|precomposeunicode|symlinks|sharedrepository)|extensions\.(objectformat|refstorage))$/.test(
      key.toLowerCase(),
    ),
  );

/** The git directory, if one user owns the work tree, its `.git` and the directory: nobody may name another user's. */
function gitDirElsewhere(dir: AbsPath, reader: Machine): AbsPath | undefined {
  const found = repositoryOf(dir, reader);
  if (found === undefined) return undefined;
  const owners = [found.top, join(found.top, '.git'), found.gitDir].map((path) => heldStat(reader, path));
  const uids = new Set(owners.map((entry) => ('owner' in entry ? entry.owner.uid : -1)));
  return uids.size === 1 ? found.gitDir : undefined;
}

/** The entry by root's own look; absent behind a link that is not root's, so that nothing is written there. */
function heldStat({ held }: Machine, path: AbsPath): Entry {
  try {
    return held.stat(path);
  } catch (thrown) {
    if (isTheirLink(thrown)) return ABSENT;
    throw thrown;
  }
}
