// Compares the wished hosts with nixosConfigurations, and makes the splices that add, complete or remove one.
// The only place that edits outputs.

import { type OpenHost, openHost } from '../flake-hosts/host.ts';
import { inFile, plainModule } from '../flake-hosts/module-item.ts';
import { type HostsPlace, hostsPlace } from '../flake-hosts/outputs.ts';
import { sharedVariable } from '../flake-hosts/uses.ts';
import { toPointer } from '../json-pointer.ts';
import { spanOf } from '../nix/describe.ts';
import { isIdentifier, type Layout, lines, nixAttrPath, nixPath, nixString } from '../nix/print.ts';
import { type Bound, frameOf, type Source } from '../nix/scope.ts';
import { type Splice, withItsGap } from '../nix/splice.ts';
import type { Span } from '../nix/syntax.ts';
import { insertArgument, insertBindings, insertInOrder, insertItems, removeBindings } from './bindings.ts';
import type { Difference, Fix, Locate, Problem } from './difference.ts';
import type { OpenFlake } from './flake.ts';
import { strangeness, styleOfHosts } from './siblings.ts';
import {
  bindingLayout,
  type FlakeWish,
  type HostScope,
  type HostStyle,
  type HostWish,
  hostLayout,
  inputOf,
  modulesLayout,
  nixpkgsInput,
} from './wish.ts';

/** The differences between the hosts of the wish and those that `open` declares. */
export function hostDifferences(open: OpenFlake, wish: FlakeWish): Difference[] {
  const { hosts = [], gone = [] } = wish;
  if (hosts.length === 0 && gone.length === 0) return [];
  const place = hostsPlace(open.lambda, open.scope);
  if (place.kind === 'opaque') {
    const message = `the hosts can't be read: ${place.reason}`;
    return [
      ...hosts.map((host) => refuse(open, { ...wish, host }, place, message, place)),
      ...gone.map((name) => keep(name, message, place, 'unreadable')),
    ];
  }
  const there = place.kind === 'hosts' ? place.hosts : new Map<string, Bound>();
  const missing = hosts.filter(({ name }) => !there.has(name));
  return [
    ...hosts.flatMap((host) => {
      const value = there.get(host.name);
      return value === undefined ? [] : hostDifference(open, { ...wish, host }, place, value);
    }),
    ...(missing.length > 0 ? addHosts(open, wish, missing, place) : []),
    ...gone.flatMap((name) => removeHost(open, name, place)),
  ];
}

function hostDifference(open: OpenFlake, wish: WithHost, place: HostsPlace, value: Bound): Difference[] {
  const { host } = wish;
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
  // What a module says goes before the argument, and several hosts may have that module.
  const snippet =
    system.in === undefined
      ? `# in the argument of nixosSystem for '${host.name}', instead of what is there\nsystem = ${nixString(host.system)};\n`
      : `# in a module of '${host.name}' alone, which takes lib\nnixpkgs.hostPlatform = lib.mkForce ${nixString(host.system)};\n`;
  const problem = (kind: Problem['kind'], message: string): Fix => ({
    kind: kind === 'unreadable' ? 'open' : 'refuse',
    problem: { kind, message, at: system.span, ...(system.in && { in: system.in }), snippet, pointer, host: host.name },
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
      changes: [
        { subject, pointer, host: host.name, ...from, to: host.system, locate: locateHost(host.name, 'system') },
      ],
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
          host: host.name,
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
      problem: { kind, message, ...placed(at), snippet, pointer, host: host.name },
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

/** So many hosts, in order, are taken for sorted. */
const SORTED = 2;

/** All new hosts with one edit, or the reason for none at each of them. */
function addHosts(
  open: OpenFlake,
  wish: FlakeWish,
  missing: readonly HostWish[],
  place: HostsPlace & { kind: 'hosts' | 'body' },
): Difference[] {
  const refuseAll = (why: (host: HostWish) => string, at: Place, kind?: Problem['kind']): Difference[] =>
    missing.map((host) => refuse(open, { ...wish, host }, place, why(host), at, kind));
  if (place.kind === 'hosts' && place.unknown[0]) {
    const { expr, reason, scope } = place.unknown[0];
    const why =
      place.of === 'flake-parts' ? `other modules may hold hosts: ${reason}` : `nixosConfigurations has ${reason}`;
    return refuseAll(() => `there may be other hosts: ${why}`, { span: spanOf(expr), ...inFile(scope) });
  }
  const siblings = place.kind === 'hosts' ? [...place.hosts].map(([name, value]) => openHost(name, value)) : [];
  const strange = strangeness(siblings);
  const { at } = place;
  if (strange || !at) {
    const span = strange?.at ?? open.flake.outputs.span;
    const why = strange?.message ?? 'the set of hosts is not written out in flake.nix';
    return refuseAll(({ name }) => `there is no host '${name}', and ${why}`, { span }, 'uneditable');
  }
  const reach = reachNixpkgs(open, wish, place);
  // Hosts of one system have one style.
  const styles = new Map<string | undefined, (name: string) => HostStyle>();
  const styleOf = (host: HostWish): HostStyle => {
    const known = styles.get(host.system) ?? styleOfHosts(open, siblings, host.system);
    styles.set(host.system, known);
    return known(host.name);
  };
  const { fn } = styleOf(missing[0]!);
  if (!reach && fn === undefined) {
    const why = nixpkgsName(open, wish) === undefined ? 'no input is nixpkgs' : "nixpkgs can't be named there";
    const { span } = open.flake.outputs;
    return refuseAll(({ name }) => `the host '${name}' can't be added: ${why}`, { span }, 'uneditable');
  }
  const bindings = missing.map((host) => {
    const path = place.kind === 'hosts' ? [host.name] : ['nixosConfigurations', host.name];
    return { path, value: hostLayout(host, reach?.scope ?? { nixpkgs: '' }, styleOf(host)) };
  });
  const splices = fn === undefined ? (reach?.splices ?? []) : [];
  const groups = bindings.map((one) => [one]);
  const added = place.kind === 'hosts' ? insertInOrder(open, at, groups, SORTED) : [insertBindings(open, at, bindings)];
  return [
    {
      about: 'host',
      changes: missing.map(hostChange),
      fix: { kind: 'edit', splices: [...splices, ...added] },
    },
  ];
}

/** Takes a host out where it is written by itself in flake.nix and nothing there refers to it. */
function removeHost(open: OpenFlake, name: string, place: HostsPlace & { kind: 'hosts' | 'body' }): Difference[] {
  if (place.kind === 'body') return [];
  const value = place.hosts.get(name);
  if (value === undefined) {
    const [unknown] = place.unknown;
    if (unknown === undefined) return [];
    const at = { span: spanOf(unknown.expr), ...inFile(unknown.scope) };
    return [keep(name, `'${name}' may be among other hosts: ${unknown.reason}`, at, 'unreadable')];
  }
  const node = place.at?.children.get(name);
  const binding = node?.occurrences[0]?.binding;
  const span = spanOf(value.expr);
  const here = { span, ...inFile(value.scope) };
  const isAlone = binding?.kind === 'bind' || binding?.names.length === 1;
  if (node?.kind !== 'leaf' || !isAlone)
    return [keep(name, `the host '${name}' is not written by itself in flake.nix`, here, 'uneditable')];
  const { start, end } = binding;
  const uses = usesOfHost(open.text, name).filter((at) => at < start || end <= at);
  if (uses[0] !== undefined) {
    const used = { span: { start: uses[0], end: uses[0] + 1 } };
    return [keep(name, `the host '${name}' is to go, and flake.nix refers to it here`, used, 'uneditable')];
  }
  const { kind } = openHost(name, value);
  return [
    {
      about: 'host',
      changes: [
        {
          ...goneChange(name),
          from: kind === 'static' ? 'a NixOS system' : 'a host',
          locate: ({ flake }) => flake.outputs.span.start,
        },
      ],
      fix: { kind: 'edit', splices: removeBindings(open, [node]).map((cut) => withItsGap(open, cut)) },
    },
  ];
}

/** Where the text names `nixosConfigurations.<name>`. */
function usesOfHost(text: string, name: string): readonly number[] {
  const escaped = name.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  const named = new RegExp(`nixosConfigurations\\s*\\.\\s*(?:"${escaped}"|${escaped}(?![\\w'-]))`, 'g');
  return [...text.matchAll(named)].map(({ index }) => index);
}

const goneChange = (name: string) =>
  ({
    subject: nixAttrPath(['nixosConfigurations', name]),
    pointer: toPointer(['hosts', name]),
  }) as const;

/** The reason a host that is to go stays. */
function keep(name: string, message: string, at: Place, kind: Problem['kind']): Difference {
  const change = goneChange(name);
  const problem: Problem = { kind, message, ...placed(at), snippet: '', pointer: change.pointer };
  return {
    about: 'host',
    changes: [{ ...change, locate: () => undefined }],
    fix: { kind: kind === 'unreadable' ? 'open' : 'refuse', problem },
  };
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
    host: host.name,
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
  const problem: Problem = { kind, message, ...placed(at), snippet, pointer: change.pointer, host: wish.host.name };
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
