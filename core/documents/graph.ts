// The module graph: the files that a flake refers to, and the reference that reaches each, from flake.nix, flake.lock and the
// modules on. A place that may refer to more files than the text tells is a doubt.

import { type Attrs, isRelativePath, textAttr } from '../formats/flake-ref/model.ts';
import { parseFlakeRef } from '../formats/flake-ref/parse-ref.ts';
import type { Span } from '../formats/nix/syntax.ts';
import type { Reference } from '../formats/nix-value/references.ts';
import { MOST } from '../limits.ts';
import { type Named, type Reader, tooDeep } from '../machine/reader.ts';
import { type AbsPath, basename, byteOrder, depth, isPossible, isWithin, join, parent } from '../path.ts';
import { type ModuleFile, throughLinks, type Way } from './module-file.ts';
import { type NixText, nixBytes, nixFile } from './nix-text.ts';

/** A file that names another one, and where it does. */
export interface Origin {
  readonly file: AbsPath;
  readonly span: Span;
}

/**
 * `isNamed`: named by itself, not only with its directory. `isNix`: read as Nix, whatever its name. `by`: left out for the
 * files that the graph begins with.
 */
export interface Reached {
  readonly isNamed: boolean;
  readonly isNix: boolean;
  /** A link that leads out of the flake. */
  readonly isAstray?: true;
  readonly by?: Origin;
}

/** A link in place of a module whose target Nix does not read. `because`: a clause. */
export interface Astray {
  readonly path: AbsPath;
  readonly because: string;
  readonly by?: Origin;
}

/** A reference that may mean any file below `path`, or with a `suffix` any whose path begins with `path` and ends with it. */
export interface Doubt {
  readonly path: AbsPath;
  readonly suffix?: string;
  readonly by: Origin;
}

export interface ModuleGraph {
  /** In byte order. */
  readonly files: ReadonlyMap<AbsPath, Reached>;
  readonly doubts: readonly Doubt[];
  readonly astray: readonly Astray[];
}

/** The flake of a graph. */
export interface Roots {
  /** Where flake.nix is. */
  readonly dir: AbsPath;
  /** The work tree, or `dir`; nothing outside is part of the flake. */
  readonly within: AbsPath;
  /** The first files, relative to `dir`. */
  readonly entries: readonly string[];
  /** True for directories that are left out where a whole tree is meant. */
  readonly isHidden: (path: AbsPath) => boolean;
}

type Edges = (path: AbsPath) => readonly Reference[];

/** The graph without files that are named but absent. Throws `unreadable`. */
export const moduleGraph = (roots: Roots, reader: Reader): ModuleGraph =>
  gather(roots, reader, isNixBy, (path) => {
    const file = nixBytes(reader, path) && nixFile(reader, path);
    return file?.kind === 'text' ? [...file.nix.references(), ...pathInputs(file.nix, path)] : [];
  });

/** `inputs.x.url = "path:./x"`: Nix reads the directory, a flake or not. */
function pathInputs(nix: NixText, path: AbsPath): readonly Reference[] {
  if (basename(path) !== 'flake.nix') return [];
  const opened = nix.flake();
  if (!opened.ok) return [];
  return opened.flake.inputs.flatMap(({ ref, span }): Reference[] => {
    const attrs = ref.kind === 'url' ? attrsOf(ref.url) : ref.kind === 'attrs' ? ref.attrs : {};
    const named = ref.kind === 'path' ? ref.path : isRelativePath(attrs) ? textAttr(attrs, 'path') : undefined;
    return named ? [{ base: 'file', path: named, span, means: 'tree' }] : [];
  });
}

function attrsOf(url: string): Attrs {
  const parsed = parseFlakeRef(url, { context: 'input' });
  return parsed.ok ? parsed.ref.attrs : {};
}

/**
 * A superset of the files of `moduleGraph` and of those that its doubts may mean: all that the texts may name, in comments and
 * strings too. It is found without parsing: if all of these are tracked, the graph need not be made.
 */
export const mentioned = (roots: Roots, reader: Reader): ModuleGraph['files'] =>
  gather(roots, reader, mayBeNix, (path) => {
    const text = Buffer.from(nixBytes(reader, path) ?? []).toString('latin1');
    const named = (text.match(PATH_LIKE) ?? []).map((one) => ({ base: 'file', path: one }) as const);
    const top = ANY_OF_THE_FLAKE.test(text) ? [{ base: 'flake', path: '.' } as const] : [];
    const behind = [...text.matchAll(BEHIND_A_VALUE)].map(([, one]) => ({ base: 'flake', path: `.${one}` }) as const);
    return [...named, ...behind, ...top].map((one) => ({ ...one, means: 'tree', span: { start: 0, end: 0 } }));
  }).files;

/** A run of Nix's path characters with a slash, not absolute: every relative path literal is within one. */
const PATH_LIKE = /(?<![\w.+\-/~])[\w.+-]+(?:\/[\w.+-]*)+/g;
/** `"${x}/a/b"`, `x + "/a/b"`, `x + /a/b`: a path behind a value that may be the flake. */
const BEHIND_A_VALUE = /["}+]\s*(\/[\w.+-]+(?:\/[\w.+-]*)*)/g;
/** Signs of paths from the top of the flake, or up from a path in a variable. */
const ANY_OF_THE_FLAKE = /\bself\b|\/\.\.|path:[\w-]/;

/** True if a file is read as Nix, by its name and by the reference to it; `means` undefined: only its directory is named. */
type IsNix = (path: AbsPath, means: Reference['means'] | undefined) => boolean;

const isNixBy: IsNix = (path, means) => path.endsWith('.nix') || means === 'module';

/** A superset: without parsing the meaning of a reference is not known. */
const mayBeNix: IsNix = (path, means) => path.endsWith('.nix') || means !== undefined;

function gather({ dir, within, entries, isHidden }: Roots, reader: Reader, isNix: IsNix, edges: Edges): ModuleGraph {
  const files = new Map<AbsPath, Reached>();
  const doubts = new Map<string, Doubt>();
  const trees = new Set<AbsPath>();
  const astray = new Map<AbsPath, Astray>();
  const ways = new Map<AbsPath, Way>();
  const waiting: { readonly file: AbsPath; readonly reached: Reached }[] = [];
  /** The way to the path's directory: git and Nix know the file under the name that it has without links. */
  const wayTo = (above: AbsPath): Way => {
    const way = ways.get(above) ?? throughLinks(above, within, reader);
    ways.set(above, way);
    return way;
  };
  const reach = (path: AbsPath, reached: Reached): void => {
    const known = files.get(path);
    if (known === undefined || (reached.isNix && !known.isNix)) waiting.push({ file: path, reached });
    if (known === undefined || (reached.isNamed && !known.isNamed))
      files.set(path, { ...reached, isNix: reached.isNix || known?.isNix === true });
    else if (reached.isNix && !known.isNix) files.set(path, { ...known, isNix: true });
  };
  const whole = (path: AbsPath, by: Origin | undefined): void => {
    if (trees.has(path)) return;
    trees.add(path);
    for (const { name, entry } of ownEntries(path, within, reader)) {
      const child = join(path, `./${name}`);
      if (entry.type === 'dir' && !isHidden(child)) whole(child, by);
      if (entry.type === 'file' || entry.type === 'link')
        reach(child, { isNamed: false, isNix: isNix(child, undefined), ...(by && { by }) });
    }
  };
  const leave = (end: ModuleFile, means: Reference['means'], by: Origin | undefined): void => {
    const link = end.kind === 'astray' ? files.get(end.path) : undefined;
    if (end.kind !== 'astray' || link === undefined) return;
    files.set(end.path, { ...link, isAstray: true });
    if (means === 'module') astray.set(end.path, { ...end, ...(by && { by }) });
  };
  const visit = (named: AbsPath, means: Reference['means'], by: Origin | undefined): void => {
    // A text may hold words that only look like a path; no file can have such a name.
    if (!isPossible(named) || !isWithin(named, within)) return;
    const way = named === within ? ({ end: { kind: 'file', path: within }, links: [] } as const) : wayTo(parent(named));
    for (const link of way.links) reach(link, { isNamed: true, isNix: false, ...(by && { by }) });
    leave(way.end, means, by);
    if (way.end.kind !== 'file') return;
    const path = named === within ? within : join(way.end.path, `./${basename(named)}`);
    const entry = reader.stat(path);
    if (entry.type === 'file') reach(path, { isNamed: true, isNix: isNix(path, means), ...(by && { by }) });
    if (entry.type === 'link') {
      const { end, links } = throughLinks(path, within, reader);
      for (const link of links) reach(link, { isNamed: true, isNix: false, ...(by && { by }) });
      leave(end, means, by);
      if (end.kind === 'file') visit(end.path, means, by);
    }
    if (entry.type !== 'dir') return;
    if (means === 'tree') {
      whole(path, by);
      return;
    }
    const module = join(path, './default.nix');
    const isModule = reader.stat(module).type !== 'absent';
    if (isModule) visit(module, 'module', by);
    // A directory without default.nix is meant with everything in it: dotfiles, wallpapers.
    else if (path !== dir && path !== within) whole(path, by);
    if (means === 'handed' && by !== undefined) doubts.set(path, { path, by });
  };
  for (const entry of entries) visit(join(dir, `./${entry}`), entry === 'flake.lock' ? 'file' : 'module', undefined);
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const { file, reached } = next;
    const entry = reader.stat(file);
    // One that was reached by name has been followed.
    if (entry.type === 'link' && !reached.isNamed) visit(file, 'tree', reached.by);
    if (entry.type !== 'file' || !reached.isNix) continue;
    for (const { base, path, means, span, suffix, isGuess } of edges(file)) {
      const by: Origin = { file, span };
      const start = base === 'flake' ? dir : parent(file);
      const named = join(start, `./${path}`);
      if (means !== 'pattern') visit(named, means, by);
      else if (isPossible(named) && (!isGuess || reader.stat(named).type !== 'absent')) {
        // `join` drops a slash at the end, without which the prefix `a/` would match `ab`.
        const isDirectory = path.endsWith('/') || reader.stat(named).type === 'dir';
        const prefix = (isDirectory ? `${named}/` : named) as AbsPath;
        doubts.set(`${prefix}\0${suffix}`, { path: prefix, suffix: suffix ?? '', by });
      }
    }
  }
  const inOrder = [...files].sort(([a], [b]) => byteOrder(a, b));
  return { files: new Map(inOrder), doubts: [...doubts.values()], astray: [...astray.values()] };
}

/** The files that a doubt may mean, tracked or not. */
export function* meantBy({ path, suffix }: Doubt, roots: Roots, reader: Reader): Generator<AbsPath> {
  const top = suffix === undefined ? path : path.endsWith('/') ? (path.slice(0, -1) as AbsPath) : parent(path);
  if (!isWithin(top, roots.within) || reader.stat(top).type !== 'dir') return;
  for (const file of filesBelow(top, roots, reader))
    if (suffix === undefined || (file.startsWith(path) && file.endsWith(suffix))) yield file;
}

function* filesBelow(dir: AbsPath, roots: Pick<Roots, 'within' | 'isHidden'>, reader: Reader): Generator<AbsPath> {
  if (depth(dir) > depth(roots.within) + MOST.treeDepth) throw tooDeep(dir);
  for (const { name, entry } of ownEntries(dir, roots.within, reader)) {
    const path = join(dir, `./${name}`);
    if (entry.type === 'dir' && !roots.isHidden(path)) yield* filesBelow(path, roots, reader);
    if (entry.type === 'file' || entry.type === 'link') yield path;
  }
}

/** The entries of a directory of the flake, without `.git`; none of a repository inside, whose files belong to that one. */
function ownEntries(dir: AbsPath, within: AbsPath, reader: Reader): readonly Named[] {
  const entries = reader.entries(dir);
  const isRepository = entries.some(({ name }) => name === '.git');
  if (!isRepository) return entries;
  return dir === within ? entries.filter(({ name }) => name !== '.git') : [];
}
