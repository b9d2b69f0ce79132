// Finds the files that the flake refers to and git does not show, and the reason not to show one: an ignore rule, another
// repository, a secret.

import { rangeOf } from '../../core/diagnostic.ts';
import type { Documents } from '../../core/documents/documents.ts';
import type { ModuleGraph } from '../../core/documents/graph.ts';
import { type Secret, secretsIn } from '../../core/formats/secrets.ts';
import { MOST } from '../../core/limits.ts';
import { type InnerRepository, innerOf } from '../../core/machine/inner-repositories.ts';
import { DENIED, isUnreadable, type Reader } from '../../core/machine/reader.ts';
import { isShown } from '../../core/machine/repository.ts';
import type { Entry, Finding } from '../../core/model.ts';
import { type AbsPath, basename, join, relativeTo } from '../../core/path.ts';
import { found } from './words.ts';

/** A file that git does not show. With any of the members after `entry` it is not added. */
export interface Needed {
  readonly path: AbsPath;
  readonly entry: Entry;
  readonly ignoredBy?: string;
  readonly inner?: InnerRepository;
  readonly secrets?: readonly Secret[];
  /** The text of a file with a secret. */
  readonly text?: string;
}

/**
 * The files that git does not show, or a new repository would not. A file that is ignored, and meant only with its directory,
 * is not needed.
 */
export function hiddenIn(
  files: ModuleGraph['files'],
  dir: AbsPath,
  documents: Documents,
  reader: Reader,
): readonly Needed[] {
  const repository = documents.repository();
  return [...files].flatMap(([path, { isNamed }]): Needed[] => {
    if (repository !== undefined && isShown(path, repository)) return [];
    const inner = innerOf(path, repository?.top ?? dir, asksForSubmodules(documents), reader);
    if (inner === 'shown') return [];
    const rule = inner === undefined ? documents.ignoredBy(path) : undefined;
    if (!isNamed && rule !== undefined) return [];
    return [
      { path, entry: reader.stat(path), ...(rule !== undefined && { ignoredBy: rule }), ...(inner && { inner }) },
    ];
  });
}

/** True if flake.nix sets `inputs.self.submodules`. Nix before 2.27 refuses that; the lock provider reports it. */
function asksForSubmodules(documents: Documents): boolean {
  const file = documents.flake();
  const opened = file.kind === 'text' ? file.nix.flake() : undefined;
  return opened?.ok === true && opened.flake.self?.submodules === true;
}

/**
 * Adds the secrets in the files that would be shown: once Nix has copied the flake to the store, everybody can read what git
 * shows.
 */
export function withSecrets(needed: readonly Needed[], dir: AbsPath, reader: Reader): readonly Needed[] {
  const flake = reader.stat(join(dir, 'flake.nix'));
  // If others may read flake.nix, a file that they may not read is closed on purpose.
  const isOpen = flake.type === 'file' && (flake.mode & 0o044) !== 0;
  return needed.map((one) => {
    const { path, entry, ignoredBy, inner } = one;
    if (entry.type !== 'file' || ignoredBy !== undefined || inner !== undefined) return one;
    const bytes = smallBytes(path, reader);
    const secrets = secretsIn(basename(path), bytes);
    const isClosed = isOpen && (entry.mode & 0o044) === 0;
    const all = [...secrets, ...(isClosed ? [{ what: 'a file that others may not read' }] : [])];
    return all.length === 0 ? one : { ...one, secrets: all, text: Buffer.from(bytes).toString('latin1') };
  });
}

/** The bytes of a file; none of one that is too large, since a key is small. */
function smallBytes(path: AbsPath, reader: Reader): Uint8Array {
  try {
    return reader.read(path, MOST.textBytes) ?? new Uint8Array();
  } catch (thrown) {
    if (isUnreadable(thrown) && thrown.why !== DENIED) return new Uint8Array();
    throw thrown;
  }
}

/** Findings for the files that are not added: ignored, of another repository, or with a secret. */
export const unaddable = (files: readonly Needed[], dir: AbsPath): readonly Finding[] =>
  files.flatMap((one) => {
    const { path, ignoredBy, inner } = one;
    if (inner !== undefined) return [ofAnother(path, dir, inner)];
    if (ignoredBy !== undefined) return [hiddenByRule(path, dir, ignoredBy)];
    return secretIn(one, dir);
  });

/** One finding for each file, at its first secret. */
function secretIn({ path, secrets = [], text = '' }: Needed, dir: AbsPath): readonly Finding[] {
  const [first] = secrets;
  if (first === undefined) return [];
  const name = relativeTo(path, dir);
  const more = secrets.length === 1 ? '' : `, and ${secrets.length - 1} more of the kind`;
  const finding = found(
    'RF2064',
    `"${name}" would be readable for everybody in the store, and holds what is meant for few: ${first.what}${more}`,
    'move it out of the configuration, encrypt it (sops, age), ignore it in .gitignore, or acknowledge the finding (ack)',
    path,
  );
  return [{ ...finding, ...(first.span && { at: rangeOf(path, text, first.span) }) }];
}

function ofAnother(path: AbsPath, dir: AbsPath, { top, as }: InnerRepository): Finding {
  const [name, at] = [relativeTo(path, dir), relativeTo(top, dir)];
  const [what, hint] = (
    {
      'no submodule': [
        'is a repository of its own',
        'move the file out of it, or make the repository an input of the flake',
      ],
      'left out': [
        'is a submodule, which Nix leaves out',
        'write inputs.self.submodules = true in flake.nix (Nix 2.27 and later), or make it an input of the flake',
      ],
      untracked: [
        'is a submodule, whose index does not have it',
        `git -C ${at} add --intent-to-add ${relativeTo(path, top)}`,
      ],
    } as const
  )[as];
  return found('RF2053', `"${name}" is needed by the flake, and "${at}" ${what}`, hint, path);
}

const hiddenByRule = (path: AbsPath, dir: AbsPath, rule: string): Finding =>
  found(
    'RF2015',
    `"${relativeTo(path, dir)}" is needed by the flake, and git ignores it: ${rule}`,
    `change the rule, or add the file by hand: git add --force ${relativeTo(path, dir)}`,
    path,
  );
