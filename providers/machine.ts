// The guard: a spec is for one machine, and any other is left alone. Host name, system, machine-id, the name in the
// configuration and the attribute in flake.nix must agree, and nixpkgs goes no release back. It never edits.

import { rangeOf, type SourceRange } from '../core/diagnostic.ts';
import type { Documents } from '../core/documents/documents.ts';
import { readFlake } from '../core/formats/flake/flake.ts';
import type { HostNameRead } from '../core/formats/flake-hosts/host-name.ts';
import { textAt } from '../core/machine/follow-links.ts';
import { type Reader, unlessUnreadable } from '../core/machine/reader.ts';
import type { Finding, HostFacts } from '../core/model.ts';
import { type AbsPath, join } from '../core/path.ts';
import { type Asks, provider } from '../core/plan/provider.ts';
import type { Wishes } from '../core/spec/resolve.ts';
import type { Fact } from '../core/survey/fact.ts';
import { runningRelease } from '../core/survey/release.ts';

interface Desired extends Pick<Wishes, 'host' | 'isRunning' | 'recorded' | 'allow' | 'dir' | 'from' | 'modules'> {
  /** Its url. */
  readonly nixpkgs?: string;
}

interface Observed {
  readonly facts: HostFacts;
  readonly configured?: Configured;
  /** A host of flake.nix for the same machine, under another name than the spec's. */
  readonly attribute?: { readonly name: string; readonly path: AbsPath };
  readonly running: Fact | undefined;
}

/** The name that the configuration gives the machine, or why the text does not tell it. `at`: where it stands. */
type Configured = (
  | { readonly kind: 'static'; readonly name: string }
  | { readonly kind: 'open'; readonly reason: string }
) & { readonly path: AbsPath; readonly at?: SourceRange };

export const machine = provider<Desired, Observed>({
  name: 'machine',
  answers: ['/host/name', '/host/system'],
  ofMachine: true,
  codes: ['RF2002', 'RF2029', 'RF2044'],
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
  observe: async (desired, reader, documents) => ({
    facts: reader.facts,
    running: unlessUnreadable(() => runningRelease(reader)),
    ...unlessUnreadable(() => namesIn(desired, reader, documents)),
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
      configured?.kind === 'static' && !isSame(configured.name, facts.name) && isSame(configured.name, host.name);
    // A machine without a name (an image that never booted) is not compared by name.
    if (facts.name === '') defers.push('/host/name');
    else if (!isSame(facts.name, host.name) && !(allow.rename && isRenamed))
      refuse(
        'name',
        `this machine is "${facts.name}", and the spec is for "${host.name}"`,
        isRenamed ? RENAME : ELSEWHERE,
      );
    if (configured?.kind === 'open') findings.push(notTold(configured));
    else if (configured === undefined) defers.push('/host/name');
    else if (isOther(configured.name, host.name)) findings.push(namedOtherwise(configured.name, host.name, configured));
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
    const asks: Asks = {
      toplevel: false,
      decide: ({ hosts }) => {
        const said = hosts.get(host.attribute)?.hostName;
        return { findings: said !== undefined && isOther(said, host.name) ? [namedOtherwise(said, host.name)] : [] };
      },
    };
    return { findings, edits: [], defers, asks };
  },
});

const ELSEWHERE = 'run this on the machine that the spec names, or write a spec for this one: reflake init';
const RENAME = 'the configuration has that name already: to rename this machine, add --allow-rename';

/** An empty name leaves it to DHCP. */
const isOther = (configured: string, wished: string): boolean => configured !== '' && !isSame(configured, wished);

const namedOtherwise = (configured: string, wished: string, where?: Pick<Configured, 'path' | 'at'>): Finding => ({
  code: 'RF2002',
  wish: '/host/name',
  subject: 'host.name',
  because: `the configuration names the machine "${configured}", and the spec is for "${wished}"`,
  remedy: {
    by: 'you',
    hint: 'write one name in both; to rename the machine, the new one in both, and --allow-rename',
  },
  ...(where && { path: where.path, ...(where.at && { at: where.at }) }),
});

const notTold = ({ reason, path, at }: Configured & { readonly kind: 'open' }): Finding => ({
  code: 'RF2029',
  wish: '/host/name',
  subject: 'networking.hostName',
  because: `the text does not tell which name the configuration gives the machine: ${reason}`,
  path,
  ...(at && { at }),
  remedy: { by: 'you', hint: 'write networking.hostName out in a module of the host' },
});

/** Read from the text alone. */
function namesIn(
  { dir, from, modules, host }: Desired,
  reader: Reader,
  documents: Documents,
): Pick<Observed, 'configured' | 'attribute'> {
  const tree = from !== undefined && reader.stat(dir).type === 'absent' ? from : dir;
  const other = otherAttribute(textAt(reader, join(tree, 'flake.nix')), host);
  const there = documents.at(tree);
  const configured = configuredName(host, modules, tree, there);
  return {
    ...(configured && { configured }),
    ...(other !== undefined && { attribute: { name: other, path: there.flakePath } }),
  };
}

/** Undefined where there is no configuration, or its flake.nix is broken: of that the other providers speak. */
function configuredName(
  host: Desired['host'],
  modules: Desired['modules'],
  tree: AbsPath,
  documents: Documents,
): Configured | undefined {
  const path = documents.flakePath;
  const isThere = (): boolean =>
    documents.flake().kind !== 'absent' || documents.hostModules().some(({ file }) => file.kind === 'file');
  const read = unlessUnreadable(() =>
    isThere() ? { name: documents.hostName({ attribute: host.attribute, modules }) } : {},
  );
  if (read === undefined) return { kind: 'open', reason: 'a file cannot be read', path };
  if (read.name === undefined) return undefined;
  if (read.name.kind === 'unset')
    return isSame(NIXOS, host.name) ? { kind: 'static', name: NIXOS, path } : { kind: 'open', reason: UNSET, path };
  return placed(read.name, tree, documents);
}

function placed(read: Exclude<HostNameRead, { kind: 'unset' }>, tree: AbsPath, documents: Documents): Configured {
  const path = read.in ? join(tree, read.in.path) : documents.flakePath;
  const file = documents.nix(path);
  const at = file.kind === 'text' ? { at: rangeOf(path, file.text, read.span) } : {};
  return read.kind === 'static'
    ? { kind: 'static', name: read.value, path, ...at }
    : { kind: 'open', reason: read.reason, path, ...at };
}

/** The name of a machine whose configuration gives it none. */
const NIXOS = 'nixos';
const UNSET = 'no module says networking.hostName, and NixOS takes "nixos" where none does';

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
