// Generated from spec.schema.json by scripts/gen.mjs. Do not edit.

/**
 * The host name of the machine, and of its configuration where `attribute` says no other.
 */
export type HostName = string;
/**
 * The name in `nixosConfigurations`, where it is another one than the host's.
 */
export type HostAttribute = string;
/**
 * Nix's word for processor and kernel. `nix eval --impure --expr builtins.currentSystem` prints that of a machine.
 */
export type HostSystem = string;
/**
 * What one of several machines should be, over what stands at the top; `null`: it is gone.
 */
export type MachineWish = {
  host: OneOfMany;
  config?: ConfigWish;
  features?: Features;
  channels?: Channels;
  activate?: Activate;
} | null;
/**
 * Experimental features of Nix that are to be enabled permanently. On NixOS this is `nix.settings.experimental-features` of the configuration, elsewhere the nix.conf that wins. Features that are enabled already stay.
 *
 * Items: Name of an experimental feature.
 */
export type Features = string[];
/**
 * `keep`: channels are not looked at. `retire`: neither root nor the owner of the configuration follows a channel; a NIX_PATH that leads into one is told.
 */
export type Channels = 'keep' | 'retire';
/**
 * What becomes of the system that the flake describes. `none`: nothing is built. `build`: it must build. `test`: it runs, and the boot default stays. `boot`: it is the boot default. `switch`: both.
 */
export type Activate = 'none' | 'build' | 'test' | 'boot' | 'switch';
/**
 * A flake reference, or an object where more than the url is to be said.
 */
export type InputWish =
  | string
  | {
      /**
       * A flake reference: `github:NixOS/nixpkgs/nixos-24.05`, `git+https://…`, `path:./dir`.
       */
      url: string;
      /**
       * `false` for a source that is not a flake.
       */
      flake?: boolean;
      /**
       * Inputs of this input that are replaced: the name on the left follows the input of this spec on the right (`nixpkgs`, or `home-manager/nixpkgs` for an input of an input). An empty string drops the input.
       */
      follows?: {
        /**
         * An input of this spec, or a path below one.
         */
        [k: string]: string;
      };
      inputs?: Overrides;
    };
/**
 * A flake reference, or an object that says what takes the place of an input of an input.
 */
export type OverrideWish =
  | string
  | {
      /**
       * A flake reference.
       */
      url?: string;
      /**
       * `false` for a source that is not a flake.
       */
      flake?: boolean;
      /**
       * An input of this spec, or a path below one; the same as `follows` of the input above. An empty string drops the input.
       */
      follows?: string;
      inputs?: Overrides;
    };
/**
 * An input whose locked revision is older than this is drift. A number and s, m, h, d, w or y (365 days).
 */
export type Age = string;
/**
 * Sources that inputs may be locked to, with * for any characters. Any other source is drift.
 *
 * Items: Pattern of flake references.
 */
export type Sources = string[];
/**
 * A nixpkgs of a release that gets no updates any more.
 */
export type Level = 'error' | 'warning' | 'note' | 'off';
/**
 * An input that a registry decides (`nixpkgs` without a place to fetch it from).
 */
export type Level1 = 'error' | 'warning' | 'note' | 'off';
/**
 * A locked tree without a hash, of inputs of inputs too.
 */
export type Level2 = 'error' | 'warning' | 'note' | 'off';
/**
 * Several nixpkgs in one lock.
 */
export type Level3 = 'error' | 'warning' | 'note' | 'off';
/**
 * How bad it is: `error` is drift, `warning` and `note` are told and change no exit code, `off` is not looked at.
 */
export type Level4 = 'error' | 'warning' | 'note' | 'off';
/**
 * A moment in RFC 3339, seconds may be left out.
 */
export type Time = string;

/**
 * What a NixOS machine should be, or each of several that share one flake. A wish that is not written is not reconciled: reflake never undoes what it was not asked about.
 */
export interface WrittenSpec {
  /**
   * The version of this format.
   */
  version: 1;
  host?: HostWish;
  /**
   * Instead of `host`, several machines that share this flake, by name. What stands beside it at the top (`config`, `features`, `channels`, `activate`) holds for each of them: objects merge over it, lists and words replace it. `null`: there is no such host any more, and flake.nix is to have none.
   */
  hosts?: {
    [k: string]: MachineWish;
  };
  config?: ConfigWish;
  /**
   * The inputs of the flake, by name: a flake reference, or an object where more than the url is to be said. `flake.nix` declares each of them; inputs that are not named here are left alone.
   */
  inputs: {
    [k: string]: InputWish;
  };
  /**
   * Inputs of the flake that are only a `follows`: the name on the left is the input on the right, of another input (`home-manager/nixpkgs`).
   */
  follows?: {
    /**
     * An input of this spec, or a path below one.
     */
    [k: string]: string;
  };
  features?: Features;
  lock?: LockWish;
  /**
   * `track`: a repository is there (made if need be), and the files that the flake refers to are visible to Nix, as tracked or as intent to add; never `git add .`, never a commit. `off`: git is not looked at.
   */
  git?: 'track' | 'off';
  channels?: Channels;
  /**
   * Whether apply proves first that the planned system is the one that is there (`reflake prove`). `offered`, the default: where a channel becomes a flake and Nix is at hand; --yes then applies only what is the same, or whose difference is accepted (--accept-difference). `required`: always, and a saved plan without a proof is refused. `off`: never.
   */
  proof?: 'required' | 'offered' | 'off';
  /**
   * Findings that are known and accepted: a wish whose every finding is acknowledged is counted apart, changes no exit code, and apply leaves it alone. Each is named by its id (`reflake check -v`), and counts until its date.
   */
  ack?: Acknowledgement[];
  /**
   * Changes that are planned: within its time a wish may differ, which is counted apart and changes no exit code. apply grants it as ever.
   */
  expect?: Expectation[];
  activate?: Activate;
}
/**
 * The one machine that this spec is about. A machine of another name or system is refused.
 */
export interface HostWish {
  name: HostName;
  attribute?: HostAttribute;
  system: HostSystem;
}
/**
 * The machine by which it is known, and its configuration in flake.nix.
 */
export interface OneOfMany {
  name?: HostName;
  attribute?: HostAttribute;
  system: HostSystem;
}
/**
 * The directory that holds the configuration.
 */
export interface ConfigWish {
  /**
   * Where the configuration lives. Absolute, or below the home of its owner (`~/…`), which is looked up in the passwd file of the machine.
   */
  path?: string;
  /**
   * Where the configuration is moved from while it is still there. Nothing but a link to `path` may be left at it.
   */
  from?: string;
  /**
   * Who owns the whole tree, .git included: a user (with its login group), or user:group. Numbers from 0 to 4294967294 are allowed.
   */
  owner?: string;
  /**
   * True: /etc/nixos/flake.nix is a link to the flake, where nixos-rebuild looks for it.
   */
  link?: boolean;
  /**
   * The NixOS modules of the machine, as paths relative to the configuration. Left out: they are not reconciled, and a new flake gets `./configuration.nix`. An empty list: a host of inline modules.
   *
   * Items: Path of a module below the configuration.
   */
  modules?: string[];
}
/**
 * Inputs of this input that are replaced, by name: each by a reference, or by what it follows; and inputs of theirs, as deep as flake.nix can say it.
 */
export interface Overrides {
  [k: string]: OverrideWish;
}
/**
 * What flake.lock must satisfy besides flake.nix.
 */
export interface LockWish {
  maxAge?: Age;
  allow?: Sources;
  eol?: Level;
  indirect?: Level1;
  narHash?: Level2;
  duplicates?: Level3;
  /**
   * Rules for the inputs that a pattern names. For each rule the first that names the input and has the rule counts, before those above.
   *
   * @minItems 1
   */
  conditions?: LockCondition[];
}
export interface LockCondition {
  /**
   * Names of inputs, with * for any characters but /, and ** for any: nixpkgs*, home/nixpkgs, **.
   */
  input: string;
  maxAge?: Age;
  allow?: Sources;
  eol?: Level4;
  indirect?: Level4;
  narHash?: Level4;
  /**
   * How bad it is where maxAge or allow of this condition is not met; error by default.
   */
  severity?: 'error' | 'warning' | 'note';
}
export interface Acknowledgement {
  /**
   * The id of the finding, whole or its first twelve digits or more.
   */
  finding: string;
  /**
   * Why it is accepted.
   */
  reason: string;
  /**
   * Who accepted it.
   */
  by?: string;
  /**
   * The last day on which it counts.
   */
  until?: string;
}
export interface Expectation {
  /**
   * A place in the spec (/inputs/nixpkgs, /hosts/web/config): the wishes at it and below it, of every host where none is named.
   */
  wish: string;
  from: Time;
  to: Time;
  /**
   * Why it is expected.
   */
  reason?: string;
}
