// Which files a flake refers to: flake.nix, flake.lock, the modules, and all that they name by literal relative paths.

import { parseNix } from '../formats/nix/parse.ts';
import { literalPaths } from '../formats/nix/paths.ts';
import { MOST } from '../limits.ts';
import { type AbsPath, basename, byteOrder, isPossible, isWithin, join, parent } from '../path.ts';
import { follow } from './links.ts';
import type { Reader } from './reader.ts';
import { readText } from './texts.ts';

/** Files below `dir`, in byte order; what is named but not there is left out, and so is what lies outside. */
export const closure = (dir: AbsPath, entries: readonly string[], reader: Reader): readonly AbsPath[] =>
  [...gather(dir, entries, reader, (path) => pathsIn(path, reader))].sort(byteOrder);

/** `paths`: the relative paths that a Nix file names. */
function gather(
  dir: AbsPath,
  entries: readonly string[],
  reader: Reader,
  paths: (file: AbsPath) => readonly string[],
): Set<AbsPath> {
  const found = new Set<AbsPath>();
  const homes = new Map<AbsPath, AbsPath>();
  /** The path without links in its directories: under that name git and Nix know the file. */
  const settled = (path: AbsPath): AbsPath => {
    const above = parent(path);
    if (!homes.has(above))
      homes.set(above, above === dir || !isWithin(above, dir) ? above : follow(reader, above).path);
    return join(homes.get(above)!, `./${basename(path)}`);
  };
  const visit = (named: AbsPath): void => {
    // What can't have such a name is not there; a text may hold what only looks like a path.
    if (!isPossible(named)) return;
    const path = named === dir ? dir : settled(named);
    if (found.has(path) || !isWithin(path, dir)) return;
    const entry = reader.stat(path);
    if (entry.type === 'dir') {
      const module = join(path, 'default.nix');
      // A directory that is no module is meant with all that is in it: dotfiles, wallpapers.
      if (reader.stat(module).type !== 'absent') visit(module);
      else if (path !== dir) for (const name of reader.list(path)) if (name !== '.git') visit(join(path, `./${name}`));
      return;
    }
    if (entry.type !== 'file' && entry.type !== 'link') return;
    found.add(path);
    if (entry.type === 'link') visit(join(parent(path), entry.target));
    if (entry.type !== 'file' || !path.endsWith('.nix')) return;
    for (const literal of paths(path)) visit(join(parent(path), literal));
  };
  for (const entry of entries) visit(join(dir, entry));
  return found;
}

/**
 * Files below `dir` that the texts mention anywhere, in comments and strings too: a superset of `closure` that costs no
 * parsing. Where all of them are as they should be, so is the closure.
 */
export function mentioned(dir: AbsPath, entries: readonly string[], reader: Reader): ReadonlySet<AbsPath> {
  return gather(dir, entries, reader, (path) => {
    const bytes = reader.read(path, MOST.textBytes);
    return bytes === undefined ? [] : (Buffer.from(bytes).toString('latin1').match(PATH_LIKE) ?? []);
  });
}

/** As many path characters of Nix as there are, with a slash among them, not absolute: no literal can hide in anything else. */
const PATH_LIKE = /(?<![\w.+\-/~])[\w.+-]+(?:\/[\w.+-]*)+/g;

function pathsIn(path: AbsPath, reader: Reader): readonly string[] {
  const file = readText(reader, path);
  if (file.kind !== 'text') return [];
  const parsed = parseNix(file.text);
  return parsed.ok ? literalPaths(parsed.root) : [];
}
