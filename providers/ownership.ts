// Whose the configuration is: every path of the tree has the owner and group, and the owner can read and write it.

import type { Diagnostic } from '../core/diagnostic.ts';
import { type Change, type Edit, type Entry, type Owner, type Puttable, sameOwner } from '../core/model.ts';
import { type Found, isClosed, modeOf, notOwned, wantedMode } from '../core/owned.ts';
import { type AbsPath, quoted, relativeTo } from '../core/path.ts';
import { provider } from '../core/provider.ts';

interface Desired {
  readonly dir: AbsPath;
  readonly owner: Owner;
  readonly gids: readonly number[];
  readonly nameOf: (owner: Owner) => string;
}

interface Observed {
  readonly touched: readonly Found[];
  /** Mount points in the tree. */
  readonly mounts: readonly AbsPath[];
}

export const ownership = provider<Desired, Observed>({
  name: 'ownership',
  desire: ({ dir, owner, people }) => owner && { dir, owner, gids: people.groupsOf(owner.uid), nameOf: people.name },
  async observe({ dir, owner, gids }, reader) {
    const touched = notOwned(dir, owner, reader, gids);
    return { touched, mounts: touched.length === 0 ? [] : reader.mounts(dir) };
  },
  reconcile({ dir, owner, nameOf }, { touched, mounts }) {
    const foreign = touched.filter(({ entry }) => !sameOwner(entry.owner, owner));
    const closed = touched.filter(isClosed);
    const diagnostics = [...refusals(touched, dir), ...withheld(touched, dir, owner, nameOf), ...mounts.map(mounted)];
    if (diagnostics.some(({ severity }) => severity === 'error')) return { changes: [], edits: [], diagnostics };
    return {
      changes: [...ownerChanges(foreign, dir, owner, nameOf), ...closed.map((one) => modeChange(one, dir))],
      edits: owning(touched, owner),
      diagnostics,
    };
  },
});

/** What was alike and is to be alike is one object in all edits: of ten thousand files hardly more than their names. */
function owning(touched: readonly Found[], owner: Owner): readonly Edit[] {
  let latest: { readonly before: Entry; readonly after: Puttable } | undefined;
  return touched.map(({ path, entry }): Edit => {
    // refusals() has ended the look at special files and shared ones.
    const before = entry as Exclude<Puttable, { type: 'absent' }>;
    // Who owns a set-id program decides as whom it runs: with another owner it would be another program.
    const mode = wantedMode({ path, entry }) & (entry.type === 'file' && !sameOwner(entry.owner, owner) ? ~0o6000 : ~0);
    const isAlike = latest?.before === before && (before.type === 'link' || modeOf(latest.after) === mode);
    const after = isAlike ? latest!.after : before.type === 'link' ? { ...before, owner } : { ...before, owner, mode };
    latest = { before, after };
    return { op: 'put', path, before, after };
  });
}

function* refusals(touched: readonly Found[], dir: AbsPath): Generator<Diagnostic> {
  for (const { path, entry } of touched) {
    const name = relativeTo(path, dir);
    if (entry.type === 'other') {
      const summary = `"${name}" is a ${entry.what}`;
      yield {
        severity: 'error',
        code: 'RF2017',
        summary,
        hint: 'move it out of the configuration',
        pointer: '/config/owner',
        path,
      };
    } else if (entry.type === 'file' && entry.hardLinked) {
      // git objects of a local clone are shared with the clone's source.
      const summary = `"${name}" has other names too, which would change owner with it`;
      yield {
        severity: 'error',
        code: 'RF2018',
        summary,
        hint: `make it a file of its own: cp --remove-destination`,
        pointer: '/config/owner',
        path,
      };
    }
  }
}

/** What somebody else has closed is for them to give: the first few, each with what to run. */
function* withheld(
  touched: readonly Found[],
  dir: AbsPath,
  owner: Owner,
  nameOf: Desired['nameOf'],
): Generator<Diagnostic> {
  const all = touched.filter((one) => one.withheld !== undefined && one.entry.type !== 'other');
  for (const { path, entry, withheld: why } of all.slice(0, MOST)) {
    const who = nameOf(owner);
    const because =
      why === 'set-id' ? 'has set-id bits, and is given to nobody' : `is closed to ${who}, so it is not given to them`;
    const chown = `chown ${entry.type === 'dir' ? '-R ' : ''}-h ${owner.uid}:${owner.gid} -- ${quoted(path)}`;
    yield {
      severity: 'error',
      code: 'RF2041',
      summary: `"${relativeTo(path, dir)}" belongs to ${nameOf(entry.owner)}, and ${because}`,
      hint: `move it out of the configuration, or look at it and run: sudo ${chown}`,
      pointer: '/config/owner',
      path,
    };
  }
  if (all.length > MOST)
    yield {
      severity: 'error',
      code: 'RF2041',
      summary: `${all.length - MOST} more in "${dir}" are not given either`,
      hint: 'mend the ones above first',
      pointer: '/config/owner',
      path: dir,
    };
}

/** Nobody reads more at once. */
const MOST = 10;

/** For a shell, whatever the name holds. */

const mounted = (path: AbsPath): Diagnostic => ({
  severity: 'error',
  code: 'RF2042',
  summary: `a file system is mounted at "${path}"`,
  hint: `it is not part of the configuration, and is not given: umount ${quoted(path)}`,
  pointer: '/config/owner',
  path,
});

/** One change for each owner found, as a person would say it. */
function ownerChanges(
  foreign: readonly Found[],
  dir: AbsPath,
  owner: Owner,
  nameOf: Desired['nameOf'],
): readonly Change[] {
  const groups = new Map<string, Found[]>();
  for (const one of foreign) {
    const name = nameOf(one.entry.owner);
    const group = groups.get(name);
    if (group === undefined) groups.set(name, [one]);
    else group.push(one);
  }
  return [...groups].map(([name, paths]): Change => {
    const [first] = paths as [Found, ...Found[]];
    const only = paths.length === 1;
    return {
      subject: 'owner',
      path: only ? first.path : dir,
      action: 'change',
      from: name,
      to: nameOf(owner),
      reason: 'differs',
      because: only ? `"${relativeTo(first.path, dir)}" belongs to ${name}` : `${paths.length} paths belong to ${name}`,
      pointer: '/config/owner',
    };
  });
}

function modeChange(one: Found, dir: AbsPath): Change {
  const { path, entry } = one;
  const octal = (mode: number): string => mode.toString(8).padStart(4, '0');
  return {
    subject: 'mode',
    path,
    action: 'change',
    from: octal(modeOf(entry)),
    to: octal(wantedMode(one)),
    reason: 'differs',
    because: `its owner can not read and write "${relativeTo(path, dir)}"`,
    pointer: '/config/owner',
  };
}
