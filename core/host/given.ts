// The bytes of files that root gives away, noted before it does so: undo, in this process or in the next one after a death, gives
// root nothing back that its new owner has written.

import { readFileSync, writeFileSync } from 'node:fs';
import { type Digest, type Edit, kindOf, type Put } from '../model.ts';
import { parent } from '../path.ts';
import { syncAt } from './durable.ts';
import { digestAt } from './pinned.ts';
import { type Site, thereOrNot } from './site.ts';
import type { Aliases, Desk } from './work.ts';

/** In each work directory, durable on return: the digest of each file of root's that an edit gives to somebody else. */
export function noteGiven(desk: Desk, edits: readonly Edit[], now: Aliases): void {
  if (process.geteuid?.() !== 0) return;
  const bySite = new Map<Site, (readonly [at: number, digest: Digest])[]>();
  for (const [at, edit] of edits.entries()) {
    if (edit.op !== 'put' || !isGiven(edit)) continue;
    // It may not be there yet, or be larger than anything that is read.
    const digest = thereOrNot(() => digestAt(desk.anchors.at(now.now(edit.path))));
    if (digest === undefined) continue;
    const site = desk.sites.make(desk.anchors.dir(now.now(parent(edit.path))));
    const noted = bySite.get(site) ?? [];
    noted.push([at, digest]);
    bySite.set(site, noted);
  }
  for (const [{ fd }, digests] of bySite) {
    const note = `/proc/self/fd/${fd}/${NOTE}`;
    writeFileSync(note, JSON.stringify(digests), { mode: 0o600, flag: 'wx' });
    syncAt(note);
  }
}

const NOTE = 'given';

/** Where nothing is put in their place: what is replaced comes back as the inode that it was. */
const isGiven = (edit: Put): boolean =>
  kindOf(edit) === 'metadata' &&
  edit.before.type === 'file' &&
  edit.after.type === 'file' &&
  edit.before.owner.uid === 0 &&
  edit.after.owner.uid !== 0;

/** What was noted, by the number of the edit. */
export function givenBytes(desk: Desk): ReadonlyMap<number, Digest> {
  desk.given ??= new Map(
    desk.sites.all().flatMap(({ fd }) => {
      const text = thereOrNot(() => readFileSync(`/proc/self/fd/${fd}/${NOTE}`, 'utf8'));
      return text === undefined ? [] : noted(text);
    }),
  );
  return desk.given;
}

function noted(text: string): readonly (readonly [number, Digest])[] {
  try {
    return JSON.parse(text) as [number, Digest][];
  } catch (thrown) {
    if (!(thrown instanceof SyntaxError)) throw thrown;
    // Cut off while it was written: nothing was published.
    return [];
  }
}
