// The case files of flake.nix (tests/cases/nix-flake): `=== name`, then `--- section` and its text, as often as needed.
// Only reads them, and spells what was read from a flake.nix shortly enough to stand in a case.
import { readdirSync, readFileSync } from 'node:fs';
import type { Change } from '../../../../core/formats/flake/difference.ts';
import type { Flake, FlakeRead, InputDecl } from '../../../../core/formats/flake/flake.ts';
import type { FlakeWish, HostWish } from '../../../../core/formats/flake/wish.ts';
import type { HostDecl } from '../../../../core/formats/flake-hosts/host.ts';

const folder = new URL('../../../cases/nix-flake/', import.meta.url);

/** One case: its name and the text of each section, final newline included. */
export interface FlakeCase {
  readonly name: string;
  readonly sections: Readonly<Record<string, string>>;
}

/** All cases of the files whose name begins with `prefix`. */
export function flakeCases(prefix: string): FlakeCase[] {
  const files = readdirSync(folder).filter((file) => file.startsWith(prefix) && file.endsWith('.txt'));
  return files.sort().flatMap((file) => parseCases(readFileSync(new URL(file, folder), 'utf8')));
}

/** Splits the text of a case file. */
export function parseCases(text: string): FlakeCase[] {
  return text
    .split(/^=== /m)
    .slice(1)
    .map((one) => {
      const end = one.indexOf('\n');
      const sections: Record<string, string> = {};
      for (const section of one
        .slice(end + 1)
        .split(/^--- /m)
        .slice(1)) {
        const nameEnd = section.indexOf('\n');
        sections[section.slice(0, nameEnd)] = section.slice(nameEnd + 1);
      }
      return { name: one.slice(0, end), sections };
    });
}

/** The reading without offsets; an error with the text it points at. */
export function projectRead(read: FlakeRead, text: string): unknown {
  if (!read.ok) return { error: read.error.message, at: text.slice(read.error.span.start, read.error.span.end) };
  const { formals, param, hosts } = read.outputs;
  const args = formals ? `{ ${[...formals.names, ...(formals.ellipsis ? ['...'] : [])].join(', ')} }` : '';
  return {
    ...(read.description === undefined ? {} : { description: read.description }),
    ...(read.inputs.length > 0 ? { inputs: projectInputs(read.inputs) } : {}),
    ...(read.implicit.length > 0 ? { implicit: read.implicit } : {}),
    ...(read.self ? { self: read.self } : {}),
    ...(read.newlyWrong.length > 0 ? { newlyWrong: read.newlyWrong.map(({ message }) => message) } : {}),
    args: param === undefined ? args : args === '' ? param : `${args}@${param}`,
    hosts: projectHosts(hosts, text),
  };
}

function projectInputs(inputs: readonly InputDecl[]): Record<string, unknown> {
  return Object.fromEntries(
    inputs.map(({ name, ref, flake, follows, overrides }) => [
      name,
      {
        ...(ref.kind === 'url' ? { url: ref.url } : {}),
        ...(ref.kind === 'path' ? { path: ref.path } : {}),
        ...(ref.kind === 'attrs' ? { attrs: ref.attrs } : {}),
        ...(flake === undefined ? {} : { flake }),
        ...(follows === undefined ? {} : { follows }),
        ...(overrides.length > 0 ? { inputs: projectInputs(overrides) } : {}),
      },
    ]),
  );
}

function projectHosts(hosts: Flake['outputs']['hosts'], text: string): unknown {
  if (hosts.kind === 'none') return 'none';
  if (hosts.kind === 'opaque') return `opaque: ${hosts.reason}`;
  const found = Object.fromEntries(hosts.hosts.map((host) => [host.name, projectHost(host, text)]));
  return hosts.complete ? found : { ...found, '…': 'computed names' };
}

function projectHost(host: HostDecl, text: string): unknown {
  if (host.kind === 'opaque') return `opaque: ${host.reason}`;
  const { system } = host;
  const value = system.kind === 'static' ? system.value + (system.shared ? ' (shared)' : '') : system.kind;
  const modules = host.modules.map((module) =>
    module.kind === 'path' ? module.path : `${module.kind}: ${text.slice(module.span.start, module.span.end)}`,
  );
  return { system: value, modules };
}

/** The inputs as the value that Nix computes for them; undefined where a path literal is among them. */
export function inputsAsValue(inputs: readonly InputDecl[]): Record<string, unknown> | undefined {
  const value: Record<string, unknown> = {};
  for (const { name, ref, flake, follows, overrides } of inputs) {
    const inner = inputsAsValue(overrides);
    if (ref.kind === 'path' || !inner) return undefined;
    value[name] = {
      ...(ref.kind === 'url' ? { url: ref.url } : {}),
      ...(ref.kind === 'attrs' ? ref.attrs : {}),
      ...(flake === undefined ? {} : { flake }),
      ...(follows === undefined ? {} : { follows }),
      ...(overrides.length > 0 ? { inputs: inner } : {}),
    };
  }
  return value;
}

/** The `wish` section as the editor wants it: inputs as a map, a url standing for `{ url }`. */
export interface WishText {
  readonly inputs: Readonly<Record<string, string | Omit<FlakeWish['inputs'][number], 'name'>>>;
  readonly host?: HostWish;
  readonly hosts?: readonly HostWish[];
  readonly gone?: readonly string[];
}

/** A wish from its section. */
export function wishOf({ inputs, host, hosts = host ? [host] : [], gone }: WishText): FlakeWish {
  return {
    inputs: Object.entries(inputs).map(([name, input]) => ({
      name,
      ...(typeof input === 'string' ? { url: input } : input),
    })),
    ...(hosts.length > 0 ? { hosts } : {}),
    ...(gone ? { gone } : {}),
  };
}

/** `line: subject: from -> to` for each change. */
export function projectChanges(changes: readonly Change[]): string[] {
  return changes.map(
    ({ line, subject, from, to = 'gone' }) => `${line}: ${subject}: ${from === undefined ? '' : `${from} -> `}${to}`,
  );
}
