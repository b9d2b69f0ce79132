// What git shows to Nix: the files that the flake refers to are in the index, tracked or as intent to add.
// Exactly those: never everything, never a commit, never an ignored file.

import { digestOf } from '../core/canonical.ts';
import { closure, mentioned } from '../core/closure.ts';
import type { Diagnostic } from '../core/diagnostic.ts';
import { addIntentToAdd, emptyBlobFile, type IntendedPath } from '../core/formats/git-index-add.ts';
import type { Blobs, JobResult, Reader, ScratchFile } from '../core/host/host.ts';
import type { Change, Edit, Entry, Owner, Person, Puttable } from '../core/model.ts';
import { type AbsPath, join, relativeTo } from '../core/path.ts';
import type { People } from '../core/people.ts';
import { type Difference, NO_DIFFERENCE, provider } from '../core/provider.ts';
import { ignoredBy, type Repository, repositoryOf } from '../core/repository.ts';
import { strayLink } from '../core/stray.ts';
import { ownerIn } from '../core/texts.ts';

interface Desired {
  readonly dir: AbsPath;
  readonly modules: readonly string[];
  readonly owner?: Owner;
  readonly person: Person;
  readonly home: string;
  readonly people: People;
}

interface Needed {
  readonly path: AbsPath;
  readonly entry: Entry;
  readonly ignoredBy?: string;
}

type Observed =
  | { readonly kind: 'nothing to show' }
  | {
      readonly kind: 'no repository';
      readonly init: JobResult;
      readonly needed: readonly Needed[];
      readonly owner: Owner;
    }
  | {
      readonly kind: 'repository';
      readonly repository: Repository;
      readonly invisible: readonly Needed[];
      readonly indexEntry: Entry;
      readonly writtenAt: number | undefined;
      /** What an intent to add names, as far as it is not there yet; paths relative to the git directory. */
      readonly missingBlob: readonly ScratchFile[];
      readonly owner: Owner;
    };

export const git = provider<Desired, Observed>({
  name: 'git',
  desire: ({ git: wished, dir, modules, owner, person, people }) =>
    wished
      ? {
          dir,
          modules,
          people,
          person,
          home: (owner && people.user(owner.uid)?.home) ?? person.home,
          ...(owner && { owner }),
        }
      : undefined,
  async observe({ dir, modules, owner: wished, person, home }, reader) {
    const entries = ['flake.nix', 'flake.lock', ...modules];
    const repository = repositoryOf(dir, reader);
    // Most often everything that is so much as mentioned is tracked, and nothing has to be parsed to know it.
    if (repository?.tracked.ok && isTracked(repository, mentioned(dir, entries, reader)))
      return { kind: 'nothing to show' };
    const needed = closure(dir, entries, reader);
    if (needed.length === 0) return { kind: 'nothing to show' };
    const owner = wished ?? ownerIn(reader, dir);
    if (repository === undefined)
      return {
        kind: 'no repository',
        init: await initialise(person, reader),
        needed: needed.map((path) => ({ path, entry: reader.stat(path) })),
        owner,
      };
    const { tracked, top } = repository;
    const invisible = needed.filter((path) => tracked.ok && !tracked.paths.has(relativeTo(path, top)));
    return {
      kind: 'repository',
      repository,
      invisible: invisible.map((path) => {
        const rule = ignoredBy(repository, path, home, reader);
        return { path, entry: reader.stat(path), ...(rule && { ignoredBy: rule }) };
      }),
      indexEntry: reader.stat(repository.index),
      writtenAt: reader.writtenAt(repository.index),
      missingBlob: missingBlob(repository, reader),
      owner,
    };
  },
  reconcile(desired, observed) {
    if (observed.kind === 'nothing to show') return NO_DIFFERENCE;
    return observed.kind === 'no repository' ? create(desired, observed) : show(desired, observed);
  },
});

const isTracked = ({ tracked, top }: Repository, files: ReadonlySet<AbsPath>): boolean =>
  tracked.ok && [...files].every((path) => tracked.paths.has(relativeTo(path, top)));

/** Without templates: sample hooks are no part of a configuration. The name of the first branch is the person's choice. */
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

function create({ dir }: Desired, { init, needed, owner }: Observed & { kind: 'no repository' }): Difference {
  const change: Change = {
    subject: 'git',
    path: dir,
    action: 'add',
    to: `a repository; ${needed.length} ${needed.length === 1 ? 'file becomes' : 'files become'} visible to Nix (intent to add)`,
    reason: 'missing',
    because: `"${dir}" is not in a git repository; Nix is to see ${namesOf(needed, dir)}`,
    pointer: '/git',
  };
  if (init.status === 'withheld') return { changes: [change], edits: [], diagnostics: [] };
  if (init.status !== 'done') return { changes: [change], edits: [], diagnostics: [gitFailed(init)] };
  const blobs: Record<string, Uint8Array> = {};
  const born = init.files.map((file) => putNew(dir, file, owner, blobs));
  const index = addIntentToAdd(
    undefined,
    needed.map((one) => intended(one, dir)),
  );
  if (!index.ok) return blocked(uneditable(dir, index.message));
  const extra: ScratchFile[] = [
    { path: '.git/index', type: 'file', content: index.bytes, mode: 0o644 },
    ...emptyBlob('sha1').map((file) => ({ ...file, path: `.git/${file.path}` })),
  ];
  return {
    changes: [change],
    edits: [...born, ...extra.map((file) => putNew(dir, file, owner, blobs))],
    diagnostics: [],
    blobs: blobs as Blobs,
  };
}

function show({ dir, people }: Desired, observed: Observed & { kind: 'repository' }): Difference {
  const { repository, invisible, indexEntry, writtenAt, missingBlob: unnamed, owner } = observed;
  const { top, gitDir, index: indexPath, indexBytes, format, tracked } = repository;
  if (!tracked.ok) return blocked(uneditable(indexPath, tracked.message));
  if (invisible.length > 0 && repository.stray !== undefined) return blocked(strayLink(repository.stray, people));
  const hidden = invisible.flatMap(({ path, ignoredBy: rule }) => (rule ? [hiddenByRule(path, dir, rule)] : []));
  if (hidden.length > 0) return { changes: [], edits: [], diagnostics: hidden };
  if (invisible.length === 0) return NO_DIFFERENCE;
  const index = addIntentToAdd(
    indexBytes,
    invisible.map((one) => intended(one, top)),
    { format, ...(writtenAt !== undefined && { writtenAt }) },
  );
  if (!index.ok) return blocked(uneditable(indexPath, index.message));
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
  const change: Change = {
    subject: 'git',
    path: only?.path ?? dir,
    action: 'change',
    to: `${invisible.length} ${invisible.length === 1 ? 'file becomes' : 'files become'} visible to Nix (intent to add)`,
    reason: 'invisible',
    because: `${namesOf(invisible, dir)} ${only ? 'is' : 'are'} not in git's index, so Nix does not see ${only ? 'it' : 'them'}`,
    pointer: '/git',
  };
  return {
    changes: [change],
    edits: [{ op: 'put', path: indexPath, before, after }, ...blob],
    diagnostics: [],
    blobs: blobs as Blobs,
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

/** A work tree beside its repository has no objects of its own; git does without this one. */
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

function namesOf(files: readonly Needed[], dir: AbsPath): string {
  const names = files.map(({ path }) => relativeTo(path, dir));
  return names.length <= 4 ? names.join(', ') : `${names.slice(0, 3).join(', ')} and ${names.length - 3} more files`;
}

const blocked = (diagnostic: Diagnostic): Difference => ({ changes: [], edits: [], diagnostics: [diagnostic] });

const gitFailed = (result: Exclude<JobResult, { status: 'done' | 'withheld' }>): Diagnostic =>
  result.status === 'missing'
    ? {
        severity: 'error',
        code: 'RF4003',
        summary: 'git is not installed, and a repository has to be made',
        hint: 'install git (for this once: nix-shell -p git), or write git: off',
        pointer: '/git',
      }
    : {
        severity: 'error',
        code: 'RF4004',
        summary: `git init failed: ${result.status === 'failed' ? result.stderr.trim().split('\n').at(-1) : result.path}`,
        hint: 'look at the git configuration of the owner',
        pointer: '/git',
      };

const uneditable = (path: AbsPath, message: string): Diagnostic => ({
  severity: 'error',
  code: 'RF2016',
  summary: `the git index cannot be edited: ${message}`,
  hint: 'make the files visible by hand: git add --intent-to-add FILE…',
  pointer: '/git',
  path,
});

const hiddenByRule = (path: AbsPath, dir: AbsPath, rule: string): Diagnostic => ({
  severity: 'error',
  code: 'RF2015',
  summary: `"${relativeTo(path, dir)}" is needed by the flake, and git ignores it: ${rule}`,
  hint: `change the rule, or add the file by hand: git add --force ${relativeTo(path, dir)}`,
  pointer: '/git',
  path,
});
