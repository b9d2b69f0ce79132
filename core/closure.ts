// Which files a flake refers to: flake.nix, flake.lock, the modules, and all that they name by literal relative paths.

import { parseNix } from './formats/nix/parse.ts';
import { literalPaths } from './formats/nix/paths.ts';
import type { Reader } from './host/host.ts';
import { type AbsPath, byteOrder, isWithin, join, parent } from './path.ts';
import { readText } from './texts.ts';

/** Files below `dir`, in byte order; what is named but not there is left out, and so is what lies outside. */
export function closure(dir: AbsPath, entries: readonly string[], reader: Reader): readonly AbsPath[] {
  const found = new Set<AbsPath>();
  const visit = (path: AbsPath): void => {
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
    for (const literal of pathsIn(path, reader)) visit(join(parent(path), literal));
  };
  for (const entry of entries) visit(join(dir, entry));
  return [...found].sort(byteOrder);
}

function pathsIn(path: AbsPath, reader: Reader): readonly string[] {
  const file = readText(reader, path);
  if (file.kind !== 'text') return [];
  const parsed = parseNix(file.text);
  return parsed.ok ? literalPaths(parsed.root) : [];
}
