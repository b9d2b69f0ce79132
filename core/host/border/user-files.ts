// Files that somebody names on the command line (a spec, a saved plan, --out), as root: its own where root alone controls them;
// any other with the rights of who called, or, where root called, of whoever controls the place.

import { lstatSync, readlinkSync } from 'node:fs';
import type { Person } from '../../model.ts';
import { type AbsPath, absolute, join, parent, ROOT } from '../../path.ts';
import { readUserFile, type UserFiles, writeUserFile } from '../surroundings.ts';
import { type Looker, looker } from './looker.ts';
import { isWrittenByRootAlone, territory } from './territory.ts';

/** `personOf`: somebody of this system by number. */
export function borderedFiles(caller: Person, personOf: (uid: number) => Person): UserFiles {
  const closed = territory(ROOT);
  const lookers = new Map<number, Looker>();
  /** Who looks there; undefined: root itself. */
  const lookerAt = (path: AbsPath, links = 40): Looker | undefined => {
    const place = closed.place(path);
    const stat = place === undefined ? undefined : lstatSync(place, { throwIfNoEntry: false });
    // Root's link is root's word; whose it is where it leads is asked there.
    if (place !== undefined && stat?.isSymbolicLink() && stat.uid === 0 && links > 0)
      return lookerAt(join(parent(place), readlinkSync(place)), links - 1);
    if (place !== undefined && (stat === undefined || (stat.isFile() && isWrittenByRootAlone(stat)))) return undefined;
    const who = caller.uid !== 0 ? caller : personOf(stat?.uid ?? closed.holder(path) ?? 0);
    // A directory that root shares with others: there is nobody else to ask.
    if (who.uid === 0) return undefined;
    const known = lookers.get(who.uid) ?? looker(ROOT, who);
    lookers.set(who.uid, known);
    return known;
  };
  return {
    read(file) {
      const one = lookerAt(absolute(file));
      if (one === undefined) return readUserFile(file);
      const said = one.ask('readFile', file);
      const { ok, text, why } = said as Record<string, unknown>;
      if (ok === true && typeof text === 'string') return { ok, text };
      return { ok: false, why: typeof why === 'string' ? why : SENSELESS };
    },
    write(file, text, how) {
      const one = lookerAt(absolute(file));
      if (one === undefined) return writeUserFile(file, text, how);
      const { ok, why } = one.ask('writeFile', file, text, how) as Record<string, unknown>;
      return ok === true ? { ok } : { ok: false, why: typeof why === 'string' ? why : SENSELESS };
    },
  };
}

const SENSELESS = 'the process that was to look there gave no sense';
