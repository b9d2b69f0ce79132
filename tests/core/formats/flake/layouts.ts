// Flakes in the layouts that people make of several hosts, drawn at random, as files; and what real Nix evaluates of them.

import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { type FlakeFiles, type OpenedFlake, openFlake } from '../../../../core/formats/flake/flake.ts';
import { parseNix } from '../../../../core/formats/nix/parse.ts';
import { evaluate } from './oracle.ts';

export type Files = Readonly<Record<string, string>>;

interface Host {
  readonly name: string;
  readonly system: string;
  /** Who says the system. */
  readonly by: 'argument' | 'hardware' | 'inline' | 'both' | 'forced' | 'special';
  readonly extra: boolean;
  /** Who says the host name, which is that of the host or another one. */
  readonly named: (typeof NAMINGS)[number];
}

const NAMINGS = ['own', 'default', 'let', 'special', 'inline', 'forced', 'none'] as const;

const SYSTEMS = ['x86_64-linux', 'aarch64-linux'] as const;

const host: fc.Arbitrary<Host> = fc.record({
  name: fc.constantFrom('nixos', 'web', 'laptop', 'box-1'),
  system: fc.constantFrom(...SYSTEMS),
  by: fc.constantFrom('argument', 'hardware', 'inline', 'both', 'forced', 'special'),
  extra: fc.boolean(),
  named: fc.constantFrom(...NAMINGS),
});

const other = (system: string): string => (system === SYSTEMS[0] ? SYSTEMS[1] : SYSTEMS[0]);

/** The `system` that a host passes to its helper or to nixosSystem; what its modules say may override it. */
const argumentOf = ({ by, system }: Host): string | undefined =>
  by === 'argument' ? system : by === 'forced' ? other(system) : by === 'both' ? system : undefined;

/** The definition in the host's own module. */
const NAMED: Readonly<Record<Host['named'], (name: string) => string>> = {
  own: (name) => `networking.hostName = "${name}";`,
  default: (name) => `networking = { hostName = lib.mkDefault "${name}"; };`,
  let: () => 'networking.hostName = "${who}";',
  special: () => 'networking = { hostName = "on-${platform}"; };',
  forced: (name) => `networking.hostName = "${name}";`,
  inline: () => '',
  none: () => '',
};

const filesOf = (hosts: readonly Host[]): Files =>
  Object.fromEntries(
    hosts.flatMap(({ name, by, system, named }) => [
      [
        `hosts/${name}/default.nix`,
        `{ lib, platform, ... }: ${named === 'let' ? `let who = "the-${name}"; in ` : ''}{ imports = [ ./hardware.nix ../../common.nix ]; ${NAMED[named](name)} }`,
      ],
      [
        `hosts/${name}/hardware.nix`,
        by === 'hardware' || by === 'both'
          ? `{ lib, ... }: { nixpkgs.hostPlatform = lib.mkDefault "${system}"; }`
          : by === 'forced'
            ? `{ lib, modulesPath, ... }: { imports = [ (modulesPath + "/profiles/qemu-guest.nix") ]; nixpkgs = { hostPlatform = lib.mkForce "${system}"; }; }`
            : by === 'special'
              ? '{ platform, ... }: { nixpkgs.hostPlatform = platform; }'
              : '{ }',
      ],
    ]),
  );

/** The parts of a host as text: the argument with its `;`, specialArgs, and the modules beside its own directory. */
const systemText = (one: Host): string => {
  const system = argumentOf(one);
  return system === undefined ? '' : `system = "${system}"; `;
};
const moreModules = ({ name, by, system, extra, named }: Host): string =>
  `${by === 'inline' ? `{ nixpkgs.hostPlatform = "${system}"; } ` : ''}${extra ? './extra.nix ' : ''}${
    named === 'inline' ? `{ networking.hostName = "in-${name}"; } ` : ''
  }${named === 'forced' ? `({ lib, ... }: { networking.hostName = lib.mkForce "f-${name}"; }) ` : ''}`;

const call = (one: Host, fn = 'nixpkgs.lib.nixosSystem'): string =>
  `${fn} { ${systemText(one)}specialArgs = { platform = "${one.system}"; }; modules = [ ./hosts/${one.name} ${moreModules(one)}]; }`;

const outputs = (body: string, args = '{ self, nixpkgs, ... }@inputs'): string =>
  `{\n  inputs.nixpkgs.url = "github:NixOS/nixpkgs";\n  outputs = ${args}:\n${body};\n}\n`;

const argumentsOf = (one: Host): string =>
  `{ ${systemText(one)}platform = "${one.system}"; modules = [ ${moreModules(one)}]; }`;

const HELPER =
  'mk = name: { system ? null, platform, modules ? [ ], ... }: nixpkgs.lib.nixosSystem { inherit system; specialArgs = { inherit platform; }; modules = [ ./hosts/${name} ] ++ modules; };';

const pairs = (hosts: readonly Host[], value: (one: Host) => string): string =>
  hosts.map((one) => `      "${one.name}" = ${value(one)};`).join('\n');

/** Each layout as the text of flake.nix and further files. */
export const LAYOUTS: Readonly<Record<string, (hosts: readonly Host[]) => Files>> = {
  plain: (hosts) => ({ 'flake.nix': outputs(`  { nixosConfigurations = {\n${pairs(hosts, call)}\n  }; }`) }),
  'names in let': (hosts) => ({
    'flake.nix': outputs(
      `  let ${hosts.map(({ name }, i) => `n${i} = "${name}";`).join(' ')} in {\n${hosts
        .map((one, i) => `    nixosConfigurations.\${n${i}} = ${call(one)};`)
        .join('\n')}\n  }`,
    ),
  }),
  helper: (hosts) => ({
    'flake.nix': outputs(
      `  let ${HELPER} in { nixosConfigurations = {\n${pairs(hosts, (one) => `mk "${one.name}" ${argumentsOf(one)}`)}\n  }; }`,
    ),
  }),
  'positional helper': (hosts) => ({
    'flake.nix': outputs(
      `  let mk = system: platform: modules: nixpkgs.lib.nixosSystem { inherit system modules; specialArgs.platform = platform; }; in { nixosConfigurations = {\n${pairs(
        hosts,
        (one) =>
          `mk ${argumentOf(one) === undefined ? 'null' : `"${argumentOf(one)}"`} "${one.system}" [ ./hosts/${one.name} ${moreModules(one)}]`,
      )}\n  }; }`,
    ),
  }),
  mapAttrs: (hosts) => ({
    'flake.nix': outputs(
      `  let ${HELPER} in { nixosConfigurations = builtins.mapAttrs mk {\n${pairs(hosts, argumentsOf)}\n  }; }`,
    ),
  }),
  genAttrs: (hosts) => ({
    'flake.nix': outputs(
      `  let all = {\n${pairs(hosts, argumentsOf)}\n  }; ${HELPER} inherit (nixpkgs) lib; in { nixosConfigurations = lib.genAttrs [ ${hosts
        .map(({ name }) => `"${name}"`)
        .join(' ')} ] (name: mk name all.\${name}); }`,
    ),
  }),
  listToAttrs: (hosts) => ({
    'flake.nix': outputs(
      `  let ${HELPER} in { nixosConfigurations = with builtins; listToAttrs (map (h: { inherit (h) name; value = mk h.name h; }) [\n${hosts
        .map((one) => `    ({ name = "${one.name}"; } // ${argumentsOf(one)})`)
        .join('\n')}\n  ]); }`,
    ),
  }),
  fold: (hosts) => ({
    'flake.nix': outputs(
      `  let ${HELPER} in { nixosConfigurations = builtins.foldl' (a: b: a // b) { } [\n${hosts
        .map((one) => `    { "${one.name}" = mk "${one.name}" ${argumentsOf(one)}; }`)
        .join('\n')}\n  ]; }`,
    ),
  }),
  imported: (hosts) => ({
    'flake.nix': outputs('  { nixosConfigurations = import ./hosts { inherit nixpkgs inputs; }; }'),
    'hosts/default.nix': `{ nixpkgs, inputs, ... }: {\n${pairs(hosts, (one) => call(one, 'inputs.nixpkgs.lib.nixosSystem').replaceAll('./hosts/', './').replaceAll('./extra', '../extra'))}\n}\n`,
  }),
  'imported by the whole argument': (hosts) => ({
    'flake.nix': outputs('  { nixosConfigurations = (import ./nix/hosts.nix inputs).all; }', 'inputs'),
    'nix/hosts.nix': `{ self, nixpkgs, ... }:\n{ all = {\n${pairs(hosts, (one) => call(one).replaceAll('./hosts/', '../hosts/').replaceAll('./extra.nix', '"${self}/extra.nix"'))}\n}; }\n`,
  }),
  'imported helper': (hosts) => ({
    'flake.nix': outputs(
      `  let lib = import ./lib { inherit nixpkgs; }; in { nixosConfigurations = {\n${pairs(hosts, (one) => `lib.mk "${one.name}" ${argumentsOf(one)}`)}\n  }; }`,
    ),
    'lib/default.nix': `{ nixpkgs }: { ${HELPER.replace('./hosts/', '../hosts/')} }\n`,
  }),
  'flake-parts': (hosts) => ({
    'flake.nix': outputs(
      `  inputs.flake-parts.lib.mkFlake { inherit inputs; } {\n    systems = [ "x86_64-linux" ];\n    imports = [ ./parts/hosts.nix ];\n${hosts
        .slice(0, 1)
        .map((one) => `    flake.nixosConfigurations."${one.name}" = ${call(one)};`)
        .join('\n')}\n  }`,
      '{ self, nixpkgs, flake-parts, ... }@inputs',
    ),
    'parts/hosts.nix': `{ inputs, withSystem, ... }: { flake.nixosConfigurations = {\n${pairs(
      hosts.slice(1),
      (one) =>
        `withSystem "x86_64-linux" ({ system, ... }: ${call(one, 'inputs.nixpkgs.lib.nixosSystem')
          .replaceAll('./hosts/', '../hosts/')
          .replaceAll('./extra', '../extra')})`,
    )}\n}; }\n`,
  }),
  'of itself': (hosts) => ({
    'flake.nix': outputs(
      `  { lib.mk = { name, system ? null, platform, modules }: nixpkgs.lib.nixosSystem { inherit system; specialArgs = { inherit platform; }; modules = [ ./hosts/\${name} ] ++ modules; };\n  nixosConfigurations = {\n${pairs(hosts, (one) => `self.lib.mk ({ name = "${one.name}"; } // ${argumentsOf(one)})`)}\n  }; }`,
    ),
  }),
};

/** A flake of one of the layouts. */
export interface Drawn {
  readonly layout: string;
  readonly hosts: readonly Host[];
  readonly files: Files;
}

export const drawnFlake: fc.Arbitrary<Drawn> = fc
  .tuple(
    fc.constantFrom(...Object.keys(LAYOUTS)),
    fc.uniqueArray(host, { minLength: 1, maxLength: 3, selector: ({ name }) => name }),
  )
  .map(([layout, hosts]) => ({
    layout,
    hosts,
    files: {
      ...LAYOUTS[layout]!(hosts),
      ...filesOf(hosts),
      'common.nix': '{ time.zone = "UTC"; }',
      'extra.nix': '{ }',
    },
  }));

/** The files of a flake as its reader asks for them. */
export function filesIn(files: Files): FlakeFiles {
  return {
    nix: (path) => {
      const name = [path.slice(2), `${path.slice(2)}/default.nix`].find((one) => files[one] !== undefined);
      if (name === undefined) return { ok: false, reason: 'it is not there' };
      return { ok: true, path: `./${name}`, text: files[name]!, parsed: parseNix(files[name]!) };
    },
    matching: (pattern) => Object.keys(files).flatMap((name) => (pattern.test(files[name]!) ? [`./${name}`] : [])),
  };
}

export const openFiles = (files: Files): OpenedFlake => openFlake(files['flake.nix']!, undefined, filesIn(files));

/** What Nix evaluates: of each host system and name, and those of its modules that are paths, from the top of the flake. */
export type Evaluated = Readonly<
  Record<string, { readonly system: string; readonly hostName: string; readonly modules: readonly string[] }>
>;

const NIXPKGS = fileURLToPath(new URL('../../../fixtures/nixpkgs', import.meta.url));

/** All flakes in one evaluation, with the miniature nixpkgs, and what there is of flake-parts in a few lines. */
export function evaluateFlakes(scratch: string, folder: string, flakes: readonly Files[]): readonly Evaluated[] {
  const dirs = flakes.map((files, index) => {
    const dir = join(scratch, folder, String(index));
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(dirname(join(dir, name)), { recursive: true });
      writeFileSync(join(dir, name), text);
    }
    return dir;
  });
  return evaluate(
    scratch,
    `
    let
      nixpkgs = (import ${NIXPKGS}/flake.nix).outputs { self = nixpkgs; } // { outPath = ${NIXPKGS}; };
      mkFlake = { inputs }: first:
        let
          read = module:
            let
              value = if builtins.isPath module then import module else module;
              set = if builtins.isFunction value then value {
                inherit inputs; inherit (inputs) self; inherit (nixpkgs) lib; config = { };
                withSystem = system: fn: fn { inherit system; config = { }; };
              } else value;
            in builtins.foldl' (all: one: all // read one) (set.flake.nixosConfigurations or { }) (set.imports or [ ]);
        in { nixosConfigurations = read first; };
      platform = value: if builtins.isAttrs value then value.system else value;
      show = dir: module:
        let text = toString module; size = builtins.stringLength (toString dir); in
        if builtins.isPath module || builtins.isString module then [ "." + builtins.substring size 1000 text ] else [ ];
      observe = dir:
        let
          flake = import (dir + "/flake.nix");
          self = outputs // { outPath = toString dir; inherit inputs outputs; };
          inputs = { inherit self nixpkgs; flake-parts.lib = { inherit mkFlake; }; };
          outputs = flake.outputs inputs;
        in builtins.mapAttrs (_: host: {
          system = platform host.config.nixpkgs.hostPlatform;
          inherit (host.config.networking) hostName;
          modules = builtins.concatLists (map (show dir) host._module.args.modules);
        }) outputs.nixosConfigurations;
    in map observe [ ${dirs.join(' ')} ]`
      .replaceAll('[ "." + builtins', '[ ("." + builtins')
      .replaceAll('1000 text ]', '1000 text) ]'),
  ) as readonly Evaluated[];
}
