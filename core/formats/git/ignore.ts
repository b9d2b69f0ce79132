// Tells the paths that git ignores, from the texts of .gitignore, info/exclude and core.excludesFile, which the caller reads.
// Rules of gitignore(5); like git it matches bytes, not characters, and respects case.

import { compileGlob, type Glob } from './ignore-glob.ts';

/** One file of patterns. */
export interface IgnoreRules {
  /** The directory its patterns are relative to, from the work tree's root, `/`-separated; '' for the root. */
  readonly dir: string;
  readonly text: string;
  /** Its name in messages; left out, `dir`'s .gitignore. */
  readonly source?: string;
}

/** The pattern that makes git ignore a path, as written, and where (line from 1). */
export interface Ignored {
  readonly rule: string;
  readonly line: number;
  readonly source: string;
}

/**
 * Tells whether git ignores a path (from the work tree's root, `/`-separated); undefined when it does not.
 * Asked of untracked paths only: git never ignores a tracked one.
 */
export type IgnoreMatcher = (path: string, isDir: boolean) => Ignored | undefined;

/**
 * Compiles the sources, lowest precedence first: core.excludesFile, .git/info/exclude, then the .gitignore files.
 * A source of a deeper directory always beats one of a shallower; what is below an ignored directory stays ignored.
 */
export function ignoreMatcher(sources: readonly IgnoreRules[]): IgnoreMatcher {
  const rules = sources
    .toSorted((a, b) => depth(a.dir) - depth(b.dir))
    .flatMap(parse)
    .toReversed();
  const decide = (path: string, isDir: boolean): Rule | undefined =>
    rules.find((rule) => (isDir || !rule.onlyDir) && path.startsWith(rule.base) && applies(rule, path));
  return (path, isDir) => {
    const parts = bytes(path)
      .split('/')
      .filter((part) => part !== '');
    for (let count = 1; count <= parts.length; count++) {
      const rule = decide(parts.slice(0, count).join('/'), isDir || count < parts.length);
      if (rule && !rule.isNegated) return rule.said;
    }
    return undefined;
  };
}

/** `ignoreMatcher` for a single question. */
export function ignored(sources: readonly IgnoreRules[], path: string, isDir: boolean): Ignored | undefined {
  return ignoreMatcher(sources)(path, isDir);
}

interface Rule {
  /** '' or the directory with a slash at its end, as bytes. */
  readonly base: string;
  readonly glob: Glob;
  /** Without a slash in the pattern, it is matched against the last name alone. */
  readonly isName: boolean;
  readonly isNegated: boolean;
  readonly onlyDir: boolean;
  readonly said: Ignored;
}

/** UTF-8, one character a byte. */
const bytes = (text: string): string => Buffer.from(text).toString('latin1');

const depth = (dir: string): number => dir.split('/').filter((part) => part !== '').length;

function applies({ base, isName, glob }: Rule, path: string): boolean {
  return glob(isName ? path.slice(path.lastIndexOf('/') + 1) : path.slice(base.length));
}

function parse({ dir, text, source }: IgnoreRules): readonly Rule[] {
  const trimmedDir = dir.replace(/\/+$/, '');
  const base = trimmedDir === '' ? '' : `${trimmedDir}/`;
  return text
    .replace(/^\ufeff/, '')
    .split('\n')
    .flatMap((raw, index) => {
      const rule = trimTrailingSpaces(raw.replace(/\r$/, ''));
      if (rule === '' || rule.startsWith('#')) return [];
      const isNegated = rule.startsWith('!');
      const written = isNegated ? rule.slice(1) : rule;
      const onlyDir = written.endsWith('/');
      const pattern = onlyDir ? written.slice(0, -1) : written;
      const said = { rule, line: index + 1, source: source ?? `${base}.gitignore` };
      return [
        {
          base: bytes(base),
          glob: compileGlob(bytes(pattern.replace(/^\//, ''))),
          isName: !pattern.includes('/'),
          isNegated,
          onlyDir,
          said,
        },
      ];
    });
}

/** Spaces (not tabs) at the end go, unless a backslash keeps the first of them. */
function trimTrailingSpaces(line: string): string {
  return /^(?:\\.?|[^\\ ]| +(?! |$))*/.exec(line)![0];
}
