// As root: the files that the command line names (a spec, a saved plan, --out). Root itself reads what root alone controls,
// because a process of the caller's could answer anything about it; for another caller, only files that everybody may read. All
// else is read and written with the caller's rights, or, if root called, with those of the person who controls the place.

import { lstatSync, readlinkSync, realpathSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { LARGEST_ID, MOST } from '../../limits.ts';
import type { Waypoint } from '../../machine/file-trust.ts';
import type { Person } from '../../model.ts';
import { type AbsPath, absolute, join, parent, ROOT } from '../../path.ts';
import { waypoint } from '../disk/way.ts';
import { readUserFile, type UserFiles, writeUserFile } from '../surroundings.ts';
import { type Looker, looker } from './looker.ts';
import { isReachable } from './start-self-as.ts';
import { isWrittenByRootAlone, territory } from './territory.ts';
import { isNumber } from './wire.ts';

/** `personOf`: the user of this system with that number. */
export function borderedFiles(caller: Person, personOf: (uid: number) => Person): UserFiles {
  const closed = territory(ROOT);
  const lookerOf = (who: Person): Looker => looker(ROOT, who);
  /** The looker that answers for this path; undefined if root itself looks. */
  const lookerAt = (path: AbsPath, links: number = MOST.links): Looker | undefined => {
    const place = closed.place(path);
    const stat = place === undefined ? undefined : lstatSync(place, { throwIfNoEntry: false });
    // A link that root owns is root's word; who controls its target is asked there.
    if (place !== undefined && stat?.isSymbolicLink() && stat.uid === 0 && links > 0)
      return lookerAt(join(parent(place), readlinkSync(place)), links - 1);
    if (place !== undefined && (stat === undefined || (stat.isFile() && isWrittenByRootAlone(stat)))) return undefined;
    const who = caller.uid !== 0 ? caller : personOf(stat?.uid ?? closed.holder(path) ?? 0);
    // A directory that root shares with others: nobody else can be asked.
    if (who.uid === 0) return undefined;
    return lookerOf(who);
  };
  return {
    read(file) {
      const one = lookerAt(absolute(file));
      if (one === undefined)
        return caller.uid === 0 || isForAll(file) ? readUserFile(file) : { ok: false, why: rootsOnly(caller) };
      const said = one.ask('readFile', file);
      const { ok, text, why } = said as Record<string, unknown>;
      if (ok === true && typeof text === 'string') return { ok, text };
      return { ok: false, why: typeof why === 'string' ? why : SENSELESS };
    },
    waypoint(path) {
      if (closed.place(absolute(path)) === path) return waypoint(path);
      const one = lookerAt(absolute(path));
      return one === undefined ? waypoint(path) : waypointIn(one.ask('waypoint', path), path);
    },
    write(file, text, how) {
      const one = caller.uid === 0 ? lookerAt(absolute(file)) : lookerOf(caller);
      if (one === undefined) return writeUserFile(file, text, how);
      // What only root may read would be theirs: of a private file of root's they get nothing.
      if (how.owner.uid === 0 && (caller.uid !== 0 || how.isPrivate || (how.mode & 0o077) === 0))
        return { ok: false, why: ROOTS_BYTES };
      const { ok, why } = one.ask('writeFile', file, text, how) as Record<string, unknown>;
      return ok === true ? { ok } : { ok: false, why: typeof why === 'string' ? why : SENSELESS };
    },
  };
}

/** True if everybody may read the file; if it does not exist, true if everybody may see that. */
function isForAll(file: string): boolean {
  let at = file;
  while (statSync(at, { throwIfNoEntry: false }) === undefined) at = dirname(at);
  return isReachable(realpathSync(at), at === file ? 0o4 : 0o1);
}

const rootsOnly = ({ name }: Person): string =>
  `not everybody may read it, and ${name} called root: run the command as root itself (sudo -i)`;

/** An answer that is no waypoint counts as absent. */
function waypointIn(value: unknown, path: string): Waypoint {
  const { type, uid, gid, mode, links, target } = (value ?? {}) as Record<string, unknown>;
  const kind = (['dir', 'file', 'link', 'other'] as const).find((one) => one === type);
  const isWhole =
    isNumber(uid, LARGEST_ID) && isNumber(gid, LARGEST_ID) && isNumber(mode, 0o7777) && isNumber(links, 2 ** 32);
  if (kind === undefined || !isWhole) return { path, type: 'absent', uid: 0, gid: 0, mode: 0, links: 0 };
  return { path, type: kind, uid, gid, mode, links, ...(typeof target === 'string' && { target }) };
}

const ROOTS_BYTES =
  'it would hold what only root can read, and others can change that place; name a file in a directory of root’s';

const SENSELESS = 'the process that was to look there gave no sense';
