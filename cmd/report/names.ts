// Shortens the names of paths and systems for a screen, without making two of them alike.

import { type AbsPath, relativeTo } from '../../core/path.ts';

/** Below `dir` the rest of the path; anything else, and `dir` itself, whole. */
export const nameIn = (path: AbsPath, dir: AbsPath | undefined): string =>
  dir === undefined || path === dir ? path : relativeTo(path, dir);

/** `/home/a/cfg#nixos` for the installable of a whole system, `3f9a2b1…-nixos-system-nixos-23.11` for a store path. */
export const shortSystem = (text: string): string =>
  text
    .replace(/#nixosConfigurations\.(.+)\.config\.system\.build\.toplevel$/, '#$1')
    .replace(/^\/nix\/store\/([0-9a-z]{7})[0-9a-z]{25}-/, '$1…-');
