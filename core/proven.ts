// The words of a proof that two systems are the same, as data: what was evaluated, the verdict, the causes of a difference.

/** Lines that are on one side alone. `more`: how many such lines are not listed. */
export interface ChangedLines {
  readonly went: readonly string[];
  readonly came: readonly string[];
  readonly more?: number;
}

/** The difference itself, wherever it is. */
export type Change =
  /** A package in another version. */
  | { readonly kind: 'version'; readonly name: string; readonly from: string; readonly to: string }
  /** Inputs of a derivation, by name, that have no counterpart on the other side. */
  | { readonly kind: 'inputs'; readonly went: readonly string[]; readonly came: readonly string[] }
  /** A file or directory that no derivation makes. Without lines: its text was not read. */
  | { readonly kind: 'source'; readonly name: string; readonly lines?: ChangedLines }
  /** A member of the derivation: `builder`, `system`, `args`, `outputs`, or a variable: `env.text`. */
  | { readonly kind: 'text'; readonly member: string; readonly lines: ChangedLines }
  /** The derivation differs, and what was read does not tell in what. */
  | { readonly kind: 'unknown'; readonly why: string };

/** Where a module sets an option. `file` is its path in the tree; line and column count from 1. */
export interface OptionPlace {
  readonly option: string;
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** A change and where it is. */
export interface Cause {
  readonly change: Change;
  /** The names of derivations from the system down to it; the shortest way. Empty: the system itself. */
  readonly way: readonly string[];
  /** In how many derivations the same change is. */
  readonly places: number;
  /** How many of the derivations that differ stand on it, themselves included. */
  readonly reach: number;
  /** The option whose name or value stands in the change; a hint, where exactly one does. */
  readonly told?: OptionPlace;
}

/** An option that both sides were given alike, and its value on each; `null`: it has none there. */
export interface ForcedOption {
  readonly option: string;
  readonly from: unknown;
  readonly to: unknown;
}

export type ProofVerdict =
  /** The same derivation, or derivations with the same output. */
  | { readonly kind: 'identical'; readonly system: string }
  /** The same derivation, once these options have one value on both sides. */
  | { readonly kind: 'same'; readonly system: string; readonly options: readonly ForcedOption[] }
  /** `id` names the difference, for --accept-difference. */
  | {
      readonly kind: 'differs';
      readonly id: `sha256:${string}`;
      readonly causes: readonly Cause[];
      readonly options: readonly ForcedOption[];
    }
  | {
      readonly kind: 'not proven';
      readonly side: 'first' | 'second' | 'both';
      readonly why: string;
      readonly hint: string;
      readonly log?: string;
    };

/** One of the two systems: what was evaluated, and to what. Members are missing where it was not asked or failed. */
export interface ProvenSide {
  /** `~/nixos-config#nixos`, `<nixpkgs/nixos>, channel nixos-26.05 at 4c1018d`. */
  readonly label: string;
  /** NAR hash (SRI) of the files that were evaluated, or the locked reference; a channel has neither. */
  readonly tree?: string;
  /** Store paths of derivation and system, as the configuration says it. */
  readonly plain?: ProvenSystem;
  /** The same with the normaliser. */
  readonly forced?: ProvenSystem;
}

export interface ProvenSystem {
  /** Unknown of a system that was built elsewhere. */
  readonly drv?: string;
  readonly out: string;
}

/** A verdict with its evidence. Depends on nothing but the two configurations and Nix. */
export interface Proof {
  /** The attribute of nixosConfigurations. */
  readonly host: string;
  readonly first: ProvenSide;
  readonly second: ProvenSide;
  /** Version of Nix; undefined: it does not say. */
  readonly nix?: string;
  /** The module that gives both sides the same value of an option; left out where it was not needed. */
  readonly normaliser?: string;
  readonly verdict: ProofVerdict;
}

/** A cause, a forced option, or a reason for no proof; and the hosts that have it. */
export type ComparedRow =
  | {
      readonly kind: 'cause';
      readonly hosts: readonly string[];
      readonly way: readonly string[];
      readonly change: Change;
      readonly told?: OptionPlace;
    }
  | { readonly kind: 'option'; readonly hosts: readonly string[]; readonly option: ForcedOption }
  | { readonly kind: 'not proven'; readonly hosts: readonly string[]; readonly why: string; readonly hint: string };

/** Several hosts of two worlds. */
export interface Compared {
  readonly same: readonly string[];
  readonly differ: readonly string[];
  readonly notProven: readonly string[];
  readonly rows: readonly ComparedRow[];
}
