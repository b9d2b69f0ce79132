// The question to Nix about one system, as an expression, and Nix's answer as data. Pure.

import type { ProvenSystem } from '../proven.ts';

/** `plain`: the system as the configuration says it; `forced`: with the normaliser. */
export interface Ask {
  readonly plain: boolean;
  readonly forced: boolean;
}

/** Where the system is: in the channel that NIX_PATH names, or a host of a flake. `reference`: locked, so that it is pure. */
export type Where =
  | { readonly kind: 'channel' }
  | { readonly kind: 'flake'; readonly reference: string; readonly host: string };

interface Forced {
  readonly option: string;
  /** The value that both sides are given. */
  readonly value: string;
  /** The options that must be there, and that must not; default: itself. */
  readonly has?: string;
  readonly lacks?: string;
}

/**
 * The options that a flake and a channel cannot have alike: labels, what NIX_PATH and registry lead to, and the features without
 * which there is no flake (before 22.05 they stand in extraOptions).
 */
const FORCED: readonly Forced[] = [
  { option: 'system.nixos.versionSuffix', value: '""' },
  { option: 'system.nixos.revision', value: '""' },
  { option: 'system.configurationRevision', value: '""' },
  { option: 'nix.nixPath', value: '[ ]' },
  { option: 'nix.registry', value: '{ }' },
  { option: 'nixpkgs.flake.source', value: 'null' },
  { option: 'nix.settings.experimental-features', value: '[ ]', has: 'nix.settings' },
  { option: 'nix.extraOptions', value: '""', lacks: 'nix.settings' },
];

const conditionOf = (options: string, { option, has = option, lacks }: Forced): string =>
  `${options} ? ${has}${lacks === undefined ? '' : ` && !(${options} ? ${lacks})`}`;

/** The module that is added on both sides: it gives each of these options that the nixpkgs has one value. */
export const NORMALISER = `({ options, lib, ... }: {
  config = lib.mkMerge [
${FORCED.map((one) => `    (lib.optionalAttrs (${conditionOf('options', one)}) { ${one.option} = lib.mkForce ${one.value}; })`).join('\n')}
  ];
})`;

/** Of the registry only the targets: a flake in it has functions. */
const VALUES = FORCED.map((one) => {
  const value =
    one.option === 'nix.registry'
      ? 'builtins.mapAttrs (_: entry: entry.to or null) plain.config.nix.registry'
      : `plain.config.${one.option} or null`;
  return `    (if ${conditionOf('plain.options', one)} then [ { name = "${one.option}"; value = ${value}; } ] else [ ])`;
}).join('\n');

/**
 * An expression for the answer. A nixpkgs before 21.11 has no extendModules: there the flake's outputs are called once more,
 * with a nixpkgs whose nixosSystem adds the module.
 */
export function proofQuestion(where: Where, { plain, forced }: Ask): string {
  const answer = `{
  plain = ${plain ? 'system plain' : 'null'};
  forced = ${forced ? 'system forced' : 'null'};
  values = builtins.listToAttrs (builtins.concatLists [
${VALUES}
  ]);
}`;
  const system =
    'system = of: { drv = of.config.system.build.toplevel.drvPath; out = of.config.system.build.toplevel.outPath; };';
  if (where.kind === 'channel')
    return `let
  normaliser = ${NORMALISER};
  plain = import <nixpkgs/nixos> { configuration = <nixos-config>; };
  forced = import <nixpkgs/nixos> { configuration = { imports = [ <nixos-config> normaliser ]; }; };
  ${system}
in ${answer}`;
  const name = nixString(where.host);
  return `let
  normaliser = ${NORMALISER};
  flake = builtins.getFlake ${nixString(where.reference)};
  adding = _: input: if input ? lib.nixosSystem
    then input // { lib = input.lib // { nixosSystem = args: input.lib.nixosSystem (args // { modules = args.modules ++ [ normaliser ]; }); }; }
    else input;
  inputs = builtins.mapAttrs adding flake.inputs;
  outputs = (import (flake.outPath + "/flake.nix")).outputs (inputs // {
    self = outputs // flake.sourceInfo // { inherit inputs outputs; inherit (flake) sourceInfo outPath; _type = "flake"; };
  });
  plain = flake.nixosConfigurations.\${name};
  forced = if plain ? extendModules then plain.extendModules { modules = [ normaliser ]; } else outputs.nixosConfigurations.\${name};
  name = ${name};
  ${system}
in if flake ? nixosConfigurations.\${name} then ${answer} else { missing = builtins.attrNames (flake.nixosConfigurations or { }); }`;
}

export const nixString = (text: string): string => `"${text.replace(/["\\$]/g, '\\$&')}"`;

export type ProofAnswer =
  | {
      readonly kind: 'systems';
      readonly plain?: ProvenSystem;
      readonly forced?: ProvenSystem;
      /** By option; one that the nixpkgs does not have is missing. */
      readonly values: Readonly<Record<string, unknown>>;
    }
  /** There is no such host; `names` are those that there are. */
  | { readonly kind: 'no host'; readonly names: readonly string[] };

/** Undefined: it is no answer. */
export function proofAnswer(json: string): ProofAnswer | undefined {
  const value = parsed(json);
  if (!isRecord(value)) return undefined;
  const { plain, forced, values, missing } = value;
  if (Array.isArray(missing)) return { kind: 'no host', names: missing.map(String) };
  if (!isRecord(values)) return undefined;
  const [one, other] = [systemIn(plain), systemIn(forced)];
  return { kind: 'systems', values, ...(one && { plain: one }), ...(other && { forced: other }) };
}

function systemIn(value: unknown): ProvenSystem | undefined {
  if (!isRecord(value)) return undefined;
  const { drv, out } = value;
  return typeof drv === 'string' && typeof out === 'string' ? { drv, out } : undefined;
}

function parsed(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
