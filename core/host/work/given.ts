// What changes hands, noted before it does: undo, in this process or in the next one after a death, takes nothing back that its new
// owner has written, and gives what it takes back the attributes that it had.

import { closeSync, fstatSync, readFileSync, type Stats, writeFileSync } from 'node:fs';
import { MOST } from '../../limits.ts';
import { type Edit, kindOf, type Put } from '../../model.ts';
import { parent } from '../../path.ts';
import { errno } from '../disk/anchor.ts';
import { attributesOf } from '../disk/attributes.ts';
import { syncAt } from '../disk/durable.ts';
import { digestOfPinned, openPinned } from './pinned.ts';
import type { Aliases, Given, Staging } from './staging.ts';
import { type StagingDir, thereOrNot } from './staging-directory.ts';
import { isTaken } from './take-over.ts';

/** In each staging directory, durable on return: what each edit gives to another owner. */
export function noteGiven(staging: Staging, edits: readonly Edit[], now: Aliases): void {
  if (process.geteuid?.() !== 0) return;
  const given = edits.flatMap((edit, at) => (edit.op === 'put' && changesHands(edit) ? [{ edit, at }] : []));
  const byDir = new Map<StagingDir, (readonly [at: number, what: Given])[]>();
  for (let from = 0; from < given.length; from += PINNED) {
    const pinned = given.slice(from, from + PINNED).flatMap(({ edit, at }) => {
      // It may not be there yet.
      const pin = thereOrNot(() => openPinned(staging.anchors.at(now.now(edit.path))));
      return pin === undefined ? [] : [{ edit, at, pin }];
    });
    try {
      const attributes = attributesOf(pinned.map(({ pin }) => pin));
      for (const [index, { edit, at, pin }] of pinned.entries()) {
        const stagingDir = staging.stagingDirs.make(staging.anchors.dir(now.now(parent(edit.path))));
        const stat = fstatSync(pin);
        if (stat.isFile() && isTakenBy(stat, edit) && stat.size > MOST.fileBytes)
          throw errno('EFBIG', `"${edit.path}" has ${stat.size} bytes, and is to be copied`);
        // What is somebody's now may have other bytes a moment later.
        const bytes = stat.isFile() && stat.uid === 0 ? digestOfPinned(pin, stat.size) : undefined;
        const own = attributes.get(index);
        const noted = byDir.get(stagingDir) ?? [];
        noted.push([at, { ...(bytes && { bytes }), ...(own && { attributes: own }) }]);
        byDir.set(stagingDir, noted);
      }
    } finally {
      for (const { pin } of pinned) closeSync(pin);
    }
  }
  for (const [{ fd }, noted] of byDir) {
    const note = `/proc/self/fd/${fd}/${NOTE}`;
    writeFileSync(note, JSON.stringify(noted), { mode: 0o600, flag: 'wx' });
    syncAt(note);
  }
}

/** A file that its next owner gets as a new inode, see take-over.ts. */
const isTakenBy = (stat: Stats, { after }: Put): boolean => 'owner' in after && isTaken(stat, after.owner);

const NOTE = 'given';

/** Inodes that are held at a time, and given to one program. */
const PINNED = 256;

/** Where nothing is put in its place: what is replaced comes back as the inode that it was. */
const changesHands = (edit: Put): boolean =>
  kindOf(edit) === 'metadata' &&
  (edit.before.type === 'file' || edit.before.type === 'dir') &&
  edit.after.type === edit.before.type &&
  edit.before.owner.uid !== edit.after.owner.uid;

/** What was noted of an edit. Undefined: nothing, for nothing changes hands by it, or it was not prepared. */
export function givenAt(staging: Staging, at: number): Given | undefined {
  staging.given ??= new Map(
    staging.stagingDirs.all().flatMap(({ fd }) => {
      const text = thereOrNot(() => readFileSync(`/proc/self/fd/${fd}/${NOTE}`, 'utf8'));
      return text === undefined ? [] : entriesIn(text);
    }),
  );
  return staging.given.get(at);
}

function entriesIn(text: string): readonly (readonly [number, Given])[] {
  try {
    return JSON.parse(text) as [number, Given][];
  } catch (thrown) {
    if (!(thrown instanceof SyntaxError)) throw thrown;
    // Cut off while it was written: nothing was published.
    return [];
  }
}
