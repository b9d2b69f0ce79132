// Writes the question about a flake as a Nix expression, and reads Nix's answer as data. Pure.

/** The facts of one host. A member is undefined if the host has no such option. */
export interface EvaluatedHost {
  /** Nix's system: `x86_64-linux`. */
  readonly system?: string;
  readonly hostName?: string;
  /** The features that `nix.settings` enables in nix.conf of the built system, under both names of the setting. */
  readonly features?: readonly string[];
  /** Lines of `nix.extraOptions`, which come after the settings. */
  readonly extraOptions?: string;
  /** Modules that are files of the flake, relative to its top, as far as the host tells; other modules are not among them. */
  readonly modules?: readonly string[];
  /** The derivation of the system: two trees that give the same one are the same system. */
  readonly toplevel?: string;
}

/** `hosts`: those that were asked about and evaluate, by their attributes. */
export interface Evaluated {
  /** All attributes of nixosConfigurations. */
  readonly names: readonly string[];
  readonly hosts: ReadonlyMap<string, EvaluatedHost>;
}

/** `hosts`: attributes of nixosConfigurations. `toplevel`: the one whose whole system is asked for, which costs seconds. */
export interface Question {
  readonly hosts: readonly string[];
  readonly toplevel?: string;
}

/** True if evaluation tells of this host, be it that there is none. */
export const tellsOf = ({ names, hosts }: Evaluated, attribute: string): boolean =>
  hosts.has(attribute) || !names.includes(attribute);

/**
 * A function of `nixosConfigurations`. It asks for every member by itself, with a default where a host may lack it, since
 * tryEval does not catch a missing attribute.
 */
export function questionText({ hosts, toplevel }: Question): string {
  const isWhole = toplevel === undefined ? 'false' : `name == ${nixString(toplevel)}`;
  return `cs: {
  names = builtins.attrNames cs;
  hosts = builtins.listToAttrs (map (name: { inherit name; value = let
    c = cs.${'$'}{name};
    config = c.config or { };
    setting = name: let v = config.nix.settings.${'$'}{name} or [ ]; in if builtins.isList v then v else [ v ];
    inFlake = m: if builtins.isPath m || builtins.isString m then toString m else null;
  in {
    system = c.pkgs.stdenv.hostPlatform.system or config.nixpkgs.hostPlatform.system or config.nixpkgs.system or null;
    hostName = config.networking.hostName or null;
    features = if (config.nix or { }) ? settings then setting "experimental-features" ++ setting "extra-experimental-features" else null;
    extraOptions = config.nix.extraOptions or null;
    modules = map inFlake (c._module.args.modules or config._module.args.modules or [ ]) ++ ${definers()};
    toplevel = if ${isWhole} then config.system.build.toplevel.drvPath or null else null;
  }; }) (builtins.filter (name: cs ? ${'$'}{name}) [ ${hosts.map(nixString).join(' ')} ]));
}`;
}

/** The files that define options set by nearly every configuration; this finds modules that another module imports. */
const definers = (): string =>
  `builtins.concatMap (o: o.files or [ ]) [ ${OPTIONS.map((name) => `(c.options.${name} or { })`).join(' ')} ]`;

const OPTIONS = [
  'networking.hostName',
  'system.stateVersion',
  'fileSystems',
  'users.users',
  'environment.systemPackages',
  'boot.loader.grub.enable',
  'boot.loader.systemd-boot.enable',
  'boot.initrd.availableKernelModules',
  'nix.settings',
  'nix.extraOptions',
  'time.timeZone',
  'i18n.defaultLocale',
  'services.openssh.enable',
];

const nixString = (text: string): string => `"${text.replace(/["\\$]/g, '\\$&')}"`;

/** Reads Nix's JSON. Undefined: it is no answer. */
export function answerIn(json: string): Evaluated | undefined {
  const value = parse(json);
  if (!isRecord(value) || !isTexts(value.names) || !isRecord(value.hosts)) return undefined;
  const hosts = Object.entries(value.hosts).flatMap(([name, host]) =>
    isRecord(host) ? [[name, hostIn(host)] as const] : [],
  );
  return { names: value.names, hosts: new Map(hosts) };
}

function hostIn({
  system,
  hostName,
  features,
  extraOptions,
  modules,
  toplevel,
}: Record<string, unknown>): EvaluatedHost {
  const enabled = isTexts(features)
    ? features.flatMap((one) => one.split(/\s+/)).filter((one) => one !== '')
    : undefined;
  return {
    ...(typeof system === 'string' && { system }),
    ...(typeof hostName === 'string' && { hostName }),
    ...(enabled && { features: enabled }),
    ...(typeof extraOptions === 'string' && { extraOptions }),
    ...(Array.isArray(modules) && { modules: [...new Set(modules.flatMap((one) => inTree(one)))] }),
    ...(typeof toplevel === 'string' && { toplevel }),
  };
}

/** The modules in the flake's copy in the store, relative to its top. Nix 2.8 names the copy by its place on the disk. */
function inTree(module: unknown): readonly string[] {
  const [, path] = typeof module === 'string' ? (/\/nix\/store\/[0-9a-z]{32}-[^/]+\/(.+)$/.exec(module) ?? []) : [];
  return path === undefined ? [] : [path];
}

function parse(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const isTexts = (value: unknown): value is readonly string[] =>
  Array.isArray(value) && value.every((one) => typeof one === 'string');
