// Finds the modules of the hosts: of each those of the spec, else those that flake.nix names, else those that a new flake gets.

import type { OpenedFlake } from '../formats/flake/flake.ts';
import { DEFAULT_MODULES } from '../formats/flake/wish.ts';
import type { HostDecl } from '../formats/flake-hosts/host.ts';
import type { Source } from '../formats/nix/scope.ts';
import type { Span } from '../formats/nix/syntax.ts';
import type { Reader } from '../machine/reader.ts';
import { oncePer } from '../once.ts';
import { type AbsPath, join } from '../path.ts';
import type { ModuleGraph, Roots } from './graph.ts';
import { type ModuleFile, moduleFile } from './module-file.ts';
import type { NixFile } from './nix-text.ts';

/** A host whose modules are looked at. */
export interface HostRoots {
  /** In nixosConfigurations. */
  readonly attribute: string;
  /** Relative to the flake. Left out: those that flake.nix names. */
  readonly modules?: readonly string[] | undefined;
}

/** `named`: the path in the spec or in flake.nix. `hosts`: the attributes of those that have it. */
export interface HostModule {
  readonly named: AbsPath;
  readonly hosts: readonly string[];
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
  const found = hosts.kind === 'static' ? byName(hosts.hosts).get(host) : undefined;
  // A host that is not declared yet gets the modules of a new flake.
  if (found === undefined) return hosts.kind === 'static' && !hosts.complete ? undefined : DEFAULT_MODULES;
  if (found.kind === 'opaque') return undefined;
  const paths = found.modules.flatMap((module) =>
    module.kind === 'path' && !/^[/~]/.test(module.path) ? [module.path] : [],
  );
  return paths.length === 0 && found.modules.some(({ kind }) => kind === 'unknown') ? undefined : paths;
}

/**
 * A place that may give the host more modules than the text tells. `reason`: a clause. `isWhole`: of no file is it certain that
 * it is a module of the host. `in`: the file of the place, where it is not flake.nix.
 */
export interface UntoldModules {
  readonly isWhole: boolean;
  readonly reason: string;
  readonly span: Span;
  readonly in?: Source;
}

/** Undefined where flake.nix tells all modules of the host, as far as they belong to this flake. */
export function untoldModules(
  flake: NixFile,
  opened: OpenedFlake | undefined,
  host: string,
): UntoldModules | undefined {
  if (flake.kind === 'absent') return undefined;
  if (!opened?.ok) return { isWhole: true, reason: 'flake.nix cannot be read', span: { start: 0, end: 0 } };
  const { hosts, span } = opened.flake.outputs;
  if (hosts.kind === 'opaque')
    return { isWhole: true, reason: `the hosts can't be read: ${hosts.reason}`, span: hosts.span };
  const found = hosts.kind === 'static' ? hosts.hosts.find(({ name }) => name === host) : undefined;
  if (found === undefined)
    return hosts.kind === 'static' && !hosts.complete
      ? { isWhole: true, reason: 'the host may be among those with computed names', span }
      : undefined;
  if (found.kind === 'opaque')
    return {
      ...{ isWhole: true, reason: `the host can't be read: ${found.reason}`, span: found.span },
      ...(found.in && { in: found.in }),
    };
  const part = found.modules.find(({ kind }) => kind === 'unknown');
  return part && { isWhole: false, reason: 'the text does not tell all modules of the host', ...part };
}

const byName = oncePer((hosts: readonly HostDecl[]) => new Map(hosts.map((host) => [host.name, host])));

/** A host and the modules that are named for it. */
export interface NamedModules {
  readonly attribute: string;
  /** Undefined: no text names them; then it has the installers' modules, if the flake refers to them. */
  readonly named: readonly string[] | undefined;
}

/** Each module once, with its hosts. Throws `unreadable`. */
export function hostModulesIn(
  hosts: readonly NamedModules[],
  graph: () => ModuleGraph,
  { dir, within }: Roots,
  reader: Reader,
): readonly HostModule[] {
  const found = new Map<AbsPath, string[]>();
  for (const { attribute, named } of hosts) {
    const paths = (named ?? DEFAULT_MODULES).map((path) => join(dir, path));
    const known = named === undefined ? paths.filter((path) => graph().files.has(path)) : paths;
    for (const path of known) found.set(path, [...(found.get(path) ?? []), attribute]);
  }
  return [...found].map(([named, all]) => ({ named, hosts: all, file: moduleFile(named, within, reader) }));
}
