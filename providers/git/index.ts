// Makes the files that the flake refers to visible to Nix: they get into git's index as intent to add.
// Exactly those: never all files, never a commit, never an ignored file.

import { digestOf } from '../../core/canonical.ts';
import type { Diagnostic } from '../../core/diagnostic.ts';
import { asFinding, noConfiguration } from '../../core/finding.ts';
import { addIntentToAdd, emptyBlobFile, type IntendedPath } from '../../core/formats/git/index-add.ts';
import { failureIn } from '../../core/formats/tool-hints.ts';
import type { Blobs } from '../../core/machine/host.ts';
import type { JobResult, ScratchFile } from '../../core/machine/job.ts';
import { cannotOpen } from '../../core/machine/nix-opens-repository.ts';
import { nixVersion } from '../../core/machine/nix-version.ts';
import type { People } from '../../core/machine/people.ts';
import type { Reader } from '../../core/machine/reader.ts';
import type { Repository } from '../../core/machine/repository.ts';
import { strayLink } from '../../core/machine/stray-links.ts';
import { ownerIn } from '../../core/machine/texts.ts';
import type { Edit, Entry, Finding, Owner, Person, Puttable } from '../../core/model.ts';
import { type AbsPath, join, quoted, relativeTo } from '../../core/path.ts';
import { puts } from '../../core/plan/places.ts';
import { barred, type Difference, IN_SYNC, provider } from '../../core/plan/provider.ts';
import { isOfRepository } from '../../core/plan/repository-places.ts';
import { askedOf, doubtful, type Open, openIn } from './doubts.ts';
import { hiddenIn, type Needed, unaddable, withSecrets } from './hidden.ts';
import { found, namesOf } from './words.ts';

interface Desired {
  readonly dir: AbsPath;
  readonly from?: AbsPath;
  readonly owner?: Owner;
  readonly person: Person;
  readonly people: People;
  /** The attribute of this machine's host. */
  readonly attribute: string;
}

type Observed =
  | { readonly kind: 'all shown' }
  | { readonly kind: 'nothing there' }
  /** Nix can't use the repository, or perhaps can't. */
  | { readonly kind: 'closed'; readonly problem: Diagnostic }
  | {
      readonly kind: 'no repository';
      readonly init: JobResult;
      readonly needed: readonly Needed[];
      readonly open: readonly Open[];
      readonly owner: Owner;
    }
  | {
      readonly kind: 'repository';
      readonly repository: Repository;
      readonly invisible: readonly Needed[];
      readonly open: readonly Open[];
      readonly indexEntry: Entry;
      readonly writtenAt: number | undefined;
      /** The missing parts of the empty blob that an intent to add names; paths relative to the git directory. */
      readonly missingBlob: readonly ScratchFile[];
      readonly owner: Owner;
    };

export const git = provider<Desired, Observed>({
  name: 'git',
  answers: ['/git'],
  codes: [
    'RF2004',
    'RF2015',
    'RF2016',
    'RF2040',
    'RF2050',
    'RF2051',
    'RF2052',
    'RF2053',
    'RF2061',
    'RF2063',
    'RF2064',
    'RF2107',
    'RF4003',
    'RF4004',
  ],
  mayWrite: puts((put, ground) => ground.wishes.git && isOfRepository(put, ground)),
  desire: ({ git: wished, dir, from, owner, person, people, host }) =>
    wished
      ? {
          dir,
          people,
          person,
          attribute: host.attribute,
          ...(owner && { owner }),
          ...(from && { from }),
        }
      : undefined,
  async observe({ dir, owner: wished, person }, reader, documents) {
    const repository = documents.repository();
    const problem = repository && (await cannotOpen(repository, reader, nixVersion(person, reader)));
    // An index that can't be read here bars the look (RF2016), even if Nix can read it.
    if (problem !== undefined && (problem.code === 'RF2051' || repository?.tracked.ok))
      return { kind: 'closed', problem };
    // Most often every mentioned file is tracked, and nothing has to be parsed.
    const named = repository?.tracked.ok ? documents.mentioned() : undefined;
    if (named !== undefined && named.size > 0 && hiddenIn(named, dir, documents, reader).length === 0)
      return { kind: 'all shown' };
    const { files } = documents.modules();
    if (files.size === 0) return { kind: 'nothing there' };
    const owner = wished ?? ownerIn(reader, dir);
    const open = openIn(documents);
    const needed = withSecrets(hiddenIn(files, dir, documents, reader), dir, reader);
    if (repository === undefined)
      return { kind: 'no repository', init: await initialise(person, reader), needed, open, owner };
    return {
      kind: 'repository',
      repository,
      invisible: needed,
      open,
      indexEntry: reader.stat(repository.index),
      writtenAt: reader.writtenAt(repository.index),
      missingBlob: missingBlob(repository, reader),
      owner,
    };
  },
  reconcile(desired, observed) {
    if (observed.kind === 'all shown') return IN_SYNC;
    if (observed.kind === 'closed') return closed(observed.problem);
    if (observed.kind === 'nothing there') return barred(noConfiguration(desired.dir, desired.from));
    return observed.kind === 'no repository' ? create(desired, observed) : show(desired, observed);
  },
});

function closed(problem: Diagnostic): Difference {
  const finding = asFinding(problem, 'git', '/git');
  return finding.code === 'RF2051' ? barred(finding) : { findings: [finding], edits: [] };
}

/** `git init` without templates (sample hooks are no part of a configuration); the person's settings name the first branch. */
const initialise = (person: Person, reader: Reader): Promise<JobResult> =>
  reader.compute({
    label: 'git init',
    purpose: 'bytes',
    files: [],
    from: [],
    argv: ['git', 'init', '--quiet', '--template=', '.'],
    outputs: ['.git'],
    as: person,
  });

function create({ dir }: Desired, { init, needed, open, owner }: Observed & { kind: 'no repository' }): Difference {
  const finding: Finding = {
    code: 'RF2107',
    wish: '/git',
    subject: 'git',
    path: dir,
    to: `a repository; ${needed.length} ${needed.length === 1 ? 'file becomes' : 'files become'} visible to Nix (intent to add)`,
    because: `"${dir}" is not in a git repository; Nix is to see ${namesOf(
      needed.map(({ path }) => path),
      dir,
    )}`,
    remedy: { by: 'plan', action: 'add' },
  };
  const barring = unaddable(needed, dir);
  const findings = [finding, ...barring, ...doubtful(open, dir)];
  if (barring.length > 0 || init.status === 'withheld') return { findings, edits: [] };
  if (init.status !== 'done') return { findings: [...findings, gitFailed(init)], edits: [] };
  const blobs: Record<string, Uint8Array> = {};
  const born = init.files.map((file) => putNew(dir, file, owner, blobs));
  const index = addIntentToAdd(
    undefined,
    needed.map((one) => intended(one, dir)),
  );
  if (!index.ok) return barred(uneditable(dir, index.message));
  const extra: ScratchFile[] = [
    { path: '.git/index', type: 'file', content: index.bytes, mode: 0o644 },
    ...emptyBlob('sha1').map((file) => ({ ...file, path: `.git/${file.path}` })),
  ];
  return {
    findings,
    edits: [...born, ...extra.map((file) => putNew(dir, file, owner, blobs))],
    blobs: blobs as Blobs,
  };
}

function show({ dir, people, attribute }: Desired, observed: Observed & { kind: 'repository' }): Difference {
  const { repository, invisible, indexEntry, writtenAt, missingBlob: unnamed, owner } = observed;
  const { top, gitDir, index: indexPath, indexBytes, format, tracked } = repository;
  if (!tracked.ok) return barred(unreadableIndex(indexPath, tracked.message));
  if (invisible.length > 0 && repository.stray !== undefined)
    return barred(asFinding(strayLink(repository.stray, people), 'git', '/git'));
  const hidden = unaddable(invisible, dir);
  const inDoubt = doubtful(observed.open, dir);
  if (hidden.length > 0) return { findings: [...hidden, ...inDoubt], edits: [] };
  const asks = askedOf(observed.open, dir, attribute);
  if (invisible.length === 0) return { findings: inDoubt, edits: [], ...(asks && { asks }) };
  const index = addIntentToAdd(
    indexBytes,
    invisible.map((one) => intended(one, top)),
    { format, ...(writtenAt !== undefined && { writtenAt }) },
  );
  if (!index.ok) return barred(uneditable(indexPath, index.message));
  const blobs: Record<string, Uint8Array> = {};
  const content = put(index.bytes, blobs);
  const before: Puttable =
    indexEntry.type === 'file' && indexBytes
      ? { type: 'file', content: digestOf(indexBytes), mode: indexEntry.mode, owner: indexEntry.owner }
      : { type: 'absent' };
  const after: Puttable =
    before.type === 'file' ? { ...before, content } : { type: 'file', content, mode: 0o644, owner };
  const blob = unnamed.map((file) => putNew(gitDir, file, owner, blobs));
  const only = invisible.length === 1 ? invisible[0] : undefined;
  const finding: Finding = {
    code: 'RF2107',
    wish: '/git',
    subject: 'git',
    path: only?.path ?? dir,
    to: `${invisible.length} ${invisible.length === 1 ? 'file becomes' : 'files become'} visible to Nix (intent to add)`,
    because: `${namesOf(
      invisible.map(({ path }) => path),
      dir,
    )} ${only ? 'is' : 'are'} not in git's index, so Nix does not see ${only ? 'it' : 'them'}`,
    remedy: { by: 'plan', action: 'change' },
  };
  return {
    findings: [finding, ...inDoubt],
    edits: [{ op: 'put', path: indexPath, before, after }, ...blob],
    blobs: blobs as Blobs,
    ...(asks && { asks }),
  };
}

/** The object that an intent to add names, with its directory; paths relative to the git directory. */
function emptyBlob(format: Repository['format']): readonly ScratchFile[] {
  const { path, bytes } = emptyBlobFile(format);
  return [
    { path: path.slice(0, path.lastIndexOf('/')), type: 'dir', mode: 0o755 },
    { path, type: 'file', content: bytes, mode: 0o444 },
  ];
}

/** Empty for a git directory without objects of its own (`git worktree`), where git does without the blob. */
function missingBlob({ gitDir, format }: Repository, reader: Reader): readonly ScratchFile[] {
  if (reader.stat(join(gitDir, 'objects')).type !== 'dir') return [];
  return emptyBlob(format).filter(({ path }) => reader.stat(join(gitDir, path)).type === 'absent');
}

function putNew(dir: AbsPath, file: ScratchFile, owner: Owner, blobs: Record<string, Uint8Array>): Edit {
  const path = join(dir, file.path);
  const after: Puttable =
    file.type === 'file'
      ? { type: 'file', content: put(file.content, blobs), mode: file.mode, owner }
      : file.type === 'dir'
        ? { type: 'dir', mode: file.mode, owner }
        : { type: 'link', target: file.target, owner };
  return { op: 'put', path, before: { type: 'absent' }, after };
}

function put(bytes: Uint8Array, blobs: Record<string, Uint8Array>): ReturnType<typeof digestOf> {
  const digest = digestOf(bytes);
  blobs[digest] = bytes;
  return digest;
}

const intended = ({ path, entry }: Needed, top: AbsPath): IntendedPath => ({
  path: relativeTo(path, top),
  executable: entry.type === 'file' && (entry.mode & 0o100) !== 0,
  symlink: entry.type === 'link',
});

const gitFailed = (result: Exclude<JobResult, { status: 'done' | 'withheld' }>): Finding =>
  result.status === 'missing'
    ? found(
        'RF4003',
        'git is not installed, and a repository has to be made',
        'install git (for this once: nix-shell -p git), or write git: off',
      )
    : found(
        'RF4004',
        `git init failed: ${result.status === 'failed' ? result.stderr.trim().split('\n').at(-1) : result.path}`,
        (result.status === 'failed' && failureIn(result.stderr)?.hint) || 'look at the git configuration of the owner',
      );

const uneditable = (path: AbsPath, message: string): Finding =>
  found(
    'RF2016',
    `the git index cannot be edited: ${message}`,
    'make the files visible by hand: git add --intent-to-add FILE…',
    path,
  );

/** The finding for an index that can't be read; `git add` fails on it as well. */
const unreadableIndex = (path: AbsPath, message: string): Finding =>
  found(
    'RF2016',
    `the git index cannot be read: ${message}`,
    `if git can't read it either, have it made anew: rm ${quoted(path)} && git reset`,
    path,
  );
