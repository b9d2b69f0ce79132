// The versions of Nix whose rules are known, for references, locks and nix.conf alike.

/** The Nix whose rules apply; each stands for a series (docs/nix.md). */
export type NixVersion = '2.8' | '2.26' | '2.34';

/** All of them, the oldest first. */
export const NIX_VERSIONS: readonly NixVersion[] = ['2.8', '2.26', '2.34'];

/** The rules used when nobody says otherwise. */
export const defaultNix: NixVersion = '2.34';
