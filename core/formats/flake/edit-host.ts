// Compares the wished host with nixosConfigurations, and makes the splices that add or complete it.
// The only place that edits outputs.

import { type OpenHost, openHost } from '../flake-hosts/host.ts';
import { inFile, plainModule } from '../flake-hosts/module-item.ts';
import { type HostsPlace, hostsPlace } from '../flake-hosts/outputs.ts';
import { sharedVariable } from '../flake-hosts/uses.ts';
import { toPointer } from '../json-pointer.ts';
import { spanOf } from '../nix/describe.ts';
import { isIdentifier, type Layout, lines, nixAttrPath, nixPath, nixString } from '../nix/print.ts';
import { frameOf, type Source } from '../nix/scope.ts';
import type { Splice } from '../nix/splice.ts';
import type { Span } from '../nix/syntax.ts';
import { insertArgument, insertBindings, insertItems } from './bindings.ts';
import type { Difference, Fix, Locate, Problem } from './difference.ts';
import type { OpenFlake } from './flake.ts';
import { strangeness, styleOfHosts } from './siblings.ts';
import {
  bindingLayout,
  type FlakeWish,
  type HostScope,
  type HostWish,
  hostLayout,
  inputOf,
  modulesLayout,
  nixpkgsInput,
} from './wish.ts';

/** The differences between `wish.host` and the host that `open` declares. */
export function hostDifferences(open: OpenFlake, wish: WithHost): Difference[] {
  const { host } = wish;
  const place = hostsPlace(open.lambda, open.scope);
  if (place.kind === 'opaque') return [refuse(open, wish, place, `the hosts can't be read: ${place.reason}`, place)];
  const value = place.kind === 'hosts' ? place.hosts.get(host.name) : undefined;
  if (!value) return [addHost(open, wish, place)];
  const opened = openHost(host.name, value);
  if (opened.kind === 'opaque') {
    const message = `the host '${host.name}' can't be read: ${opened.decl.reason}`;
    return [refuse(open, wish, place, message, opened.decl)];
  }
  return [...systemDifference(open, host, opened), ...modulesDifference(open, host, opened)];
}

type WithHost = FlakeWish & { readonly host: HostWish };
type StaticHost = OpenHost & { readonly kind: 'static' };

function systemDifference(open: OpenFlake, host: HostWish, { platform, call }: StaticHost): Difference[] {
  if (host.system === undefined) return [];
  const system = platform(host.system);
  if (system.kind === 'unset' || (system.kind === 'static' && system.value === host.system)) return [];
  const subject = nixAttrPath(['nixosConfigurations', host.name, 'system']);
  const pointer = toPointer(['host', 'system']);
  const snippet = `# in the argument of nixosSystem for '${host.name}', instead of what is there\nsystem = ${nixString(host.system)};\n`;
  const problem = (kind: Problem['kind'], message: string): Fix => ({
    kind: kind === 'unreadable' ? 'open' : 'refuse',
    problem: { kind, message, at: system.span, ...(system.in && { in: system.in }), snippet, pointer },
  });
  const isHelped = system.kind === 'static' && !system.shared && call === undefined;
  const shared = isHelped ? sharedVariable(open.lambda.body, system.span) : undefined;
  const where = system.in
    ? `in ${system.in.path}`
    : shared === undefined
      ? 'in a variable that other parts may use'
      : `in \`${shared}\`, which other parts use`;
  const fix: Fix =
    system.kind === 'opaque'
      ? problem('unreadable', `the system of '${host.name}' can't be read: ${system.reason}`)
      : system.shared || shared !== undefined
        ? problem('uneditable', `the system of '${host.name}' stands ${where}`)
        : { kind: 'edit', splices: [{ ...system.span, text: nixString(host.system) }] };
  const from = system.kind === 'static' ? { from: system.value } : {};
  return [
    {
      about: 'host',
      changes: [{ subject, pointer, ...from, to: host.system, locate: locateHost(host.name, 'system') }],
      fix,
    },
  ];
}

function modulesDifference(open: OpenFlake, host: HostWish, opened: StaticHost): Difference[] {
  const there = new Set(
    opened.decl.modules.flatMap((module) => (module.kind === 'path' ? [plainModule(module.path)] : [])),
  );
  const missing = (host.modules ?? []).filter((path) => !there.has(plainModule(path)));
  if (missing.length === 0) return [];
  return [
    {
      about: 'host',
      changes: [
        {
          subject: nixAttrPath(['nixosConfigurations', host.name, 'modules']),
          pointer: toPointer(['config', 'modules']),
          to: missing.join(' '),
          locate: locateHost(host.name, 'modules'),
        },
      ],
      fix: addModules(open, host, opened, missing),
    },
  ];
}

function addModules(
  open: OpenFlake,
  host: HostWish,
  { decl, call, list }: StaticHost,
  missing: readonly string[],
): Fix {
  const paths = missing.map(nixPath);
  const refusal = (kind: Problem['kind'], message: string, at: Place): Fix => {
    const snippet = `# in the modules of '${host.name}'\n${paths.join('\n')}\n`;
    const pointer = toPointer(['config', 'modules']);
    return {
      kind: kind === 'unreadable' ? 'open' : 'refuse',
      problem: { kind, message, ...placed(at), snippet, pointer },
    };
  };
  const edit = (one: Splice): Fix => ({ kind: 'edit', splices: [one] });
  const unknown = decl.modules.find((module) => module.kind === 'unknown');
  if (unknown) return refusal('unreadable', `the modules of '${host.name}' are computed`, unknown);
  if (list && (call || sharedVariable(open.lambda.body, list) === undefined))
    return edit(insertItems(open, list, paths));
  const modules = call?.args.children.get('modules');
  if (call && !modules)
    return edit(insertBindings(open, call.args, [{ path: ['modules'], value: modulesLayout(missing) }]));
  const value = modules?.kind === 'leaf' && modules.occurrences[0].binding.kind === 'bind' ? modules.value : undefined;
  // A variable, whose value other parts use too.
  if (value?.kind === 'var' || value?.kind === 'paren') {
    return edit({ start: value.end, end: value.end, text: ` ++ [ ${paths.join(' ')} ]` });
  }
  return refusal('uneditable', `the modules of '${host.name}' are not a list of their own`, decl);
}

function addHost(open: OpenFlake, wish: WithHost, place: HostsPlace & { kind: 'hosts' | 'body' }): Difference {
  const { host } = wish;
  if (place.kind === 'hosts' && place.unknown[0]) {
    const { expr, reason, scope } = place.unknown[0];
    const why =
      place.of === 'flake-parts' ? `other modules may hold hosts: ${reason}` : `nixosConfigurations has ${reason}`;
    return refuse(open, wish, place, `there may be other hosts: ${why}`, { span: spanOf(expr), ...inFile(scope) });
  }
  const siblings = place.kind === 'hosts' ? [...place.hosts].map(([name, value]) => openHost(name, value)) : [];
  const strange = strangeness(siblings);
  const { at } = place;
  if (strange || !at) {
    const span = strange?.at ?? open.flake.outputs.span;
    const why = strange?.message ?? 'the set of hosts is not written out in flake.nix';
    return refuse(open, wish, place, `there is no host '${host.name}', and ${why}`, { span }, 'uneditable');
  }
  const { isTight, ...style } = styleOfHosts(open, siblings, host);
  const reach = reachNixpkgs(open, wish, place);
  if (!reach && style.fn === undefined) {
    const why = nixpkgsName(open, wish) === undefined ? 'no input is nixpkgs' : "nixpkgs can't be named there";
    const { span } = open.flake.outputs;
    return refuse(open, wish, place, `the host '${host.name}' can't be added: ${why}`, { span }, 'uneditable');
  }
  const path = place.kind === 'hosts' ? [host.name] : ['nixosConfigurations', host.name];
  const layout = hostLayout(host, reach?.scope ?? { nixpkgs: '' }, { ...style, isTight });
  const binding = insertBindings(open, at, [{ path, value: layout }]);
  const splices = style.fn === undefined ? (reach?.splices ?? []) : [];
  return { about: 'host', changes: [hostChange(host)], fix: { kind: 'edit', splices: [...splices, binding] } };
}

/**
 * The expression for nixpkgs at the place of the hosts: an argument of outputs, an attribute of the whole argument, or an
 * argument or name to be added. A variable in between may hide any of them.
 */
function reachNixpkgs(
  open: OpenFlake,
  wish: FlakeWish,
  place: HostsPlace & { kind: 'hosts' | 'body' },
): { scope: HostScope; splices: Splice[] } | undefined {
  const { formals, param } = open.flake.outputs;
  const name = nixpkgsName(open, wish);
  if (name === undefined) return undefined;
  const bound = (variable: string) => frameOf(variable, place.scope);
  const inputs = param !== undefined && bound(param) === place.args ? { inputs: param } : undefined;
  if (formals?.names.includes(name) && bound(name) === place.args)
    return { scope: { nixpkgs: name, ...inputs }, splices: [] };
  if (inputs) return { scope: { nixpkgs: inputOf(inputs.inputs, name), ...inputs }, splices: [] };
  if (formals && !bound(name) && isIdentifier(name)) {
    return { scope: { nixpkgs: name }, splices: insertArgument(open, open.lambda, name) };
  }
  if (!formals || param !== undefined || bound('inputs')) return undefined;
  const { end } = formals.span;
  return {
    scope: { nixpkgs: inputOf('inputs', name), inputs: 'inputs' },
    splices: [{ start: end, end, text: '@inputs' }],
  };
}

/** The input that makes hosts, wished or declared. */
function nixpkgsName({ flake }: OpenFlake, wish: FlakeWish): string | undefined {
  const declared = flake.inputs.map(({ name, ref }) => ({ name, ...(ref.kind === 'url' ? { url: ref.url } : {}) }));
  return nixpkgsInput([...wish.inputs, ...declared, ...flake.implicit.map((name) => ({ name }))]);
}

function hostChange(host: HostWish): Difference['changes'][number] {
  const to = [host.system, ...(host.modules ?? [])].filter((part) => part !== undefined).join(' ');
  return {
    subject: nixAttrPath(['nixosConfigurations', host.name]),
    pointer: toPointer(['host', 'name']),
    to,
    locate: locateHost(host.name),
  };
}

function refuse(
  open: OpenFlake,
  wish: WithHost,
  place: HostsPlace,
  message: string,
  at: Place,
  kind: Problem['kind'] = 'unreadable',
): Difference {
  const change = hostChange(wish.host);
  const snippet = snippetFor(open, wish, place);
  const problem: Problem = { kind, message, ...placed(at), snippet, pointer: change.pointer };
  return { about: 'host', changes: [change], fix: { kind: kind === 'unreadable' ? 'open' : 'refuse', problem } };
}

/** A place in flake.nix or in another file. */
interface Place {
  readonly span: Span;
  readonly in?: Source;
}

const placed = ({ span: { start, end }, in: file }: Place): Pick<Problem, 'at' | 'in'> => ({
  at: { start, end },
  ...(file && { in: file }),
});

/** The host as a person would write it, and its place. */
function snippetFor(open: OpenFlake, wish: WithHost, place: HostsPlace): string {
  const { param, formals } = open.flake.outputs;
  const name = nixpkgsName(open, wish) ?? 'nixpkgs';
  const scope: HostScope = {
    nixpkgs: formals?.names.includes(name) || param === undefined ? name : inputOf(param, name),
    ...(param === undefined ? {} : { inputs: param }),
  };
  const { host } = wish;
  const of = place.kind === 'opaque' || (place.kind === 'hosts' && !place.at) ? place.of : undefined;
  const prefix =
    of === 'nixosConfigurations'
      ? []
      : of === 'flake-parts'
        ? ['flake', 'nixosConfigurations']
        : ['nixosConfigurations'];
  const binding = bindingLayout(nixAttrPath([...prefix, host.name]), hostLayout(host, scope));
  const paste = (where: string, layout: Layout) => ['# ' + where, ...lines(layout, '', '  '), ''].join('\n');
  switch (of) {
    case undefined: {
      // A second declaration of one name is an error.
      const isThere = place.kind === 'hosts' && place.hosts.has(host.name);
      return paste(`in the attribute set that outputs returns${isThere ? ', instead of what is there' : ''}`, binding);
    }
    case 'flake-parts':
      return paste('in the module that mkFlake gets', binding);
    case 'outputs':
      return paste('behind what outputs returns', { head: '// {', items: [binding], tail: '}' });
    case 'nixosConfigurations':
      return paste('behind the value of nixosConfigurations', { head: '// {', items: [binding], tail: '}' });
  }
}

function locateHost(name: string, part?: 'system' | 'modules'): Locate {
  return ({ flake }) => {
    const { hosts } = flake.outputs;
    const host = hosts.kind === 'static' ? hosts.hosts.find((one) => one.name === name) : undefined;
    if (host?.kind !== 'static' || part === undefined) return host?.span.start;
    if (part === 'modules') return host.modules.findLast((module) => module.kind === 'path')?.span.start;
    return host.system.kind === 'unset' ? host.span.start : host.system.span.start;
  };
}
