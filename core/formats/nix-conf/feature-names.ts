// The names of experimental features: those that Nix 2.8.0, 2.26.3 and 2.34.8 print, and those of other releases.

/** Of every Nix so far, those of versions in between that are gone since, and of Lix. */
export const FEATURES: readonly string[] = [
  'acl auto-allocate-uids blake3-hashes ca-derivations cgroups coerce-integers configurable-impure-env',
  'daemon-trust-override discard-references dynamic-derivations external-builders fetch-closure fetch-tree flake-self-attrs',
  'flakes git-hashing impure-derivations lix-custom-sub-commands local-overlay-store mounted-ssh-store nix-command',
  'no-url-literals parse-toml-timestamps pipe-operator pipe-operators read-only-local-store recursive-nix repl-automation',
  'repl-flake verified-fetches',
].flatMap((line) => line.split(' '));
