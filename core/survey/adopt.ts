// What a flake that is there says, as wishes: inputs, hosts with their modules and systems. What a spec cannot say is left to
// flake.nix, and told.

import type { InputDecl } from '../formats/flake/flake.ts';
import { type HostDecl, plainModule } from '../formats/flake/host.ts';
import { printFlakeRef } from '../formats/flake-ref/print-ref.ts';
import { refFromAttrs } from '../formats/flake-ref/ref-attrs.ts';
import { isFlakeId } from '../formats/flake-ref/ref-name.ts';
import type { Reader } from '../machine/reader.ts';
import { type AbsPath, join } from '../path.ts';
import type { Spec } from '../spec/load.ts';
import { type Fact, ifReadable } from './fact.ts';
import type { FoundFlake } from './flakes.ts';
import { whatModulesSay } from './modules.ts';

export interface AdoptedHost {
  /** Its name in nixosConfigurations. */
  readonly attribute: string;
  readonly hostName: Fact | undefined;
  readonly system: Fact | undefined;
  /** Those that are files of the flake; undefined where its modules cannot be read. */
  readonly modules: readonly string[] | undefined;
}

/** `unread`: why the hosts cannot be read; then there may be any. */
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
  const said = ifReadable(() => whatModulesSay(dir, modules, reader));
  const source = `flake.nix, ${attribute}`;
  const system = decl.system.kind === 'static' ? { value: decl.system.value, source } : said?.system;
  return { attribute, hostName: said?.hostName, system, modules: [...new Set(modules)] };
}

/** A directory is meant by its default.nix. What lies outside of the flake is no module that a spec can name. */
function asFile(path: string, dir: AbsPath, reader: Reader): readonly string[] {
  const plain = plainModule(path);
  if (!plain.startsWith('./') || plain.startsWith('./..')) return [];
  const isDirectory = plain === './' || ifReadable(() => reader.stat(join(dir, plain)).type) === 'dir';
  return [isDirectory ? `${plain.replace(/\/$/, '')}/default.nix` : plain];
}

/** The inputs that a spec can name. `notes`: the rest. */
export function inputsOf({ open }: FoundFlake): { readonly inputs: Spec['inputs']; readonly notes: readonly string[] } {
  const notes: string[] = [];
  const declared = new Map<string, { readonly decl: InputDecl; readonly url: string }>();
  for (const decl of open.flake.inputs) {
    if (!isFlakeId(decl.name)) {
      notes.push(`inputs."${decl.name}" is left to flake.nix: a spec cannot say such a name`);
      continue;
    }
    const url = decl.follows === undefined ? urlOf(decl) : undefined;
    if (url !== undefined) declared.set(decl.name, { decl, url });
    else
      notes.push(
        decl.follows === undefined
          ? `inputs.${decl.name} is left to flake.nix: it has no url of its own`
          : `inputs.${decl.name} is left to flake.nix: it is a follows of the flake itself`,
      );
  }
  const inputs: Record<string, Spec['inputs'][string]> = {};
  for (const [name, { decl, url }] of declared) {
    const follows = followsOf(decl, (target) => declared.has(target.split('/')[0]!) && target !== name);
    for (const { path, reason } of follows.left)
      notes.push(`inputs.${name}.inputs.${path} is left to flake.nix: ${reason}`);
    const said = {
      url,
      ...(decl.flake !== undefined && { flake: decl.flake }),
      ...(Object.keys(follows.said).length > 0 && { follows: follows.said }),
    };
    inputs[name] = Object.keys(said).length === 1 ? url : said;
  }
  return { inputs, notes };
}

/** As flake.nix says it, or as a url with the same meaning. */
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

interface Follows {
  readonly said: Readonly<Record<string, string>>;
  readonly left: readonly { readonly path: string; readonly reason: string }[];
}

function followsOf({ overrides }: InputDecl, isTarget: (target: string) => boolean): Follows {
  const said: Record<string, string> = {};
  const left: { path: string; reason: string }[] = [];
  for (const { name, ref, follows, overrides: inner } of overrides) {
    if (follows !== undefined && (follows === '' || isTarget(follows))) said[name] = follows;
    else if (follows !== undefined) left.push({ path: name, reason: `it follows ${follows}, which is left to it too` });
    else if (ref.kind !== 'none') left.push({ path: name, reason: 'another source for an input of an input' });
    if (inner.length > 0) left.push({ path: `${name}.inputs`, reason: 'it lies too deep' });
  }
  return { said, left };
}
