// What a provider may say of the places that it writes to: its rule is held against each edit of a plan before root makes it.

import type { Blobs, Host } from '../machine/host.ts';
import { wantedMode } from '../machine/owned.ts';
import type { Reader } from '../machine/reader.ts';
import { type Edit, type Move, type Owner, type Put, sameOwner } from '../model.ts';
import { type AbsPath, absolute } from '../path.ts';
import type { Wishes } from '../spec/wishes.ts';

/** The machine before the plan. `held`: seen with root's own eyes, where what decides may not be another's word. */
export type Machine = Reader & Pick<Host, 'held'>;

/** What an edit is held against. */
export interface Ground {
  readonly wishes: Wishes;
  readonly reader: Machine;
  /** All of the plan. */
  readonly edits: readonly Edit[];
  readonly blobs: Blobs;
  readonly moves: readonly Move[];
  /** Whose what is born in the configuration is. */
  readonly born: Owner;
}

/** Whether a wish of the trusted spec could ask for the edit. Says nothing of the bytes of the configuration's own files. */
export type MayWrite = (edit: Edit, ground: Ground) => boolean;

/** A rule about puts. */
export const puts =
  (allows: (put: Put, ground: Ground) => boolean): MayWrite =>
  (edit, ground) =>
    edit.op === 'put' && allows(edit, ground);

export const ROOTS: Owner = { uid: 0, gid: 0 };

/** Where what is back at config.from goes: beside reflake's own state, out of everybody's way, private to root. */
export const ASIDE: AbsPath = absolute('/var/lib/reflake/set-aside');

/** Owner and mode as they were, or as config.owner wishes them. */
export function isAsDue({ path, before, after }: Put, { wishes: { owner } }: Ground): boolean {
  if (before.type === 'absent' || after.type === 'absent') return false;
  if (!sameOwner(before.owner, after.owner) && !(owner !== undefined && sameOwner(owner, after.owner))) return false;
  if (before.type === 'link' || after.type === 'link') return true;
  const due = [before.mode, ...(owner === undefined ? [] : [wantedMode({ path, entry: before })])];
  // With its owner a file loses its set-id bits, and what becomes root's what others could write.
  const lost = [0, 0o6000, ...(after.owner.uid === 0 ? [0o022, 0o6022] : [])];
  return due.some((mode) =>
    lost.some((bits) => after.mode === (mode & ~bits) && (after.type === 'file' || (bits & 0o6000) === 0)),
  );
}

/** A text file of the configuration: one that is born is `born`'s, one that is there keeps owner and mode, or has those due. */
export const isTextOf = (put: Put, ground: Ground): boolean =>
  put.after.type === 'file' &&
  (put.before.type === 'absent'
    ? sameOwner(put.after.owner, ground.born) && put.after.mode === 0o644
    : isAsDue(put, ground));

/** What Nix builds the system of `host` by. Named by directory, so that Nix itself finds out whether it is a repository. */
export const installableOf = (dir: AbsPath, host: string): string =>
  `${dir}#nixosConfigurations.${/^[a-zA-Z_][a-zA-Z0-9_'-]*$/.test(host) ? host : `"${host}"`}.config.system.build.toplevel`;
