// Gives the configuration to its owner: every path of the tree gets owner and group, and the owner can read and write it.

import { isBar, noConfiguration } from '../core/finding.ts';
import { type Found, isClosed, modeOf, notOwned, wantedMode } from '../core/machine/owned.ts';
import { type Edit, type Entry, type Finding, kindOf, type Owner, type Puttable, sameOwner } from '../core/model.ts';
import { type AbsPath, isWithin, quoted, relativeTo } from '../core/path.ts';
import { isAsDue, puts } from '../core/plan/places.ts';
import { barred, provider } from '../core/plan/provider.ts';

interface Desired {
  readonly dir: AbsPath;
  readonly from?: AbsPath;
  readonly owner: Owner;
  readonly gids: readonly number[];
  readonly nameOf: (owner: Owner) => string;
}

interface Observed {
  readonly isThere: boolean;
  readonly touched: readonly Found[];
  /** Mount points in the tree. */
  readonly mounts: readonly AbsPath[];
}

export const ownership = provider<Desired, Observed>({
  name: 'ownership',
  answers: ['/config/owner'],
  ofMachine: true,
  codes: ['RF2004', 'RF2017', 'RF2018', 'RF2041', 'RF2042', 'RF2108', 'RF2109'],
  // Any path in the tree may change owner.
  mayWrite: puts(
    (put, ground) =>
      ground.wishes.owner !== undefined &&
      isWithin(put.path, ground.wishes.dir) &&
      kindOf(put) === 'metadata' &&
      isAsDue(put, ground),
  ),
  desire: ({ dir, from, owner, people }) =>
    owner && { dir, owner, gids: people.groupsOf(owner.uid), nameOf: people.name, ...(from && { from }) },
  async observe({ dir, owner, gids }, reader) {
    const touched = notOwned(dir, owner, reader, gids);
    const isThere = reader.stat(dir).type !== 'absent';
    return { isThere, touched, mounts: touched.length === 0 ? [] : reader.mounts(dir) };
  },
  reconcile({ dir, from, owner, nameOf }, { isThere, touched, mounts }) {
    if (!isThere) return barred(noConfiguration(dir, from));
    const foreign = touched.filter(({ entry }) => !sameOwner(entry.owner, owner));
    const closed = touched.filter(isClosed);
    const bars = [...refusals(touched, dir), ...withheld(touched, dir, owner, nameOf), ...mounts.map(mounted)];
    if (bars.some(isBar)) return { findings: bars, edits: [] };
    const changes = [...ownerChanges(foreign, dir, owner, nameOf), ...closed.map((one) => modeChange(one, dir))];
    return { findings: [...changes, ...bars], edits: owning(touched, owner) };
  },
});

/**
 * The mode bits lost in a change of owner: set-id bits of a file, and, if it becomes root's, write rights of group and others.
 */
function lostBits(entry: Exclude<Entry, { type: 'absent' }>, owner: Owner): number {
  if (entry.type === 'link' || sameOwner(entry.owner, owner)) return 0;
  return (entry.type === 'file' ? 0o6000 : 0) | (owner.uid === 0 && entry.owner.uid !== 0 ? 0o022 : 0);
}

/** Edits share equal entries as one object: ten thousand files take hardly more memory than their names. */
function owning(touched: readonly Found[], owner: Owner): readonly Edit[] {
  let latest: { readonly before: Entry; readonly after: Puttable } | undefined;
  return touched.map(({ path, entry }): Edit => {
    // refusals() has already refused special files and hard-linked ones.
    const before = entry as Exclude<Puttable, { type: 'absent' }>;
    // A set-id program runs as its owner: with another owner it would have other rights.
    const mode = wantedMode({ path, entry }) & ~lostBits(entry, owner);
    const isAlike = latest?.before === before && (before.type === 'link' || modeOf(latest.after) === mode);
    const after = isAlike ? latest!.after : before.type === 'link' ? { ...before, owner } : { ...before, owner, mode };
    latest = { before, after };
    return { op: 'put', path, before, after };
  });
}

const found = (code: Finding['code'], because: string, hint: string, path: AbsPath): Finding => ({
  code,
  wish: '/config/owner',
  subject: 'owner',
  because,
  path,
  remedy: { by: 'you', hint },
});

function* refusals(touched: readonly Found[], dir: AbsPath): Generator<Finding> {
  for (const { path, entry } of touched) {
    const name = relativeTo(path, dir);
    if (entry.type === 'other')
      yield found('RF2017', `"${name}" is a ${entry.what}`, 'move it out of the configuration', path);
    // git objects of a local clone are shared with the clone's source.
    else if (entry.type === 'file' && entry.hardLinked) {
      const because = `"${name}" has other names too, which would change owner with it`;
      yield found('RF2018', because, 'make it a file of its own: cp --remove-destination', path);
    }
  }
}

/** Paths that are not given to the owner: closed to them, or with set-id bits. The first few, each with the command to run. */
function* withheld(
  touched: readonly Found[],
  dir: AbsPath,
  owner: Owner,
  nameOf: Desired['nameOf'],
): Generator<Finding> {
  const all = touched.filter((one) => one.withheld !== undefined && one.entry.type !== 'other');
  for (const { path, entry, withheld: why } of all.slice(0, MOST)) {
    const who = nameOf(owner);
    const because =
      why === 'set-id' ? 'has set-id bits, and is given to nobody' : `is closed to ${who}, so it is not given to them`;
    const chown = `chown ${entry.type === 'dir' ? '-R ' : ''}-h ${owner.uid}:${owner.gid} -- ${quoted(path)}`;
    yield found(
      'RF2041',
      `"${relativeTo(path, dir)}" belongs to ${nameOf(entry.owner)}, and ${because}`,
      `move it out of the configuration, or look at it and run: sudo ${chown}`,
      path,
    );
  }
  if (all.length > MOST)
    yield found(
      'RF2041',
      `${all.length - MOST} more in "${dir}" are not given either`,
      'mend the ones above first',
      dir,
    );
}

/** Paths shown at most. */
const MOST = 10;

const mounted = (path: AbsPath): Finding =>
  found(
    'RF2042',
    `a file system is mounted at "${path}"`,
    `it is not part of the configuration, and is not given: umount ${quoted(path)}`,
    path,
  );

/** One change for each owner found, as a person would say it. */
function ownerChanges(
  foreign: readonly Found[],
  dir: AbsPath,
  owner: Owner,
  nameOf: Desired['nameOf'],
): readonly Finding[] {
  const groups = new Map<string, Found[]>();
  for (const one of foreign) {
    const name = nameOf(one.entry.owner);
    const group = groups.get(name);
    if (group === undefined) groups.set(name, [one]);
    else group.push(one);
  }
  return [...groups].map(([name, paths]): Finding => {
    const [first] = paths as [Found, ...Found[]];
    const only = paths.length === 1;
    return {
      code: 'RF2108',
      wish: '/config/owner',
      subject: 'owner',
      path: only ? first.path : dir,
      from: name,
      to: nameOf(owner),
      because: only ? `"${relativeTo(first.path, dir)}" belongs to ${name}` : `${paths.length} paths belong to ${name}`,
      remedy: { by: 'plan', action: 'change' },
    };
  });
}

function modeChange(one: Found, dir: AbsPath): Finding {
  const { path, entry } = one;
  const octal = (mode: number): string => mode.toString(8).padStart(4, '0');
  return {
    code: 'RF2109',
    wish: '/config/owner',
    subject: 'mode',
    path,
    from: octal(modeOf(entry)),
    to: octal(wantedMode(one)),
    because: `its owner can not read and write "${relativeTo(path, dir)}"`,
    remedy: { by: 'plan', action: 'change' },
  };
}
