// Finds hidden files that a doubt of the module graph may mean, and lets Nix decide whether the flake needs them.

import { rangeOf, type SourceRange } from '../../core/diagnostic.ts';
import type { Documents } from '../../core/documents/documents.ts';
import type { Doubt } from '../../core/documents/graph.ts';
import { isShown } from '../../core/machine/repository.ts';
import type { Finding } from '../../core/model.ts';
import { type AbsPath, relativeTo } from '../../core/path.ts';
import type { Asks } from '../../core/plan/provider.ts';
import { namesOf } from './words.ts';

/** Files that may be needed and that git does not show, with the doubt. */
export interface Open {
  readonly paths: readonly AbsPath[];
  readonly doubt: Doubt;
  readonly at: SourceRange;
}

/** The files that doubts may mean besides the graph's, if git neither shows nor ignores them. */
export function openIn(documents: Documents): readonly Open[] {
  const { files, doubts } = documents.modules();
  const repository = documents.repository();
  const told = new Set<AbsPath>();
  return doubts.flatMap((doubt): Open[] => {
    const paths = documents.meantBy(doubt).filter((path) => {
      if (files.has(path) || told.has(path) || (repository && isShown(path, repository))) return false;
      told.add(path);
      return documents.ignoredBy(path) === undefined;
    });
    const origin = documents.nix(doubt.by.file);
    if (paths.length === 0 || origin.kind !== 'text') return [];
    return [{ paths, doubt, at: rangeOf(doubt.by.file, origin.text, doubt.by.span) }];
  });
}

/** One finding for each doubt. */
export const doubtful = (open: readonly Open[], dir: AbsPath): readonly Finding[] =>
  open.map(({ paths, at, doubt: { path, suffix, by } }): Finding => {
    const what =
      suffix === undefined
        ? `the directory "${relativeTo(path, dir)}" is handed on whole`
        : 'the path is put together of parts that the text does not tell';
    return {
      code: 'RF2050',
      wish: '/git',
      subject: 'git',
      because: `whether the flake needs ${namesOf(paths, dir)} is not known, and git does not show ${paths.length === 1 ? 'it' : 'them'} to Nix: ${what}`,
      path: by.file,
      at,
      remedy: {
        by: 'you',
        hint: 'show what is needed: git add --intent-to-add FILE…; ignore the rest in .gitignore',
      },
    };
  });

/** Compares the system with those files and without them: if they differ, Nix leaves something out. */
export function askedOf(open: readonly Open[], dir: AbsPath, attribute: string): Asks | undefined {
  const paths = open.flatMap((one) => one.paths);
  if (paths.length === 0) return undefined;
  return {
    toplevel: true,
    besides: paths,
    decide(said, withBesides) {
      const [shown, all] = [said, withBesides].map((one) => one?.hosts.get(attribute)?.toplevel);
      if (shown === undefined || all === undefined) return { findings: doubtful(open, dir) };
      if (shown === all) return { findings: [] };
      const finding: Finding = {
        code: 'RF2061',
        wish: '/git',
        subject: 'git',
        because: `with ${namesOf(paths, dir)}, which git does not show, it is another system: Nix leaves ${paths.length === 1 ? 'it' : 'some of them'} out`,
        path: paths[0]!,
        from: shown,
        to: all,
        remedy: { by: 'you', hint: 'show what is needed: git add --intent-to-add FILE…' },
      };
      return { findings: [finding] };
    },
  };
}
