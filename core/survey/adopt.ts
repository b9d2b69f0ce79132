// Reads an existing flake as wishes: inputs, hosts with their modules and systems. Parts that a spec can't express stay with
// flake.nix and are noted.

import type { InputDecl } from '../formats/flake/flake.ts';
import type { HostDecl } from '../formats/flake-hosts/host.ts';
import { plainModule } from '../formats/flake-hosts/module-item.ts';
import { printFlakeRef } from '../formats/flake-ref/print-ref.ts';
import { refFromAttrs } from '../formats/flake-ref/ref-attrs.ts';
import { isFlakeId } from '../formats/flake-ref/ref-name.ts';
import { type Reader, unlessUnreadable } from '../machine/reader.ts';
import { type AbsPath, join } from '../path.ts';
import type { Spec } from '../spec/hosts-over-defaults.ts';
import type { Fact } from './fact.ts';
import type { FoundFlake } from './flakes.ts';
import { whatModulesSay } from './modules.ts';

export interface AdoptedHost {
  /** Its name in nixosConfigurations. */
  readonly attribute: string;
  readonly hostName: Fact | undefined;
  readonly system: Fact | undefined;
  /** The modules that are files of the flake; undefined if they can't be read. */
  readonly modules: readonly string[] | undefined;
}

/** `unread`: the reason the hosts can't be read; then any may exist. */
export interface Hosts {
  readonly hosts: readonly AdoptedHost[];
  readonly unread: string | undefined;
}

/** Throws `unreadable`. */
export function hostsOf({ open, dir }: FoundFlake, reader: Reader): Hosts {
  const { hosts } = open.flake.outputs;
  if (hosts.kind === 'none') return { hosts: [], unread: undefined };
  if (hosts.kind === 'opaque') return { hosts: [], unread: hosts.reason };
  return {
    hosts: hosts.hosts.map((decl) => hostOf(decl, dir, reader)),
    unread: hosts.complete ? undefined : 'nixosConfigurations has computed names',
  };
}

function hostOf(decl: HostDecl, dir: AbsPath, reader: Reader): AdoptedHost {
  const { name: attribute } = decl;
  if (decl.kind === 'opaque') return { attribute, hostName: undefined, system: undefined, modules: undefined };
  const modules = decl.modules.flatMap((module) => (module.kind === 'path' ? asFile(module.path, dir, reader) : []));
  const said = unlessUnreadable(() => whatModulesSay(dir, modules, reader));
  const isOpen = modules.length === 0 && decl.modules.some(({ kind }) => kind === 'unknown');
  const source = `flake.nix, ${attribute}`;
  const system = decl.system.kind === 'static' ? { value: decl.system.value, source } : said?.system;
  return { attribute, hostName: said?.hostName, system, modules: isOpen ? undefined : [...new Set(modules)] };
}

/** A directory stands for its default.nix. A spec can't name a module outside of the flake. */
function asFile(path: string, dir: AbsPath, reader: Reader): readonly string[] {
  const plain = plainModule(path);
  if (!plain.startsWith('./') || plain.startsWith('./..')) return [];
  const isDirectory = plain === './' || unlessUnreadable(() => reader.stat(join(dir, plain)).type) === 'dir';
  return [isDirectory ? `${plain.replace(/\/$/, '')}/default.nix` : plain];
}

/** The inputs that a spec can express, with those that are only a follows. `notes`: the rest. */
export function inputsOf({
  open,
}: FoundFlake): Pick<Spec, 'inputs' | 'follows'> & { readonly notes: readonly string[] } {
  const notes: string[] = [];
  const said = open.flake.inputs.filter(({ name }) => {
    if (isFlakeId(name)) return true;
    notes.push(`inputs."${name}" is left to flake.nix: a spec cannot say such a name`);
    return false;
  });
  const urls = new Map(
    said.flatMap((decl) => {
      const url = decl.follows === undefined ? urlOf(decl) : undefined;
      return url === undefined ? [] : [[decl.name, url] as const];
    }),
  );
  const isTarget = (target: string): boolean => urls.has(target.split('/')[0]!);
  const inputs: Record<string, Spec['inputs'][string]> = {};
  const follows: Record<string, string> = {};
  for (const { name, flake, follows: target, overrides } of said) {
    const url = urls.get(name);
    if (target !== undefined && isTarget(target)) follows[name] = target;
    else if (url === undefined) notes.push(`inputs.${name} is left to flake.nix: it has no url of its own`);
    else {
      const wish = { url, ...(flake !== undefined && { flake }), ...overridesOf(overrides, isTarget) };
      inputs[name] = Object.keys(wish).length === 1 ? url : wish;
    }
  }
  return { inputs, ...(Object.keys(follows).length > 0 && { follows }), notes };
}

type Overrides = Pick<Exclude<Spec['inputs'][string], string>, 'follows' | 'inputs'>;

/** An override that is only a follows goes to `follows`, any other to `inputs`, as deep as flake.nix has it. */
function overridesOf(overrides: readonly InputDecl[], isTarget: (target: string) => boolean): Overrides {
  const short: Record<string, string> = {};
  const deep: Record<string, Exclude<NonNullable<Overrides['inputs']>[string], string>> = {};
  for (const decl of overrides) {
    const { name, follows, flake } = decl;
    const below = overridesOf(decl.overrides, isTarget);
    const target = follows !== undefined && (follows === '' || isTarget(follows)) ? follows : undefined;
    const url = follows === undefined ? urlOf(decl) : undefined;
    if (target !== undefined && flake === undefined && Object.keys(below).length === 0) short[name] = target;
    else {
      const inner = Object.entries(below.follows ?? {}).map(([key, value]) => [key, { follows: value }] as const);
      const inputs = { ...Object.fromEntries(inner), ...below.inputs };
      const wish = {
        ...(url !== undefined && { url }),
        ...(flake !== undefined && { flake }),
        ...(target !== undefined && { follows: target }),
        ...(Object.keys(inputs).length > 0 && { inputs }),
      };
      if (Object.keys(wish).length > 0) deep[name] = wish;
    }
  }
  return {
    ...(Object.keys(short).length > 0 && { follows: short }),
    ...(Object.keys(deep).length > 0 && { inputs: deep }),
  };
}

/** The reference as in flake.nix, or a url with the same meaning. */
function urlOf({ ref }: InputDecl): string | undefined {
  switch (ref.kind) {
    case 'url':
      return ref.url;
    case 'path':
      return `path:${ref.path}`;
    case 'none':
      return undefined;
    case 'attrs': {
      const parsed = refFromAttrs(ref.attrs);
      const printed = parsed.ok ? printFlakeRef(parsed.ref.attrs) : parsed;
      return printed.ok && 'text' in printed ? printed.text : undefined;
    }
  }
}
