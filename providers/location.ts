// Moves the configuration from config.from to config.path, and keeps the old place free.

import { entryOf } from '../core/codes.ts';
import type { NixFile } from '../core/documents/nix-text.ts';
import { noConfiguration } from '../core/finding.ts';
import type { Reader } from '../core/machine/reader.ts';
import { type Edit, type Entry, type Finding, type Move, type Owner, type Put, sameOwner } from '../core/model.ts';
import { type AbsPath, basename, isWithin, join, parent, ROOT } from '../core/path.ts';
import { type Aside, asideFor, modeOfAside } from '../core/plan/aside.ts';
import { ASIDE, type Ground, ROOTS } from '../core/plan/places.ts';
import { barred, type Difference, IN_SYNC, provider } from '../core/plan/provider.ts';

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
  /** True if the tree at `dir` is a flake with this host: the move has been made. */
  readonly settled: boolean;
  /** Missing parents of `dir`, the topmost first, and their future owner. */
  readonly parents: readonly AbsPath[];
  readonly parentOwner: Owner;
  /** The place for a tree that is back at `from`. */
  readonly aside: Aside;
  /** Mount points in the tree at `from`. */
  readonly mounts: readonly AbsPath[];
}

export const location = provider<Desired, Observed>({
  name: 'location',
  answers: ['/config/path', '/config/from'],
  ofMachine: true,
  codes: ['RF2003', 'RF2004', 'RF2021', 'RF2042', 'RF2101', 'RF2102'],
  mayWrite: (edit, ground) =>
    edit.op === 'move' ? isMove(edit, ground) : edit.op === 'put' && isNewParent(edit, ground),
  desire: ({ dir, from, host }) => ({ dir, host: host.attribute, ...(from && { from }) }),
  async observe({ dir, from, host }, reader, documents) {
    const parents = missingParents(dir, reader);
    const above = reader.stat(parent(parents[0] ?? dir));
    return {
      dir: placeAt(dir, reader),
      from: from === undefined ? { kind: 'nothing' } : leftAt(from, dir, reader),
      settled: hasHost(dir, host, reader, documents.flake()),
      parents,
      parentOwner: 'owner' in above ? above.owner : { uid: 0, gid: 0 },
      aside: asideFor(basename(from ?? dir), reader),
      mounts: from === undefined ? [] : reader.mounts(from),
    };
  },
  reconcile(desired, observed) {
    const { dir, from } = desired;
    if (observed.dir.kind === 'file') return inTheWay(notADirectory(dir));
    if (from === undefined || observed.from.kind === 'nothing' || observed.from.kind === 'empty')
      return observed.dir.kind === 'nothing' ? barred(noConfiguration(desired.dir, desired.from)) : IN_SYNC;
    if (observed.from.kind === 'link')
      return observed.from.target === dir ? IN_SYNC : inTheWay(leadsElsewhere(from, observed.from.target));
    if (observed.from.kind === 'file') return inTheWay(notADirectory(from));
    if (isWithin(dir, from) || isWithin(from, dir)) return inTheWay(oneInTheOther(dir, from));
    const [mount] = observed.mounts;
    if (mount !== undefined && (observed.dir.kind === 'nothing' || observed.settled))
      return inTheWay(mounted(from, mount));
    if (observed.dir.kind === 'nothing') return moveTo(desired, from, observed);
    if (observed.settled) return setAside(from, dir, observed);
    return inTheWay(occupied(dir, from, observed.dir.kind === 'tree' ? observed.dir.entries : 0));
  },
});

/** True for a missing directory above the new place. */
function isNewParent({ path, before, after }: Put, { moves, wishes: { dir }, reader }: Ground): boolean {
  const to = moves[0]?.to;
  if (to === undefined) return false;
  if (before.type !== 'absent' || after.type !== 'dir' || path === to || !isWithin(to, path)) return false;
  if (reader.stat(path).type !== 'absent') return false;
  if (to !== dir) return sameOwner(after.owner, ROOTS) && after.mode === modeOfAside(path);
  let above = parent(path);
  while (above !== ROOT && reader.stat(above).type === 'absent') above = parent(above);
  const there: Entry = reader.stat(above);
  return after.mode === 0o755 && sameOwner(after.owner, 'owner' in there ? there.owner : ROOTS);
}

/** True for the move of the one tree that config.from names, to its new place or aside. */
function isMove({ from, to }: Move, { wishes, reader, moves }: Ground): boolean {
  if (moves.length > 1) return false;
  if (from !== wishes.from || reader.stat(from).type !== 'dir') return false;
  const aside = new RegExp(`^${basename(from).replace(/[.*+?^${'$'}{}()|[\]\\]/g, '\\$&')}(-\\d+)?$`);
  return to === wishes.dir || (parent(to) === ASIDE && aside.test(basename(to)));
}

function moveTo({ dir }: Desired, from: AbsPath, { parents, parentOwner, from: place }: Observed): Difference {
  const made = parents.map((path) => newDir(path, parentOwner, 0o755));
  const entries = place.kind === 'tree' ? place.entries : 0;
  const finding: Finding = {
    code: 'RF2101',
    wish: '/config/path',
    subject: 'config.path',
    path: from,
    from,
    to: dir,
    because: `the configuration (${entries} ${entries === 1 ? 'entry' : 'entries'}) is still at "${from}"`,
    remedy: { by: 'plan', action: 'move' },
  };
  const edits: readonly Edit[] = [...made, { op: 'move', from, to: dir }];
  return { findings: [finding], edits, rest: [{ verdict: 'differs', by: finding.code }] };
}

const newDir = (path: AbsPath, owner: Owner, mode: number): Edit => ({
  op: 'put',
  path,
  before: { type: 'absent' },
  after: { type: 'dir', mode, owner },
});

/** Sets aside a tree that is back at the old place while the flake is in its new one: it may be somebody's work. */
function setAside(from: AbsPath, dir: AbsPath, { aside, from: place }: Observed): Difference {
  const made = aside.parents.map((path) => newDir(path, ROOTS, modeOfAside(path)));
  const finding: Finding = {
    code: 'RF2102',
    wish: '/config/from',
    subject: 'config.from',
    path: from,
    from,
    to: aside.path,
    because: `"${from}" is back${place.kind === 'tree' ? ` with ${place.entries} entries` : ''}, and the configuration lives at "${dir}"`,
    remedy: { by: 'plan', action: 'move' },
  };
  return { findings: [finding], edits: [...made, { op: 'move', from, to: aside.path }] };
}

function placeAt(path: AbsPath, reader: Reader): Place {
  const entry: Entry = reader.stat(path);
  if (entry.type === 'absent') return { kind: 'nothing' };
  if (entry.type === 'link') return { kind: 'link', target: join(parent(path), entry.target) };
  if (entry.type !== 'dir') return { kind: 'file' };
  const entries = reader.list(path).length;
  return entries === 0 ? { kind: 'empty' } : { kind: 'tree', entries };
}

/**
 * The old place. It counts as empty if only links into the new one are left: tools that look for /etc/nixos/flake.nix use them.
 */
function leftAt(from: AbsPath, dir: AbsPath, reader: Reader): Place {
  const place = placeAt(from, reader);
  if (place.kind !== 'tree') return place;
  const onlyLinks = reader.list(from).every((name) => {
    const entry = reader.stat(join(from, `./${name}`));
    return entry.type === 'link' && isWithin(join(from, entry.target), dir);
  });
  return onlyLinks ? { kind: 'empty' } : place;
}

function hasHost(dir: AbsPath, host: string, reader: Reader, file: NixFile): boolean {
  if (file.kind === 'absent') return false;
  const read = file.kind === 'text' ? file.nix.flake() : undefined;
  // A flake that can't be read, or with computed hosts, counts as one too.
  if (!read?.ok || read.flake.outputs.hosts.kind !== 'static') return true;
  return (
    read.flake.outputs.hosts.hosts.some(({ name }) => name === host) ||
    reader.stat(join(dir, 'configuration.nix')).type === 'file'
  );
}

function missingParents(dir: AbsPath, reader: Reader): readonly AbsPath[] {
  const missing: AbsPath[] = [];
  for (let at = parent(dir); at !== ROOT && reader.stat(at).type === 'absent'; at = parent(at)) missing.unshift(at);
  return missing;
}

/** One finding about the place, whose verdict every other wish about it gets too. */
const inTheWay = (finding: Finding): Difference => ({
  findings: [finding],
  edits: [],
  rest: [{ verdict: entryOf(finding.code).verdict ?? 'blocked', by: finding.code }],
});

const occupied = (dir: AbsPath, from: AbsPath, entries: number): Finding => ({
  code: 'RF2003',
  because: `"${dir}" is there already (${entries === 0 ? 'an empty directory' : `${entries} entries`}), and so is "${from}"`,
  remedy: {
    by: 'you',
    hint:
      entries === 0
        ? `remove the empty directory: rmdir ${dir}`
        : 'choose another config.path, or move one of the two away',
  },
  wish: '/config/path',
  subject: 'config.path',
  path: dir,
});

const notADirectory = (path: AbsPath): Finding => ({
  code: 'RF2003',
  because: `"${path}" is not a directory`,
  remedy: { by: 'you', hint: 'choose another path, or move it away' },
  wish: '/config/path',
  subject: 'config.path',
  path,
});

const oneInTheOther = (dir: AbsPath, from: AbsPath): Finding => ({
  code: 'RF2003',
  because: `"${from}" cannot be moved to "${dir}": one lies in the other`,
  remedy: { by: 'you', hint: 'choose another config.path' },
  wish: '/config/path',
  subject: 'config.path',
  path: dir,
});

const mounted = (from: AbsPath, path: AbsPath): Finding => ({
  code: 'RF2042',
  because: `a file system is mounted at "${path}", and "${from}" cannot be moved with it`,
  remedy: { by: 'you', hint: 'unmount it first' },
  wish: '/config/from',
  subject: 'config.from',
  path,
});

const leadsElsewhere = (from: AbsPath, target: AbsPath): Finding => ({
  code: 'RF2021',
  because: `"${from}" is a link to "${target}"`,
  remedy: { by: 'you', hint: 'remove the link, or make config.path the directory that it leads to' },
  wish: '/config/from',
  subject: 'config.from',
  path: from,
});
