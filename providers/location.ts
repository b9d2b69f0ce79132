// Where the configuration lives: moves it from where the installer put it, and keeps the old place free.

import type { Diagnostic } from '../core/diagnostic.ts';
import { readFlake } from '../core/formats/nix/flake.ts';
import type { Reader } from '../core/host/host.ts';
import { textAt } from '../core/links.ts';
import type { Change, Edit, Entry, Owner } from '../core/model.ts';
import { type AbsPath, absolute, basename, isWithin, join, parent, ROOT } from '../core/path.ts';
import { ASIDE } from '../core/plan-places.ts';
import { type Difference, NO_DIFFERENCE, provider } from '../core/provider.ts';

interface Desired {
  readonly dir: AbsPath;
  readonly from?: AbsPath;
  readonly host: string;
}

type Place =
  | { readonly kind: 'nothing' }
  | { readonly kind: 'empty' }
  | { readonly kind: 'tree'; readonly entries: number }
  | { readonly kind: 'link'; readonly target: AbsPath }
  | { readonly kind: 'file' };

interface Observed {
  readonly dir: Place;
  readonly from: Place;
  /** The tree at `dir` is a flake with this host: the move has been made. */
  readonly settled: boolean;
  /** Missing parents of `dir`, the topmost first, and who is to own them. */
  readonly parents: readonly AbsPath[];
  readonly parentOwner: Owner;
  /** Where what is back at `from` goes, and the directories on the way that are missing. */
  readonly aside: AbsPath;
  readonly asideParents: readonly AbsPath[];
  /** Mount points in the tree at `from`. */
  readonly mounts: readonly AbsPath[];
}

export const location = provider<Desired, Observed>({
  name: 'location',
  desire: ({ dir, from, host }) => ({ dir, host: host.name, ...(from && { from }) }),
  async observe({ dir, from, host }, reader) {
    const parents = missingParents(dir, reader);
    const aside = freeName(join(ASIDE, `./${basename(from ?? dir)}`), reader);
    const above = reader.stat(parent(parents[0] ?? dir));
    return {
      dir: placeAt(dir, reader),
      from: from === undefined ? { kind: 'nothing' } : leftAt(from, dir, reader),
      settled: hasHost(dir, host, reader),
      parents,
      parentOwner: 'owner' in above ? above.owner : { uid: 0, gid: 0 },
      aside,
      asideParents: missingParents(aside, reader),
      mounts: from === undefined ? [] : reader.mounts(from),
    };
  },
  reconcile(desired, observed) {
    const { dir, from } = desired;
    if (observed.dir.kind === 'file') return blocked(notADirectory(dir));
    if (from === undefined || observed.from.kind === 'nothing' || observed.from.kind === 'empty')
      return observed.dir.kind === 'nothing' ? blocked(nothingThere(desired)) : NO_DIFFERENCE;
    if (observed.from.kind === 'link')
      return observed.from.target === dir ? NO_DIFFERENCE : blocked(leadsElsewhere(from, observed.from.target));
    if (observed.from.kind === 'file') return blocked(notADirectory(from));
    if (isWithin(dir, from) || isWithin(from, dir)) return blocked(oneInTheOther(dir, from));
    const [mount] = observed.mounts;
    if (mount !== undefined && (observed.dir.kind === 'nothing' || observed.settled))
      return blocked(mounted(from, mount));
    if (observed.dir.kind === 'nothing') return moveTo(desired, from, observed);
    if (observed.settled) return setAside(from, dir, observed);
    return blocked(occupied(dir, from, observed.dir.kind === 'tree' ? observed.dir.entries : 0));
  },
});

function moveTo({ dir }: Desired, from: AbsPath, { parents, parentOwner, from: place }: Observed): Difference {
  const made = parents.map((path) => newDir(path, parentOwner, 0o755));
  const entries = place.kind === 'tree' ? place.entries : 0;
  const change: Change = {
    subject: 'config.path',
    path: from,
    action: 'move',
    from,
    to: dir,
    reason: 'misplaced',
    because: `the configuration (${entries} ${entries === 1 ? 'entry' : 'entries'}) is still at "${from}"`,
    pointer: '/config/path',
  };
  return { changes: [change], edits: [...made, { op: 'move', from, to: dir }], diagnostics: [] };
}

const newDir = (path: AbsPath, owner: Owner, mode: number): Edit => ({
  op: 'put',
  path,
  before: { type: 'absent' },
  after: { type: 'dir', mode, owner },
});

/** The flake is in place already, so what is back at the old place is somebody's work: kept, under another name. */
function setAside(from: AbsPath, dir: AbsPath, { aside, asideParents, from: place }: Observed): Difference {
  const made = asideParents.map((path) => newDir(path, { uid: 0, gid: 0 }, path.includes('/reflake') ? 0o700 : 0o755));
  const change: Change = {
    subject: 'config.from',
    path: from,
    action: 'move',
    from,
    to: aside,
    reason: 'unwanted',
    because: `"${from}" is back${place.kind === 'tree' ? ` with ${place.entries} entries` : ''}, and the configuration lives at "${dir}"`,
    pointer: '/config/from',
  };
  return { changes: [change], edits: [...made, { op: 'move', from, to: aside }], diagnostics: [] };
}

function placeAt(path: AbsPath, reader: Reader): Place {
  const entry: Entry = reader.stat(path);
  if (entry.type === 'absent') return { kind: 'nothing' };
  if (entry.type === 'link') return { kind: 'link', target: join(parent(path), entry.target) };
  if (entry.type !== 'dir') return { kind: 'file' };
  const entries = reader.list(path).length;
  return entries === 0 ? { kind: 'empty' } : { kind: 'tree', entries };
}

/** Links into the new place are no leftovers: tools that look for /etc/nixos/flake.nix follow them. */
function leftAt(from: AbsPath, dir: AbsPath, reader: Reader): Place {
  const place = placeAt(from, reader);
  if (place.kind !== 'tree') return place;
  const onlyLinks = reader.list(from).every((name) => {
    const entry = reader.stat(join(from, `./${name}`));
    return entry.type === 'link' && isWithin(join(from, entry.target), dir);
  });
  return onlyLinks ? { kind: 'empty' } : place;
}

function hasHost(dir: AbsPath, host: string, reader: Reader): boolean {
  const text = textAt(reader, join(dir, 'flake.nix'));
  if (text === '') return false;
  const flake = readFlake(text);
  // A flake that can't be read, or whose hosts are computed, is still a flake that somebody put there.
  if (!flake.ok || flake.outputs.hosts.kind !== 'static') return true;
  return (
    flake.outputs.hosts.hosts.some(({ name }) => name === host) ||
    reader.stat(join(dir, 'configuration.nix')).type === 'file'
  );
}

function missingParents(dir: AbsPath, reader: Reader): readonly AbsPath[] {
  const missing: AbsPath[] = [];
  for (let at = parent(dir); at !== ROOT && reader.stat(at).type === 'absent'; at = parent(at)) missing.unshift(at);
  return missing;
}

function freeName(wanted: AbsPath, reader: Reader): AbsPath {
  for (let count = 1; ; count++) {
    const name = count === 1 ? wanted : absolute(`${wanted}-${count}`);
    if (reader.stat(name).type === 'absent') return name;
  }
}

const blocked = (diagnostic: Diagnostic): Difference => ({ changes: [], edits: [], diagnostics: [diagnostic] });

const nothingThere = ({ dir, from }: Desired): Diagnostic => ({
  severity: 'error',
  code: 'RF2004',
  summary:
    from === undefined
      ? `there is no configuration at "${dir}"`
      : `there is no configuration at "${dir}", and none at "${from}"`,
  hint: from === undefined ? 'write config.from: where the configuration is now' : 'mend config.path or config.from',
  pointer: '/config/path',
  path: dir,
});

const occupied = (dir: AbsPath, from: AbsPath, entries: number): Diagnostic => ({
  severity: 'error',
  code: 'RF2003',
  summary: `"${dir}" is there already (${entries === 0 ? 'an empty directory' : `${entries} entries`}), and so is "${from}"`,
  hint:
    entries === 0
      ? `remove the empty directory: rmdir ${dir}`
      : 'choose another config.path, or move one of the two away',
  pointer: '/config/path',
  path: dir,
});

const notADirectory = (path: AbsPath): Diagnostic => ({
  severity: 'error',
  code: 'RF2003',
  summary: `"${path}" is not a directory`,
  hint: 'choose another path, or move it away',
  pointer: '/config/path',
  path,
});

const oneInTheOther = (dir: AbsPath, from: AbsPath): Diagnostic => ({
  severity: 'error',
  code: 'RF2003',
  summary: `"${from}" cannot be moved to "${dir}": one lies in the other`,
  hint: 'choose another config.path',
  pointer: '/config/path',
  path: dir,
});

const mounted = (from: AbsPath, path: AbsPath): Diagnostic => ({
  severity: 'error',
  code: 'RF2042',
  summary: `a file system is mounted at "${path}", and "${from}" cannot be moved with it`,
  hint: 'unmount it first',
  pointer: '/config/from',
  path,
});

const leadsElsewhere = (from: AbsPath, target: AbsPath): Diagnostic => ({
  severity: 'error',
  code: 'RF2021',
  summary: `"${from}" is a link to "${target}"`,
  hint: 'remove the link, or make config.path the directory that it leads to',
  pointer: '/config/from',
  path: from,
});
