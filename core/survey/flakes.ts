// Finds the NixOS flakes on a machine: behind /etc/nixos, around the working directory, in a home. flake-choice.ts chooses one.

import { type Documents, documentsOf } from '../documents/documents.ts';
import type { OpenFlake } from '../formats/flake/flake.ts';
import { MOST } from '../limits.ts';
import { follow } from '../machine/follow-links.ts';
import { type Reader, unlessUnreadable } from '../machine/reader.ts';
import { type AbsPath, absolute, isWithin, join, parent, ROOT } from '../path.ts';

/** The directory in which installers put the configuration. */
export const PLACE = absolute('/etc/nixos');
const STORE = absolute('/nix/store');

export interface FoundFlake {
  /** The place of the search; `dir` is its real path, with links followed. */
  readonly place: AbsPath;
  readonly dir: AbsPath;
  readonly documents: Documents;
  readonly open: OpenFlake;
}

/** `problem`: there is a flake.nix that can't be adopted. Undefined: there is none. */
export type FlakeAt = FoundFlake | { readonly place: AbsPath; readonly problem: string } | undefined;

/** `home`: of the person whose git and Nix read the flake. */
export function flakeAt(place: AbsPath, reader: Reader, home: string): FlakeAt {
  const { path, entry } = follow(reader, join(place, './flake.nix'));
  if (entry.type === 'absent') return undefined;
  if (isWithin(path, STORE)) return { place, problem: 'it leads into the Nix store, where nothing can be changed' };
  const documents = documentsOf({ dir: parent(path), hosts: [], home }, reader);
  const file = documents.flake();
  if (file.kind === 'absent') return undefined;
  if (file.kind === 'odd') return { place, problem: `it ${file.problem}` };
  const open = file.nix.flake();
  if (!open.ok) return { place, problem: `it cannot be read: ${open.error.message}` };
  return { place, dir: parent(path), documents, open };
}

/** The flakes with NixOS hosts in `home` and directly below it, with links followed, one for each real directory. */
export function flakesInHome(home: AbsPath, reader: Reader): readonly FoundFlake[] {
  const found = new Map<AbsPath, FoundFlake>();
  for (const place of placesIn(home, reader)) {
    const flake = unlessUnreadable(() => flakeAt(place, reader, home));
    if (
      flake !== undefined &&
      'open' in flake &&
      !found.has(flake.dir) &&
      unlessUnreadable(() => makesMachines(flake, reader))
    )
      found.set(flake.dir, flake);
  }
  return [...found.values()];
}

/** The flake that a directory belongs to: searched upwards to the top of its repository. */
export function flakeAround(dir: AbsPath, reader: Reader, home: string): FoundFlake | undefined {
  for (let place = dir; place !== ROOT; place = parent(place)) {
    const flake = unlessUnreadable(() => flakeAt(place, reader, home));
    if (flake !== undefined)
      return 'open' in flake && unlessUnreadable(() => makesMachines(flake, reader)) ? flake : undefined;
    if (unlessUnreadable(() => reader.stat(join(place, './.git')).type) !== 'absent') return undefined;
  }
  return undefined;
}

function* placesIn(home: AbsPath, reader: Reader): Generator<AbsPath> {
  yield home;
  for (const dir of directoriesIn(home, reader)) {
    yield dir;
    // A repository of dotfiles may have its flake one level below.
    if (/nix|dot|conf|flake|system|machine|infra/i.test(dir.slice(home.length))) yield* directoriesIn(dir, reader);
  }
}

/** True for a directory, or a link to one. */
function directoriesIn(dir: AbsPath, reader: Reader): readonly AbsPath[] {
  const entries = unlessUnreadable(() => reader.entries(dir)) ?? [];
  return entries.flatMap(({ name, entry }) =>
    name !== '.git' && (entry.type === 'dir' || entry.type === 'link') ? [join(dir, `./${name}`)] : [],
  );
}

/** True if a flake makes NixOS hosts: by its outputs, or, if they can't be read, by a file that it refers to. */
function makesMachines({ open, documents }: FoundFlake, reader: Reader): boolean {
  const { hosts } = open.flake.outputs;
  if (hosts.kind === 'static') return hosts.hosts.length > 0 || !hosts.complete;
  if (hosts.kind === 'none') return false;
  if (MACHINES.test(open.text)) return true;
  return [...documents.modules().files.keys()].some(
    (path) =>
      path.endsWith('.nix') && MACHINES.test(Buffer.from(reader.read(path, MOST.textBytes) ?? []).toString('latin1')),
  );
}

const MACHINES = /nixosConfigurations|nixosSystem/;
