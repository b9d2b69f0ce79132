// Whose the configuration is: every path of the tree has the owner and group, and the owner can read and write it.

import type { Diagnostic } from '../core/diagnostic.ts';
import { type Change, type Edit, type Entry, type Owner, type Puttable, sameOwner } from '../core/model.ts';
import { type Found, isClosed, modeOf, notOwned, wantedMode } from '../core/owned.ts';
import { type AbsPath, relativeTo } from '../core/path.ts';
import { provider } from '../core/provider.ts';

interface Desired {
  readonly dir: AbsPath;
  readonly owner: Owner;
  readonly nameOf: (owner: Owner) => string;
}

export const ownership = provider<Desired, readonly Found[]>({
  name: 'ownership',
  desire: ({ dir, owner, people }) => owner && { dir, owner, nameOf: people.name },
  observe: async ({ dir, owner }, reader) => notOwned(dir, owner, reader),
  reconcile({ dir, owner, nameOf }, touched) {
    const foreign = touched.filter(({ entry }) => !sameOwner(entry.owner, owner));
    const closed = touched.filter(isClosed);
    const diagnostics = [...refusals(touched, dir)];
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
