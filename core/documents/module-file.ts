// Finds the file of a module as Nix does in a flake: the default.nix of a directory, and the target of links within the flake.

import { MOST } from '../limits.ts';
import type { Reader } from '../machine/reader.ts';
import { type AbsPath, isPossible, isWithin, join, parent, relativeTo } from '../path.ts';

/** `because`: a clause that begins with the path it is about. `path`: the place to look at. */
export type ModuleFile =
  | { readonly kind: 'file'; readonly path: AbsPath }
  | { readonly kind: 'missing' | 'odd'; readonly path: AbsPath; readonly because: string }
  /** A link leads out of the flake, or is absolute: in the store's copy of the flake it dangles. */
  | { readonly kind: 'astray'; readonly path: AbsPath; readonly because: string };

/** The file of a module; nothing outside of `within` is part of the flake. Throws `unreadable`. */
export function moduleFile(named: AbsPath, within: AbsPath, reader: Pick<Reader, 'stat'>): ModuleFile {
  const found = throughLinks(named, within, reader).end;
  if (found.kind !== 'file' || reader.stat(found.path).type !== 'dir') return found;
  const inside = throughLinks(join(found.path, './default.nix'), within, reader).end;
  if (inside.kind === 'missing' && inside.path === join(found.path, './default.nix'))
    return {
      kind: 'missing',
      path: found.path,
      because: `"${relativeTo(found.path, within)}" is a directory without a default.nix`,
    };
  if (inside.kind === 'file' && reader.stat(inside.path).type === 'dir')
    return { kind: 'odd', path: inside.path, because: `"${relativeTo(inside.path, within)}" is a directory` };
  return inside;
}

/** The end of a path, and the links on the way by their real paths: git must show all of them. */
export interface Way {
  readonly end: ModuleFile;
  readonly links: readonly AbsPath[];
}

/** Follows links until neither the path nor a directory of it below `within` is one. */
export function throughLinks(named: AbsPath, within: AbsPath, reader: Pick<Reader, 'stat'>): Way {
  const links: AbsPath[] = [];
  const ended = (kind: Exclude<ModuleFile['kind'], 'file'>, path: AbsPath, what: string): Way => ({
    end: { kind, path, because: `"${relativeTo(path, within)}" ${what}` },
    links,
  });
  const targets = new Map<AbsPath, string>();
  const leads = (link: AbsPath): Way => ended('astray', link, `is a link out of the flake, to "${targets.get(link)}"`);
  if (!isWithin(named, within)) return ended('astray', named, 'is not in the flake');
  let at = within;
  let left = namesIn(relativeTo(named, within));
  for (let [name, ...rest] = left; name !== undefined; [name, ...rest] = left) {
    left = rest;
    if (name === '..') {
      // Above the top the store's copy has other names, even if the path comes back into the flake.
      if (at === within) return leads(links.at(-1)!);
      at = parent(at);
      continue;
    }
    const next = join(at, `./${name}`);
    const entry = reader.stat(next);
    if (entry.type === 'absent') return ended('missing', next, 'is not there');
    if (entry.type === 'other') return ended('odd', next, 'is a special file');
    if (entry.type !== 'link') {
      at = next;
      continue;
    }
    const { target } = entry;
    links.push(next);
    if (links.length > MOST.links) return ended('odd', next, 'is a link that leads to itself');
    targets.set(next, target);
    if (target.startsWith('/')) return ended('astray', next, `is an absolute link, to "${target}"`);
    if (!isPossible(target)) return leads(next);
    left = [...namesIn(target), ...rest];
  }
  return { end: { kind: 'file', path: at }, links };
}

const namesIn = (path: string): readonly string[] => path.split('/').filter((name) => name !== '' && name !== '.');
