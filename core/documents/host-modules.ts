// Finds the modules of the host: those of the spec, else those that flake.nix names, else those that a new flake gets.

import type { OpenedFlake } from '../formats/flake/flake.ts';
import { DEFAULT_MODULES } from '../formats/flake/wish.ts';
import type { Reader } from '../machine/reader.ts';
import { type AbsPath, join } from '../path.ts';
import type { ModuleGraph, Roots } from './graph.ts';
import { type ModuleFile, moduleFile } from './module-file.ts';
import type { NixFile } from './nix-text.ts';

/** `named`: the path in the spec or in flake.nix. */
export interface HostModule {
  readonly named: AbsPath;
  readonly file: ModuleFile;
}

/** The modules, relative to the flake; undefined if its text does not tell them. */
export function modulesNamedBy(
  flake: NixFile,
  opened: OpenedFlake | undefined,
  host: string,
): readonly string[] | undefined {
  if (flake.kind === 'absent') return DEFAULT_MODULES;
  if (!opened?.ok) return undefined;
  const { hosts } = opened.flake.outputs;
  if (hosts.kind === 'opaque') return undefined;
  const found = hosts.kind === 'static' ? hosts.hosts.find(({ name }) => name === host) : undefined;
  // A host that is not declared yet gets the modules of a new flake.
  if (found === undefined) return hosts.kind === 'static' && !hosts.complete ? undefined : DEFAULT_MODULES;
  if (found.kind === 'opaque') return undefined;
  const paths = found.modules.flatMap((module) =>
    module.kind === 'path' && !/^[/~]/.test(module.path) ? [module.path] : [],
  );
  return paths.length === 0 && found.modules.some(({ kind }) => kind === 'unknown') ? undefined : paths;
}

/** `named` undefined: no text names them; then the installers' modules, if the flake refers to them. Throws `unreadable`. */
export function hostModulesIn(
  named: readonly string[] | undefined,
  graph: () => ModuleGraph,
  { dir, within }: Roots,
  reader: Reader,
): readonly HostModule[] {
  const paths = (named ?? DEFAULT_MODULES).map((path) => join(dir, path));
  const known = named === undefined ? paths.filter((path) => graph().files.has(path)) : paths;
  return known.map((path) => ({ named: path, file: moduleFile(path, within, reader) }));
}
