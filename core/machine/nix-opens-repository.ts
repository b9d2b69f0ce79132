// Decides whether Nix can open a git repository, by version: 2.8 runs git; 2.26 and later use libgit2, which supports
// less. The rules were found by asking the three versions (tests/nix/git-repositories.ts). If Nix refuses, every
// command on the flake fails.

import type { Diagnostic } from '../diagnostic.ts';
import { brokenLineOf, readGitConfig } from '../formats/git/config.ts';
import type { NixVersion } from '../formats/nix-version.ts';
import { type AbsPath, join } from '../path.ts';
import { follow, textAt } from './follow-links.ts';
import { pathNamedIn, type Reader } from './reader.ts';
import { commonDirOf, type Repository } from './repository.ts';

/**
 * A property of a repository that some Nix refuses. `what`: a clause. `isDoubt`: it depends on the version of git that
 * this Nix runs.
 */
export interface GitRefusal {
  readonly by: readonly NixVersion[];
  readonly what: string;
  readonly hint: string;
  readonly isDoubt?: true;
}

/** The first thing that the Nix of the machine refuses. Nix is asked for its version only if versions disagree. */
async function refusalOf(
  repository: Repository,
  reader: Reader,
  version: () => Promise<NixVersion>,
): Promise<GitRefusal | undefined> {
  const refusals = refusalsOf(repository, reader);
  if (refusals[0] === undefined || refusals[0].by.length === ALL.length) return refusals[0];
  const nix = await version();
  return refusals.find(({ by }) => by.includes(nix));
}

/** The diagnostic if the Nix of the machine cannot open the repository; undefined if it can. */
export async function cannotOpen(
  repository: Repository,
  reader: Reader,
  version: () => Promise<NixVersion>,
): Promise<Diagnostic | undefined> {
  const found = await refusalOf(repository, reader, version);
  if (found === undefined) return undefined;
  const subject = `the git repository at "${repository.top}"`;
  return {
    severity: found.isDoubt ? 'warning' : 'error',
    code: found.isDoubt ? 'RF2052' : 'RF2051',
    summary: found.isDoubt
      ? `whether Nix can use ${subject} depends on its git: ${found.what}`
      : `Nix cannot use ${subject}: ${found.what}`,
    hint: found.hint,
    path: repository.top,
  };
}

/** Everything that any of the versions refuses, in the order in which it is found. */
export function refusalsOf(repository: Repository, reader: Reader): readonly GitRefusal[] {
  const { top, gitDir } = repository;
  if (repository.named === 'neither') return [refusal(ALL, 'its .git is neither a directory nor a file', MOVE_AWAY)];
  if (repository.named === 'file' && gitDir === join(top, '.git'))
    return [refusal(ALL, 'its .git is a file that names no git directory', MOVE_AWAY)];
  const common = commonDirOf(gitDir, reader);
  const lacking = [...headProblems(gitDir, reader), ...missingDirs(common, reader)];
  if (lacking.length > 0) return lacking;
  const text = textAt(reader, join(common, 'config'));
  const line = brokenLineOf(text);
  if (line !== undefined)
    return [refusal(ALL, `its configuration has an error at line ${line}`, `mend ${join(common, 'config')}`)];
  const config = readGitConfig(text);
  return [...formatProblems(config), ...workTreeProblems(config, top, gitDir, reader), ...indexProblems(repository)];
}

const ALL: readonly NixVersion[] = ['2.8', '2.26', '2.34'];
const LIBGIT2: readonly NixVersion[] = ['2.26', '2.34'];

const refusal = (by: readonly NixVersion[], what: string, hint: string): GitRefusal => ({ by, what, hint });

const doubt = (what: string, hint: string): GitRefusal => ({ by: ['2.8'], what, hint, isDoubt: true });

const MOVE_AWAY = 'move .git out of the way, or put the repository back that belongs there';
const REPAIR = 'put it back, or move .git out of the way and make the repository anew: git init';

type Config = ReadonlyMap<string, readonly string[]>;

const last = (config: Config, key: string): string | undefined => config.get(key)?.at(-1);

function headProblems(gitDir: AbsPath, reader: Reader): readonly GitRefusal[] {
  const head = join(gitDir, 'HEAD');
  const entry = reader.stat(head);
  const { path: end, entry: led } = follow(reader, head);
  if (led.type !== 'file') {
    // Old git takes the target of a link as the branch's name, even if there is no commit yet.
    const isBranch = entry.type === 'link' && entry.target.startsWith('refs/');
    return [refusal(isBranch ? LIBGIT2 : ALL, 'it has no HEAD', REPAIR)];
  }
  const text = textAt(reader, end);
  // HEAD is a link to a branch, so its text is the commit.
  if (/^[0-9a-f]{40}/i.test(text)) return [];
  const [, space, target] = /^ref:(\s*)(\S+)\s*$/.exec(text) ?? [];
  const what = 'its HEAD names neither a branch nor a commit';
  if (target === undefined) return [refusal(ALL, what, REPAIR)];
  return [
    ...(space === ' ' ? [] : [refusal(LIBGIT2, what, REPAIR)]),
    ...(target.startsWith('refs/') ? [] : [refusal(['2.8'], what, REPAIR)]),
  ];
}

const missingDirs = (common: AbsPath, reader: Reader): readonly GitRefusal[] =>
  ['objects', 'refs'].flatMap((name) =>
    follow(reader, join(common, name)).entry.type === 'dir'
      ? []
      : [refusal(ALL, `it has no directory "${name}"`, REPAIR)],
  );

/** The format extensions that each version supports. */
const GITS = ['noop', 'objectformat', 'preciousobjects', 'worktreeconfig'];
const EXTENSIONS: Readonly<Record<NixVersion, readonly string[]>> = {
  '2.8': [...GITS, 'noop-v1', 'partialclone'],
  '2.26': GITS,
  '2.34': [...GITS, 'relativeworktrees'],
};

/** Extensions that git supports from 2.45 on. */
const LATER = ['compatobjectformat', 'refstorage', 'relativeworktrees', 'submodulepathconfig'];

/** Commands that remove some of them. */
const WITHOUT: Readonly<Record<string, string>> = {
  partialclone: 'git fetch --refetch --no-filter, then git config --unset extensions.partialclone; or clone it anew',
  refstorage: 'git refs migrate --ref-format=files, then git config --unset extensions.refstorage',
};

function formatProblems(config: Config): readonly GitRefusal[] {
  const anew = 'clone it anew, or make it anew with git init';
  const version = last(config, 'core.repositoryformatversion') ?? '0';
  if (!/^\d+$/.test(version) || Number(version) > 1)
    return [refusal(ALL, `its format has the version "${version}"`, anew)];
  const objects = last(config, 'extensions.objectformat') ?? 'sha1';
  if (objects !== 'sha1') return [refusal(ALL, `its objects have ${objects} names`, anew)];
  const names = [...config.keys()].flatMap((key) => (key.startsWith('extensions.') ? [key.slice(11)] : []));
  // In format 0 extensions have no effect, except for two that git takes as an error there.
  if (Number(version) === 0)
    return names
      .filter((name) => name === 'objectformat' || name === 'noop-v1')
      .map((name) => refusal(['2.8'], `its format 0 has the extension "${name}"`, anew));
  return names.flatMap((name) => {
    const isLater = LATER.includes(name);
    const by = (isLater ? LIBGIT2 : ALL).filter((nix) => !EXTENSIONS[nix].includes(name));
    const what = `its format has the extension "${name}"`;
    const hint = WITHOUT[name] ?? `git config --unset extensions.${name}, if git works without it`;
    return [...(by.length > 0 ? [refusal(by, what, hint)] : []), ...(isLater ? [doubt(what, hint)] : [])];
  });
}

function workTreeProblems(config: Config, top: AbsPath, gitDir: AbsPath, reader: Reader): readonly GitRefusal[] {
  const bare = last(config, 'core.bare')?.toLowerCase() ?? 'false';
  if (!BOOLEAN.test(bare)) return [refusal(ALL, `core.bare is "${bare}"`, 'git config core.bare false')];
  if (/^(true|yes|on|0*[1-9]\d*)$/.test(bare))
    return [refusal(ALL, 'it is bare: core.bare is true', 'git config core.bare false')];
  const elsewhere = last(config, 'core.worktree');
  if (elsewhere === undefined) return [];
  const place = follow(reader, pathNamedIn(join(gitDir, 'config'), gitDir, elsewhere)).path;
  if (place === follow(reader, top).path) return [];
  return [refusal(LIBGIT2, `its work tree is "${place}" by core.worktree`, 'git config --unset core.worktree')];
}

const UNREADABLE = /is too short|does not begin with DIRC|index version \d+ is not known/;

const BOOLEAN = /^(true|yes|on|false|no|off|\d*)$/;

/** git reads extensions of the index that libgit2 does not know, and does not check the checksum. */
function indexProblems({ tracked }: Repository): readonly GitRefusal[] {
  if (!tracked.ok) {
    const isSplit = tracked.message.includes("'link'");
    const hint = isSplit
      ? 'git update-index --no-split-index'
      : 'have git make the index anew: rm .git/index; git reset';
    // git itself cannot read it, so no version of Nix can.
    if (UNREADABLE.test(tracked.message)) return [refusal(ALL, tracked.message, hint)];
    return [refusal(LIBGIT2, tracked.message, hint), doubt(tracked.message, hint)];
  }
  return tracked.extensions.includes('sdir')
    ? [refusal(LIBGIT2, 'its index is sparse', 'git sparse-checkout reapply --no-sparse-index')]
    : [];
}
