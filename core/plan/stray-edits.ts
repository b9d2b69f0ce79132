// The last guard before root writes: every edit of a plan must be one that a provider may make for a wish of the trusted spec.
// It judges the bytes of nix.conf, and not those of the configuration's own files.

import type { Blobs } from '../machine/host.ts';
import { type Edit, type Put, sameOwner } from '../model.ts';
import { join } from '../path.ts';
import type { Wishes } from '../spec/resolve.ts';
import { type Ground, type Machine, ROOTS } from './places.ts';
import type { Descriptor } from './provider.ts';

/** The first edit that no provider may make; `reader` is the machine before the plan. */
export function strayEdit(
  edits: readonly Edit[],
  blobs: Blobs,
  wishes: Wishes,
  reader: Machine,
  providers: readonly Descriptor[],
): Edit | undefined {
  const moves = edits.filter((edit) => edit.op === 'move');
  const { dir, from, owner } = wishes;
  const there = reader.stat(moves.some(({ to }) => to === dir) && from !== undefined ? from : dir);
  const born = owner ?? ('owner' in there ? there.owner : ROOTS);
  const ground: Ground = { wishes, reader, edits, blobs, moves, born };
  const isAllowed = (edit: Edit): boolean => providers.some(({ mayWrite }) => mayWrite?.(edit, ground) ?? false);
  return edits.find((edit) => !(edit.op !== 'put' || isSound(edit, ground)) || !isAllowed(edit));
}

/**
 * True unless the edit removes what is no link, turns one kind into another, makes a link other than the wished one to the flake,
 * or gives set-id rights, which no plan does.
 */
function isSound({ before, after }: Put, { wishes }: Ground): boolean {
  if (after.type === 'absent') return before.type === 'link';
  if (before.type !== 'absent' && before.type !== after.type) return false;
  if (after.type === 'link')
    return before.type === 'link'
      ? before.target === after.target
      : wishes.keepsLink && after.target === join(wishes.dir, './flake.nix');
  const had = before.type === after.type && sameOwner(before.owner, after.owner) ? before.mode : 0;
  return after.type === 'dir' || (after.mode & 0o6000 & ~had) === 0;
}
