// The guard: a spec is for one machine, and any other is left alone. Host name, system, machine-id, the name in the
// configuration and the attribute in flake.nix must agree, and nixpkgs goes no release back. It never edits.

import { modulesNamedBy } from '../core/documents/host-modules.ts';
import { moduleFile } from '../core/documents/module-file.ts';
import { nixFile } from '../core/documents/nix-text.ts';
import { readFlake } from '../core/formats/flake/flake.ts';
import { DEFAULT_MODULES } from '../core/formats/flake/wish.ts';
import { readModule } from '../core/formats/module/module.ts';
import { textAt } from '../core/machine/links.ts';
import { type Reader, unlessUnreadable } from '../core/machine/reader.ts';
import type { Finding, HostFacts } from '../core/model.ts';
import { type AbsPath, join } from '../core/path.ts';
import { provider } from '../core/plan/provider.ts';
import type { Wishes } from '../core/spec/wishes.ts';
import type { Fact } from '../core/survey/fact.ts';
import { runningRelease } from '../core/survey/release.ts';

interface Desired extends Pick<Wishes, 'host' | 'isRunning' | 'recorded' | 'allow' | 'dir' | 'from' | 'modules'> {
  /** Its url. */
  readonly nixpkgs?: string;
}

interface Observed {
  readonly facts: HostFacts;
  /** The name that the configuration gives the machine, if the text has one. */
  readonly configured?: { readonly name: string; readonly path: AbsPath };
  /** A host of flake.nix for the same machine, under another name than the spec's. */
  readonly attribute?: { readonly name: string; readonly path: AbsPath };
  readonly running: Fact | undefined;
}

export const machine = provider<Desired, Observed>({
  name: 'machine',
  answers: ['/host/name', '/host/system'],
  ofMachine: true,
  codes: ['RF2002', 'RF2044'],
  desire: ({ host, isRunning, recorded, allow, dir, from, modules, inputs }) => {
    const nixpkgs = inputs.find(({ name }) => name === 'nixpkgs');
    return {
      host,
      isRunning,
      allow,
      dir,
      ...(modules && { modules }),
      ...(from && { from }),
      ...(recorded && { recorded }),
      ...(nixpkgs && { nixpkgs: nixpkgs.url }),
    };
  },
  observe: async (desired, reader) => ({
    facts: reader.facts,
    running: unlessUnreadable(() => runningRelease(reader)),
    ...unlessUnreadable(() => namesIn(desired, reader)),
  }),
  reconcile({ host, isRunning, recorded, allow, nixpkgs }, { facts, configured, attribute, running }) {
    const findings: Finding[] = [];
    const defers: string[] = [];
    const refuse = (member: 'name' | 'system' | 'attribute', because: string, hint: string, path?: AbsPath): void => {
      const wish = member === 'attribute' ? '/host/name' : `/host/${member}`;
      const said = { code: 'RF2002', wish, subject: `host.${member}`, because } as const;
      findings.push({ ...said, remedy: { by: 'you', hint }, ...(path && { path }) });
    };
    const isRenamed =
      configured !== undefined && !isSame(configured.name, facts.name) && isSame(configured.name, host.name);
    // A machine without a name (an image that never booted) is not compared by name.
    if (facts.name === '') defers.push('/host/name');
    else if (!isSame(facts.name, host.name) && !(allow.rename && isRenamed))
      refuse(
        'name',
        `this machine is "${facts.name}", and the spec is for "${host.name}"`,
        isRenamed ? RENAME : ELSEWHERE,
      );
    if (configured !== undefined && !isSame(configured.name, host.name))
      refuse(
        'name',
        `the configuration names the machine "${configured.name}", and the spec is for "${host.name}"`,
        'write one name in both; to rename the machine, the new one in both, and --allow-rename',
        configured.path,
      );
    if (recorded !== undefined && facts.machineId !== '' && recorded !== facts.machineId)
      refuse(
        'name',
        `the history here was made on the machine ${recorded}, and this one is ${facts.machineId} (of /etc/machine-id)`,
        'of a copied disk, move the state directory away; where the machine-id is a new one, remove the file index in it',
      );
    if (attribute !== undefined)
      refuse(
        'attribute',
        `flake.nix has nixosConfigurations."${attribute.name}", and the spec means "${host.attribute}"`,
        `write host.attribute: ${attribute.name}`,
        attribute.path,
      );
    // Under --root another processor than ours will run the machine.
    if (!isRunning) defers.push('/host/system');
    else if (facts.system !== host.system && !runsOn(facts.system, host.system))
      refuse('system', `this machine is ${facts.system}, and the spec is for ${host.system}`, ELSEWHERE);
    const wished = nixpkgs && /(?:nixos|release)-(\d\d\.\d\d)(?!\d)/.exec(nixpkgs)?.[1];
    if (wished !== undefined && running !== undefined && wished < running.value && !allow.downgrade)
      findings.push({
        code: 'RF2044',
        wish: '/host/name',
        subject: 'inputs.nixpkgs',
        from: running.value,
        to: wished,
        because: `the spec wishes nixpkgs ${wished}, and ${running.source} is ${running.value}`,
        remedy: { by: 'you', hint: `name release ${running.value}, or go back on purpose: --allow-downgrade` },
      });
    return { findings, edits: [], defers };
  },
});

const ELSEWHERE = 'run this on the machine that the spec names, or write a spec for this one: reflake init';
const RENAME = 'the configuration has that name already: to rename this machine, add --allow-rename';

/** Read from the text alone; a name that it does not tell is not compared. */
function namesIn({ dir, from, modules, host }: Desired, reader: Reader): Pick<Observed, 'configured' | 'attribute'> {
  const tree = from !== undefined && reader.stat(dir).type === 'absent' ? from : dir;
  const flake = join(tree, 'flake.nix');
  const other = otherAttribute(textAt(reader, flake), host);
  const file = nixFile(reader, flake);
  const opened = file.kind === 'text' ? file.nix.flake() : undefined;
  const named = modules ?? modulesNamedBy(file, opened, host.attribute) ?? DEFAULT_MODULES;
  const configured = named
    .filter((name) => name.startsWith('./'))
    .flatMap((name) => {
      const file = moduleFile(join(tree, name), tree, reader);
      return file.kind === 'file' ? [file.path] : [];
    })
    .map((path) => ({ path, name: hostNameIn(textAt(reader, path), host.name) }))
    .find((one) => one.name !== undefined);
  return {
    ...(configured?.name !== undefined && { configured: { path: configured.path, name: configured.name } }),
    ...(other !== undefined && { attribute: { name: other, path: flake } }),
  };
}

/** The host name in a text. Most texts have the wished name literally, and then nothing is parsed. */
function hostNameIn(text: string, wished: string): string | undefined {
  const literal = /\bhostName\s*=\s*"([^"$\\]*)"/.exec(text)?.[1];
  if (literal === undefined ? !/\bhostName\b/.test(text) : isSame(literal, wished)) return literal;
  const module = readModule(text);
  if (!module.ok || module.hostName.kind !== 'static') return undefined;
  // An empty host name leaves the name to DHCP.
  return module.hostName.value === '' ? undefined : module.hostName.value;
}

/** The one host with the machine's name and another domain, if no host has the spec's attribute. */
function otherAttribute(text: string, { name, attribute }: Desired['host']): string | undefined {
  const escaped = attribute.replace(/[.*+?^${'$'}{}()|[\]\\]/g, '\\$&');
  if (text === '' || new RegExp(`(?<![\\w-])${escaped}(?![\\w.-])`).test(text)) return undefined;
  const flake = readFlake(text);
  if (!flake.ok || flake.outputs.hosts.kind !== 'static') return undefined;
  const { hosts, complete } = flake.outputs.hosts;
  // The attribute may be put together in the text, or be among the computed ones.
  if (!complete || hosts.some((one) => one.name === attribute)) return undefined;
  return hosts.map((one) => one.name).find((one) => isSame(one, name));
}

const isSame = (a: string, b: string): boolean => shortName(a) === shortName(b);

/** `nixos.example.org` and `nixos` are the same machine. */
const shortName = (name: string): string => name.split('.')[0]!.toLowerCase();

/** A 64-bit processor runs the 32-bit system of its family. */
const runsOn = (machine: string, wanted: string): boolean =>
  (machine === 'x86_64-linux' && wanted === 'i686-linux') || (machine === 'aarch64-linux' && wanted === 'armv7l-linux');
