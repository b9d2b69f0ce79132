// Notes attributes and bytes of whatever changes its owner, before it does. So undo, in this process or after a crash
// in the next, takes back no bytes that the new owner wrote, and restores the attributes.

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

/** Writes the note into each staging directory: what each edit gives to another owner. Durable on return. */
export function noteGiven(staging: Staging, edits: readonly Edit[], now: Aliases): void {
  if (process.geteuid?.() !== 0) return;
  const given = edits.flatMap((edit, at) => (edit.op === 'put' && changesHands(edit) ? [{ edit, at }] : []));
  const byDir = new Map<StagingDir, (readonly [at: number, what: Given])[]>();
  for (let from = 0; from < given.length; from += PINNED) {
    const pinned = given.slice(from, from + PINNED).flatMap(({ edit, at }) => {
      // An earlier edit of the transaction may have to make it first.
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
        // If it belongs to somebody, they can write other bytes at any time.
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

/** True if the next owner gets the file as a new inode (take-over.ts). */
const isTakenBy = (stat: Stats, { after }: Put): boolean => 'owner' in after && isTaken(stat, after.owner);

const NOTE = 'given';

/** Inodes that are open at a time, and passed to one getfattr(1). */
const PINNED = 256;

/** True if an existing inode gets another owner. (What a put replaces comes back as the old inode, so it needs no note.) */
const changesHands = (edit: Put): boolean =>
  kindOf(edit) === 'metadata' &&
  (edit.before.type === 'file' || edit.before.type === 'dir') &&
  edit.after.type === edit.before.type &&
  edit.before.owner.uid !== edit.after.owner.uid;

/** The note about an edit. Undefined if it changes no owner, or was not prepared. */
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
    // A crash cut the note off while it was written, so nothing was published.
    return [];
  }
}
