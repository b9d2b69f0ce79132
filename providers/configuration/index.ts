// Enables the experimental features in the modules if NixOS makes nix.conf from them, and finds options that fail in a flake.
// Edits tokens of the modules, or gives the text to paste.

import type { Documents } from '../../core/documents/documents.ts';
import { noConfiguration } from '../../core/finding.ts';
import { nixpkgsRelease } from '../../core/formats/flake/release.ts';
import { type FeatureOption, removeBinding } from '../../core/formats/module/edit.ts';
import type { Reader } from '../../core/machine/reader.ts';
import { ownerIn, putText } from '../../core/machine/texts.ts';
import type { Finding, Owner } from '../../core/model.ts';
import { type AbsPath, relativeTo } from '../../core/path.ts';
import { isTextOf, puts } from '../../core/plan/places.ts';
import { type Asks, barred, type Difference, provider } from '../../core/plan/provider.ts';
import { attributeOf } from '../../core/spec/resolve.ts';
import { runningRelease } from '../../core/survey/release.ts';
import { enable, enabledBy, enabledIn, nowhere, type TextEdit, undecided, uneditable } from './features.ts';
import { type Hosts, isModule, type Module, type Modules, modulesOf } from './modules.ts';

interface Desired {
  readonly dir: AbsPath;
  readonly from?: AbsPath;
  readonly hosts: Hosts;
  /** This machine's host among several; undefined: the spec is about one, or no machine is looked at. */
  readonly key?: string;
  readonly features: readonly string[];
}

interface Observed extends Modules {
  /** NixOS makes nix.conf from this configuration. */
  readonly bySystem: boolean;
  readonly housed: boolean;
  readonly born: Owner;
  readonly option: FeatureOption;
  readonly flake: AbsPath;
}

export const configuration = provider<Desired, Observed>({
  name: 'configuration',
  answers: ['/config/modules'],
  concerns: ['/features'],
  codes: ['RF2004', 'RF2008', 'RF2009', 'RF2031', 'RF2057', 'RF2061', 'RF2062', 'RF2063', 'RF2104', 'RF2105'],
  mayWrite: puts((put, ground) => isModule(put, ground) && isTextOf(put, ground)),
  desire: ({ dir, from, host, hosts, key, isMachine, features }) => {
    const all = hosts.map(({ key: name, spec }) => ({ name, attribute: attributeOf(spec), spec }));
    return {
      dir,
      hosts: {
        own: host.attribute,
        said: new Set(all.flatMap(({ attribute, spec }) => (spec.config?.modules === undefined ? [] : [attribute]))),
        keys: new Map(all.flatMap(({ name, attribute }) => (name === undefined ? [] : [[attribute, name] as const]))),
      },
      ...(key !== undefined && { key }),
      ...(from && { from }),
      features: isMachine ? (features ?? []) : [],
    };
  },
  async observe({ dir, hosts, features }, reader, documents) {
    const housed = reader.stat(dir).type === 'dir';
    const found = housed ? modulesOf(dir, hosts, reader, documents) : NONE;
    const { bySystem } = documents.nixConf();
    const option = bySystem && features.length > 0 ? optionOf(reader, documents) : 'settings';
    return { ...found, bySystem, housed, born: ownerIn(reader, dir), option, flake: documents.flakePath };
  },
  reconcile(desired, observed) {
    const { areCertain, bySystem, housed, broken: all, born, option, flake } = observed;
    // If NixOS makes nix.conf, these modules alone decide the features.
    const asked = bySystem ? undefined : ['/config/modules'];
    if (!housed) return barred(noConfiguration(desired.dir, desired.from), asked);
    // What is broken of other hosts bars theirs alone.
    const isOurs = ({ hosts }: Finding): boolean =>
      hosts === undefined || (desired.key !== undefined && hosts.includes(desired.key));
    const edited = (module: Module, enabling = unchanged(module)): Difference => {
      const file = { ...module.file, text: enabling.text };
      return asDifference(module, [enabling, removeCopy({ ...module, file }, desired)], born);
    };
    const first = all.find(isOurs);
    if (first !== undefined) {
      const theirs = joinDifferences(observed.modules.filter(({ isOwn }) => !isOwn).map((one) => edited(one)));
      const { rest } = barred(first, asked);
      return { ...theirs, findings: [...all, ...theirs.findings], ...(rest && { rest }) };
    }
    const modules = observed.modules.filter(({ isOwn }) => isOwn);
    const enabled = enabledBy(modules, observed.unknown);
    const isKnown = (feature: string): boolean => areCertain && enabled.known.has(feature);
    const missing = bySystem ? desired.features.filter((feature) => !isKnown(feature)) : [];
    const wish = { ...desired, option };
    const { target, unknown } = enabled;
    const besides =
      missing.length === 0 || (unknown === undefined && target !== undefined)
        ? []
        : [unknown ? undecided(unknown, missing, wish) : nowhere(flake, missing, wish)];
    const asks: Asks = {
      toplevel: false,
      decide: (said) => ({ findings: bySystem ? enabledIn(wish, said, desired.hosts.own) : [] }),
    };
    const joined = joinDifferences([
      { findings: [...all, ...besides], edits: [] },
      ...observed.modules.map((module) => {
        const isTarget = module === target && missing.length > 0 && unknown === undefined;
        return edited(module, isTarget ? enable(module, enabled, missing, wish) : unchanged(module));
      }),
    ]);
    return { ...joined, asks };
  },
});

const NONE: Modules = { modules: [], unknown: [], areCertain: true, broken: [] };

/** An older nixpkgs fails at `nix.settings`. The release comes from its reference, else from the running system. */
function optionOf(reader: Reader, documents: Documents): FeatureOption {
  const file = documents.flake();
  const opened = file.kind === 'text' ? file.nix.flake() : undefined;
  const named = opened?.ok ? nixpkgsRelease(opened.flake) : ({ kind: 'unknown' } as const);
  if (named.kind === 'unstable') return 'settings';
  const release = named.kind === 'release' ? named.number : runningRelease(reader)?.value;
  return release !== undefined && release < FIRST_WITH_SETTINGS ? 'extraOptions' : 'settings';
}

const FIRST_WITH_SETTINGS = '22.05';

const unchanged = ({ file }: Module): TextEdit => ({ text: file.text, findings: [] });

function asDifference({ path, file }: Module, edits: readonly [TextEdit, TextEdit], born: Owner): Difference {
  const [, { text }] = edits;
  const findings = edits.flatMap((edit) => edit.findings);
  if (text === file.text) return { findings, edits: [] };
  const { edit, blobs } = putText(path, file, text, born);
  return { findings, edits: [edit], blobs };
}

/** `system.copySystemConfiguration` throws in a flake: there is no <nixos-config> to copy. */
function removeCopy(module: Module, { dir }: Desired): TextEdit {
  const { path, file, facts, kept } = module;
  const copies = facts?.copySystemConfiguration;
  if (copies?.kind !== 'static' || !copies.value) return unchanged(module);
  const edited =
    kept === undefined
      ? removeBinding(file.text, ['system', 'copySystemConfiguration'])
      : ({ ok: false, reason: `system.copySystemConfiguration is set, and ${kept}`, at: copies.span } as const);
  if (!edited.ok)
    return {
      ...unchanged(module),
      findings: [
        { ...uneditable(path, file.text, edited, '/config/modules'), ...(module.hosts && { hosts: module.hosts }) },
      ],
    };
  const finding: Finding = {
    code: 'RF2105',
    wish: '/config/modules',
    ...(module.hosts && { hosts: module.hosts }),
    subject: 'system.copySystemConfiguration',
    path,
    from: 'true',
    because: `"${relativeTo(path, dir)}" asks for a copy of the configuration, which a flake cannot give: it does not evaluate`,
    remedy: { by: 'plan', action: 'remove' },
  };
  return { text: edited.text, findings: [finding] };
}

const joinDifferences = (all: readonly Difference[]): Difference => ({
  findings: all.flatMap(({ findings }) => findings),
  edits: all.flatMap(({ edits }) => edits),
  blobs: Object.assign({}, ...all.map(({ blobs }) => blobs ?? {})),
});
