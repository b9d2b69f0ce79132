// The rules by which a provider says what it may write. Each edit of a plan is checked against them before root makes it.

import type { Blobs, Host } from '../machine/host.ts';
import { wantedMode } from '../machine/owned.ts';
import type { Reader } from '../machine/reader.ts';
import { type Edit, type Move, type Owner, type Put, sameOwner } from '../model.ts';
import { type AbsPath, absolute } from '../path.ts';
import type { Wishes } from '../spec/resolve.ts';

/** The machine before the plan. `held`: looks by root's own process, for decisions that another user's answer must not sway. */
export type Machine = Reader & Pick<Host, 'held'>;

/** The facts that an edit is checked against. */
export interface Ground {
  readonly wishes: Wishes;
  readonly reader: Machine;
  /** All edits of the plan. */
  readonly edits: readonly Edit[];
  readonly blobs: Blobs;
  readonly moves: readonly Move[];
  /** The owner of files that are made in the configuration. */
  readonly born: Owner;
}

/** True if a wish of the trusted spec can ask for the edit. It does not judge the bytes of the configuration's own files. */
export type MayWrite = (edit: Edit, ground: Ground) => boolean;

/** A rule about puts. */
export const puts =
  (allows: (put: Put, ground: Ground) => boolean): MayWrite =>
  (edit, ground) =>
    edit.op === 'put' && allows(edit, ground);

export const ROOTS: Owner = { uid: 0, gid: 0 };

/** The place for a tree that is back at config.from: in reflake's own state, private to root. */
export const ASIDE: AbsPath = absolute('/var/lib/reflake/set-aside');

/** Owner and mode as they were, or as config.owner wishes them. */
export function isAsDue({ path, before, after }: Put, { wishes: { owner } }: Ground): boolean {
  if (before.type === 'absent' || after.type === 'absent') return false;
  if (!sameOwner(before.owner, after.owner) && !(owner !== undefined && sameOwner(owner, after.owner))) return false;
  if (before.type === 'link' || after.type === 'link') return true;
  const due = [before.mode, ...(owner === undefined ? [] : [wantedMode({ path, entry: before })])];
  // chown clears set-id bits; a path that becomes root's loses write rights of group and others.
  const lost = [0, 0o6000, ...(after.owner.uid === 0 ? [0o022, 0o6022] : [])];
  return due.some((mode) =>
    lost.some((bits) => after.mode === (mode & ~bits) && (after.type === 'file' || (bits & 0o6000) === 0)),
  );
}

/** True for a text file of the configuration: a new one is `born`'s; an old one keeps owner and mode, or gets those due. */
export const isTextOf = (put: Put, ground: Ground): boolean =>
  put.after.type === 'file' &&
  (put.before.type === 'absent'
    ? sameOwner(put.after.owner, ground.born) && put.after.mode === 0o644
    : isAsDue(put, ground));

/** The installable of the system of `host`. It names a directory, so that Nix itself looks for a repository. */
export const installableOf = (dir: AbsPath, host: string): string =>
  `${dir}#nixosConfigurations.${/^[a-zA-Z_][a-zA-Z0-9_'-]*$/.test(host) ? host : `"${host}"`}.config.system.build.toplevel`;
